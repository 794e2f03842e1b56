import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from kubeferry.errors import ArchiveDamaged, BackupExists, BackupMissing, VaultError
from kubeferry.vault import layout
from kubeferry.vault.claim import Owner
from kubeferry.vault.cleanup import delete_backup
from kubeferry.vault.commit import SideFiles, commit_backup, packed_list, skipped_volume
from kubeferry.vault.keys import NO_KEY
from kubeferry.vault.metadata import BackupFacts, load_backup
from kubeferry.vault.store import Store
from tests.conformance.trust_suite import ALL_FILES, WITH_KEY
from tests.unit.vault.archives import NO_PROBLEMS, pod, stored, write_archive, write_backup

FACTS = BackupFacts(name="b")
THEM = Owner("task-2", "cluster-2")
FILES = ("velero-backup.json", *(layout.backup_file("b", kind)[10:] for kind in ALL_FILES))


async def test_the_files_are_veleros(store: Store, folder: Path) -> None:
    volume = skipped_volume(claim="c", namespace="default", volume="pv-1", reason="no mover yet")
    side = SideFiles(
        log=b"line\n",
        results={"errors": {"velero": ["x"]}, "warnings": {}},
        volumes=packed_list([volume]),
    )
    await commit_backup(store, await write_archive(store, "b", [pod("web")]), FACTS, side=side)
    place = folder / "backups/b"
    packed = {
        path.name.removeprefix("b-"): gzip.decompress(path.read_bytes())
        for path in place.glob("b-*.gz")
    }
    assert packed == {
        "logs.gz": b"line\n",
        "resource-list.json.gz": b'{"v1/Pod":["default/web"]}\n',
        "results.gz": b'{"errors":{"velero":["x"]},"warnings":{}}\n',
        "podvolumebackups.json.gz": b"[]\n",
        "volumesnapshots.json.gz": b"[]\n",
        "itemoperations.json.gz": b"[]\n",
        "volumeinfo.json.gz": packed["volumeinfo.json.gz"],
    }
    [entry] = json.loads(packed["volumeinfo.json.gz"])
    assert entry["skipped"] is True
    assert (entry["pvcName"], entry["pvcNamespace"], entry["pvName"]) == ("c", "default", "pv-1")
    assert {path.name for path in place.iterdir()} == {
        *(f"b-{kind}" for kind in packed),
        "b.tar.gz",
        "b-checksums.json",
        "velero-backup.json",
    }


async def test_every_other_file_has_its_checksum(store: Store, folder: Path) -> None:
    await write_backup(store, "b", [pod("web")])
    place = folder / "backups/b"
    sums = json.loads((place / "b-checksums.json").read_bytes())
    assert sums["algorithm"] == "sha256"
    assert sums["files"] == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in place.iterdir()
        if path.name != "b-checksums.json"
    }


async def test_the_facts_are_written_and_read_back(store: Store) -> None:
    archive = await write_archive(store, "b", [pod("web")])
    written = await commit_backup(store, archive, FACTS, side=NO_PROBLEMS)
    assert written.bytes == archive.size
    assert written.is_ours
    assert await load_backup(store, "b") == written


async def test_a_name_lost_on_the_way_touches_nothing(store: Store, folder: Path) -> None:
    archive = await write_archive(store, "b", [pod("ours")])
    await store.delete("backups/b/b-claim.json")
    theirs = await write_archive(store, "b", [pod("theirs")], owner=THEM)
    with pytest.raises(BackupExists, match="another task took the name"):
        await commit_backup(store, archive, FACTS, side=NO_PROBLEMS)
    await commit_backup(store, theirs, FACTS, side=NO_PROBLEMS)
    assert (folder / "backups/b/b.tar.gz").stat().st_size == theirs.size


async def test_a_backup_that_another_task_committed_is_not_touched(
    store: Store, folder: Path
) -> None:
    archive = await write_archive(store, "b", [pod("ours")])
    await store.delete("backups/b/b-claim.json")
    theirs = await write_archive(store, "b", [pod("theirs")], owner=THEM)
    await commit_backup(store, theirs, FACTS, side=NO_PROBLEMS)
    before = stored(folder)
    with pytest.raises(BackupExists):
        await commit_backup(store, archive, FACTS, side=SideFiles(log=b"ours", results={}))
    assert stored(folder) == before


async def test_a_mark_that_appears_on_the_way_is_not_overwritten(store: Store) -> None:
    archive = await write_archive(store, "b", [pod("ours")])
    await store.put("backups/b/velero-backup.json", b"theirs")
    with pytest.raises(BackupExists):
        await commit_backup(store, archive, FACTS, side=NO_PROBLEMS)
    assert await store.get("backups/b/velero-backup.json") == b"theirs"
    assert await store.exists("backups/b/b.tar.gz")


async def test_an_archive_overwritten_on_the_way_is_found(store: Store) -> None:
    archive = await write_archive(store, "b", [pod("ours")])
    await store.put("backups/b/b.tar.gz", b"something else")
    with pytest.raises(ArchiveDamaged, match="14 are there"):
        await commit_backup(store, archive, FACTS, side=NO_PROBLEMS)
    assert await store.folders("backups/") == []


@pytest.mark.parametrize("file", FILES)
async def test_a_file_that_cannot_be_stored_leaves_nothing(
    store: Store, folder: Path, file: str
) -> None:
    store.trust = WITH_KEY
    (folder / "backups/b" / file).mkdir(parents=True)
    (folder / "backups/b" / file / "in-the-way").write_bytes(b"")
    with pytest.raises(VaultError, match=re.escape(file)):
        await write_backup(store, "b", [pod("web")])
    assert await store.folders("backups/") == []


async def test_these_files_are_all_there_are(store: Store, folder: Path) -> None:
    store.trust = WITH_KEY
    await write_backup(store, "b", [pod("web")])
    assert sorted(path.name for path in (folder / "backups/b").iterdir()) == sorted(FILES)


async def test_the_mark_is_deleted_first(store: Store, folder: Path) -> None:
    await write_backup(store, "b", [pod("web")])
    await write_backup(store, "other", [pod("web")])
    await delete_backup(store, "b")
    assert await store.folders("backups/") == ["other"]
    with pytest.raises(BackupMissing):
        await delete_backup(store, "b")


async def test_a_backup_half_deleted_is_no_backup_and_can_be_deleted(store: Store) -> None:
    await write_backup(store, "b", [pod("web")])
    await store.delete("backups/b/velero-backup.json")
    with pytest.raises(BackupMissing):
        await load_backup(store, "b")
    await delete_backup(store, "b")
    await write_backup(store, "b", [pod("web")])


async def test_the_signature_of_an_attempt_that_died_does_not_make_a_backup_a_forged_one(
    store: Store,
) -> None:
    store.trust = WITH_KEY
    written = await write_archive(store, "b", [pod("web")])
    await store.put(layout.signature("b"), b'{"algorithm":"hmac-sha256","keyId":"x","mac":"y"}')
    store.trust = NO_KEY
    await commit_backup(store, written, FACTS, side=NO_PROBLEMS)
    assert not await store.exists(layout.signature("b"))
    await load_backup(store, "b")
