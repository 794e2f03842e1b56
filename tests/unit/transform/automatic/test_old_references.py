from typing import Any

import pytest

from kubeferry.transform.automatic.old_references import role_groups, scale_targets, webhook_rules
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.automatic.upgrades.table import CONVERSIONS
from kubeferry.transform.change import apply_changes
from kubeferry.transform.facts import Facts

NEW = Facts(served=frozenset(ServedKind(one.targets[0], one.kind) for one in CONVERSIONS))
OLD = Facts(served=NEW.served | {ServedKind("extensions/v1beta1", "Ingress")})


def rule(groups: list[str], resources: list[str], verbs: str = "get") -> dict[str, Any]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs.split()}


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        pytest.param([rule(["extensions"], ["ingresses"])], 1, id="the old group only"),
        pytest.param([rule(["extensions", "networking.k8s.io"], ["ingresses"])], 0, id="both"),
        pytest.param(
            [rule(["extensions"], ["ingresses"]), rule(["networking.k8s.io"], ["ingresses"])], 0,
            id="the new group in another rule",
        ),
        pytest.param(
            [rule(["extensions"], ["ingresses"], "get list"), rule(["*"], ["ingresses"], "get")], 1,
            id="which grants less",
        ),
        pytest.param(
            [rule(["extensions"], ["ingresses"], "get list"), rule(["*"], ["*"], "*")], 0,
            id="or everything",
        ),
        pytest.param([rule(["extensions"], ["deployments/scale"])], 1, id="a subresource"),
        pytest.param([rule(["policy"], ["poddisruptionbudgets"])], 0, id="a group that stayed"),
        pytest.param([rule(["extensions"], ["*"])], 0, id="no resource is named"),
        pytest.param(None, 0, id="no rules"),
        pytest.param([5, {"apiGroups": "x", "resources": [1]}], 0, id="odd ones"),
    ],
)  # fmt: skip
def test_what_a_role_grants_in_a_group_that_is_left(rules: Any, told: int) -> None:
    assert len(role_groups(NEW, {"rules": rules})) == told


def webhook(*rules: tuple[str, str, str]) -> dict[str, Any]:
    listed = [
        {"apiGroups": [group], "apiVersions": versions.split(), "resources": [resource]}
        for group, versions, resource in rules
    ]
    return {"webhooks": [{"name": "w", "rules": listed}]}


@pytest.mark.parametrize(
    ("given", "facts", "told"),
    [
        pytest.param(webhook(("extensions", "v1beta1", "ingresses")), NEW, 1, id="the old only"),
        pytest.param(webhook(("extensions", "v1beta1", "ingresses")), OLD, 0, id="still served"),
        pytest.param(webhook(("policy", "v1beta1 v1", "poddisruptionbudgets")), NEW, 0, id="both"),
        pytest.param(
            webhook(("extensions", "v1beta1", "ingresses"), ("*", "*", "*")), NEW, 0,
            id="the new by another rule",
        ),
        pytest.param(webhook(("*", "v1beta1", "*/*")), NEW, 1, id="many kinds are told at once"),
        pytest.param({"webhooks": [None, {"rules": [3]}]}, NEW, 0, id="odd ones"),
    ],
)  # fmt: skip
def test_what_a_webhook_is_not_asked_any_more(given: Any, facts: Facts, told: int) -> None:
    assert len(webhook_rules(facts, given)) == told


def test_an_autoscaler_s_target_of_somebody_else_stays() -> None:
    for reference in ({"apiVersion": "x.io/v1", "kind": "Deployment"}, {"kind": "Deployment"}, 5):
        obj = {"spec": {"scaleTargetRef": reference}}
        assert apply_changes(obj, scale_targets(NEW, obj)) == obj
