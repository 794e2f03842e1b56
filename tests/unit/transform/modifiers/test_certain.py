"""Operations that their paths alone refuse, before a restore starts."""

import json
from typing import Any

import pytest

from kubeferry.errors import InvalidModifier
from kubeferry.transform.modifiers.rules import parse_modifiers


def parse(group_resource: str, operation: str, path: str, **more: Any) -> None:
    value = {"value": "x"} if operation in ("add", "replace") else {}
    patch = {"operation": operation, "path": path, **value, **more}
    rule = {"conditions": {"groupResource": group_resource}, "patches": [patch]}
    text = json.dumps({"version": "v2", "resourceModifierRules": [rule]})
    parse_modifiers({"m": text}, place="m")


@pytest.mark.parametrize(
    ("group_resource", "operation", "path"),
    [
        ("configmaps", "replace", "/metadata/name"),
        ("**", "add", "/metadata/namespace"),
        ("configmaps", "replace", "/kind"),
        ("secrets", "add", "/data/a"),
        ("persistentvolumeclaims", "replace", "/spec/accessModes/0"),
        ("roles.rbac.authorization.k8s.io", "remove", "/rules"),
        ("statefulsets.apps", "replace", "/spec/volumeClaimTemplates/0/spec/storageClassName"),
        ("pods", "add", "/spec/hostNetwork"),
        ("cronjobs.batch", "add", "/spec/jobTemplate/spec/template/spec/securityContext/a"),
        ("deployments.apps", "add", "/spec/template/spec/containers/-"),
        ("deployments.apps", "add", "/spec/template/spec/containers/0/securityContext/privileged"),
        ("deployments.apps", "remove", "/spec/template/spec/containers/*/securityContext"),
        ("pods", "replace", "/spec/containers/[name=web]/ports/0/hostPort"),
        ("pods", "add", "/spec/volumes/0/hostPath"),
        ("pods", "add", "/spec/containers/0/livenessProbe/httpGet/host"),
    ],
)
def test_refused(group_resource: str, operation: str, path: str) -> None:
    with pytest.raises(
        InvalidModifier, match=r"rule 1 patches\[0\]: changes .*, which is protected; "
    ):
        parse(group_resource, operation, path)


def test_what_is_taken_away_by_a_move_is_refused_too() -> None:
    with pytest.raises(InvalidModifier, match="changes /spec/serviceAccountName, which"):
        parse("pods", "move", "/metadata/labels/a", **{"from": "/spec/serviceAccountName"})


@pytest.mark.parametrize(
    ("group_resource", "operation", "path"),
    [
        ("pods", "replace", "/metadata"),
        ("pods", "replace", "/spec"),
        ("pods", "replace", "/spec/containers"),
        ("pods", "remove", "/spec/containers/1"),
        ("pods", "remove", "/spec/volumes/0/hostPath"),
        ("pods", "remove", "/spec/containers/0/livenessProbe/httpGet/host"),
        ("pods", "replace", "/spec/containers/0/image"),
        ("widgets.example.com", "replace", "/spec/securityContext"),
        ("*", "replace", "/spec/hostNetwork"),
        ("persistentvolumeclaims", "add", "/metadata/labels/a"),
        ("statefulsets.apps", "add", "/spec/volumeClaimTemplates/0/metadata/labels"),
    ],
)
def test_what_depends_on_the_object_is_seen_there(
    group_resource: str, operation: str, path: str
) -> None:
    parse(group_resource, operation, path)


def test_a_test_and_the_source_of_a_copy_change_nothing() -> None:
    parse("pods", "test", "/spec/hostNetwork")
    parse("pods", "copy", "/metadata/labels/a", **{"from": "/spec/serviceAccountName"})
