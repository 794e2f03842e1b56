"""What came of each rule, and which rules lack one for the pods."""

import json
from typing import Any

import pytest

from kubeferry.transform.change import RuleRun
from kubeferry.transform.modifiers.counts import RuleCount, RuleTally, lonely_rules
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers

IMAGE = "/spec/template/spec/containers/0/image"


def modifiers(*rules: tuple[dict[str, Any], dict[str, Any]]) -> Modifiers:
    listed = [{"conditions": conditions, **patches} for conditions, patches in rules]
    text = json.dumps({"version": "v2", "resourceModifierRules": listed})
    return parse_modifiers({"m": text}, place="m")


def remove(*paths: str) -> dict[str, Any]:
    return {"patches": [{"operation": "remove", "path": path} for path in paths]}


DEPLOYMENTS = {"groupResource": "deployments.apps"}
PODS = {"groupResource": "pods"}


def test_runs_are_counted_by_rule() -> None:
    rules = modifiers((DEPLOYMENTS, remove("/a")), (PODS, remove("/a")))
    tally = RuleTally()
    tally.count([RuleRun(1, "applied", 2)])
    tally.count([RuleRun(1, "failed", 0)])
    tally.count([RuleRun(1, "skipped", 0)])
    assert tally.counts(rules) == (
        RuleCount("rule 1 (deployments.apps)", 3, 2, 1, 1),
        RuleCount("rule 2 (pods)"),
    )
    assert tally.counts(None) == ()


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        pytest.param([(DEPLOYMENTS, remove(IMAGE))], "/spec/containers/*/image", id="no pods rule"),
        pytest.param([(DEPLOYMENTS, remove("/spec/replicas"))], "", id="not the template"),
        pytest.param(
            [(DEPLOYMENTS, remove(IMAGE)), (PODS, remove("/spec/containers/[name=web]/image"))],
            "",
            id="the same in pods",
        ),
        pytest.param(
            [(DEPLOYMENTS, remove(IMAGE)), (PODS, remove("/spec/nodeName"))],
            "/spec/containers/*/image",
            id="something else in pods",
        ),
        pytest.param(
            [(DEPLOYMENTS, {"mergePatches": [{"patchData": {"spec": {"template": {"a": 1}}}}]})],
            "/a",
            id="by a merge patch",
        ),
        pytest.param(
            [({"groupResource": "cronjobs.batch"}, remove("/spec/template/x"))],
            "",
            id="a kind without such a template",
        ),
    ],
)
def test_a_workloads_rule_without_its_pods_rule_is_told(rules: Any, missing: str) -> None:
    notes = list(lonely_rules(modifiers(*rules), lambda rule: True))
    assert [note.reason for note in notes] == ["PodsRuleMissing"] * bool(missing)
    assert all(f"template's {missing}," in note.message for note in notes)


def test_without_archived_pods_nothing_is_told() -> None:
    assert list(lonely_rules(modifiers((DEPLOYMENTS, remove(IMAGE))), lambda rule: False)) == []
