"""A backup of a cluster in memory into a directory."""

import asyncio
import gzip
import json
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kubeferry.backup.freeze import FrozenPods
from kubeferry.backup.hooks import Hook
from kubeferry.backup.request import BackupRequest, BackupResult
from kubeferry.backup.run import run_backup
from kubeferry.backup.selection import Selection
from kubeferry.backup.volume_selection import VolumeSelection
from kubeferry.errors import ApiUnreachable, BackupExists, Forbidden, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.pages import Page
from kubeferry.report import Findings
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import SourceCluster
from kubeferry.vault.store import Store
from tests.builders import Built, config_map, namespace, obj

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SECRETS = Resource("", "v1", "secrets", "Secret", True)
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True)
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", False)
PODS = Resource("", "v1", "pods", "Pod", True)
REQUEST = BackupRequest(
    name="nightly",
    uid="task-1",
    location="vault",
    selection=Selection(included_namespaces=("shop",)),
    cluster=SourceCluster(name="unit", uid="cluster-1"),
)


def asked(**selection: Any) -> BackupRequest:
    """The same backup with another selection."""
    return replace(REQUEST, selection=Selection(**selection))


WITHOUT_DATA = asked(
    included_namespaces=("shop",), volumes=VolumeSelection(refusal="it was not asked for")
)


class Seam(Client):
    """A client to which an answer for one resource can be given."""

    failing: str = ""
    unreadable: str = ""
    sent: Mapping[str, Page] = {}
    failure: Exception = Forbidden("not allowed", kubernetes_reason="Forbidden")

    async def read(self, resource: Resource, name: str, **where: Any) -> bytes:
        if resource.group_resource == self.failing or name == self.unreadable:
            raise self.failure
        return await super().read(resource, name, **where)

    def pages(self, resource: Resource, **where: Any) -> Any:
        if resource.group_resource == self.failing:
            raise self.failure
        if resource.plural in self.sent:
            return self._sent(self.sent[resource.plural])
        return super().pages(resource, **where)

    async def _sent(self, page: Page) -> AsyncIterator[Page]:
        yield page


class NothingFrozen:
    """The list of frozen pods where no pod has hooks."""

    async def owe(self, hooks: Sequence[Hook]) -> None:
        raise AssertionError(hooks)

    async def settle(self, ended: Sequence[tuple[Hook, str]]) -> None:
        raise AssertionError(ended)


@dataclass
class Ground:
    client: Seam
    store: Store
    folder: Path
    frozen: FrozenPods = field(default_factory=NothingFrozen)

    async def run(self, request: BackupRequest = REQUEST) -> tuple[BackupResult, Findings]:
        findings = Findings()
        result = await run_backup(
            request,
            client=self.client,
            store=self.store,
            reporter=findings,
            clock=lambda: NOW,
            frozen=self.frozen,
        )
        return result, findings

    def entries(self, name: str = "nightly") -> dict[str, bytes]:
        path = self.folder / "backups" / name / f"{name}.tar.gz"
        with tarfile.open(path) as archive:
            found = {}
            for member in archive:
                content = archive.extractfile(member)
                assert content is not None
                found[member.name] = content.read()
            return found

    def objects(self, name: str = "nightly") -> set[str]:
        paths = (path for path in self.entries(name) if "-preferredversion/" not in path)
        return {
            path.removeprefix("resources/").removesuffix(".json")
            for path in paths
            if path.startswith("resources/")
        }

    def files(self) -> list[str]:
        return [
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        ]


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    location = Location(name="vault", provider="local", bucket="bucket")
    store = open_store(location, credentials=None, settings=Settings(local_root=tmp_path))
    async with Sandbox() as sandbox, Seam(ClusterConfig(server=sandbox.server)) as client:
        for name in ("shop", "other"):
            await client.create(NAMESPACES, namespace(name).label(team=name))
        await client.create(MAPS, config_map("shop/a", k="<&>"), namespace="shop")
        await client.create(MAPS, config_map("other/b"), namespace="other")
        await sandbox.settle()
        yield Ground(client, store, tmp_path / "bucket")


async def test_a_backup_holds_what_was_asked_for_as_the_server_has_it(ground: Ground) -> None:
    result, findings = await ground.run()
    assert (result.phase, result.errors, result.warnings) == ("Completed", 0, 0)
    assert findings.problems == []
    assert {"namespaces/cluster/shop", "configmaps/namespaces/shop/a"} <= ground.objects()
    assert not [one for one in ground.objects() if "other" in one or "kube-root-ca" in one]
    archived = json.loads(ground.entries()["resources/configmaps/namespaces/shop/a.json"])
    assert archived == await ground.client.get(MAPS, "a", namespace="shop")
    assert result.items == len(ground.objects())
    assert result.size == (ground.folder / "backups/nightly/nightly.tar.gz").stat().st_size
    assert (result.started, result.expiration) == ("2026-01-02T03:04:05Z", "2026-02-01T03:04:05Z")


async def test_everything_is_all_but_the_reserved_namespaces(ground: Ground) -> None:
    await ground.run(asked(excluded_namespaces=("other",)))
    spaces = {one.split("/")[2] for one in ground.objects() if "/namespaces/" in one}
    assert "shop" in spaces
    assert not spaces & {"other", "kube-system", "kube-public", "kube-node-lease"}
    assert not [one for one in ground.objects() if one.endswith("default/kubernetes")]


async def test_a_namespace_that_is_missing_makes_it_incomplete(ground: Ground) -> None:
    result, findings = await ground.run(asked(included_namespaces=("shop", "gone")))
    assert (result.phase, result.errors) == ("PartiallyFailed", 1)
    assert str(result.first_problem) == "gone: NamespaceMissing: was asked for and does not exist"
    assert "configmaps/namespaces/shop/a" in ground.objects()
    assert findings.errors == 1


async def test_a_namespace_that_may_not_be_taken_is_told(ground: Ground) -> None:
    out = {"metadata": {"labels": {"velero.io/exclude-from-backup": "true"}}}
    await ground.client.patch(NAMESPACES, "other", out, kind="merge")
    result, _ = await ground.run(asked(included_namespaces=("shop", "other")))
    assert (result.phase, result.warnings) == ("Completed", 1)
    assert "velero.io/exclude-from-backup" in str(result.first_problem)


@pytest.mark.parametrize(
    ("included", "said"),
    [
        pytest.param(("kube-system",), "none of kube-system is left", id="reserved"),
        pytest.param(("gone",), "get target namespace failed: none of gone", id="none is there"),
    ],
)
async def test_what_cannot_be_backed_up_leaves_nothing(
    ground: Ground, included: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        await ground.run(asked(included_namespaces=included))
    assert ground.files() == []


async def test_a_kind_that_cannot_be_listed_is_one_error_and_the_rest_goes_on(
    ground: Ground,
) -> None:
    ground.client.failing = "secrets"
    result, findings = await ground.run()
    assert (result.phase, result.errors) == ("PartiallyFailed", 1)
    [problem] = findings.problems
    assert (problem.reason, problem.subject) == ("Forbidden", "secrets")
    assert "configmaps/namespaces/shop/a" in ground.objects()
    results = ground.folder / "backups/nightly/nightly-results.gz"
    assert "not allowed" in gzip.decompress(results.read_bytes()).decode()


async def test_an_api_server_out_of_reach_ends_it_and_leaves_nothing(ground: Ground) -> None:
    ground.client.failing, ground.client.failure = "secrets", ApiUnreachable("no answer")
    with pytest.raises(ApiUnreachable):
        await ground.run()
    assert ground.files() == []
    ground.client.failing = ""
    result, _ = await ground.run()
    assert result.phase == "Completed"


async def test_a_defect_ends_it_and_leaves_nothing(ground: Ground) -> None:
    ground.client.failing, ground.client.failure = "secrets", RuntimeError("broken")
    with pytest.raises(RuntimeError):
        await ground.run()
    assert ground.files() == []


async def test_a_task_that_was_killed_after_its_commit_finds_its_backup(ground: Ground) -> None:
    first, _ = await ground.run()
    await ground.client.create(MAPS, config_map("shop/later"), namespace="shop")
    again, _ = await ground.run()
    assert again == first
    assert "configmaps/namespaces/shop/later" not in ground.objects()


async def test_another_task_finds_the_name_taken(ground: Ground) -> None:
    await ground.run()
    before = {name: (ground.folder / name).read_bytes() for name in ground.files()}
    with pytest.raises(BackupExists):
        await ground.run(replace(REQUEST, uid="task-2"))
    assert {name: (ground.folder / name).read_bytes() for name in ground.files()} == before


def mounting(claim: str) -> Built:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    spec = {"containers": [{"name": "main", "image": "nginx"}], "volumes": [volume]}
    return obj("v1/Pod", "shop/db").with_(spec=spec)


async def bound(ground: Ground) -> None:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    policy = {"persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/x"}}
    volume = obj("v1/PersistentVolume", "disk").with_(spec={**spec, **policy})
    await ground.client.create(VOLUMES, volume)
    wanted = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeName": "disk",
        "storageClassName": "",
    }
    claim = obj("v1/PersistentVolumeClaim", "shop/data").with_(spec=wanted)
    await ground.client.create(CLAIMS, claim, namespace="shop")
    status = {"status": {"phase": "Bound"}}
    await ground.client.patch(
        CLAIMS, "data", status, kind="merge", namespace="shop", subresource="status"
    )


@pytest.mark.parametrize(
    ("is_asked", "phase", "errors"),
    [
        pytest.param(True, "PartiallyFailed", 1, id="asked for: an error"),
        pytest.param(False, "Completed", 0, id="not asked for: none"),
    ],
)
async def test_the_data_of_a_bound_claim(
    ground: Ground, is_asked: bool, phase: str, errors: int
) -> None:
    await bound(ground)
    await ground.client.create(PODS, mounting("data"), namespace="shop")
    result, _ = await ground.run(REQUEST if is_asked else WITHOUT_DATA)
    assert (result.phase, result.errors) == (phase, errors)
    assert "persistentvolumes/cluster/disk" in ground.objects()
    info = ground.folder / "backups/nightly/nightly-volumeinfo.json.gz"
    [entry] = json.loads(gzip.decompress(info.read_bytes()))
    assert (entry["pvcName"], entry["pvName"], entry["skipped"]) == ("data", "disk", True)


async def test_a_volume_that_cannot_be_read_is_one_error_more(ground: Ground) -> None:
    await bound(ground)
    ground.client.failing = "persistentvolumes"
    result, findings = await ground.run(WITHOUT_DATA)
    assert result.phase == "PartiallyFailed"
    assert [one.subject for one in findings.problems if one.level == "error"] == [
        "persistentvolumes disk"
    ]


async def test_a_claim_that_is_none_is_archived_and_told(ground: Ground) -> None:
    odd = obj("v1/PersistentVolumeClaim", "shop/data").with_(spec={"volumeName": ["x"]})
    ground.client.sent = {CLAIMS.plural: Page([msgspec.Raw(odd.json)], "1")}
    result, findings = await ground.run(REQUEST)
    assert result.phase == "PartiallyFailed"
    assert ("Malformed", "persistentvolumeclaims shop/data") in {
        (one.reason, one.subject) for one in findings.problems
    }
    assert "persistentvolumeclaims/namespaces/shop/data" in ground.objects()


async def test_a_list_that_holds_no_objects_is_one_error_and_the_rest_goes_on(
    ground: Ground,
) -> None:
    listed = Page([msgspec.Raw(b"1"), msgspec.Raw(b"[]")], "1")
    ground.client.sent = {SECRETS.plural: listed}
    result, findings = await ground.run(REQUEST)
    assert (result.phase, result.errors) == ("PartiallyFailed", 1)
    [problem] = [one for one in findings.problems if one.level == "error"]
    assert problem.subject == "secrets"


async def test_a_definition_goes_along_with_its_objects(ground: Ground) -> None:
    crds = Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
    )
    things = Resource("x.io", "v1", "things", "Thing", True)
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    spec = {
        "group": "x.io",
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [version],
    }
    definition = obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.x.io")
    await ground.client.create(crds, definition.with_(spec=spec))
    await ground.client.create(things, obj("x.io/v1/Thing", "shop/a"), namespace="shop")
    await ground.run()
    name = "customresourcedefinitions.apiextensions.k8s.io/cluster/things.x.io"
    assert {name, "things.x.io/namespaces/shop/a"} <= ground.objects()

    ground.client.failing = "customresourcedefinitions.apiextensions.k8s.io"
    result, findings = await ground.run(replace(REQUEST, name="second", uid="task-2"))
    assert result.phase == "PartiallyFailed"
    assert "things.x.io/namespaces/shop/a" in ground.objects("second")
    assert any("things.x.io" in one.subject for one in findings.problems)


def ours() -> set["asyncio.Task[Any]"]:
    """The tasks that run, but for those of the server."""
    return {one for one in asyncio.all_tasks() if "RequestHandler" not in repr(one)}


async def test_a_backup_that_is_cancelled_while_it_relates_leaves_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bound(ground)
    reading = asyncio.Event()
    read = ground.client.read

    async def hanging(resource: Resource, name: str, **where: Any) -> bytes:
        if resource.plural == "persistentvolumes":
            reading.set()
            await asyncio.Event().wait()
        return await read(resource, name, **where)

    monkeypatch.setattr(ground.client, "read", hanging)
    before = ours()
    running = asyncio.create_task(ground.run(WITHOUT_DATA))
    async with asyncio.timeout(10):
        await reading.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert ours() == before
    assert (ground.files(), ground.client.room.used) == ([], 0)
    monkeypatch.undo()
    result, _ = await ground.run(WITHOUT_DATA)
    assert result.phase == "Completed"
