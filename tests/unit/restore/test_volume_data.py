import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubeferry.restore.archive import Opened, open_archive
from kubeferry.restore.spool import Spool
from kubeferry.settings import Settings
from kubeferry.vault.claim import Owner
from kubeferry.vault.commit import SideFiles, commit_backup, packed_list, skipped_volume
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from kubeferry.vault.writer import Entry
from kubeferry.vault.writer import open_archive as write_archive
from tests.builders import Built, obj
from tests.foreign import writer
from tests.foreign.writer import Era, Item, Method, Volume

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SNAPSHOTS = "volumesnapshots.snapshot.storage.k8s.io"


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
    side = SideFiles(results={}, volumes=packed_list(volumes))
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


def persistent_volume() -> Built:
    claim = {"namespace": "shop", "name": "data"}
    spec = {"persistentVolumeReclaimPolicy": "Retain", "claimRef": claim}
    return obj("v1/PersistentVolume", "disk").with_(spec=spec)


async def velero_s(
    store: Store, folder: Path, era: Era, method: Method, *, items: tuple[Item, ...] = ()
) -> Opened:
    """A backup of Velero's with one retained volume, whose data ``method`` took."""
    taken = Volume("shop/data", "disk", method, pod="web-0", reclaim_policy="Retain")
    disk = Item("persistentvolumes", persistent_volume())
    backup = writer.Backup("velero", [disk, *items], era=era, volumes=[taken])
    writer.write(folder, backup)
    with Spool() as spool:
        return await open_archive(store, "velero", spool=spool, now=NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


TAKEN = [
    pytest.param(era, method, id=f"{method}, {name}")
    for name, era, methods in (
        ("now", writer.NOW, ("NativeSnapshot", "PodVolumeBackup", "CSISnapshot", "DataMover")),
        (
            "before volumeinfo",
            writer.BEFORE_1_13,
            ("NativeSnapshot", "PodVolumeBackup", "CSISnapshot"),
        ),
        ("oldest", writer.OLDEST, ("NativeSnapshot", "PodVolumeBackup")),
    )
    for method in methods
]


@pytest.mark.parametrize(("era", "method"), TAKEN)
async def test_data_that_velero_took_is_missed_and_its_volume_not_kept(
    store: Store, folder: Path, era: Era, method: Method
) -> None:
    found = await velero_s(store, folder, era, method)
    assert found.restored_volumes == frozenset()
    assert found.claims_with_data == {("shop", "data")}


@pytest.mark.parametrize(
    "era",
    [
        pytest.param(writer.NOW, id="volumeinfo says so"),
        pytest.param(writer.NULLS, id="files are null"),
        pytest.param(writer.BEFORE_1_13, id="before volumeinfo"),
        pytest.param(writer.OLDEST, id="oldest"),
        pytest.param(writer.BARE, id="only metadata and archive"),
    ],
)
async def test_a_retained_volume_whose_data_velero_did_not_take_is_kept(
    store: Store, folder: Path, era: Era
) -> None:
    found = await velero_s(store, folder, era, "")
    assert found.restored_volumes == {"disk"}
    assert found.claims_with_data == frozenset()


def snapshot(**labels: str) -> Item:
    made = obj("snapshot.storage.k8s.io/v1/VolumeSnapshot", "shop/s").label(**labels)
    return Item(SNAPSHOTS, made.with_(spec={"source": {"persistentVolumeClaimName": "data"}}))


def upload(backup: str) -> Item:
    made = obj("velero.io/v2alpha1/DataUpload", "velero/u")
    made["metadata"]["labels"] = {"velero.io/backup-name": backup}
    spec = {"sourceNamespace": "shop", "sourcePVC": "data"}
    return Item("datauploads.velero.io", made.with_(spec=spec))


@pytest.mark.parametrize(
    ("item", "is_evidence"),
    [
        pytest.param(snapshot(**{"velero_io__backup-name": "velero"}), True, id="Velero's"),
        pytest.param(snapshot(**{"velero_io__backup-name": "other"}), False, id="another's"),
        pytest.param(snapshot(), False, id="a person's own"),
        pytest.param(upload("velero"), True, id="an upload"),
        pytest.param(upload("other"), False, id="another backup's upload"),
        pytest.param(Item(SNAPSHOTS, obj("x/v1/VolumeSnapshot", "shop/s")), False, id="is none"),
    ],
)
async def test_without_volumeinfo_the_snapshots_in_the_archive_tell(
    store: Store, folder: Path, item: Item, is_evidence: bool
) -> None:
    found = await velero_s(store, folder, writer.BARE, "", items=(item,))
    assert found.claims_with_data == ({("shop", "data")} if is_evidence else frozenset())
    assert found.restored_volumes == (frozenset() if is_evidence else {"disk"})


async def test_volumeinfo_has_the_last_word_on_its_claims(store: Store, folder: Path) -> None:
    found = await velero_s(
        store, folder, writer.NOW, "", items=(snapshot(**{"velero_io__backup-name": "velero"}),)
    )
    assert found.restored_volumes == {"disk"}
    assert found.claims_with_data == frozenset()
