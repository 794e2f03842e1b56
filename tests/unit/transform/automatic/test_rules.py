from dataclasses import replace

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.automatic.rules import RULES, switched_off
from kubeferry.transform.automatic.table import FIXES, WARNINGS, fixes_for
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.facts import Facts
from kubeferry.transform.pipeline import Pipeline, Rules

ALL_APPLY = Facts(left=("aws",), node_labels={}, preserve_node_ports=False, classes={})


def test_every_fix_and_warning_is_a_rule_and_every_rule_is_one() -> None:
    used = {fix.rule for fix in FIXES} | {warning.rule for warning in WARNINGS}
    assert used | {"api-upgrade"} == set(RULES)


def test_off_are_those_that_are_false() -> None:
    assert switched_off({"job-selector": False, "claim-volume": True}) == {"job-selector"}


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        pytest.param("service-listener", "did you mean service-listeners?", id="nearly"),
        pytest.param("x", "there are api-upgrade, ", id="not at all"),
    ],
)
def test_a_wrong_name_is_refused(name: str, remedy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        switched_off({name: True})
    assert caught.value.place == f"spec.automatic.{name}"
    assert caught.value.remedy.startswith(remedy)


def test_each_fix_can_be_switched_off_alone() -> None:
    for rule in {fix.rule for fix in FIXES}:
        kinds = {kind for fix in FIXES if fix.rule == rule for kind in fix.kinds}
        for kind in kinds:
            without = fixes_for(kind, replace(ALL_APPLY, off=frozenset({rule})))
            others = [fix for fix in FIXES if kind in fix.kinds and fix.rule != rule]
            assert len(list(without)) == len(others)


@pytest.mark.parametrize("kind", sorted({kind for fix in FIXES for kind in fix.kinds}))
def test_what_does_not_apply_to_a_restore_would_change_and_tell_nothing(kind: str) -> None:
    obj = {
        "metadata": {"name": "a", "annotations": {"eks.amazonaws.com/role-arn": "r"}},
        "spec": {
            "ports": [{"port": 80, "nodePort": 30080}],
            "nodeSelector": {"eks.amazonaws.com/nodegroup": "n"},
        },
    }
    for one in FIXES:
        if kind in one.kinds and not one.applies(Facts()):
            assert one.changes(Facts(), obj) == []
    for told in WARNINGS:
        if kind in told.kinds and not told.applies(Facts()):
            assert told.tell(Facts(), obj) == []


@pytest.mark.parametrize(
    ("off", "version"),
    [
        pytest.param(set(), "batch/v1", id="upgraded"),
        pytest.param({"api-upgrade"}, "batch/v1beta1", id="switched off"),
    ],
)
def test_the_api_upgrade_is_a_rule(off: set[str], version: str) -> None:
    served = frozenset({ServedKind("batch/v1", "CronJob")})
    pipeline = Pipeline(Rules(facts=Facts(served=served, off=frozenset(off))))
    job = {"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "a"}}
    made = pipeline(job, "cronjobs.batch").object
    assert made is not None
    assert made["apiVersion"] == version
