"""A restore from a directory into a cluster in memory, whole and interrupted."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import (
    ApiUnreachable,
    ArchiveDamaged,
    BackupMissing,
    ChecksumMismatch,
    FerryError,
    InvalidInput,
)
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.report import Silent
from kubeferry.restore.request import RestoreRequest, RestoreResult
from kubeferry.restore.run import run_restore
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.claim import Owner
from kubeferry.vault.commit import SideFiles, commit_backup
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from kubeferry.vault.writer import Entry, open_archive
from tests.builders import Built, config_map, namespace, obj

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
REQUEST = RestoreRequest(name="back", uid="task-1", backup="nightly", namespaces={"shop": "shop1"})
COUNT = 60
OBJECTS = (namespace("shop"), *(config_map(f"shop/m-{number:02}") for number in range(COUNT)))


class Seam(Client):
    """A client that dies at its so-manieth create, before or after the server has done it."""

    dies_at = 0
    creates = 0
    is_done = False

    async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
        self.creates += 1
        dies = self.creates == self.dies_at
        if dies and not self.is_done:
            raise ApiUnreachable("no answer")
        answer = await super().create(resource, body, **more)
        if dies:
            raise ApiUnreachable("no answer")
        return answer


@dataclass
class Ground:
    sandbox: Sandbox
    store: Store
    root: Path
    settings: Settings

    async def run(
        self, request: RestoreRequest = REQUEST, *, dies_at: int = 0, **more: Any
    ) -> RestoreResult:
        server = more.get("server", self.sandbox.server)
        async with Seam(ClusterConfig(server=server)) as client:
            client.dies_at = dies_at
            client.is_done = more.get("is_done", False)
            return await run_restore(
                request,
                client=client,
                store=self.store,
                settings=self.settings,
                reporter=Silent(),
                clock=lambda: NOW,
            )

    async def maps(self, where: str = "shop1") -> dict[str, Object]:
        async with Client(ClusterConfig(server=self.sandbox.server)) as client:
            listed = await client.list(MAPS, namespace=where)
        found = {one["metadata"]["name"]: one for one in listed}
        return {name: one for name, one in found.items() if name.startswith("m-")}

    def lines(self) -> list[dict[str, Any]]:
        return self.lines_of("back")

    def lines_of(self, restore: str) -> list[dict[str, Any]]:
        folder = self.root / "bucket" / "restores" / restore
        return [
            json.loads(line)
            for path in sorted(folder.glob(f"{restore}-items-*.jsonl.gz"))
            for line in gzip.decompress(path.read_bytes()).splitlines()
        ]


def entry(made: Built) -> Entry:
    meta, kind, api_version = made["metadata"], made["kind"], made["apiVersion"]
    group, _, version = api_version.rpartition("/")
    plural = f"{kind.lower()}{'es' if kind[-1] == 's' else 's'}.{group}".rstrip(".")
    type_key = f"{api_version}/{kind}"
    return Entry(plural, version, type_key, meta.get("namespace", ""), meta["name"], made.json)


async def stored(store: Store, *objects: Built, **facts: Any) -> None:
    owner = Owner(uid="backup-1")
    async with open_archive(store, "nightly", clock=lambda: NOW, owner=owner) as archive:
        for made in objects:
            archive.add(entry(made))
        written = await archive.finish()
    side = SideFiles(results={})
    await commit_backup(store, written, BackupFacts(name="nightly", **facts), side=side)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with Sandbox() as sandbox:
        store = open_store(location, credentials=None, settings=settings)
        yield Ground(sandbox, store, tmp_path, settings)


async def test_a_restore_makes_everything_once_and_tells_it(ground: Ground) -> None:
    await stored(ground.store, *OBJECTS)
    result = await ground.run()
    assert (result.phase, result.counts) == ("Completed", {"created": COUNT + 1})
    maps = await ground.maps()
    assert len(maps) == COUNT
    assert maps["m-07"]["metadata"]["labels"] == {
        "velero.io/backup-name": "nightly",
        "velero.io/restore-name": "back",
    }
    told = Counter(tuple(line["source"]) for line in ground.lines())
    assert len(told) == COUNT + 1
    # Without a key the line of what is done again does not stand for it.
    assert {kind for (kind, _, _), times in told.items() if times > 1} <= {"namespaces"}
    folder = ground.root / "bucket/restores/back"
    listed = json.loads(
        gzip.decompress((folder / "restore-back-resource-list.json.gz").read_bytes())
    )
    assert listed["v1/ConfigMap"][0] == "shop1/m-00(created)"
    assert list((ground.root / "spool").iterdir()) == []


@pytest.mark.parametrize("is_done", [False, True], ids=["before it was done", "after it was done"])
@pytest.mark.parametrize("dies_at", [1, 2, COUNT // 2, COUNT + 1])
async def test_a_restore_that_was_cut_off_is_finished_by_the_next(
    ground: Ground, dies_at: int, is_done: bool
) -> None:
    await stored(ground.store, *OBJECTS)
    with pytest.raises(ApiUnreachable):
        await ground.run(dies_at=dies_at, is_done=is_done)
    before = await ground.maps()
    assert list((ground.root / "spool").iterdir()) == []

    result = await ground.run(REQUEST)
    assert (result.phase, result.counts) == ("Completed", {"created": COUNT + 1})
    after = await ground.maps()
    assert len(after) == COUNT
    assert before.items() <= after.items()
    told = Counter(tuple(line["source"]) for line in ground.lines())
    assert len(told) == COUNT + 1
    # Without a key the line of what is done again does not stand for it.
    assert {kind for (kind, _, _), times in told.items() if times > 1} <= {"namespaces"}


async def test_a_restore_that_was_killed_without_a_word_is_finished_by_the_next(
    ground: Ground,
) -> None:
    await stored(ground.store, *OBJECTS)
    await ground.run()
    for path in (ground.root / "bucket/restores/back").glob("back-items-*"):
        path.unlink()
    result = await ground.run(REQUEST)
    assert (result.phase, result.counts) == ("Completed", {"created": COUNT + 1})
    assert len(ground.lines()) == COUNT + 1


async def test_a_restore_that_is_cancelled_tells_what_it_did(ground: Ground) -> None:
    await stored(ground.store, *OBJECTS)
    task = asyncio.create_task(ground.run())
    async with asyncio.timeout(10):
        while len(await ground.maps()) < 3:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    made = await ground.maps()
    told = {line["target"][2] for line in ground.lines()}
    assert len(told) > 2
    assert told - {"shop1"} <= set(made)


async def test_another_restore_finds_everything_there_and_overwrites_nothing(
    ground: Ground,
) -> None:
    await stored(ground.store, *OBJECTS)
    await ground.run()
    before = await ground.maps()
    result = await ground.run(replace(REQUEST, name="again", uid="task-2"))
    assert result.phase == "Completed"
    assert result.counts == {"skipped": COUNT + 1}
    assert result.warnings == 0
    assert await ground.maps() == before


async def test_the_same_name_of_another_cluster_gets_a_folder_of_its_own(ground: Ground) -> None:
    await stored(ground.store, *OBJECTS)
    await ground.run()
    lines = ground.lines()
    await ground.run(replace(REQUEST, uid="task-2"))
    assert ground.lines() == lines
    folders = sorted(path.name for path in (ground.root / "bucket/restores").iterdir())
    assert [name[:5] for name in folders] == ["back", "back-"]


def damage(root: Path, kind: str) -> None:
    folder = root / "bucket/backups/nightly"
    archive = folder / "nightly.tar.gz"
    data = bytearray(archive.read_bytes())
    if kind == "half":
        (folder / "velero-backup.json").unlink()
    elif kind == "cut":
        archive.write_bytes(data[:-20])
    elif kind == "changed":
        data[4] ^= 1
        archive.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param("half", BackupMissing, id="it was never finished"),
        pytest.param("cut", ArchiveDamaged, id="it is truncated"),
        pytest.param("changed", ChecksumMismatch, id="its checksum differs"),
    ],
)
async def test_an_archive_that_cannot_be_trusted_changes_nothing(
    ground: Ground, kind: str, error: type[FerryError]
) -> None:
    await stored(ground.store, *OBJECTS)
    damage(ground.root, kind)
    with pytest.raises(error):
        await ground.run()
    await untouched(ground)


async def untouched(ground: Ground) -> None:
    assert await ground.maps() == {}
    assert not (ground.root / "bucket/restores").exists()
    assert list((ground.root / "spool").iterdir()) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        pytest.param({"phase": "Failed"}, "the backup is Failed", id="it failed"),
        pytest.param({"phase": ""}, "the backup is unfinished", id="it has no phase"),
        pytest.param(
            {"expiration": NOW - timedelta(seconds=1)}, "expired on 2026-01-02", id="it expired"
        ),
    ],
)
async def test_a_backup_that_may_not_be_restored_changes_nothing(
    ground: Ground, facts: dict[str, Any], said: str
) -> None:
    await stored(ground.store, *OBJECTS, **facts)
    with pytest.raises(InvalidInput, match=said):
        await ground.run()
    await untouched(ground)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        pytest.param({"other": "x"}, "the backup has no namespace 'other'", id="of nothing"),
        pytest.param(
            {"shop": "one", "store": "one"}, "configmaps m-00 of shop and store", id="of a clash"
        ),
    ],
)
async def test_a_mapping_that_cannot_be_changes_nothing(
    ground: Ground, mapping: dict[str, str], said: str
) -> None:
    await stored(ground.store, config_map("shop/m-00"), config_map("store/m-00"))
    with pytest.raises(InvalidInput, match=said):
        await ground.run(replace(REQUEST, namespaces=mapping))
    await untouched(ground)


async def test_an_archive_without_objects_is_no_backup(ground: Ground) -> None:
    await stored(ground.store)
    with pytest.raises(ArchiveDamaged, match="holds no objects"):
        await ground.run()
    await untouched(ground)


async def test_what_a_refused_definition_defines_is_not_sent_anywhere(ground: Ground) -> None:
    spec = {
        "group": "x.io",
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [{"name": "v1", "served": True, "storage": True}],
    }
    refused = obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.x.io")
    thing = obj("x.io/v1/Thing", "shop/a")
    await stored(ground.store, namespace("shop"), refused.with_(spec=spec), thing)
    result = await ground.run()
    assert result.counts == {"created": 1, "failed": 2}
    reasons = {line["source"][2]: line.get("reason") for line in ground.lines()}
    assert reasons["a"] == "DefinitionNotRestored"
