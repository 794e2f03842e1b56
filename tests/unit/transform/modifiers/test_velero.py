"""What rules mean here and not in Velero."""

import pytest

from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.modifiers.velero import differences_from_velero


@pytest.mark.parametrize(
    ("version", "kind", "reasons"),
    [
        pytest.param("v1", "deployments.apps", [], id="kinds of apps are known to it"),
        pytest.param("v1", "pods", [], id="so are those of the core"),
        pytest.param(
            "v1",
            "ingresses.networking.k8s.io",
            ["StrategicNotForVelero"],
            id="others are not for strategic patches",
        ),
        pytest.param("v2", "pods", ["NotForVelero"], id="a version of ours"),
    ],
)
def test_what_velero_does_otherwise(version: str, kind: str, reasons: list[str]) -> None:
    text = (
        f"version: {version}\nresourceModifierRules:\n- conditions: {{groupResource: {kind}}}\n"
        '  strategicPatches:\n  - patchData: "{spec: {paused: true}}"\n'
    )
    rules = parse_modifiers({"modifier": text}, place="rules")
    assert [note.reason for note in differences_from_velero(rules)] == reasons
