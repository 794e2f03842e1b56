"""Side files that somebody else wrote: what they may make a reader hold, and believe."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from kubeferry.errors import ArchiveDamaged, BackupMissing, ChecksumMismatch
from kubeferry.vault import layout
from kubeferry.vault.commit import packed_list, skipped_volume
from kubeferry.vault.metadata import load_verified
from kubeferry.vault.sidefiles import load_side_file, load_volume_info
from kubeferry.vault.store import Store
from tests.conformance.trust_suite import WITH_KEY, write_backup
from tests.foreign import writer
from tests.foreign.writer import Backup
from tests.unit.vault.archives import pod

KIND = "volumeinfo.json.gz"
KEY = layout.backup_file("b", KIND)


async def put(store: Store, folder: Path, data: bytes) -> None:
    writer.write(folder, Backup("b", [], era=writer.BARE))
    await store.put(KEY, data)


async def test_many_volumes_are_read_one_by_one(store: Store, folder: Path) -> None:
    told = (
        skipped_volume(claim=f"c-{number}", namespace="n", volume="", reason='a "reason", [x]')
        for number in range(20_000)
    )
    await put(store, folder, packed_list(told))
    found = await load_volume_info(store, "b")
    assert [one.pvc_name for one in found] == [f"c-{number}" for number in range(20_000)]


async def test_a_small_file_that_unpacks_to_much_is_not_held(store: Store, folder: Path) -> None:
    await put(store, folder, gzip.compress(b"[" + b"{}," * (8 << 20) + b"{}]", 1))
    store.held_bytes = 4 << 20
    tracemalloc.start()
    with pytest.raises(ArchiveDamaged, match="says more than 4,194,304 bytes") as caught:
        await load_volume_info(store, "b")
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert caught.value.place.endswith(KEY)


async def test_a_file_that_is_too_large_is_not_fetched(store: Store, folder: Path) -> None:
    await put(store, folder, bytes(33 << 20))
    with pytest.raises(ArchiveDamaged, match="more than any such file"):
        await load_side_file(store, "b", KIND)


async def test_a_list_that_was_changed_is_told_as_that_whatever_is_in_it(store: Store) -> None:
    store.trust = WITH_KEY
    await write_backup(store, "b", [pod("web")])
    for data in (b"no gzip", gzip.compress(b"{"), gzip.compress(json.dumps([1]).encode())):
        await store.put(KEY, data)
        with pytest.raises(ChecksumMismatch):
            await load_volume_info(store, "b")


async def test_who_has_verified_a_backup_misses_none_of_its_files(store: Store) -> None:
    await write_backup(store, "b", [pod("web")])
    verified = await load_verified(store, "b")
    await store.delete(layout.backup_metadata("b"))
    with pytest.raises(BackupMissing):
        await load_volume_info(store, "b")
    assert await load_volume_info(store, "b", verified=verified) == []
    await store.delete(KEY)
    with pytest.raises(ArchiveDamaged, match="is gone"):
        await load_volume_info(store, "b", verified=verified)
