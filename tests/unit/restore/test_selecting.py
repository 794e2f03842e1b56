"""What is left in the spool once a selection was held against it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api.metadata import convert
from kubeferry.api.restore import RestoreSpec
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.restore.definitions import defined_resources
from kubeferry.restore.selecting import select
from kubeferry.restore.selection import compile_selection
from kubeferry.restore.spool import Spool
from tests.builders import Built, config_map, namespace, obj, pod
from tests.unit.restore.test_selection import SERVED

RBAC = "rbac.authorization.k8s.io"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"


def robot(kind: str, name: str) -> Built:
    """A binding of the account ``shop/robot`` to the cluster role ``admin``."""
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}
    role = {"kind": "ClusterRole", "name": "admin"}
    return obj(f"{RBAC}/v1/{kind}", name).with_(subjects=[subject], roleRef=role)


def claim(name: str, volume: str) -> Built:
    return obj("v1/PersistentVolumeClaim", name).with_(
        spec={"volumeName": volume, "storageClassName": "fast"}
    )


WEB = pod("shop/web").label(app="web")
WEB["spec"] |= {
    "serviceAccountName": "robot",
    "volumes": [{"persistentVolumeClaim": {"claimName": "data"}}],
}
ARCHIVE: tuple[tuple[str, Built], ...] = (
    ("namespaces", namespace("shop")),
    ("namespaces", namespace("db")),
    ("namespaces", namespace("empty").label(app="web")),
    ("pods", WEB),
    ("pods", pod("db/store").label(app="db")),
    ("configmaps", config_map("shop/settings").label(app="web")),
    ("configmaps", config_map("db/settings")),
    ("serviceaccounts", obj("v1/ServiceAccount", "shop/robot")),
    ("persistentvolumeclaims", claim("shop/data", "pv-1")),
    ("persistentvolumeclaims", claim("db/data", "pv-2")),
    ("persistentvolumes", obj("v1/PersistentVolume", "pv-1")),
    ("persistentvolumes", obj("v1/PersistentVolume", "pv-2")),
    ("storageclasses.storage.k8s.io", obj("storage.k8s.io/v1/StorageClass", "fast")),
    ("storageclasses.storage.k8s.io", obj("storage.k8s.io/v1/StorageClass", "slow")),
    (f"clusterroles.{RBAC}", obj(f"{RBAC}/v1/ClusterRole", "admin")),
    (f"clusterroles.{RBAC}", obj(f"{RBAC}/v1/ClusterRole", "other").label(app="web")),
    (f"clusterrolebindings.{RBAC}", robot("ClusterRoleBinding", "robot")),
    ("things.x.io", obj("x.io/v1/Thing", "shop/thing")),
    (CRDS, obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.x.io")),
    (CRDS, obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "others.x.io")),
)
NEEDED_BY_SHOP = {
    "persistentvolumes pv-1",
    "storageclasses.storage.k8s.io fast",
    f"clusterroles.{RBAC} admin",
    f"clusterrolebindings.{RBAC} robot",
    f"{CRDS} things.x.io",
}
OF_SHOP = {
    "namespaces shop",
    "pods shop/web",
    "configmaps shop/settings",
    "serviceaccounts shop/robot",
    "persistentvolumeclaims shop/data",
    "things.x.io shop/thing",
}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        for kind, one in ARCHIVE:
            meta = one["metadata"]
            opened.add(Identity(kind, meta.get("namespace", ""), meta["name"]), one.json)
        yield opened


async def left(spool: Spool, **fields: Any) -> set[str]:
    spec = convert({"backupName": "b", **fields}, RestoreSpec, place="spec")
    await select(
        spool,
        compile_selection(spec),
        discovery=SERVED,
        defined=defined_resources(spool).values(),
    )
    found = {
        str(Identity(kind, namespace, name))
        for kind in spool.kinds()
        for namespace, name in spool.names(kind)
    }
    assert len(found) == spool.count()
    return found


EVERYTHING = {
    str(Identity(kind, one["metadata"].get("namespace", ""), one["metadata"]["name"]))
    for kind, one in ARCHIVE
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, EVERYTHING, id="nothing said is everything"),
        pytest.param(
            {"includedNamespaces": ["shop"]}, OF_SHOP | NEEDED_BY_SHOP, id="a namespace's needs"
        ),
        pytest.param(
            {"includedNamespaces": ["shop"], "includeClusterResources": False},
            OF_SHOP,
            id="no cluster-scoped objects",
        ),
        pytest.param(
            {
                "includedNamespaces": ["shop"],
                "excludedResources": ["persistentvolumes", "things.x.io"],
            },
            (OF_SHOP | NEEDED_BY_SHOP)
            - {"persistentvolumes pv-1", "things.x.io shop/thing", f"{CRDS} things.x.io"},
            id="what is excluded is not needed either",
        ),
        pytest.param(
            {"includedResources": ["cm"]},
            {
                "configmaps shop/settings",
                "configmaps db/settings",
                "namespaces shop",
                "namespaces db",
            },
            id="a kind, and the namespaces of its objects",
        ),
        pytest.param(
            {"includedResources": ["persistentvolumeclaims"], "includedNamespaces": ["db"]},
            {
                "namespaces db",
                "persistentvolumeclaims db/data",
                "persistentvolumes pv-2",
                "storageclasses.storage.k8s.io fast",
            },
            id="a claim never comes without its volume",
        ),
        pytest.param(
            {"includedResources": ["storageclasses.storage.k8s.io"]},
            {"storageclasses.storage.k8s.io fast", "storageclasses.storage.k8s.io slow"},
            id="a cluster-scoped kind that is named",
        ),
        pytest.param(
            {"labelSelector": {"matchLabels": {"app": "web"}}, "includedNamespaces": ["shop"]},
            {
                "namespaces shop",
                "pods shop/web",
                "configmaps shop/settings",
                "serviceaccounts shop/robot",
                "persistentvolumeclaims shop/data",
                "persistentvolumes pv-1",
                "storageclasses.storage.k8s.io fast",
                f"clusterroles.{RBAC} admin",
                f"clusterrolebindings.{RBAC} robot",
            },
            id="labels, and what the selected objects need without them",
        ),
        pytest.param(
            {"orLabelSelectors": [{"matchLabels": {"app": "db"}}]},
            {"namespaces db", "pods db/store"},
            id="one of some selectors",
        ),
        pytest.param(
            {
                "labelSelector": {"matchLabels": {"app": "web"}},
                "includedResources": ["namespaces", f"clusterroles.{RBAC}"],
            },
            {"namespaces empty", f"clusterroles.{RBAC} other"},
            id="cluster-scoped objects by their own labels",
        ),
    ],
)
async def test_what_is_left(spool: Spool, fields: dict[str, Any], expected: set[str]) -> None:
    assert await left(spool, **fields) == expected


async def test_a_selection_of_nothing_is_refused(spool: Spool) -> None:
    with pytest.raises(InvalidInput, match=r"selects nothing .*includedNamespaces: x-\*"):
        await left(spool, includedNamespaces=["x-*"])


async def test_what_cannot_be_decoded_is_the_plan_s_to_tell(spool: Spool) -> None:
    spool.add(Identity("pods", "shop", "broken"), b"{")
    assert "pods shop/broken" in await left(spool, includedNamespaces=["shop"])
