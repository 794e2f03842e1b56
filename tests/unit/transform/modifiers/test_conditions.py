"""Conditions of rules (velero.md §4.3)."""

from typing import Any

import pytest

from kubeferry.errors import PatchFailed
from kubeferry.transform.modifiers.conditions import Conditions
from kubeferry.transform.modifiers.rules import parse_modifiers

POD = {
    "metadata": {"name": "my-webapp", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {"replicas": 1, "list": ["a"], "text": "x"},
}
VOLUME = {"metadata": {"name": "pv-1"}}


def conditions(text: str) -> Conditions:
    data = (
        f"version: v1\nresourceModifierRules: [{{conditions: {{groupResource: pods{text}}}, "
        "patches: [{operation: remove, path: /a}]}]"
    )
    return parse_modifiers({"m": data}, place="m").rules[0].conditions


@pytest.mark.parametrize(
    ("text", "obj", "hold"),
    [
        pytest.param("", POD, True, id="nothing more asked"),
        pytest.param(", namespaces: [blog, shop]", POD, True, id="a namespace"),
        pytest.param(', namespaces: ["sh*"]', POD, True, id="a namespace by glob"),
        pytest.param(", namespaces: [blog]", POD, False, id="another namespace"),
        pytest.param(", namespaces: [blog]", VOLUME, True, id="cluster-scoped: no namespace asked"),
        pytest.param(", resourceNameRegex: web", POD, True, id="a name, not anchored"),
        pytest.param(", resourceNameRegex: ^web", POD, False, id="a name, anchored"),
        pytest.param(", labelSelector: {matchLabels: {app: web}}", POD, True, id="a label"),
        pytest.param(", labelSelector: {matchLabels: {app: web}}", VOLUME, False, id="no labels"),
        pytest.param(
            ", namespaces: [shop], labelSelector: {matchLabels: {app: db}}",
            POD,
            False,
            id="all must hold",
        ),
        pytest.param(", matches: [{path: /spec/replicas, value: 1}]", POD, True, id="a field"),
        pytest.param(
            """, matches: [{path: /spec/replicas, value: '"1"'}]""", POD, False, id="1 is no text"
        ),
        pytest.param(", matches: [{path: /spec/no, value: 1}]", POD, False, id="a missing field"),
        pytest.param(", matches: [{path: /no/no, value: 1}]", POD, False, id="a missing parent"),
        pytest.param(
            ", matches: [{path: /spec/text/no, value: 1}]", POD, False, id="through a scalar"
        ),
        pytest.param(
            ", matches: [{path: /spec/no, value: 'null'}]", POD, True, id="missing is null"
        ),
    ],
)
def test_conditions(text: str, obj: dict[str, Any], hold: bool) -> None:
    assert conditions(text).hold(obj, obj["metadata"]) is hold


@pytest.mark.parametrize("path", ["/spec/list/9", "/spec/list/x"])
def test_a_match_that_cannot_be_evaluated_is_an_error(path: str) -> None:
    with pytest.raises(PatchFailed):
        conditions(f", matches: [{{path: {path}, value: a}}]").hold(POD, POD["metadata"])
