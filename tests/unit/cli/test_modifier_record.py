"""Recorded rules are written behind those of a file."""

from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.cli.modifier_record import append_rules
from kubeferry.errors import InvalidInput

RULE: dict[str, Any] = {
    "conditions": {"groupResource": "pods"},
    "patches": [{"operation": "remove", "path": "/a"}],
}
RULES = (
    "version: v1\nresourceModifierRules:\n# why\n- conditions:\n    groupResource: pods\n"
    "  patches:\n  - operation: remove\n    path: /a\n"
)
MAP = "apiVersion: v1\nkind: ConfigMap\ndata:\n  modifier: |\n" + "".join(
    f"    {line}\n" for line in RULES.splitlines()
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(RULES, id="rules alone"),
        pytest.param(RULES.rstrip("\n"), id="without a last newline"),
        pytest.param(MAP, id="a manifest"),
    ],
)
def test_the_rules_that_are_there_stay_as_they_are(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    append_rules(path, [RULE])
    assert path.read_text().startswith(text)
    found = codec.load_yaml(path.read_text())
    if "data" in found:
        found = codec.load_yaml(found["data"]["modifier"])
    assert found["resourceModifierRules"] == [RULE, RULE]


def test_a_new_file_has_the_rules_alone(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    append_rules(path, [RULE])
    assert codec.load_yaml(path.read_text()) == {"version": "v1", "resourceModifierRules": [RULE]}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MAP + "metadata: {name: a}\n", id="something comes after the rules"),
        pytest.param(RULES.replace("v1", "v2"), id="another version"),
        pytest.param("a: 1\n", id="no rules"),
    ],
)
def test_a_file_that_cannot_be_appended_to_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="nothing is appended"):
        append_rules(path, [RULE])
    assert path.read_text() == text
