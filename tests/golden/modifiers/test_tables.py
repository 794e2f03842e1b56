"""Each row of Velero's measured tables (velero.md §4.1, §4.3, §4.5, §4.6, §4.7) is a row here, and
what kubeferry does stands in it. Written by hand: nothing writes these files anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.errors import InvalidModifier
from kubeferry.transform.change import Change, Note, Outcome, RuleRun
from kubeferry.transform.modifiers.apply import Applier, Task
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers
from kubeferry.transform.patch.merge_keys import merge_keys
from kubeferry.transform.patch.strategic import apply_strategic_patch
from kubeferry.transform.pipeline import Pipeline, Rules

HERE = Path(__file__).parent


def table(name: str) -> Any:
    return codec.load_yaml((HERE / name).read_text())


def rows(name: str) -> list[Any]:
    found = table(name)
    listed = found["rows"] if isinstance(found, dict) else found
    return [pytest.param(row, id=json.dumps(row)[:80]) for row in listed]


def parse(conditions: str, patches: Any) -> Modifiers:
    text = (
        f"version: v1\nresourceModifierRules:\n- conditions: {conditions}\n  patches: {patches}\n"
    )
    return parse_modifiers({"modifier": text}, place="m")


def replaced(written: str) -> tuple[Outcome, Modifiers]:
    """A ConfigMap's key replaced by a value as it is written in the rule's YAML."""
    patch = f"[{{operation: replace, path: /data/a, value: {written}}}]"
    modifiers = parse("{groupResource: configmaps}", patch)
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "?"}}
    return Pipeline(Rules(modifiers=modifiers))(obj, "configmaps"), modifiers


@pytest.mark.parametrize("row", rows("group-resources.yaml"))
def test_group_resource(row: dict[str, Any]) -> None:
    conditions = json.dumps({"groupResource": row["pattern"]})
    patch = "[{operation: remove, path: /a}]"
    if "refused" in row:
        with pytest.raises(InvalidModifier, match=row["refused"]):
            parse(conditions, patch)
        return
    modifiers = parse(conditions, patch)
    known = table("group-resources.yaml")["known"]
    assert [name for name in known if modifiers.for_kind(name)] == row["matches"]


@pytest.mark.parametrize("row", rows("scalars.yaml"))
def test_scalar(row: dict[str, Any]) -> None:
    """Seen in a label of a selector, which stays a text."""
    conditions = f"{{groupResource: pods, labelSelector: {{matchLabels: {{a: {row['written']}}}}}}}"
    patch = "[{operation: remove, path: /a}]"
    if "refused" in row:
        with pytest.raises(InvalidModifier, match=row["refused"]):
            parse(conditions, patch)
        return
    labels = parse(conditions, patch).rules[0].conditions.labels
    assert labels is not None
    assert labels.requirements[0].values == (row["text"],)


@pytest.mark.parametrize("row", rows("values.yaml"))
def test_value(row: dict[str, Any]) -> None:
    written = json.dumps(row["value"])
    if "refused" in row:
        with pytest.raises(InvalidModifier, match=row["refused"]):
            replaced(written)
        return
    outcome, modifiers = replaced(written)
    assert outcome.object is not None
    value = outcome.object["data"]["a"]
    assert (value, type(value)) == (row["becomes"], type(row["becomes"]))
    assert [note.reason for note in modifiers.notes] == ["ValueNotForVelero"] * ("noted" in row)


@pytest.mark.parametrize("row", rows("operations.yaml"))
def test_operation(row: dict[str, Any]) -> None:
    document = table("operations.yaml")["document"] | {"metadata": {"name": "w"}}
    patches = json.dumps([row["patch"]])
    if "refused" in row:
        with pytest.raises(InvalidModifier, match=row["refused"]):
            parse("{groupResource: widgets.example.com}", patches)
        return
    rules = parse("{groupResource: widgets.example.com}", patches).rules
    changes: list[Change] = []
    errors: list[Note] = []
    runs: list[RuleRun] = []
    result, stopped = Applier(Task(), {}).apply(document, rules, changes, errors, runs)
    assert stopped is None
    expected = document | row.get("sets", {})
    expected.pop(row.get("takes"), None)
    assert result == expected
    if "fails" in row:
        assert [run.ended for run in runs] == ["failed"]
        assert row["fails"] in errors[0].message
    else:
        assert [run.ended for run in runs] == ["skipped" if "skipped" in row else "applied"]
        assert errors == []


@pytest.mark.parametrize("row", rows("merge-keys.yaml"))
def test_merge_key(row: dict[str, Any]) -> None:
    key = row.get("key")
    old = [{key: "1", "was": 1}, {key: "2"}] if key else ["1", "2"]
    new = [{key: "1", "is": 1}, {key: "3"}] if key else ["1", "3"]
    if key:
        expected: list[Any] = [{key: "1", "was": 1, "is": 1}, {key: "3"}, {key: "2"}]
    else:
        expected = ["1", "3", "2"] if row.get("set") else new
    path = row["list"].split(".")
    result = apply_strategic_patch(around(path, old), around(path, new), merge_keys(row["kind"]))
    found = result
    for field in path:
        found = (found[0] if isinstance(found, list) else found)[field]
    assert found == expected


_OUTER = ("containers", "webhooks")


def around(path: list[str], value: Any) -> Any:
    """A document with the list at its path; a list on the way has one element, of one name."""
    for field in reversed(path):
        is_list = field in _OUTER and isinstance(value, dict)
        value = {field: [{"name": "one", **value}] if is_list else value}
    return value
