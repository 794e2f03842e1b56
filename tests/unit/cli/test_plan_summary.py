import json
from collections.abc import Iterable
from dataclasses import replace

from kubeferry.cli.plan_summary import Tally, item_json, json_lines, plan_lines
from kubeferry.cli.plan_view import Look
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import ExecHook, InitWait
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.waves import STEPS, Step
from kubeferry.transform.change import STRIPPED, Cause, Change, Note
from kubeferry.transform.hook_annotations import ANNOTATION

IMAGE = "registry.example.com/team/nginx:1"
STEPS_OF_A_PLAN: list[tuple[Step, Iterable[PlanItem]]] = [
    (
        STEPS[8],
        [
            PlanItem(
                Identity("secrets", "default", "key"),
                Identity("secrets", "default1", "key"),
                Resource("", "v1", "secrets", "Secret", True),
                "create",
                {},
                changes=(STRIPPED, Change("/data/a", "b2xk", "bmV3", Cause("modifier", "rule 1"))),
                warnings=(Note("Odd", "look"),),
            )
        ],
    ),
    (
        STEPS[11],
        [
            PlanItem(
                Identity("statefulsets.apps", "default", "web"),
                Identity("statefulsets.apps", "default1", "web"),
                Resource("apps", "v1", "statefulsets", "StatefulSet", True),
                "create",
                {},
                changes=(STRIPPED,),
                images=(IMAGE,),
            ),
            PlanItem(
                Identity("endpoints", "default", "web"),
                Identity("endpoints", "default1", "web"),
                None,
                "skip",
                why=Note("NeverRestored", "never"),
            ),
        ],
    ),
]


def test_the_summary_counts_objects_reasons_causes_and_names_images() -> None:
    text = "\n".join(plan_lines(STEPS_OF_A_PLAN, Look()))
    assert text.partition("\nSummary")[2].splitlines() == [
        "  3 objects: 2 to create, 1 left out",
        "  left out: NeverRestored 1",
        "",
        "Objects changed by",
        "  2   automatic   server-fields",
        "  1   modifier    rule 1",
        "",
        "Images that must exist before; a restore copies none",
        f"  {IMAGE}",
        "",
        "0 errors and 1 warning above",
    ]


def test_json_is_a_line_an_object_and_a_summary_without_secrets() -> None:
    text = list(json_lines(STEPS_OF_A_PLAN, Tally()))
    secret, web, left_out, summary = [json.loads(line) for line in text]
    assert secret["changes"][1] == {
        "pointer": "/data/a",
        "old": "(masked)",
        "new": "(masked)",
        "mechanism": "modifier",
        "rule": "rule 1",
    }
    assert secret["warnings"] == [{"reason": "Odd", "message": "look"}]
    assert web == {
        "type": "item",
        "wave": 6,
        "action": "create",
        "source": {"groupResource": "statefulsets.apps", "namespace": "default", "name": "web"},
        "target": {"groupResource": "statefulsets.apps", "namespace": "default1", "name": "web"},
        "changes": [{"pointer": "", "mechanism": "automatic", "rule": "server-fields"}],
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "images": [IMAGE],
    }
    assert (left_out["action"], left_out["reason"]) == ("skip", "NeverRestored")
    assert summary == {
        "type": "summary",
        "objects": 3,
        "actions": {
            "create": 2,
            "update": 0,
            "recreate": 0,
            "skip": 1,
            "refuse": 0,
            "fail": 0,
        },
        "warnings": 1,
        "errors": 0,
        "images": [IMAGE],
        "hooks": 0,
        "reasons": [{"action": "skip", "reason": "NeverRestored", "count": 1}],
        "rules": [],
        "grants": {},
        "rollouts": 0,
    }


BINDING = PlanItem(
    Identity("rolebindings.rbac.authorization.k8s.io", "shop", "b"),
    Identity("rolebindings.rbac.authorization.k8s.io", "shop1", "b"),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", True),
    "create",
    {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]},
)
ROLLING = PlanItem(
    Identity("statefulsets.apps", "shop", "web"),
    Identity("statefulsets.apps", "shop1", "web"),
    Resource("apps", "v1", "statefulsets", "StatefulSet", True),
    "create",
    {},
    notes=(Note("RolloutFollows", "web-0 is replaced"),),
)


def test_the_summary_tells_what_is_granted_and_which_rollouts_follow() -> None:
    many = [replace(BINDING, target=BINDING.target._replace(name=f"b-{n}")) for n in range(7)]
    left_out = replace(BINDING, action="skip", object=None, why=Note("Identical", "is there"))
    text = "\n".join(plan_lines([(STEPS[11], [*many, left_out, ROLLING])], Look()))
    assert text.partition("automatic")[0].partition("\nSummary")[2].splitlines()[3:] == [
        "Rollouts that will follow: 1",
        "  i statefulsets.apps shop1/web: web-0 is replaced",
        "",
        "Rights and more that it grants",
        "  bindings of roles: 7",
        *(
            f"    rolebindings.rbac.authorization.k8s.io shop1/b-{number}: Role r to User u"
            for number in range(5)
        ),
        "    and 2 more",
    ]


def test_json_has_notes_and_grants_and_counts_them() -> None:
    plan = [(STEPS[11], [BINDING, ROLLING])]
    binding, rolling, summary = map(json.loads, json_lines(plan, Tally()))
    assert binding["grants"] == [{"what": "binding", "text": "Role r to User u"}]
    assert rolling["notes"] == [{"reason": "RolloutFollows", "message": "web-0 is replaced"}]
    assert "grants" not in rolling
    assert (summary["grants"], summary["rollouts"]) == ({"binding": 1}, 1)
    assert summary["warnings"] == 0


def test_hooks_are_counted_and_each_is_told_with_who_asked_for_it() -> None:
    identity = Identity("pods", "shop", "web")
    resource = Resource("", "v1", "pods", "Pod", True)
    hooks = (
        InitWait("migrate", ("a",), 60.0),
        ExecHook(ANNOTATION, "main", ("true",), "Fail", 1.0, 2.0, True),
    )
    steps = [(STEPS[9], [PlanItem(identity, identity, resource, "create", {}, hooks=hooks)])]
    assert "2 hooks to run in restored pods" in list(plan_lines(steps, Look()))
    item, summary = [json.loads(line) for line in json_lines(steps, Tally())]
    assert item["hooks"] == [
        {"source": "spec", "hook": "migrate", "initContainers": ["a"], "timeout": 60.0},
        {
            "source": "annotation",
            "hook": "its annotations",
            "container": "main",
            "command": ["true"],
            "onError": "Fail",
            "execTimeout": 1.0,
            "waitTimeout": 2.0,
            "waitForReady": True,
        },
    ]
    assert summary["hooks"] == 2


def test_a_command_tells_which_controller_must_keep_its_pod() -> None:
    source, target = Identity("pods", "shop", "web-0"), Identity("pods", "shop1", "web-0")
    resource = Resource("", "v1", "pods", "Pod", True)
    owner = Owner(Resource("apps", "v1", "statefulsets", "StatefulSet", True), "web")
    hooks = (InitWait("g", ("a",), 60.0), ExecHook("g", "main", ("true",)))
    planned = PlanItem(source, target, resource, "create", {}, hooks=hooks, owner=owner)
    wait, command = item_json(STEPS[9], planned)["hooks"]
    assert "waitsFor" not in wait
    assert command["waitsFor"] == {
        "groupResource": "statefulsets.apps",
        "namespace": "shop1",
        "name": "web",
    }


def test_what_is_there_already_is_counted_apart_from_what_is_left_out() -> None:
    def skipped(reason: str) -> PlanItem:
        identity = Identity("configmaps", "shop", reason)
        return PlanItem(identity, identity, None, "skip", why=Note(reason, "it is"))

    reasons = ("Identical", "Identical", "Differs", "Completed")
    steps = [(STEPS[9], [skipped(reason) for reason in reasons])]
    shown = list(plan_lines(steps, Look()))
    assert "Summary  4 objects: 0 to create, 3 there already, 1 left out" in shown
    assert "  there already: Differs 1, Identical 2" in shown
    assert "  left out: Completed 1" in shown
    assert "0 errors and 1 warning above" in shown
