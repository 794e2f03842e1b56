import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kubeferry.errors import BackupExists
from kubeferry.vault.claim import RENEWAL, STALE, Owner, new_claim, release, take_claim
from kubeferry.vault.cleanup import discard_after, discard_backup
from kubeferry.vault.commit import commit_backup
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from kubeferry.vault.writer import open_archive
from tests.unit.vault.archives import (
    NO_PROBLEMS,
    NOW,
    OWNER,
    pod,
    read_back,
    stored,
    write_archive,
    write_backup,
)
from tests.unit.vault.faulty import FaultyStore, Request

THEM = Owner("task-2", "cluster-2")


async def test_a_writer_of_the_same_task_deletes_nothing_of_its_successor(
    store: Store, folder: Path
) -> None:
    old = await write_archive(store, "b", [pod("old")])
    await write_backup(store, "b", [pod("new")])
    before = stored(folder)
    await discard_backup(store, old.claim)
    with pytest.raises(BackupExists, match="another task took the name"):
        await commit_backup(store, old, BackupFacts(name="b"), side=NO_PROBLEMS)
    assert stored(folder) == before


async def test_a_cleanup_stops_where_the_successor_begins(
    store: Store, faulty: FaultyStore
) -> None:
    old = await write_archive(store, "b", [pod("old")])
    await store.put("backups/b/b-x.json", b"a side file")
    deleted: list[str] = []

    async def around(verb: str, key: str, request: Request) -> object:
        found = await request()
        if verb == "delete":
            deleted.append(key)
            await write_backup(store, "b", [pod("new")])
        return found

    faulty.around = around
    await discard_backup(faulty, old.claim)
    assert deleted == ["backups/b/b.tar.gz"]
    assert [one.name for one in (await read_back(store, "b"))[0]] == ["new"]


async def test_an_upload_that_lost_its_name_does_not_replace_the_archive(
    store: Store, folder: Path
) -> None:
    async def write() -> None:
        async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:
            archive.add(pod("old"))
            await write_backup(store, "b", [pod("new")])
            before.update(stored(folder))
            await archive.finish()

    before: dict[str, bytes] = {}
    with pytest.raises(BackupExists, match="another task took the name"):
        await write()
    assert stored(folder) == before


async def test_a_cleanup_is_bounded_in_time(faulty: FaultyStore) -> None:
    archive = await write_archive(faulty, "b", [pod("web")])

    async def around(verb: str, key: str, request: Request) -> object:
        if verb == "delete":
            await asyncio.sleep(3600)
        return await request()

    faulty.around = around
    error = RuntimeError("why it is cleaned up")
    await discard_after(error, faulty, archive.claim, seconds=0.05)
    assert error.__notes__ == ["what was written was not deleted: that took more than 0 s"]


async def test_a_live_writer_renews_its_claim(store: Store, folder: Path) -> None:
    now = NOW
    path = folder / "backups/b/b-claim.json"

    def clock() -> datetime:
        return now

    async with open_archive(store, "b", clock=clock, owner=OWNER) as archive:
        token = json.loads(path.read_bytes())["token"]
        for _ in range(26):
            now += RENEWAL
            archive.add(pod("web"))
            await archive.flush()
        written = json.loads(path.read_bytes())
        assert (written["since"], written["token"]) == ("2026-01-03T05:04:05Z", token)
        with pytest.raises(BackupExists, match="task-1"):
            await take_claim(store, new_claim("b", THEM), clock=clock)
        await archive.finish()


async def test_a_renewal_finds_the_name_lost(store: Store) -> None:
    now = NOW

    async def write() -> None:
        nonlocal now
        async with open_archive(store, "b", clock=lambda: now, owner=OWNER) as archive:
            await take_claim(store, new_claim("b", OWNER), clock=lambda: now)
            now += RENEWAL
            await archive.flush()

    with pytest.raises(BackupExists, match="another task took the name"):
        await write()
    assert await store.exists("backups/b/b-claim.json")


@pytest.mark.parametrize(
    ("age", "is_dead"),
    [
        pytest.param(STALE, False, id="a day"),
        pytest.param(STALE + timedelta(seconds=1), True, id="more than a day"),
    ],
)
async def test_a_dead_clusters_claim_is_taken_over(
    store: Store, age: timedelta, *, is_dead: bool
) -> None:
    await take_claim(store, new_claim("b", THEM), clock=lambda: NOW)
    ours = new_claim("b", OWNER)
    if is_dead:
        await take_claim(store, ours, clock=lambda: NOW + age)
        await release(store, ours)
        assert not await store.exists("backups/b/b-claim.json")
    else:
        with pytest.raises(BackupExists, match="task-2"):
            await take_claim(store, ours, clock=lambda: NOW + age)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"uid":"x","since":"0001-01-01T00:00:00+14:00"}', id="a time before time"),
        pytest.param(b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", id="nested deeply"),
    ],
)
async def test_a_claim_that_says_nothing_is_nobodys(store: Store, content: bytes) -> None:
    await store.put("backups/b/b-claim.json", content)
    await take_claim(store, new_claim("b", OWNER), clock=lambda: NOW)
