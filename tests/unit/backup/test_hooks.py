from typing import Any

import pytest

from kubeferry.api.hooks import BackupHooks
from kubeferry.backup.hooks import (
    Command,
    Hook,
    PodHooks,
    claims_of,
    compile_hooks,
    hooks_of,
    may_have_hooks,
    why_not_now,
)
from kubeferry.codec import convert
from kubeferry.errors import InvalidInput
from tests.builders import Built, obj

RUNS: dict[str, Any] = {"running": {}}
PRE, POST, OLD = (f"{one}hook.backup.velero.io/" for one in ("pre.", "post.", ""))


def db(annotations: dict[str, str] | None = None, *, phase: str = "Running") -> Built:
    containers = [{"name": "main"}, {"name": "agent"}]
    sidecars = [{"name": "setup"}, {"name": "proxy", "restartPolicy": "Always"}]
    made = obj("v1/Pod", "shop/db-0").meta(uid="u1", annotations=annotations or {})
    made.with_(spec={"containers": containers, "initContainers": sidecars}, status={"phase": phase})
    return made.label(app="db")


def spec(*groups: dict[str, Any]) -> tuple[Command, ...]:
    return compile_hooks(convert({"resources": [*groups]}, BackupHooks, place="spec.hooks"))


def run(command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"command": [command], **more}}


def told(found: PodHooks) -> list[tuple[str, ...]]:
    return [
        (hook.phase, hook.container, " ".join(hook.command), f"{hook.timeout:g}")
        for hook in (*found.pre, *found.post)
    ]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({f"{PRE}command": "sync"}, [("pre", "main", "sync", "30")], id="a program"),
        pytest.param(
            {f"{PRE}command": '["fsfreeze", "-f", "/data"]'},
            [("pre", "main", "fsfreeze -f /data", "30")],
            id="a list",
        ),
        pytest.param(
            {f"{POST}command": "thaw", f"{POST}container": "agent", f"{POST}timeout": "1m30s"},
            [("post", "agent", "thaw", "90")],
            id="container and timeout",
        ),
        pytest.param(
            {f"{PRE}command": "x", f"{PRE}container": "proxy", f"{PRE}timeout": "0s"},
            [("pre", "proxy", "x", "30")],
            id="a sidecar; no timeout",
        ),
        pytest.param(
            {f"{OLD}command": "old", f"{OLD}timeout": "5s"},
            [("pre", "main", "old", "5")],
            id="the short spelling is a pre hook",
        ),
        pytest.param(
            {f"{OLD}command": "old", f"{PRE}command": "new", f"{OLD}timeout": "5s"},
            [("pre", "main", "new", "30")],
            id="the long spelling comes first, none of the short one's is taken",
        ),
        pytest.param({f"{PRE}command": ""}, [], id="an empty text is none"),
        pytest.param({"post.hook.restore.velero.io/command": "x"}, [], id="a restore's"),
    ],
)
def test_hooks_of_annotations(annotations: dict[str, str], expected: list[tuple[str, ...]]) -> None:
    found = hooks_of(db(annotations), ())
    assert told(found) == expected
    assert found.problems == ()


@pytest.mark.parametrize(
    ("annotations", "problem"),
    [
        pytest.param({f"{PRE}command": "[1]"}, f"{PRE}command: ", id="no texts"),
        pytest.param({f"{PRE}command": '["a'}, f"{PRE}command: ", id="no JSON"),
        pytest.param({f"{PRE}command": "[]"}, "empty list", id="an empty list"),
        pytest.param(
            {f"{POST}command": "x", f"{POST}timeout": "soon"},
            f"{POST}timeout: 'soon' is no duration",
            id="no duration",
        ),
        pytest.param(
            {f"{PRE}command": "x", f"{PRE}timeout": "-1s"}, f"{PRE}timeout: ", id="negative"
        ),
        pytest.param(
            {f"{PRE}command": "x", f"{PRE}on-error": "fail"},
            "on-error is 'fail'; write Continue or Fail",
            id="another word for onError",
        ),
        pytest.param(
            {f"{POST}command": "x", f"{POST}timeout": "87600h"},
            f"{POST}timeout: 87600h is too long; 4h0m0s at most",
            id="ten years",
        ),
        pytest.param({f"{PRE}timeout": "3s"}, f"{PRE}command is missing", id="no command"),
        pytest.param(
            {f"{PRE}timeout": "3s", f"{OLD}command": "x"},
            f"{PRE}command is missing",
            id="two spellings mixed",
        ),
        pytest.param(
            {f"{PRE}command": "x", f"{PRE}comand": "y"},
            f"{PRE}comand is no annotation of a hook",
            id="a slip of the pen",
        ),
        pytest.param(
            {f"{PRE}command": "x", f"{PRE}container": "nope"},
            f"{PRE}container: the pod has no container 'nope'; there are main, agent, proxy",
            id="no such container",
        ),
        pytest.param(
            {f"{PRE}command": "x", f"{PRE}container": "setup"},
            "container 'setup'",
            id="a container that has ended",
        ),
    ],
)
def test_what_is_wrong_in_an_annotation_keeps_all_hooks_of_the_pod_from_being_run(
    annotations: dict[str, str], problem: str
) -> None:
    good = PRE if any(key.startswith(POST) for key in annotations) else POST
    found = hooks_of(db({f"{good}command": "good", **annotations}), ())
    assert any(problem in one for one in found.problems), found.problems
    assert not found.pre
    assert not found.post
    assert found


def test_a_pod_that_ended_has_no_hooks() -> None:
    for phase in ("Succeeded", "Failed"):
        assert not hooks_of(db({f"{PRE}command": "x"}, phase=phase), ())


@pytest.mark.parametrize("phase", ["Pending", "Unknown", ""])
def test_a_pod_that_does_not_run_says_why_nothing_is_run_in_it(phase: str) -> None:
    assert (phase or "Pending") in why_not_now(db(phase=phase), PodHooks())
    assert why_not_now(db(), PodHooks()) == ""


@pytest.mark.parametrize(
    ("states", "why"),
    [
        pytest.param({"main": RUNS, "proxy": RUNS}, "", id="both run"),
        pytest.param(
            {"main": RUNS, "proxy": {"waiting": {"reason": "CrashLoopBackOff", "message": "m"}}},
            "container proxy does not run (CrashLoopBackOff: m)",
            id="what ends the pre hook could not be run",
        ),
        pytest.param(
            {"main": {"terminated": {"exitCode": 1, "reason": "Error"}}, "proxy": RUNS},
            "container main ended with exit code 1 (Error)",
            id="the pre hook could not be run",
        ),
        pytest.param(
            {},
            "container main does not run; container proxy does not run",
            id="nothing is told of them",
        ),
    ],
)
def test_each_container_of_a_hook_has_to_run(states: dict[str, Any], why: str) -> None:
    told = [{"name": name, "state": state} for name, state in states.items()]
    pod = db()
    pod["status"]["initContainerStatuses"] = [one for one in told if one["name"] == "proxy"]
    pod["status"]["containerStatuses"] = [one for one in told if one["name"] != "proxy"]
    hooks = hooks_of(
        db({f"{PRE}command": "x", f"{POST}command": "y", f"{POST}container": "proxy"}), ()
    )
    assert not hooks.problems
    assert why_not_now(pod, hooks) == why


FREEZE = {"name": "freeze", "pre": [run("one"), run("two", container="agent", timeout="2m0s")]}


@pytest.mark.parametrize(
    ("group", "applies"),
    [
        pytest.param({}, True, id="all pods"),
        pytest.param({"includedNamespaces": ["shop"]}, True, id="its namespace"),
        pytest.param({"includedNamespaces": ["*"]}, True, id="any namespace"),
        pytest.param({"includedNamespaces": ["other"]}, False, id="another namespace"),
        pytest.param({"excludedNamespaces": ["shop"]}, False, id="all but its namespace"),
        pytest.param({"labelSelector": {"matchLabels": {"app": "db"}}}, True, id="its label"),
        pytest.param({"labelSelector": {"matchLabels": {"app": "web"}}}, False, id="another label"),
        pytest.param({"includedResources": ["pods"]}, True, id="pods"),
        pytest.param({"includedResources": ["statefulsets"]}, False, id="no pods"),
        pytest.param({"excludedResources": ["pods"]}, False, id="all but pods"),
    ],
)
def test_hooks_of_a_spec_are_for_the_pods_it_selects(group: dict[str, Any], applies: bool) -> None:
    commands = spec({**FREEZE, **group})
    expected = [("pre", "main", "one", "30"), ("pre", "agent", "two", "120")] if applies else []
    assert told(hooks_of(db(), commands)) == expected
    assert may_have_hooks(b"{}", "shop", {"app": "db"}, commands) is applies


def test_annotations_come_before_the_spec_phase_by_phase() -> None:
    commands = spec({"name": "g", "pre": [run("p")], "post": [run("q")]})
    assert told(hooks_of(db({f"{PRE}command": "mine"}), commands)) == [
        ("pre", "main", "mine", "30"),
        ("post", "main", "q", "30"),
    ]


def lacks(phase: str, group: str = "g", more: str = "") -> str:
    return f"has no container 'nope': the {phase} hook of {group} is not run in it{more}"


NOR = ", nor is any other hook of that group"
FREEZE_IT, THAW_IT = run("freeze"), run("thaw")
ELSEWHERE = run("x", container="nope", onError="Fail")
"""A hook for a container that the pod does not have."""


@pytest.mark.parametrize(
    ("groups", "ran", "warnings"),
    [
        pytest.param(
            [{"name": "g", "pre": [ELSEWHERE, FREEZE_IT]}],
            ["freeze"],
            [lacks("pre")],
            id="the others of pre hooks alone are run",
        ),
        pytest.param(
            [{"name": "g", "post": [ELSEWHERE, run("mark")]}],
            ["mark"],
            [lacks("post")],
            id="the others of post hooks alone are run",
        ),
        pytest.param(
            [{"name": "g", "pre": [FREEZE_IT], "post": [ELSEWHERE]}],
            [],
            [lacks("post", more=NOR)],
            id="nothing is frozen that cannot be thawed",
        ),
        pytest.param(
            [{"name": "g", "pre": [ELSEWHERE], "post": [THAW_IT, run("mark")]}],
            [],
            [lacks("pre", more=NOR)],
            id="nothing is thawed that was not frozen",
        ),
        pytest.param(
            [
                {"name": "g", "pre": [ELSEWHERE], "post": [ELSEWHERE]},
                {"name": "g", "pre": [FREEZE_IT], "post": [THAW_IT]},
            ],
            ["freeze", "thaw"],
            [lacks("pre", more=NOR), lacks("post", more=NOR)],
            id="another group is whole, though of the same name",
        ),
        pytest.param(
            [{"name": "a", "pre": [ELSEWHERE]}, {"name": "b", "post": [run("mark")]}],
            ["mark"],
            [lacks("pre", "a")],
            id="a post hook of another group freezes nothing",
        ),
        pytest.param(
            [
                {"name": "a", "pre": [FREEZE_IT], "post": [THAW_IT]},
                {"name": "b", "post": [ELSEWHERE]},
            ],
            ["freeze", "thaw"],
            [lacks("post", "b")],
            id="each pre hook has its post hook",
        ),
    ],
)
def test_a_hook_of_a_spec_for_a_container_that_a_pod_lacks_is_a_warning(
    groups: list[dict[str, Any]], ran: list[str], warnings: list[str]
) -> None:
    found = hooks_of(db(), spec(*groups))
    assert [hook.command[0] for hook in (*found.pre, *found.post)] == ran
    assert (list(found.warnings), found.problems, found.is_needed) == (warnings, (), False)
    assert bool(found) is bool(ran), "a pod with nothing to do is archived as any other"


@pytest.mark.parametrize(
    ("annotations", "groups"),
    [
        pytest.param(
            {f"{PRE}command": "freeze"}, [{"name": "b", "post": [ELSEWHERE]}], id="its annotation"
        ),
        pytest.param(
            {f"{PRE}command": "freeze"},
            [{"name": "b", "pre": [FREEZE_IT], "post": [ELSEWHERE]}],
            id="its annotation instead of the group's",
        ),
        pytest.param(
            {},
            [{"name": "a", "pre": [FREEZE_IT]}, {"name": "b", "post": [ELSEWHERE]}],
            id="another group",
        ),
    ],
)
def test_where_nobody_knows_what_ends_a_pre_hook_none_is_run(
    annotations: dict[str, str], groups: list[dict[str, Any]]
) -> None:
    found = hooks_of(db(annotations), spec(*groups))
    assert found.problems == (
        "has no container 'nope': the post hook of b is for it, and it may be what ends a pre hook",
    )
    assert not found.pre
    assert not found.post
    assert found


@pytest.mark.parametrize(
    ("on_error", "is_needed"), [("Fail", True), ("Continue", False), (None, False)]
)
def test_only_the_word_fail_keeps_a_pod_out(on_error: str | None, is_needed: bool) -> None:
    said = {f"{PRE}on-error": on_error} if on_error else {}
    annotated = hooks_of(db({f"{PRE}command": "x", **said}), ())
    given = {"onError": on_error} if on_error else {}
    asked = hooks_of(db(), spec({"name": "g", "pre": [run("x", **given)]}))
    for found in (annotated, asked):
        assert found.is_needed is is_needed
        assert found.pre[0].may_fail is not is_needed
    post = hooks_of(db(), spec({"name": "g", "post": [run("x", **given)]}))
    assert not post.is_needed, "a post hook comes when the pod is archived already"


def test_fail_holds_though_another_annotation_is_wrong() -> None:
    found = hooks_of(db({f"{PRE}command": "[", f"{PRE}on-error": "Fail"}), ())
    assert found.problems
    assert found.is_needed


def test_a_hook_knows_its_pod_and_hides_its_command() -> None:
    (hook,) = hooks_of(db({f"{PRE}command": '["sql", "--password=s3cr3t"]'}), ()).pre
    assert (hook.namespace, hook.pod, hook.uid) == ("shop", "db-0", "u1")
    assert hook.request.command == ("sql", "--password=s3cr3t")
    assert hook.request.timeout == 30
    assert "s3cr3t" not in hook.title + hook.subject


@pytest.mark.parametrize(
    ("group", "place"),
    [
        pytest.param(
            {"name": "g", "pre": [run("x", timeout="4h0m1s")]},
            "spec.hooks.resources[0].pre[0].exec.timeout",
            id="too long a time",
        ),
        pytest.param(
            {"name": "g", "labelSelector": {"matchLabels": {"-": "x"}}},
            "spec.hooks.resources[0].labelSelector",
            id="no label",
        ),
    ],
)
def test_what_is_wrong_in_a_spec_is_refused_with_its_place(
    group: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        spec(group)
    assert refused.value.place.startswith(place)


def test_no_hooks_are_no_commands() -> None:
    assert compile_hooks(None) == ()
    assert not may_have_hooks(db().json, "shop", {"app": "db"}, ())
    assert may_have_hooks(db({f"{OLD}command": "x"}).json, "shop", {}, ())


def test_claims_of_a_pod() -> None:
    volumes: list[dict[str, Any]] = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
        {"name": "c", "emptyDir": {}},
        {"name": "d", "ephemeral": {"volumeClaimTemplate": {}}},
    ]
    pod = obj("v1/Pod", "shop/db-0").with_(spec={"volumes": volumes})
    assert claims_of(pod) == ("data", "db-0-d")
    assert claims_of(obj("v1/Pod", "shop/db-0")) == ()


def test_a_hook_without_a_timeout_has_thirty_seconds() -> None:
    assert Hook("pre", "n", "p", "u", "c", ("x",)).timeout == 30
