"""An object that a restore does not select says which word leaves it out."""

from typing import Any

import pytest

from kubeferry.api.metadata import convert
from kubeferry.api.restore import RestoreSpec
from kubeferry.kube.names import Identity
from kubeferry.restore.selection import compile_selection
from kubeferry.restore.unselected import why_unselected
from tests.unit.restore.test_selection import DEFINED, SERVED

SETTINGS = Identity("configmaps", "db", "settings")
ROLE = Identity("clusterroles.rbac.authorization.k8s.io", "", "admin")


def why(identity: Identity, **fields: Any) -> str:
    selection = compile_selection(convert({"backupName": "b", **fields}, RestoreSpec, place="spec"))
    return why_unselected(selection, identity, {"app": "db"}, discovery=SERVED, defined=DEFINED)


@pytest.mark.parametrize(
    ("identity", "fields", "expected"),
    [
        pytest.param(
            SETTINGS,
            {"excludedResources": ["cm"]},
            "excludedResources leaves out configmaps",
            id="its kind is excluded",
        ),
        pytest.param(
            SETTINGS,
            {"includedNamespaces": ["shop-a", "shop-*"]},
            "includedNamespaces does not name db",
            id="its namespace is not included",
        ),
        pytest.param(
            SETTINGS,
            {"excludedNamespaces": ["d*"]},
            "excludedNamespaces leaves out db",
            id="its namespace is excluded, by a pattern",
        ),
        pytest.param(
            Identity("namespaces", "", "db"),
            {"includedNamespaces": ["shop-a"]},
            "includedNamespaces does not name db",
            id="a namespace itself",
        ),
        pytest.param(
            SETTINGS,
            {"includedResources": ["services"]},
            "includedResources does not name configmaps, and nothing that is selected needs it",
            id="its kind is not included",
        ),
        pytest.param(
            SETTINGS,
            {"labelSelector": {"matchLabels": {"app": "web"}}},
            "its labels do not match, and nothing that is selected needs it",
            id="its labels are others",
        ),
        pytest.param(
            ROLE,
            {"includeClusterResources": False},
            "includeClusterResources is false",
            id="it is in no namespace, and none such is wanted",
        ),
        pytest.param(
            ROLE,
            {"includedNamespaces": ["shop-a"]},
            "it is in no namespace, and nothing that is selected needs it",
            id="it is in no namespace, and only some namespaces are selected",
        ),
    ],
)
def test_the_word_that_leaves_it_out(
    identity: Identity, fields: dict[str, Any], expected: str
) -> None:
    assert why(identity, **fields) == expected
