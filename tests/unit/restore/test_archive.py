import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubeferry.restore.archive import Opened, open_archive
from kubeferry.restore.spool import Spool
from kubeferry.settings import Settings
from kubeferry.vault.claim import Owner
from kubeferry.vault.commit import SideFiles, commit_backup, skipped_volume
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from kubeferry.vault.writer import Entry
from kubeferry.vault.writer import open_archive as write_archive
from tests.builders import obj

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def volume(name: str, policy: str | None) -> Entry:
    spec = {} if policy is None else {"persistentVolumeReclaimPolicy": policy}
    body = obj("v1/PersistentVolume", name).with_(spec=spec).json
    return Entry("persistentvolumes", "v1", "v1/PersistentVolume", "", name, body)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    location = Location(name="vault", provider="local", bucket="bucket")
    return open_store(location, credentials=None, settings=Settings(local_root=tmp_path))


async def opened(store: Store, *entries: Entry, volumes: list[dict[str, object]]) -> Opened:
    owner = Owner(uid="task")
    async with write_archive(store, "b", clock=lambda: NOW, owner=owner) as archive:
        for entry in entries:
            archive.add(entry)
        facts = await archive.finish()
    side = SideFiles(results={}, volumes=volumes)
    await commit_backup(store, facts, BackupFacts(name="b"), side=side)
    with Spool() as spool:
        return await open_archive(store, "b", spool=spool, now=NOW)


@pytest.mark.parametrize(
    ("policy", "method", "kept"),
    [
        pytest.param("Retain", "", True, id="it outlives its claim and no data was taken"),
        pytest.param("Retain", "CSISnapshot", False, id="its data is in the backup"),
        pytest.param("Delete", "", False, id="it goes with its claim"),
        pytest.param(None, "", False, id="it does not say"),
    ],
)
async def test_which_volumes_are_restored_as_they_are(
    store: Store, policy: str | None, method: str, kept: bool
) -> None:
    info = skipped_volume(claim="data", namespace="shop", volume="disk", reason="")
    if method:
        info |= {"backupMethod": method, "skipped": False}
    found = await opened(store, volume("disk", policy), volumes=[json.loads(json.dumps(info))])
    assert found.restored_volumes == (frozenset({"disk"}) if kept else frozenset())


async def test_a_volume_that_is_none_is_left_to_the_plan(store: Store) -> None:
    broken = Entry("persistentvolumes", "v1", "v1/PersistentVolume", "", "odd", b"[]")
    found = await opened(store, broken, volume("disk", "Retain"), volumes=[])
    assert found.restored_volumes == frozenset({"disk"})
