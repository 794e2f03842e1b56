from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.archive import open_archive
from kubeferry.restore.spool import Spool
from kubeferry.settings import Settings
from kubeferry.vault.commit import commit_backup
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from tests.builders import config_map, obj
from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.unit.vault.archives import NO_PROBLEMS, write_archive
from tests.unit.vault.faulty import FaultyStore, Request

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WEB = Identity("configmaps", "shop", "web")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    location = Location(name="vault", provider="local", bucket="bucket")
    return open_store(location, credentials=None, settings=Settings(local_root=tmp_path))


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


def web(**data: str) -> Item:
    return Item("configmaps", config_map("shop/web", **data))


async def test_of_an_entry_that_finalising_wrote_again_the_last_counts(
    store: Store, bucket: Path
) -> None:
    backup = Backup("b", [web(text="first")], rewritten=[web(text="last")])
    writer.write(bucket, backup)
    with Spool() as spool:
        await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.count() == 1
        assert spool.get(WEB) == writer.go_json(config_map("shop/web", text="last"))


async def test_files_that_nobody_expects_are_passed_over_with_a_note(
    store: Store, bucket: Path
) -> None:
    strays = {
        "resources/configmaps/namespaces/shop/deeper/web.json": b"{}",
        "resources/configmaps/namespaces/shop/web.yaml": b"x: 1",
        "resources/README": b"read me",
        "notes/today.txt": b"hello",
        "metadata/version": b"1.1.0\n",
        "metadata/more": b"{}",
    }
    writer.write(bucket, Backup("b", [web()], strays=strays))
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.count() == 1
    [note, _] = opened.read.notes
    assert note == (
        "4 files that are no objects were passed over: "
        "resources/configmaps/namespaces/shop/deeper/web.json, "
        "resources/configmaps/namespaces/shop/web.yaml, resources/README, notes/today.txt"
    )


async def test_an_empty_backup_of_velero_s_is_empty_and_says_so(store: Store, bucket: Path) -> None:
    writer.write(bucket, Backup("b", []))
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.kinds() == []
    assert opened.read.notes[0] == "the archive holds no objects"


async def test_an_archive_that_lacks_what_its_metadata_tells_of_is_damaged(
    store: Store, bucket: Path
) -> None:
    progress = {"totalItems": 12, "itemsBackedUp": 12}
    writer.write(bucket, Backup("b", [], status={"progress": progress}))
    with Spool() as spool, pytest.raises(ArchiveDamaged, match="holds no objects"):
        await open_archive(store, "b", spool=spool, now=NOW)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param({"phase": "Failed"}, "the backup is Failed", id="it failed"),
        pytest.param({"phase": "FinalizingPartiallyFailed"}, "Finalizing", id="not ended"),
        pytest.param({"phase": ""}, "the backup is unfinished", id="no phase"),
        pytest.param({"expiration": "2026-01-02T03:04:05Z"}, "expired", id="expired"),
    ],
)
async def test_what_cannot_be_restored_is_refused_before_it_is_read(
    store: Store, bucket: Path, status: dict[str, object], said: str
) -> None:
    writer.write(bucket, Backup("b", [web()], status=status))
    with Spool() as spool, pytest.raises(InvalidInput, match=said):
        await open_archive(store, "b", spool=spool, now=NOW)


async def test_a_version_that_the_target_serves_is_taken_from_the_archive(
    store: Store, bucket: Path
) -> None:
    bare, other = (obj(f"x.io/{version}/Gadget", "shop/a") for version in ("v2", "v1"))
    writer.write(bucket, Backup("b", [Item("gadgets.x.io", bare, others=(other,))]))
    served = Discovery((Resource("x.io", "v1", "gadgets", "Gadget", True),))
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW, discovery=served)
        body = spool.get(Identity("gadgets.x.io", "shop", "a"))
    assert body == writer.go_json(other)
    assert [note.reason for note in opened.notes] == ["OtherVersion"]


async def test_the_mark_of_a_backup_is_looked_at_once(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    async def count(verb: str, key: str, request: Request) -> Any:
        seen[key.rpartition("/")[2]] += 1
        return await request()

    faulty = FaultyStore(tmp_path / "counted")
    writer.write(tmp_path / "counted", Backup("b", [web()], era=writer.BEFORE_1_13))
    faulty.around = count
    with Spool() as spool:
        await open_archive(faulty, "b", spool=spool, now=NOW)
    assert seen["b-volumesnapshots.json.gz"] == seen["b-podvolumebackups.json.gz"] == 1
    assert (seen["velero-backup.json"], seen["b-checksums.json"]) == (1, 1)


async def test_a_backup_of_claims_where_there_were_none_is_empty(store: Store) -> None:
    facts = BackupFacts(name="b", asked={"backupType": "PvBackup"})
    await commit_backup(store, await write_archive(store, "b", []), facts, side=NO_PROBLEMS)
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.kinds() == []
    assert opened.read.notes[0] == "the archive holds no objects"
