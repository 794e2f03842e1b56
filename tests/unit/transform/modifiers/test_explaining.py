"""Each condition of a rule by itself: it holds, or what there is instead."""

from typing import Any

import pytest

from kubeferry import codec
from kubeferry.transform.modifiers.explaining import explain_conditions
from kubeferry.transform.modifiers.rules import parse_modifiers
from tests.builders import obj

WEB = obj("apps/v1/Deployment", "shop/web").with_(spec={"replicas": 2, "parts": [{"name": "a"}]})


def told(conditions: dict[str, Any], *, secret: bool = False) -> list[tuple[str, bool, str]]:
    patch = {"operation": "remove", "path": "/spec/replicas"}
    rule = {"conditions": {"groupResource": "deployments.apps"} | conditions, "patches": [patch]}
    text = codec.encode({"version": "v2", "resourceModifierRules": [rule]}).decode()
    [parsed] = parse_modifiers({"modifier": text}, place="rules").rules
    found = list(explain_conditions(parsed, WEB, {"deployments.apps"}, secret=secret))
    assert all(one.holds for one in found) == (
        parsed.conditions.group_resource.matches("deployments.apps")
        and parsed.conditions.hold(WEB, WEB["metadata"])
    )
    return [(one.wants, one.holds, one.why) for one in found[1:] or found]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param(
            {"groupResource": "jobs.batch"},
            ("groupResource jobs.batch", False, "it is deployments.apps"),
            id="a kind",
        ),
        pytest.param(
            {"namespaces": ["db", "team-*"]},
            ("namespaces db, team-*", False, "it is in shop"),
            id="namespaces",
        ),
        pytest.param(
            {"resourceNameRegex": "^db"},
            ("resourceNameRegex ^db", False, "it is web"),
            id="a name",
        ),
        pytest.param(
            {"labelSelector": {"matchLabels": {"app": "db"}}},
            ("labelSelector app In db", False, "it has no such label"),
            id="a label",
        ),
        pytest.param(
            {"matches": [{"path": "/spec/replicas", "value": 3}]},
            ("matches /spec/replicas = 3", False, "it is 2"),
            id="a value",
        ),
        pytest.param(
            {"matches": [{"path": "/spec/gone", "value": 3}]},
            ("matches /spec/gone = 3", False, "there is no field 'gone'"),
            id="a field that is not there",
        ),
        pytest.param(
            {"matches": [{"path": "/spec/parts/*/name", "value": "b"}]},
            ('matches /spec/parts/*/name = "b"', False, "none of its places has that value"),
            id="many places",
        ),
        pytest.param(
            {"matches": [{"path": "/spec/parts/*/name", "value": "a"}]},
            ('matches /spec/parts/*/name = "a"', True, "1 places have it"),
            id="one of many places",
        ),
    ],
)
def test_a_condition_tells_what_there_is(
    conditions: dict[str, Any], expected: tuple[str, bool, str]
) -> None:
    assert told(conditions) == [expected]


def test_values_of_a_secret_are_not_told() -> None:
    conditions = {"matches": [{"path": "/spec/replicas", "value": 3}]}
    assert told(conditions, secret=True) == [
        ("matches /spec/replicas = 3", False, "it is a number")
    ]
