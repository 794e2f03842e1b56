"""A rule that stops the restore is found before anything is written, and only where it may be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import ModifierAborts
from kubeferry.restore.aborting import check_aborts
from kubeferry.restore.plan import Planner
from kubeferry.restore.spool import Spool
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.pipeline import Pipeline, Rules
from tests.builders import obj
from tests.unit.restore.test_plan import WORKLOADS, add


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        for name in ("a", "b"):
            made = obj("apps/v1/Deployment", f"shop/{name}").with_(spec={name: 1})
            add(opened, "deployments.apps", made)
        yield opened


def check(spool: Spool, group_resource: str, **rule: Any) -> None:
    rule = {
        "conditions": {"groupResource": group_resource},
        "patches": [{"operation": "remove", "path": "/spec/a"}],
        **rule,
    }
    text = json.dumps({"version": "v2", "resourceModifierRules": [rule]})
    modifiers = parse_modifiers({"m": text}, place="m")
    planner = Planner(spool, Pipeline(Rules(modifiers=modifiers)), WORKLOADS, {}, {})
    check_aborts(planner, modifiers)


def test_the_object_is_named(spool: Spool) -> None:
    with pytest.raises(ModifierAborts, match=r"Deployment shop/b: rule 1 \(deployments.apps\)"):
        check(spool, "deployments.apps", onError="abort")


@pytest.mark.parametrize(
    ("group_resource", "rule"),
    [
        pytest.param("deployments.apps", {"onError": "record"}, id="it is recorded"),
        pytest.param("statefulsets.apps", {"onError": "abort"}, id="it is for another kind"),
        pytest.param(
            "deployments.apps",
            {
                "onError": "abort",
                "conditions": {"groupResource": "deployments.apps", "resourceNameRegex": "^a$"},
            },
            id="it works where it is for",
        ),
    ],
)
def test_nothing_stops_what_does_not_abort(
    spool: Spool, group_resource: str, rule: dict[str, Any]
) -> None:
    check(spool, group_resource, **rule)


def test_without_modifiers_nothing_is_planned(spool: Spool) -> None:
    check_aborts(Planner(spool, Pipeline(Rules()), WORKLOADS, {}, {}), None)
