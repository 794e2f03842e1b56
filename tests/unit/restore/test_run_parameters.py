"""A restore with a selection and parameters that need the backup or the target, on a cluster in
memory.
"""

from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.restore.classes import CLASSES
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.selection import KindWords, Selection
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.transform.parameters.claim_conversions import Conversion, compile_conversions
from kubeferry.transform.parameters.table import Parameters
from kubeferry.vault.locations import Location, open_store
from tests.builders import config_map, namespace, obj
from tests.unit.restore.test_run import Ground, stored

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True)
REQUEST = RestoreRequest(name="back", uid="task-1", backup="nightly", namespaces={"shop": "shop1"})
CLAIM = obj("v1/PersistentVolumeClaim", "shop/data").with_(
    spec={
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "slow",
        "volumeName": "pv-1",
        "resources": {"requests": {"storage": "1Gi"}},
    }
)
OBJECTS = (
    namespace("shop"),
    namespace("other"),
    config_map("shop/m-1", host="db.shop", file="app.shop"),
    config_map("other/m-2"),
    obj("v1/Service", "shop/db").with_(spec={"ports": [{"port": 80}]}),
    CLAIM,
)
ASKED = Selection(included_namespaces=("shop",))


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with Sandbox() as sandbox:
        store = open_store(location, credentials=None, settings=settings)
        await stored(store, *OBJECTS)
        yield Ground(sandbox, store, tmp_path, settings)


def parameters(**fields: Any) -> RestoreRequest:
    return replace(REQUEST, parameters=Parameters(**fields))


async def created(ground: Ground, resource: Resource, name: str) -> dict[str, Any]:
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        return await client.get(resource, name, namespace="shop1")


async def test_only_what_is_selected_is_restored(ground: Ground) -> None:
    result = await ground.run(replace(REQUEST, selection=ASKED))
    assert result.counts == {"created": 4}
    assert await ground.maps("other") == {}
    assert set(await ground.maps("shop1")) == {"m-1"}


async def test_a_mapping_of_what_is_not_selected_is_refused(ground: Ground) -> None:
    asked = Selection(excluded_namespaces=("shop",))
    with pytest.raises(InvalidInput, match="nothing of the namespace 'shop' is selected"):
        await ground.run(replace(REQUEST, selection=asked))


async def test_a_glob_that_matches_nothing_is_a_warning(ground: Ground) -> None:
    asked = Selection(included_namespaces=("shop", "x-*"))
    result = await ground.run(replace(REQUEST, selection=asked))
    assert result.phase == "Completed"
    assert result.first_problem is not None
    assert "'x-*' matches no namespace" in str(result.first_problem)


async def test_short_service_names_are_those_of_the_backup(ground: Ground) -> None:
    await ground.run(replace(REQUEST, rewrite_service_names=True))
    maps = await ground.maps("shop1")
    assert maps["m-1"]["data"] == {"host": "db.shop1", "file": "app.shop"}


async def test_a_storage_class_that_is_nowhere_is_refused_before_anything_is_made(
    ground: Ground,
) -> None:
    with pytest.raises(InvalidInput, match="storageclass fast not exists") as caught:
        await ground.run(parameters(storage_classes={"slow": "fast"}))
    assert caught.value.place == "spec.storageClassMapping.slow"
    assert await ground.maps("shop1") == {}


async def test_a_storage_class_of_the_target_is_taken(ground: Ground) -> None:
    made = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "a.b"}
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        await client.create(CLASSES, {**made, "metadata": {"name": "fast"}})
    await ground.run(parameters(storage_classes={"slow": "fast"}))
    assert (await created(ground, CLAIMS, "data"))["spec"]["storageClassName"] == "fast"


async def test_a_storage_class_of_the_backup_is_taken(ground: Ground) -> None:
    location = Location(name="vault", provider="local", bucket="other")
    store = open_store(location, credentials=None, settings=ground.settings)
    storage = obj("storage.k8s.io/v1/StorageClass", "fast").with_(provisioner="a.b")
    await stored(store, *OBJECTS, storage)
    conversions = compile_conversions([Conversion("shop", "data", "fast", (), "2Gi")])
    await replace(ground, store=store).run(parameters(conversions=conversions))
    spec = (await created(ground, CLAIMS, "data"))["spec"]
    assert spec["storageClassName"] == "fast"
    assert spec["resources"] == {"requests": {"storage": "2Gi"}}


async def test_a_conversion_names_a_claim_that_is_restored(ground: Ground) -> None:
    conversions = compile_conversions([Conversion("shop", "other", "fast")])
    with pytest.raises(InvalidInput, match="no claim shop/other is restored"):
        await ground.run(parameters(conversions=conversions))


DEPLOYMENT = obj("apps/v1/Deployment", "shop/web").with_(
    spec={
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "a", "image": "nginx"}]},
        },
    },
    status={"replicas": 3, "readyReplicas": 2},
)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", True)
BY_WORD = KindWords(included=("deploy",))


@pytest.mark.parametrize(
    ("said", "asked", "replicas"),
    [
        pytest.param(None, None, None, id="nobody asks"),
        pytest.param(None, BY_WORD, 3, id="the kind is asked for"),
        pytest.param(None, KindWords(excluded=("deploy",)), None, id="it is left out"),
        pytest.param("false", BY_WORD, None, id="the object says no"),
        pytest.param("true", None, 3, id="the object says yes"),
        pytest.param("maybe", BY_WORD, 3, id="the object says nothing"),
    ],
)
async def test_an_object_gets_its_status_back_if_that_is_asked_for(
    ground: Ground, said: str | None, asked: KindWords | None, replicas: int | None
) -> None:
    made = deepcopy(DEPLOYMENT)
    if said is not None:
        made["metadata"]["annotations"] = {"velero.io/restore-status": said}
    location = Location(name="vault", provider="local", bucket="other")
    store = open_store(location, credentials=None, settings=ground.settings)
    await stored(store, namespace("shop"), made)
    result = await replace(ground, store=store).run(replace(REQUEST, status=asked))
    assert result.phase == "Completed"
    status = (await created(ground, DEPLOYMENTS, "web")).get("status") or {}
    assert status.get("replicas") == replicas


def volume_of(**source: Any) -> Any:
    """The claim's volume, which outlives it."""
    return obj("v1/PersistentVolume", "pv-1").with_(
        spec={
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "slow",
            **source,
            "claimRef": {"namespace": "shop", "name": "data"},
        }
    )


async def test_a_claim_does_not_wait_for_a_volume_that_is_left_out(ground: Ground) -> None:
    volume = volume_of(nfs={"server": "nas", "path": "/"})
    location = Location(name="vault", provider="local", bucket="other")
    store = open_store(location, credentials=None, settings=ground.settings)
    await stored(store, *OBJECTS, volume)
    kept, left_out = replace(REQUEST, name="kept"), replace(REQUEST, name="left-out", uid="task-2")
    moved = replace(left_out, namespaces={"shop": "shop2"})
    asked = Selection(excluded_resources=("persistentvolumes",))
    ground = replace(ground, store=store)
    await ground.run(kept)
    assert (await created(ground, CLAIMS, "data"))["spec"]["volumeName"] == "pv-1"
    await ground.run(replace(moved, selection=asked))
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        claim = await client.get(CLAIMS, "data", namespace="shop2")
    assert "volumeName" not in claim["spec"]


ON_NODE = {"hostPath": {"path": "/"}}


@pytest.mark.parametrize(
    ("skip", "source", "kept"),
    [
        pytest.param(False, ON_NODE, True, id="who is an administrator gets it"),
        pytest.param(True, ON_NODE, False, id="a directory of a node"),
        pytest.param(True, {"local": {"path": "/etc"}}, False, id="a disk of a node"),
        pytest.param(True, {"nfs": {"server": "nas", "path": "/"}}, True, id="a share"),
    ],
)
async def test_a_volume_gives_no_pod_the_files_of_a_node_where_privileges_are_left_out(
    ground: Ground, skip: bool, source: dict[str, Any], kept: bool
) -> None:
    location = Location(name="vault", provider="local", bucket="other")
    store = open_store(location, credentials=None, settings=ground.settings)
    affinity = {"required": {"nodeSelectorTerms": [{"matchFields": []}]}}
    node = {"nodeAffinity": affinity} if "local" in source else {}
    await stored(store, *OBJECTS, volume_of(**source, **node))
    result = await replace(ground, store=store).run(parameters(skip_privileged=skip))
    claim = await created(ground, CLAIMS, "data")
    assert claim["spec"].get("volumeName") == ("pv-1" if kept else None)
    told = {(one.outcome, one.reason) for one in result.reasons}
    assert (("warning", "NodeVolumesSkipped") in told) is not kept
