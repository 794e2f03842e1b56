from typing import Any

import pytest

from kubeferry.api.hooks import HookPods
from kubeferry.api.metadata import convert
from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object
from kubeferry.transform.hook_pods import (
    MAX_SECONDS,
    compile_selection,
    parse_seconds,
    read_seconds,
    run_containers,
)


def matches(fields: dict[str, Any], namespace: str = "shop", **labels: str) -> bool:
    pods = convert({"name": "h", **fields}, HookPods, place="spec")
    return compile_selection(pods, place="spec").matches(namespace, labels)


@pytest.mark.parametrize(
    ("fields", "is_meant"),
    [
        pytest.param({}, True, id="nothing said means every pod"),
        pytest.param({"includedNamespaces": ["*"]}, True, id="an asterisk means all namespaces"),
        pytest.param({"includedNamespaces": ["shop"]}, True, id="its namespace"),
        pytest.param({"includedNamespaces": ["shop1"]}, False, id="another namespace"),
        pytest.param({"excludedNamespaces": ["shop"]}, False, id="its namespace is left out"),
        pytest.param({"excludedNamespaces": ["*"]}, False, id="all namespaces are left out"),
        pytest.param(
            {"includedNamespaces": ["shop"], "excludedNamespaces": ["shop"]},
            False,
            id="left out wins",
        ),
        pytest.param({"includedResources": ["pods"]}, True, id="pods by name"),
        pytest.param({"includedResources": ["deployments.apps"]}, False, id="not of pods"),
        pytest.param({"excludedResources": ["pods"]}, False, id="pods are left out"),
        pytest.param({"labelSelector": {"matchLabels": {"app": "web"}}}, True, id="its label"),
        pytest.param({"labelSelector": {"matchLabels": {"app": "db"}}}, False, id="another label"),
        pytest.param(
            {
                "labelSelector": {
                    "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]
                }
            },
            False,
            id="an expression that does not hold",
        ),
    ],
)
def test_the_pods_of_a_group(fields: dict[str, Any], is_meant: bool) -> None:
    assert matches(fields, app="web") is is_meant


def test_a_selector_that_cannot_be_is_refused_with_its_field() -> None:
    selector = {"matchLabels": {"a b": "c"}}
    with pytest.raises(InvalidInput) as refused:
        matches({"labelSelector": selector})
    assert refused.value.place == "spec.labelSelector.matchLabels.a b"


def pod(**spec: Any) -> Object:
    return {"spec": spec}


@pytest.mark.parametrize(
    ("made", "names"),
    [
        pytest.param({}, (), id="no spec"),
        pytest.param(pod(containers=[{"name": "b"}, {"name": "a"}]), ("b", "a"), id="its own"),
        pytest.param(
            pod(
                initContainers=[{"name": "setup"}, {"name": "proxy", "restartPolicy": "Always"}],
                containers=[{"name": "main"}],
            ),
            ("main", "proxy"),
            id="sidecars come after, init containers that end are none",
        ),
        pytest.param(
            pod(containers=["main", {"name": 1}, {}], initContainers="x"), (), id="what is none"
        ),
    ],
)
def test_the_containers_in_which_a_command_can_be_run(made: Object, names: tuple[str, ...]) -> None:
    assert run_containers(made) == names


def test_a_hook_may_take_four_hours_and_no_more() -> None:
    assert read_seconds("4h0m0s", place="spec.timeout") == MAX_SECONDS == 4 * 3600
    with pytest.raises(InvalidInput) as refused:
        read_seconds("4h0m1s", place="spec.timeout")
    assert str(refused.value) == "spec.timeout: 4h0m1s is too long; 4h0m0s at most"
    with pytest.raises(ValueError, match="87600h is too long"):
        parse_seconds("87600h")
