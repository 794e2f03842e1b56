"""Which hooks a pod gets: of its annotations, else of the restore."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeferry.api.metadata import convert
from kubeferry.api.restore_hooks import RestoreHooks
from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object
from kubeferry.restore.hooks import (
    PREFIX,
    ExecHook,
    HookRules,
    InitWait,
    PodHooks,
    compile_hooks,
    pod_hooks,
)
from kubeferry.transform.init_hooks import PREFIX as INIT
from kubeferry.transform.init_hooks import InitHooks
from tests.builders import Built, pod

SIDECAR = {"name": "sidecar", "image": "b", "restartPolicy": "Always"}


def web(**annotations: str) -> Built:
    """A pod of two containers, a sidecar and an init container that ends."""
    made = pod("shop1/web").label(app="web")
    made["spec"]["containers"].append({"name": "second", "image": "a"})
    made["spec"]["initContainers"] = [{"name": "first", "image": "c"}, SIDECAR]
    if annotations:
        made["metadata"]["annotations"] = {
            f"{PREFIX}{key.replace('_', '-')}": value for key, value in annotations.items()
        }
    return made


def rules(*groups: dict[str, Any]) -> HookRules:
    resources = [{"name": f"g{number}", **one} for number, one in enumerate(groups, 1)]
    return compile_hooks(convert({"resources": resources}, RestoreHooks, place="spec.hooks"))


def hooks_of(given: HookRules, made: Object) -> PodHooks:
    return pod_hooks(given, made, made, init=InitHooks(given.init, {}))


def command(*words: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"command": list(words), **more}}


def test_a_pod_that_nothing_is_said_of_has_no_hooks() -> None:
    assert hooks_of(rules(), web()) == PodHooks()


def test_a_spec_s_hooks_come_in_its_order_in_the_first_container() -> None:
    given = rules(
        {"postHooks": [command("a"), command("b", container="second")]},
        {"includedNamespaces": ["shop"], "postHooks": [command("of the source's namespace")]},
        {"includedNamespaces": ["shop1"], "postHooks": [command("c", onError="Fail")]},
    )
    assert hooks_of(given, web()).hooks == (
        ExecHook("g1", "main", ("a",)),
        ExecHook("g1", "second", ("b",)),
        ExecHook("g3", "main", ("c",), "Fail"),
    )


def test_what_nothing_is_said_of_is_as_in_velero() -> None:
    [hook] = hooks_of(rules({"postHooks": [command("a")]}), web()).hooks
    assert isinstance(hook, ExecHook)
    assert (hook.on_error, hook.exec_seconds, hook.wait_for_ready) == ("Continue", 30.0, False)
    assert hook.wait_seconds == 4 * 3600


def test_times_are_read_and_zero_is_nothing_said() -> None:
    given = rules(
        {
            "postHooks": [
                command("a", execTimeout="2m", waitTimeout="1h", waitForReady=True),
                command("b", execTimeout="0s", waitTimeout="0s"),
            ]
        }
    )
    assert hooks_of(given, web()).hooks == (
        ExecHook("g1", "main", ("a",), exec_seconds=120, wait_seconds=3600, wait_for_ready=True),
        ExecHook("g1", "main", ("b",)),
    )


def test_annotations_come_before_the_spec() -> None:
    given = rules({"postHooks": [command("never")]})
    found = hooks_of(
        given,
        web(
            container="second",
            command='["sh", "-c", "x"]',
            on_error="Fail",
            exec_timeout="1m",
            wait_timeout="2m",
            wait_for_ready="true",
        ),
    )
    assert found.hooks == (
        ExecHook("its annotations", "second", ("sh", "-c", "x"), "Fail", 60.0, 120.0, True),
    )
    assert not found.errors


def test_a_sidecar_is_a_container_and_an_init_container_is_none() -> None:
    assert hooks_of(rules(), web(command="a", container="sidecar")).hooks
    assert hooks_of(rules(), web(command="a", container="first")).errors


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        pytest.param({"container": "main"}, "command is missing", id="no command"),
        pytest.param({"command": '["a'}, "no JSON list", id="a command cut off"),
        pytest.param(
            {"command": "a", "container": "x"}, "has no container 'x'; there are", id="container"
        ),
        pytest.param({"command": "a", "on_error": "fail"}, "write Continue or Fail", id="on-error"),
        pytest.param({"command": "a", "exec_timeout": "1"}, "no duration", id="exec-timeout"),
        pytest.param({"command": "a", "wait_timeout": "-1s"}, "no duration", id="wait-timeout"),
        pytest.param({"command": "a", "wait_for_ready": "yes"}, "write true or false", id="ready"),
        pytest.param({"command": "a", "timeout": "1s"}, "timeout is no annotation", id="unknown"),
        pytest.param({"command": "a", "exec_timeout": "87600h"}, "is too long", id="ten years"),
        pytest.param({"command": "a", "wait_timeout": "5h"}, "4h0m0s at most", id="a long wait"),
    ],
)
def test_a_wrong_annotation_is_an_error_and_nothing_else_is_run_instead(
    annotations: dict[str, str], said: str
) -> None:
    found = hooks_of(rules({"postHooks": [command("of the spec")]}), web(**annotations))
    assert found.hooks == ()
    [note] = found.errors
    assert note.reason == "HookInvalid"
    assert said in note.message


def test_an_annotation_without_a_text_says_nothing() -> None:
    found = hooks_of(rules({"postHooks": [command("a")]}), web(command="", container=""))
    assert [hook.name for hook in found.hooks] == ["g1"]


def test_a_spec_s_hook_for_a_container_that_a_pod_lacks_is_a_warning() -> None:
    given = rules({"postHooks": [command("a", container="db"), command("b")]})
    found = hooks_of(given, web())
    assert [hook.container for hook in found.hooks] == ["main"]
    assert [(one.reason, one.message) for one in found.warnings] == [
        ("HookInvalid", "has no container 'db': hook g1 is not run in it")
    ]
    assert not found.errors


INIT_HOOK = {
    "init": {
        "timeout": "1m",
        "initContainers": [
            {"name": "one", "image": "a", "command": ["b"]},
            {"name": "two", "image": "a", "command": ["b"]},
        ],
    }
}


def planned(archived: Built, *names: str) -> Built:
    """The pod as it will be created: with these init containers."""
    made = Built({**archived, "spec": {**archived["spec"]}})
    made["spec"]["initContainers"] = [{"name": name} for name in names]
    return made


def test_init_containers_with_a_timeout_are_waited_for_before_commands() -> None:
    given, archived = rules({"postHooks": [command("a"), INIT_HOOK]}), pod("shop/web")
    init = InitHooks(given.init, {"shop": "shop1"})
    found = pod_hooks(given, planned(archived, "one", "two"), archived, init=init)
    assert found.hooks == (
        InitWait("g1", ("one", "two"), 60.0),
        ExecHook("g1", "main", ("a",)),
    )


def test_an_init_container_that_a_modifier_took_out_is_not_waited_for() -> None:
    given, archived = rules({"postHooks": [INIT_HOOK]}), pod("shop/web")
    init = InitHooks(given.init, {})
    [wait] = pod_hooks(given, planned(archived, "two"), archived, init=init).hooks
    assert wait == InitWait("g1", ("two",), 60.0)


def test_an_annotated_init_container_is_waited_for_if_it_has_a_timeout() -> None:
    archived = pod("shop/web")
    keys = {"container-image": "a", "container-name": "one", "timeout": "5s"}
    archived["metadata"]["annotations"] = {f"{INIT}{key}": value for key, value in keys.items()}
    found = pod_hooks(rules(), planned(archived, "one"), archived, init=InitHooks())
    assert found.hooks == (InitWait("its annotations", ("one",), 5.0),)


def changed(field: str, value: object) -> dict[str, Any]:
    container = {"name": "one", "image": "a", "command": ["b"], field: value}
    return {"init": {"initContainers": [container]}}


@pytest.mark.parametrize(
    ("hook", "place"),
    [
        pytest.param({}, "", id="neither exec nor init"),
        pytest.param(changed("name", ""), ".init.initContainers[0].name", id="no name"),
        pytest.param(changed("name", "A b"), ".init.initContainers[0].name", id="a bad name"),
        pytest.param(changed("image", None), ".init.initContainers[0].image", id="no image"),
        pytest.param(changed("command", []), ".init.initContainers[0].command", id="no command"),
        pytest.param(changed("command", "a"), ".init.initContainers[0].command", id="no list"),
        pytest.param(command(""), ".exec.command", id="no program"),
        pytest.param(command("a", waitTimeout="4h1s"), ".exec.waitTimeout", id="too long a wait"),
        pytest.param(command("a", execTimeout="4h1s"), ".exec.execTimeout", id="too long a run"),
        pytest.param(
            {"init": {**INIT_HOOK["init"], "timeout": "4h1s"}}, ".init.timeout", id="init"
        ),
    ],
)
def test_a_hook_that_cannot_be_is_refused_with_its_field(hook: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules({}, {"postHooks": [command("a"), hook]})
    assert refused.value.place == f"spec.hooks.resources[1].postHooks[1]{place}"


FIELDS = st.sampled_from(
    ["spec", "metadata", "containers", "initContainers", "name", "restartPolicy", "namespace"]
    + [f"{PREFIX}{key}" for key in ("command", "container", "x")]
)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["main", "Always"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FIELDS, VALUES, max_size=4), st.dictionaries(FIELDS, VALUES, max_size=4))
def test_any_pod_has_an_answer(fields: dict[str, Any], annotations: dict[str, Any]) -> None:
    """Nothing is raised, whatever an archive holds."""
    made = {**fields, "metadata": {"name": "a", "annotations": annotations}}
    hooks_of(rules({"postHooks": [command("a"), INIT_HOOK]}), made)
