"""What is told of modifier rules once the archive and the target are known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.kube.names import Identity
from kubeferry.restore.rule_notes import rule_notes
from kubeferry.restore.spool import Spool
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers

OBJECTS = (
    Identity("daemonsets.apps", "shop", "agent"),
    Identity("deployments.apps", "shop", "web"),
    Identity("deployments.apps", "blog", "web"),
    Identity("pods", "shop", "web-5d9-x2"),
    Identity("pods", "shop", "other"),
    Identity("widgets.example.com", "shop", "w"),
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        for one in OBJECTS:
            opened.add(one, b"{}")
        yield opened


def rules(**conditions: Any) -> Modifiers:
    patch = {"operation": "remove", "path": "/spec/template/spec/nodeSelector"}
    rule = {"conditions": conditions, "patches": [patch]}
    text = json.dumps({"version": "v1", "resourceModifierRules": [rule]})
    return parse_modifiers({"m": text}, place="m")


@pytest.mark.parametrize(
    ("conditions", "is_told"),
    [
        pytest.param({"groupResource": "deployments.apps"}, True, id="its pods are there"),
        pytest.param({"groupResource": "daemonsets.apps"}, False, id="it has no pods there"),
        pytest.param(
            {"groupResource": "deployments.apps", "namespaces": ["blog"]},
            False,
            id="its pods are in another namespace",
        ),
        pytest.param(
            {"groupResource": "deployments.apps", "resourceNameRegex": "^db$"},
            False,
            id="it is for another workload",
        ),
        pytest.param({"groupResource": "*.apps"}, True, id="one of its kinds has pods"),
    ],
)
def test_a_workload_with_pods_lacks_a_rule(spool: Spool, conditions: Any, is_told: bool) -> None:
    notes = list(rule_notes(rules(**conditions), spool=spool, served=()))
    assert [note.reason for note in notes] == ["PodsRuleMissing"] * is_told


@pytest.mark.parametrize(
    ("group_resource", "told"),
    [
        pytest.param("widgets.example.com", "", id="the backup has it"),
        pytest.param("gadgets.example.com", "", id="the target has it"),
        pytest.param("jobs.batch", "", id="Kubernetes has it"),
        pytest.param("*.example.com", "", id="a pattern of what is there"),
        pytest.param(
            "widget.example.com", "; did you mean widgets.example.com?", id="nobody has it"
        ),
        pytest.param("*.example.org", "such a kind", id="a pattern of nothing"),
    ],
)
def test_a_rule_for_a_kind_that_nobody_has_is_told(
    spool: Spool, group_resource: str, told: str
) -> None:
    modifiers = rules(groupResource=group_resource)
    notes = list(rule_notes(modifiers, spool=spool, served={"gadgets.example.com"}))
    assert [note.reason for note in notes] == ["RuleKindUnknown"] * bool(told)
    assert all(note.message.endswith(told) for note in notes)


def test_without_rules_nothing_is_told(spool: Spool) -> None:
    assert list(rule_notes(None, spool=spool, served=())) == []
