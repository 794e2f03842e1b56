"""What comes into a backup of a cluster in memory: what was selected, and what that needs."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubeferry.api.labels import Labels
from kubeferry.backup import choice, relating
from kubeferry.backup.choice import choose
from kubeferry.backup.collect import Collected, collect
from kubeferry.backup.filters import ResourceFilters
from kubeferry.backup.labels import compile_labels
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.selection import Selection
from kubeferry.backup.volume_selection import VolumeSelection
from kubeferry.errors import ApiError, Expired, Forbidden, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.report import Findings
from kubeferry.sandbox import Sandbox
from kubeferry.vault.writer import Entry
from tests.builders import Built, config_map, namespace, obj

RBAC = "rbac.authorization.k8s.io/v1"
STORAGE = "storage.k8s.io/v1/StorageClass"
OWN = {"kubernetes.io/bootstrapping": "rbac-defaults"}
"""What the API server writes on roles that it makes."""
NO_DATA = VolumeSelection(refusal="it was not asked for")


@dataclass
class Seen:
    """A sink that keeps what it was given, and what was told of it."""

    entries: list[Entry] = field(default_factory=list)
    because: dict[str, str] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    collected: Collected | None = None

    @property
    def objects(self) -> int:
        return sum(one.preferred for one in self.entries)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def flush(self) -> None:
        """Nothing waits."""

    def came_in(self, one: Identity, because: Identity) -> None:
        self.because[str(one)] = str(because)

    def names(self, *, preferred: bool = True) -> list[str]:
        return [
            str(Identity(one.group_resource, one.namespace, one.name))
            + ("" if preferred else f" {one.version}")
            for one in self.entries
            if one.preferred is preferred
        ]

    def told(self, level: str = "warning") -> list[str]:
        return [str(one) for one in self.findings.problems if one.level == level]


class Seam(Client):
    """A client in which lists and reads can be made to fail."""

    def __init__(self, config: ClusterConfig) -> None:
        super().__init__(config)
        self.failing: dict[str, Exception] = {}
        """Of a group resource, or of one of its versions: ``things.x.io v1``."""
        self.forgetful = False
        """Whether the server knows no list of an earlier moment."""
        self.reads: list[str] = []
        self.lists: list[tuple[str, str, str]] = []
        self.before_list: Callable[[Resource, str], Awaitable[None]] | None = None
        """Does something before a list of a kind with a label query is made."""

    def _failure(self, resource: Resource) -> Exception | None:
        name = resource.group_resource
        return self.failing.get(name) or self.failing.get(f"{name} {resource.version}")

    async def read(self, resource: Resource, name: str, **where: Any) -> bytes:
        self.reads.append(f"{resource.group_resource} {name}")
        failure = self._failure(resource)
        if failure is not None:
            raise failure
        return await super().read(resource, name, **where)

    async def pages(self, resource: Resource, **where: Any) -> Any:
        moment = where.get("resource_version", "")
        if self.before_list is not None:
            await self.before_list(resource, where.get("label_selector", ""))
        self.lists.append((resource.group_resource, resource.version, "then" if moment else ""))
        failure = self._failure(resource)
        if failure is not None:
            raise failure
        if moment and self.forgetful:
            raise Expired("too old")
        async for page in super().pages(resource, **where):
            yield page


@dataclass
class World:
    """A cluster in memory."""

    client: Seam
    sandbox: Sandbox

    async def make(self, *objects: Built) -> None:
        discovery = await self.client.discover()
        for one in objects:
            resource = discovery.for_kind(one["apiVersion"], one["kind"])
            assert resource is not None, one["kind"]
            where = one["metadata"].get("namespace", "")
            made = await self.client.create(resource, one, namespace=where)
            if "status" in one and "status" in resource.subresources:
                status = {"status": one["status"]}
                name = json.loads(made)["metadata"]["name"]
                await self.client.patch(
                    resource, name, status, kind="merge", namespace=where, subresource="status"
                )
        await self.sandbox.settle()

    async def backup(self, *, all_versions: bool = True, **selection: Any) -> Seen:
        given = {"included_namespaces": ("shop",), "volumes": NO_DATA, **selection}
        request = BackupRequest(
            name="nightly",
            uid="u",
            location="vault",
            selection=Selection(**given),
            all_versions=all_versions,
        )
        seen = Seen()
        chosen = await choose(request, client=self.client, reporter=seen.findings)
        seen.collected = await collect(
            request,
            chosen,
            client=self.client,
            sink=seen,
            reporter=seen.findings,
            came_in=seen.came_in,
        )
        assert len(set(seen.names())) == len(seen.names())
        return seen


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with Sandbox() as sandbox, Seam(ClusterConfig(server=sandbox.server)) as client:
        made = World(client, sandbox)
        await made.make(namespace("shop").label(team="a"), namespace("other"))
        yield made


def labels(**wanted: str) -> Any:
    return compile_labels([Labels(match_labels=wanted)], place="spec")


def either(*wanted: dict[str, str]) -> Any:
    return compile_labels([Labels(match_labels=one) for one in wanted], place="spec")


def pod(name: str = "web", *volumes: dict[str, Any], **spec: Any) -> Built:
    named = [{"name": f"v{number}", **volume} for number, volume in enumerate(volumes)]
    containers = [{"name": "main", "image": "nginx"}]
    return obj("v1/Pod", f"shop/{name}").with_(
        spec={"containers": containers, "volumes": named, **spec}
    )


def mounts(claim: str) -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": claim}}


def claim(name: str, volume: str = "", **spec: Any) -> Built:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    bound = {"volumeName": volume} if volume else {}
    made = obj("v1/PersistentVolumeClaim", f"shop/{name}").with_(spec={**wanted, **bound, **spec})
    return made.with_(status={"phase": "Bound" if volume else "Pending"})


def volume(name: str, **spec: Any) -> Built:
    what = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    source = {} if "csi" in spec else {"hostPath": {"path": "/x"}}
    return obj("v1/PersistentVolume", name).with_(spec={**what, **source, **spec})


def definition(
    group: str = "x.io", kind: str = "Thing", versions: str = "v1", **more: Any
) -> Built:
    plural = f"{kind.lower()}s" if not kind.endswith("s") else f"{kind.lower()}es"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = [
        {
            "name": version,
            "served": True,
            "storage": number == 0,
            "schema": {"openAPIV3Schema": schema},
        }
        for number, version in enumerate(versions.split())
    ]
    made = obj("apiextensions.k8s.io/v1/CustomResourceDefinition", f"{plural}.{group}")
    return made.with_(
        spec={
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": served,
            **more,
        }
    )


def account(name: str) -> Built:
    return obj("v1/ServiceAccount", f"shop/{name}")


def cluster_binding(name: str, role: str, *accounts: str) -> Built:
    subjects = [
        {"kind": "ServiceAccount", "name": one.partition("/")[2], "namespace": one.split("/")[0]}
        for one in accounts
    ]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return obj(f"{RBAC}/ClusterRoleBinding", name).with_(subjects=subjects, roleRef=ref)


def cluster_role(name: str) -> Built:
    return obj(f"{RBAC}/ClusterRole", name).with_(rules=[])


async def test_what_comes_in_because_of_what(world: World) -> None:
    await world.make(
        definition("snapshot.storage.k8s.io", "VolumeSnapshotClass", scope="Cluster"),
    )
    await world.make(
        account("robot"),
        obj("scheduling.k8s.io/v1/PriorityClass", "high").with_(value=7),
        obj(STORAGE, "fast").with_(provisioner="disk.example.com"),
        obj(STORAGE, "unused").with_(provisioner="disk.example.com"),
        obj("snapshot.storage.k8s.io/v1/VolumeSnapshotClass", "snaps").with_(
            driver="disk.example.com", deletionPolicy="Delete"
        ),
        obj("snapshot.storage.k8s.io/v1/VolumeSnapshotClass", "other").with_(
            driver="else.example.com", deletionPolicy="Delete"
        ),
        volume("disk", storageClassName="fast"),
        volume("unused"),
        claim("data", "disk", storageClassName="fast"),
        pod("web", mounts("data"), serviceAccountName="robot", priorityClassName="high"),
        cluster_role("reader"),
        cluster_role("unused"),
        cluster_binding("robot-reads", "reader", "shop/robot"),
        cluster_binding("others-read", "reader", "other/robot"),
        obj("networking.k8s.io/v1/IngressClass", "nginx").with_(spec={"controller": "x.io/y"}),
        obj("networking.k8s.io/v1/IngressClass", "old").with_(spec={"controller": "x.io/y"}),
        obj("networking.k8s.io/v1/Ingress", "shop/web").with_(
            spec={"ingressClassName": "nginx", "defaultBackend": {"service": backend()}}
        ),
        obj("networking.k8s.io/v1/Ingress", "shop/old")
        .meta(annotations={"kubernetes.io/ingress.class": "old"})
        .with_(spec={"defaultBackend": {"service": backend()}}),
        definition(),
    )
    await world.make(obj("x.io/v1/Thing", "shop/one"))
    seen = await world.backup()
    assert seen.because == {
        "persistentvolumes disk": "persistentvolumeclaims shop/data",
        "storageclasses.storage.k8s.io fast": "persistentvolumeclaims shop/data",
        "volumesnapshotclasses.snapshot.storage.k8s.io snaps": "storageclasses.storage.k8s.io fast",
        "clusterrolebindings.rbac.authorization.k8s.io robot-reads": "serviceaccounts shop/robot",
        "clusterroles.rbac.authorization.k8s.io reader": (
            "clusterrolebindings.rbac.authorization.k8s.io robot-reads"
        ),
        "priorityclasses.scheduling.k8s.io high": "pods shop/web",
        "ingressclasses.networking.k8s.io nginx": "ingresses.networking.k8s.io shop/web",
        "ingressclasses.networking.k8s.io old": "ingresses.networking.k8s.io shop/old",
        "customresourcedefinitions.apiextensions.k8s.io things.x.io": "things.x.io shop/one",
        "customresourcedefinitions.apiextensions.k8s.io "
        "volumesnapshotclasses.snapshot.storage.k8s.io": (
            "volumesnapshotclasses.snapshot.storage.k8s.io snaps"
        ),
    }
    assert set(seen.because) < set(seen.names())
    assert seen.findings.problems == []


def backend() -> dict[str, Any]:
    return {"name": "web", "port": {"number": 80}}


async def test_by_labels_namespaced_objects_come_in_too(world: World) -> None:
    await world.make(
        account("robot"),
        claim("data"),
        obj("v1/Secret", "shop/key"),
        obj("v1/Secret", "shop/unused"),
        obj(f"{RBAC}/Role", "shop/reader").with_(rules=[]),
        obj(f"{RBAC}/RoleBinding", "shop/reads").with_(
            subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}],
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        ),
        config_map("shop/unlabelled"),
        pod(
            "web",
            mounts("data"),
            {"secret": {"secretName": "key"}},
            serviceAccountName="robot",
        ).label(app="web"),
    )
    seen = await world.backup(labels=labels(app="web"))
    assert seen.because == {
        "persistentvolumeclaims shop/data": "pods shop/web",
        "secrets shop/key": "pods shop/web",
        "serviceaccounts shop/robot": "pods shop/web",
        "rolebindings.rbac.authorization.k8s.io shop/reads": "serviceaccounts shop/robot",
        "roles.rbac.authorization.k8s.io shop/reader": (
            "rolebindings.rbac.authorization.k8s.io shop/reads"
        ),
    }
    assert sorted(seen.names()) == sorted([*seen.because, "pods shop/web", "namespaces shop"])


@pytest.mark.parametrize(
    ("included", "wanted"),
    [
        pytest.param((), {"namespaces other": "configmaps other/b"}, id="everything: if needed"),
        pytest.param(("shop", "other"), {}, id="asked for by name: anyway"),
    ],
)
async def test_the_namespace_of_a_labelled_object(
    world: World, included: tuple[str, ...], wanted: dict[str, str]
) -> None:
    await world.make(config_map("other/b").label(app="web"))
    seen = await world.backup(included_namespaces=included, labels=labels(app="web"))
    assert seen.because == wanted
    spaces = {name for name in seen.names() if name.startswith("namespaces ")}
    assert spaces == (
        {"namespaces other"} if not included else {"namespaces other", "namespaces shop"}
    )


async def test_an_object_that_several_selectors_select_comes_once_and_from_one_moment(
    world: World,
) -> None:
    await world.make(
        config_map("shop/both").label(app="web", tier="db"),
        config_map("shop/first").label(app="web"),
        config_map("shop/second").label(tier="db"),
        config_map("shop/none"),
    )
    seen = await world.backup(labels=either({"app": "web"}, {"tier": "db"}))
    maps = [name for name in seen.names() if name.startswith("configmaps ")]
    assert sorted(maps) == [
        "configmaps shop/both",
        "configmaps shop/first",
        "configmaps shop/second",
    ]
    assert [one[2] for one in world.client.lists if one[0] == "configmaps"] == ["", "then"]


@pytest.mark.parametrize(
    ("made", "needs", "said"),
    [
        pytest.param(
            [],
            "gone",
            "persistentvolumeclaims shop/gone: NeededMissing: does not exist, and pods shop/web "
            "needs it",
            id="it is gone",
        ),
        pytest.param(
            [claim("data").meta(labels={"velero.io/exclude-from-backup": "true"})],
            "data",
            "persistentvolumeclaims shop/data: NeededMissing: has the label "
            "velero.io/exclude-from-backup, and pods shop/web needs it",
            id="it is labelled out",
        ),
        pytest.param(
            [claim("data").meta(finalizers=["x.io/stay"])],
            "data",
            "persistentvolumeclaims shop/data: NeededMissing: is being deleted, and pods shop/web "
            "needs it",
            id="it is being deleted",
        ),
    ],
)
async def test_what_is_needed_and_not_in_the_backup_is_told_with_both_names(
    world: World, made: list[Built], needs: str, said: str
) -> None:
    await world.make(*made, pod("web", mounts(needs)))
    if made and "finalizers" in made[0]["metadata"]:
        resource = (await world.client.discover()).find("persistentvolumeclaims")
        assert resource is not None
        await world.client.delete(resource, needs, namespace="shop")
    seen = await world.backup()
    assert seen.told() == [said]
    assert f"persistentvolumeclaims shop/{needs}" not in seen.names()


async def test_a_secret_that_need_not_be_there_is_not_missed(world: World) -> None:
    await world.make(pod("web", {"secret": {"secretName": "maybe", "optional": True}}))
    assert (await world.backup()).findings.problems == []


async def test_a_secret_in_another_namespace_stays_there(world: World) -> None:
    ref = {"name": "key", "namespace": "other"}
    csi = {"driver": "x.io", "volumeHandle": "1", "nodeStageSecretRef": ref}
    system = {**csi, "nodeStageSecretRef": {"name": "key", "namespace": "kube-system"}}
    await world.make(
        obj("v1/Secret", "other/key"),
        volume("a", csi=csi),
        volume("b", csi=system),
        claim("a", "a"),
        claim("b", "b"),
    )
    seen = await world.backup()
    assert seen.told() == [
        "secrets kube-system/key: NeededMissing: is never archived, and persistentvolumes b "
        "needs it",
        "secrets other/key: NeededMissing: is in a namespace that is not backed up, and "
        "persistentvolumes a needs it",
    ]
    both = await world.backup(included_namespaces=("shop", "other"))
    assert "secrets other/key" in both.names()


async def test_a_kind_that_filters_leave_out_is_told_once_with_examples(world: World) -> None:
    await world.make(
        *(volume(f"disk-{number}") for number in range(5)),
        *(claim(f"data-{number}", f"disk-{number}") for number in range(5)),
    )
    seen = await world.backup(filters=ResourceFilters(cluster=False))
    assert not [name for name in seen.names() if name.startswith("persistentvolumes ")]
    [said] = seen.told()
    assert said.startswith("persistentvolumes: NeededMissing: 5 that are needed do not come in")
    assert "disk-0 (for persistentvolumeclaims shop/data-0)" in said


async def test_what_each_cluster_makes_for_itself_stays_out_without_a_word(world: World) -> None:
    await world.make(
        obj("scheduling.k8s.io/v1/PriorityClass", "system-cluster-critical").with_(value=7),
        cluster_role("system:reader").meta(labels=OWN),
        account("robot"),
        cluster_binding("robot-reads", "system:reader", "shop/robot"),
        cluster_binding("system:robot", "system:reader", "shop/robot").meta(labels=OWN),
        pod("web", serviceAccountName="robot", priorityClassName="system-cluster-critical"),
    )
    seen = await world.backup()
    assert list(seen.because) == ["clusterrolebindings.rbac.authorization.k8s.io robot-reads"]
    assert seen.findings.problems == []


async def test_many_are_found_in_one_list_and_not_asked_for_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relating, "FEW", 2)
    await world.make(
        *(volume(f"disk-{number}") for number in range(4)),
        *(claim(f"data-{number}", f"disk-{number}") for number in range(5)),
        volume("unused"),
    )
    world.client.reads.clear()
    seen = await world.backup()
    volumes = [name for name in seen.names() if name.startswith("persistentvolumes ")]
    assert sorted(volumes) == [f"persistentvolumes disk-{number}" for number in range(4)]
    assert not [one for one in world.client.reads if one.startswith("persistentvolumes")]
    assert seen.told() == [
        "persistentvolumes disk-4: NeededMissing: does not exist, and "
        "persistentvolumeclaims shop/data-4 needs it"
    ]


async def test_related_objects_that_cannot_be_read_are_one_error(world: World) -> None:
    await world.make(volume("a"), volume("b"), claim("a", "a"), claim("b", "b"))
    world.client.failing["persistentvolumes"] = Forbidden("no", kubernetes_reason="Forbidden")
    seen = await world.backup()
    assert seen.told("error") == [
        "persistentvolumes a and 1 more: Forbidden: could not be read: no"
    ]
    assert "persistentvolumeclaims shop/a" in seen.names()


async def test_every_served_version_is_archived_by_one_list_of_each_at_the_same_moment(
    world: World,
) -> None:
    await world.make(definition(versions="v2 v1 v1beta1"))
    await world.make(*(obj("x.io/v2/Thing", f"shop/{name}") for name in "ab"))
    world.client.lists.clear()
    seen = await world.backup()
    assert [name for name in seen.names() if name.startswith("things")] == [
        "things.x.io shop/a",
        "things.x.io shop/b",
    ]
    assert [name for name in seen.names(preferred=False) if name.startswith("things")] == [
        "things.x.io shop/a v1",
        "things.x.io shop/b v1",
        "things.x.io shop/a v1beta1",
        "things.x.io shop/b v1beta1",
    ]
    assert [one for one in world.client.lists if one[0] == "things.x.io"] == [
        ("things.x.io", "v2", ""),
        ("things.x.io", "v1", "then"),
        ("things.x.io", "v1beta1", "then"),
    ]
    versions = {json.loads(one.body)["apiVersion"] for one in seen.entries if one.name == "a"}
    assert {"x.io/v2", "x.io/v1", "x.io/v1beta1"} <= versions


async def test_without_all_versions_there_is_the_preferred_one_alone(world: World) -> None:
    await world.make(definition(versions="v2 v1"))
    await world.make(obj("x.io/v2/Thing", "shop/a"))
    assert (await world.backup(all_versions=False)).names(preferred=False) == []


async def test_a_server_that_has_forgotten_the_moment_brings_no_object_in_another_version_alone(
    world: World,
) -> None:
    await world.make(definition(versions="v2 v1"))
    await world.make(obj("x.io/v2/Thing", "shop/a"))
    world.client.forgetful = True

    async def and_one_more(resource: Resource, query: str) -> None:
        if resource.version == "v1" and resource.group == "x.io" and "b" not in made:
            made.append("b")
            await world.make(obj("x.io/v2/Thing", "shop/b"))

    made: list[str] = []
    world.client.before_list = and_one_more
    seen = await world.backup()
    things = [name for name in seen.names(preferred=False) if name.startswith("things")]
    assert (made, things) == (["b"], ["things.x.io shop/a v1"])


async def test_an_object_that_vanishes_between_two_versions_is_told(world: World) -> None:
    await world.make(definition(versions="v2 v1"))
    await world.make(*(obj("x.io/v2/Thing", f"shop/{name}") for name in "ab"))
    world.client.forgetful = True
    gone: list[str] = []

    async def and_one_less(resource: Resource, query: str) -> None:
        if resource.version == "v1" and resource.group == "x.io" and not gone:
            gone.append("b")
            await world.client.delete(resource, "b", namespace="shop")

    world.client.before_list = and_one_less
    seen = await world.backup()
    assert seen.told() == [
        "things.x.io: VersionMissing: 1 of its objects went before they were listed in x.io/v1"
    ]


async def test_a_version_that_cannot_be_listed_is_one_error_against_it(world: World) -> None:
    await world.make(definition(versions="v2 v1"))
    await world.make(obj("x.io/v2/Thing", "shop/a"))
    world.client.failing["things.x.io v1"] = ApiError("conversion webhook failed", status=500)
    seen = await world.backup()
    assert "things.x.io shop/a" in seen.names()
    assert seen.told("error") == [
        "things.x.io in x.io/v1: ApiError: could not be read: conversion webhook failed"
    ]


@pytest.mark.parametrize("failure", [Forbidden("no"), NotFound("gone"), ApiError("503")])
async def test_a_kind_that_cannot_be_listed_is_one_error_however_many_its_lists_are(
    world: World, failure: ApiError
) -> None:
    await world.make(*(namespace(f"n{number}") for number in range(9)), config_map("shop/a"))
    world.client.failing["secrets"] = failure
    seen = await world.backup(
        included_namespaces=("n0", "n1", "n2", "n3", "shop"),
        labels=either({"a": "b"}, {"c": "d"}),
    )
    assert seen.told("error") == [
        f"secrets: {failure.reason}: could not be read: {failure.problem}"
    ]
    assert len({one for one in world.client.lists if one[0] == "secrets"}) == 1


async def test_a_backup_of_volumes_takes_claims_and_what_those_need(world: World) -> None:
    await world.make(
        obj(STORAGE, "fast").with_(provisioner="disk.example.com"),
        volume("a", storageClassName="fast"),
        volume("b"),
        claim("a", "a", storageClassName="fast"),
        claim("b", "b"),
        claim("waits"),
        config_map("shop/a"),
        pod("web", mounts("a")),
    )
    seen = await world.backup(claims_only=True, volumes=VolumeSelection(mounted_only=False))
    assert sorted(seen.names()) == [
        "namespaces shop",
        "persistentvolumeclaims shop/a",
        "persistentvolumeclaims shop/b",
        "persistentvolumes a",
        "persistentvolumes b",
        "storageclasses.storage.k8s.io fast",
    ]
    mounted = await world.backup(claims_only=True, volumes=VolumeSelection(mounted_only=True))
    claims = [name for name in mounted.names() if name.startswith("persistentvolumeclaims")]
    assert claims == ["persistentvolumeclaims shop/a"]
    unbound = "the claim is not bound to a volume"
    assert mounted.collected.left_out == {"no pod mounts the claim": 1, unbound: 1}
    fast = await world.backup(
        claims_only=True,
        volumes=VolumeSelection(mounted_only=False, classes=frozenset({"fast"})),
    )
    claims = [name for name in fast.names() if name.startswith("persistentvolumeclaims")]
    assert claims == ["persistentvolumeclaims shop/a"]


CLASSES = VolumeSelection(mounted_only=False, classes=frozenset({"fats", "fast"}))
SELECTORS = VolumeSelection(mounted_only=False, labels=either({"app": "web"}, {"app": "db"}))


@pytest.mark.parametrize("claims_only", [True, False])
@pytest.mark.parametrize(
    ("volumes", "told"),
    [
        pytest.param(
            CLASSES,
            "spec.pvBackup.includedStorageClasses: no claim has the class 'fats'",
            id="a storage class",
        ),
        pytest.param(
            SELECTORS, "spec.pvBackup.labelSelectors: 'app=db' selects no claim", id="labels"
        ),
    ],
)
async def test_words_that_no_claim_has_are_told(
    world: World, volumes: VolumeSelection, told: str, claims_only: bool
) -> None:
    await world.make(
        obj(STORAGE, "fast").with_(provisioner="d"),
        volume("a", storageClassName="fast"),
        claim("a", "a", storageClassName="fast").label(app="web"),
    )
    seen = await world.backup(claims_only=claims_only, volumes=volumes)
    assert seen.told() == [f"NothingSelected: {told}"]


async def test_a_backup_of_volumes_that_holds_nothing_is_told(world: World) -> None:
    await world.make(config_map("shop/a"))
    seen = await world.backup(claims_only=True, volumes=VolumeSelection(mounted_only=False))
    assert seen.names() == []
    assert seen.told() == [
        "spec.backupType: NothingSelected: a PvBackup, and no claim is selected: it holds nothing"
    ]


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param({}, id="every pod is archived"),
        pytest.param({"filters": ResourceFilters(excluded=("pods",))}, id="no pod is"),
        pytest.param({"labels": labels(app="data")}, id="some are"),
    ],
)
async def test_a_claim_is_mounted_by_any_pod_whether_it_is_archived_or_not(
    world: World, selection: dict[str, Any]
) -> None:
    await world.make(
        volume("a"),
        volume("b"),
        claim("a", "a").label(app="data"),
        claim("b", "b").label(app="data"),
        pod("web", mounts("a")),
    )
    seen = await world.backup(volumes=VolumeSelection(), **selection)
    assert seen.collected is not None
    volumes = json.loads(gzip.decompress(seen.collected.volumes))
    told = {one["pvcName"]: one["skippedReason"] for one in volumes}
    assert told == {"a": "kubeferry takes no volume data yet", "b": "no pod mounts the claim"}
    [error] = seen.told("error")
    assert error.startswith("persistentvolumeclaims shop/a: VolumeDataNotTaken")


async def test_what_no_selection_can_be_made_of_is_told(world: World) -> None:
    seen = await world.backup(
        included_namespaces=("shop", "x-*"), filters=ResourceFilters(included=("pods", "nothings"))
    )
    told = seen.told()
    assert "x-*: NothingSelected: selects no namespace" in told
    assert [one for one in told if "nothings" in one]


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        pytest.param(
            {"labels": labels(app="nope")},
            ["error spec.labelSelector: NothingSelected: 'app=nope' selects no object"],
            id="the only one",
        ),
        pytest.param(
            {"labels": either({"app": "web"}, {"app": "nope"})},
            ["warning spec.orLabelSelectors: NothingSelected: 'app=nope' selects no object"],
            id="one of two",
        ),
        pytest.param(
            {"labels": either({"a": "x"}, {"a": "y"})},
            [
                "error spec.orLabelSelectors: NothingSelected: 'a=x' selects no object",
                "error spec.orLabelSelectors: NothingSelected: 'a=y' selects no object",
            ],
            id="none of two",
        ),
        pytest.param({"labels": either({"app": "web"}, {"tier": "w"})}, [], id="both the same"),
        pytest.param(
            {"labels": labels(**{"kubernetes.io/metadata.name": "shop"})},
            [],
            id="a namespace alone",
        ),
        pytest.param(
            {"filters": ResourceFilters(included=("deploymnts",))},
            [
                "warning NothingSelected: spec.includedResources[0]: 'deploymnts' matches no kind "
                "that is served; did you mean Deployment?",
                "error NothingSelected: none of the kinds that were asked for is taken",
            ],
            id="no kind",
        ),
        pytest.param(
            {"included_namespaces": ("shop", "shpo")},
            ["error shpo: NamespaceMissing: was asked for and does not exist; did you mean shop?"],
            id="a namespace",
        ),
    ],
)
async def test_what_selects_nothing_is_told_and_is_an_error_where_nothing_does(
    world: World, selection: dict[str, Any], told: list[str]
) -> None:
    await world.make(config_map("shop/a").label(app="web", tier="w"))
    seen = await world.backup(**selection)
    assert [f"{one.level} {one}" for one in seen.findings.problems] == told


async def test_a_selector_is_not_called_idle_where_a_list_failed(world: World) -> None:
    world.client.failing["secrets"] = Forbidden("no")
    seen = await world.backup(labels=labels(app="nope"))
    assert not [one for one in seen.told("error") if "NothingSelected" in one]


async def test_what_is_left_out_is_counted_by_the_reason(world: World) -> None:
    hidden = {"velero.io/exclude-from-backup": "true"}
    going = config_map("shop/going").meta(finalizers=["example.com/hold"])
    await world.make(
        config_map("shop/taken"),
        config_map("shop/hidden").meta(labels=hidden),
        config_map("other/elsewhere").meta(labels=hidden),
        going,
    )
    maps = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
    await world.client.delete(maps, "going", namespace="shop")
    seen = await world.backup()
    assert seen.collected is not None
    assert seen.collected.left_out == {
        "label velero.io/exclude-from-backup": 1,
        "made by others": 1,
        "being deleted": 1,
    }


async def test_several_selectors_leave_namespaces_as_they_are(world: World) -> None:
    chosen = either({"app": "web"}, {"team": "a"})
    by_name = await world.backup(labels=chosen)
    assert "namespaces shop" in by_name.names()
    by_label = await world.backup(included_namespaces=(), labels=chosen)
    spaces = [name for name in by_label.names() if name.startswith("namespaces ")]
    assert spaces == ["namespaces shop"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"tier": "db"}, {"tier": "db", "app": "web"}, id="to both"),
        pytest.param({"tier": "db"}, {"tier": None, "app": "web"}, id="to the one before"),
        pytest.param({"app": "web"}, {"app": None, "tier": "db"}, id="to the one after"),
    ],
)
async def test_an_object_that_moves_between_selectors_while_the_moment_is_lost_comes_once(
    world: World, before: dict[str, str], after: dict[str, str]
) -> None:
    await world.make(definition(versions="v2 v1"))
    things = obj("x.io/v2/Thing", "shop/moves").meta(labels=before)
    await world.make(things, obj("x.io/v2/Thing", "shop/stays").label(app="web"))
    resource = (await world.client.discover()).find("things.x.io")
    assert resource is not None
    world.client.forgetful = True
    moved: list[bool] = []

    async def moving(kind: Resource, query: str) -> None:
        if kind.group == "x.io" and "tier" in query and not moved:
            moved.append(True)
            patch = {"metadata": {"labels": after}}
            await world.client.patch(resource, "moves", patch, kind="merge", namespace="shop")

    world.client.before_list = moving
    seen = await world.backup(labels=either({"app": "web"}, {"tier": "db"}))
    found = sorted(
        (one.name, one.version) for one in seen.entries if one.group_resource == "things.x.io"
    )
    assert found == [(name, version) for name in ("moves", "stays") for version in ("v1", "v2")]


async def test_a_role_that_gathers_others_brings_them_and_what_those_gather(world: World) -> None:
    def gathers(name: str, wanted: str, **own: str) -> Built:
        rule = {"clusterRoleSelectors": [{"matchLabels": {"to": wanted}}]}
        return cluster_role(name).label(**own).with_(aggregationRule=rule)

    await world.make(
        account("robot"),
        cluster_binding("robot-reads", "reader", "shop/robot"),
        gathers("reader", "reader"),
        gathers("part", "part", to="reader"),
        cluster_role("piece").label(to="part"),
        cluster_role("unused").label(to="nobody"),
    )
    seen = await world.backup()
    roles = "clusterroles.rbac.authorization.k8s.io"
    assert {
        one.removeprefix(f"{roles} "): why for one, why in seen.because.items() if roles in one
    } == {
        "reader": "clusterrolebindings.rbac.authorization.k8s.io robot-reads",
        "part": f"{roles} reader",
        "piece": f"{roles} part",
    }


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        pytest.param(
            ResourceFilters(cluster=False),
            "1 that are needed do not come in, as the backup's filters leave them out: things.x.io "
            "(for things.x.io shop/one)",
            id="kept out by a filter",
        ),
        pytest.param(
            ResourceFilters(),
            "has the label velero.io/exclude-from-backup, and things.x.io shop/one needs it",
            id="labelled out",
        ),
    ],
)
async def test_a_custom_resource_without_its_definition_is_told(
    world: World, filters: ResourceFilters, said: str
) -> None:
    await world.make(definition().meta(labels={"velero.io/exclude-from-backup": "true"}))
    await world.make(obj("x.io/v1/Thing", "shop/one"))
    [told] = (await world.backup(filters=filters)).told()
    assert told.endswith(f"NeededMissing: {said}")


@pytest.mark.parametrize("included", [("shop", "other"), ("shop", "oth*")])
async def test_a_namespace_that_goes_when_the_backup_begins_is_told(
    world: World, included: tuple[str, ...]
) -> None:
    calls: list[str] = []

    async def going(kind: Resource, query: str) -> None:
        calls.append(kind.plural)
        if kind.plural == "namespaces" and calls.count("namespaces") == 2:
            await world.client.delete(kind, "other")

    world.client.before_list = going
    seen = await world.backup(included_namespaces=included)
    level = "error" if "other" in included else "warning"
    assert seen.told(level) == [
        "other: NamespaceMissing: was deleted when the backup began: what was in it may be missing"
    ]


async def test_many_namespaces_are_one_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "MANY", 3)
    names = [f"n{number}" for number in range(10)]
    await world.make(*map(namespace, names), *(config_map(f"{name}/a") for name in names))
    world.client.lists.clear()
    seen = await world.backup(included_namespaces=tuple(names[:4]))
    assert [one[0] for one in world.client.lists].count("configmaps") == 1
    maps = sorted(name for name in seen.names() if name.startswith("configmaps "))
    assert maps == [f"configmaps {name}/a" for name in names[:4]]


async def test_other_versions_of_what_others_need_are_one_list_of_each(world: World) -> None:
    snapshots = definition(
        "snapshot.storage.k8s.io", "VolumeSnapshotClass", versions="v1 v1beta1", scope="Cluster"
    )
    await world.make(snapshots)
    group = "snapshot.storage.k8s.io"
    await world.make(
        obj(STORAGE, "fast").with_(provisioner="disk.example.com"),
        volume("disk", storageClassName="fast"),
        claim("data", "disk", storageClassName="fast"),
        *(
            obj(f"{group}/v1/VolumeSnapshotClass", name).with_(
                driver="disk.example.com", deletionPolicy="Delete"
            )
            for name in ("a", "b", "c")
        ),
        obj(f"{group}/v1/VolumeSnapshotClass", "other").with_(
            driver="x.io", deletionPolicy="Delete"
        ),
    )
    world.client.lists.clear()
    seen = await world.backup()
    kind = f"volumesnapshotclasses.{group}"
    assert [name for name in seen.names(preferred=False) if name.startswith(kind)] == [
        f"{kind} {name} v1beta1" for name in ("a", "b", "c")
    ]
    assert [one[1] for one in world.client.lists if one[0] == kind] == ["v1", "v1beta1"]
