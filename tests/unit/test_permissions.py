"""Of the tool that judges the controller's rights: what it says is what RBAC does."""

import json
from typing import Any

import pytest

from tests.node.permissions import CONTROLLER, Judgement, judge, read_log, rights_of

CLUSTER = 'RBAC: allowed by ClusterRoleBinding "c" of ClusterRole "c" to ServiceAccount "a/csdr"'


def rule(verbs: str, resources: str, group: str = "", names: str = "") -> dict[str, Any]:
    made = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return made | ({"resourceNames": names.split()} if names else {})


def role(kind: str, *rules: dict[str, Any]) -> list[dict[str, Any]]:
    """A role with the binding that gives it to the controller."""
    about = {"name": "c"} | ({"namespace": "csdr"} if kind == "Role" else {})
    account = {"kind": "ServiceAccount", "name": "kubeferry-controller", "namespace": "csdr"}
    return [
        {"kind": kind, "metadata": about, "rules": list(rules)},
        {
            "kind": f"{kind}Binding",
            "metadata": about,
            "roleRef": {"kind": kind, "name": "c"},
            "subjects": [account],
        },
    ]


def event(verb: str, resource: str, where: str = "", /, **more: Any) -> dict[str, Any]:
    """An audit event; ``where`` is ``namespace/name``, a resource ``plural.group/subresource``."""
    names, _, subresource = resource.partition("/")
    plural, _, group = names.partition(".")
    namespace, _, name = where.partition("/")
    about = {
        "resource": plural,
        "apiGroup": group,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    made: dict[str, Any] = {
        "auditID": f"{verb} {resource} {where}",
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": CONTROLLER},
        "objectRef": {key: value for key, value in about.items() if value},
        "responseStatus": {"code": 200},
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": CLUSTER,
        },
    }
    return made | more


def by(reason: str, decision: str = "allow") -> dict[str, str]:
    return {
        "authorization.k8s.io/decision": decision,
        "authorization.k8s.io/reason": reason,
    }


def judged(rules: list[dict[str, Any]], *events: dict[str, Any]) -> Judgement:
    return judge(rights_of(rules), events)


EVERYTHING = role("ClusterRole", rule("get", "*", "*"))


@pytest.mark.parametrize(
    ("rules", "asked", "used"),
    [
        pytest.param(
            role("ClusterRole", rule("get list", "pods")),
            event("get", "pods", "a/b"),
            ["get pods"],
            id="a verb of a rule",
        ),
        pytest.param(
            role("ClusterRole", rule("get", "pods secrets")),
            event("get", "pods", "a/b"),
            ["get pods"],
            id="a resource of a rule",
        ),
        pytest.param(
            role("ClusterRole", rule("get", "pods")),
            event("get", "pods/log", "a/b"),
            [],
            id="a subresource is not its resource",
        ),
        pytest.param(
            role("ClusterRole", rule("get", "pods pods/log")),
            event("get", "pods/log", "a/b"),
            ["get pods/log"],
            id="a subresource that is named",
        ),
        pytest.param(
            role("ClusterRole", rule("update", "*/scale", "apps")),
            event("update", "deployments.apps/scale", "a/b"),
            ["update */scale.apps"],
            id="a subresource of any resource",
        ),
        pytest.param(EVERYTHING, event("get", "x.y/z", "a/b"), ["get *.*"], id="anything at all"),
        pytest.param(
            role("ClusterRole", rule("get", "pods")),
            event("get", "pods.metrics.k8s.io", "a/b"),
            [],
            id="another group's resource",
        ),
        pytest.param(
            [*EVERYTHING, *role("Role", rule("get", "pods"))],
            event("get", "pods", "csdr/b"),
            ["get pods"],
            id="the narrower of two",
        ),
        pytest.param(
            [*EVERYTHING, *role("Role", rule("get", "pods"))],
            event("get", "pods", "shop/b"),
            ["get *.*"],
            id="a namespace's rule is for that namespace alone",
        ),
        pytest.param(
            role("ClusterRole", rule("update", "pods", names="b c")),
            event("update", "pods", "a/b"),
            ["update pods b, c"],
            id="an object that is named",
        ),
        pytest.param(
            role("ClusterRole", rule("update", "pods", names="b c")),
            event("update", "pods", "a/d"),
            [],
            id="another object than the named ones",
        ),
        pytest.param(
            role("ClusterRole", rule("create", "pods", names="b")),
            event("create", "pods", "a/b"),
            [],
            id="a create has no name when it is judged",
        ),
        pytest.param(
            role("ClusterRole", rule("create", "pods/exec", names="b")),
            event("create", "pods/exec", "a/b"),
            ["create pods/exec b"],
            id="below an object it has",
        ),
        pytest.param(
            EVERYTHING,
            event("get", "pods", "a/b", user={"username": "system:admin"}),
            [],
            id="others' requests say nothing",
        ),
        pytest.param(
            EVERYTHING,
            {**event("get", ""), "objectRef": None} | {},
            [],
            id="a path that is no resource",
        ),
        pytest.param(
            EVERYTHING,
            event("get", "pods", "a/b", stage="RequestReceived", annotations={}),
            [],
            id="a request that is not answered yet",
        ),
    ],
)
def test_a_request_is_put_down_to_the_narrowest_right(
    rules: list[dict[str, Any]], asked: dict[str, Any], used: list[str]
) -> None:
    if asked["objectRef"] is None:
        del asked["objectRef"]
    found = judged(rules, asked)
    assert [str(one).partition(": ")[2] for one, count in found.used.items() if count] == used
    assert found.denied == ()


def test_rights_that_no_request_needed_are_left_over() -> None:
    rules = role("ClusterRole", rule("get list", "pods secrets"))
    found = judged(rules, event("get", "pods", "a/b"), event("list", "secrets", "a/"))
    assert [str(one) for one in found.unused] == [
        'ClusterRole "c": list pods',
        'ClusterRole "c": get secrets',
    ]


def test_verbs_that_no_log_shows_are_not_missed() -> None:
    rules = role("ClusterRole", rule("escalate bind", "roles", "rbac.authorization.k8s.io"))
    assert judged(rules).unused == ()


def test_a_watch_is_one_request_from_its_beginning_to_its_end() -> None:
    watch = event("watch", "pods", "a/")
    found = judged(
        role("ClusterRole", rule("watch", "pods")), {**watch, "stage": "ResponseStarted"}, watch
    )
    assert list(found.used.values()) == [1]


@pytest.mark.parametrize(
    ("asked", "is_denied"),
    [
        pytest.param(
            event("delete", "pods", "a/b", annotations=by("", "forbid")), True, id="by RBAC"
        ),
        pytest.param(
            event("get", "pods", "a/b", annotations=by("", "forbid")),
            False,
            id="not by a server that has not read its roles yet",
        ),
        pytest.param(
            event(
                "create",
                "roles.rbac.authorization.k8s.io",
                "a/b",
                responseStatus={
                    "code": 403,
                    "message": 'roles "b" is forbidden: user "x" is attempting to grant RBAC '
                    "permissions not currently held",
                },
            ),
            True,
            id="by RBAC inside of a create",
        ),
        pytest.param(
            event(
                "create",
                "pods",
                "a/b",
                responseStatus={"code": 403, "message": 'pods "b" is forbidden: exceeded quota'},
            ),
            False,
            id="not what admission refuses",
        ),
        pytest.param(
            event("get", "pods", "a/b", responseStatus={"code": 404}), False, id="nor what is not"
        ),
    ],
)
def test_what_rbac_refused_is_denied(asked: dict[str, Any], is_denied: bool) -> None:
    found = judged(role("ClusterRole", rule("get create", "*", "*")), asked, asked)
    assert len(found.denied) == is_denied


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(
            'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "admin" to', id="role"
        ),
        pytest.param("", id="no reason"),
    ],
)
def test_what_somebody_else_allowed_is_foreign(reason: str) -> None:
    found = judged(EVERYTHING, event("get", "pods", "a/b", annotations=by(reason)))
    assert len(found.foreign) == 1
    assert len(found.unused) == 1


def test_what_no_right_grants_and_was_allowed_is_foreign() -> None:
    found = judged(role("Role", rule("get", "pods")), event("get", "pods", "shop/b"))
    assert found.foreign == (f"get pods b in shop: {CLUSTER}",)


def test_rights_come_from_the_bindings_of_the_account() -> None:
    rules = role("ClusterRole", rule("get", "pods"))
    rules[1]["subjects"] = [{"kind": "User", "name": "jane"}]
    assert rights_of(rules) == []


def test_a_log_that_is_being_written_is_read_as_far_as_it_is_whole() -> None:
    lines = [json.dumps(event("get", "pods", "a/b")) + "\n", '{"auditID": "x", "sta']
    assert [one["verb"] for one in read_log(lines)] == ["get"]
