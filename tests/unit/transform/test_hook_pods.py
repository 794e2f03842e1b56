from typing import Any

import pytest

from kubeferry.api.hooks import HookPods
from kubeferry.api.metadata import convert
from kubeferry.errors import InvalidInput
from kubeferry.transform.hook_pods import compile_selection, parse_command


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


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param('["sh", "-c", "a b"]', ("sh", "-c", "a b"), id="a JSON list"),
        pytest.param("/bin/sync", ("/bin/sync",), id="a program"),
        pytest.param("sync all", ("sync all",), id="no shell divides words"),
    ],
)
def test_a_command_of_an_annotation(text: str, command: tuple[str, ...]) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize("text", ["", "  ", "[", "[]", "[1]", '["a"', "[ -f /x ]"])
def test_a_command_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="command"):
        parse_command(text)
