"""What may happen to the one request that makes a backup: the commit mark."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from kubeferry.errors import BackupMissing, VaultUnavailable
from kubeferry.vault import layout
from kubeferry.vault.commit import commit_backup
from kubeferry.vault.metadata import BackupFacts, load_backup
from tests.unit.vault.archives import NO_PROBLEMS, pod, read_back, write_archive
from tests.unit.vault.faulty import FaultyStore, Request

FACTS = BackupFacts(name="b")
MARK = layout.backup_metadata("b")


@pytest.fixture
def store(faulty: FaultyStore) -> FaultyStore:
    return faulty


def on_mark(store: FaultyStore, do: Callable[[Request], Awaitable[None]], failed: int = 0) -> None:
    """Lets ``do`` decide when and whether the mark is put; it cannot be read so many times."""
    left = [failed]

    async def around(verb: str, key: str, request: Request) -> object:
        if (verb, key) == ("put", MARK):
            return await do(request)
        if (verb, key) == ("get", MARK) and left[0]:
            left[0] -= 1
            raise VaultUnavailable("down")
        return await request()

    store.around = around


async def lost_answer(put: Request) -> None:
    await put()
    raise VaultUnavailable("no answer")


async def refused(put: Request) -> None:
    raise VaultUnavailable("no answer")


@pytest.mark.parametrize("failed_reads", [0, 2])
async def test_a_mark_whose_answer_was_lost_is_found(store: FaultyStore, failed_reads: int) -> None:
    archive = await write_archive(store, "b", [pod("web")])
    on_mark(store, lost_answer, failed_reads)
    written = await commit_backup(store, archive, FACTS, side=NO_PROBLEMS, patience=(0, 0, 0))
    assert await load_backup(store, "b") == written
    assert not await store.exists(layout.backup_claim("b"))


async def test_a_mark_that_is_not_there_leaves_nothing(store: FaultyStore) -> None:
    archive = await write_archive(store, "b", [pod("web")])
    on_mark(store, refused)
    with pytest.raises(VaultUnavailable, match="no answer"):
        await commit_backup(store, archive, FACTS, side=NO_PROBLEMS, patience=(0, 0))
    assert await store.folders("backups/") == []


async def test_where_nothing_tells_of_the_mark_everything_stays(store: FaultyStore) -> None:
    archive = await write_archive(store, "b", [pod("web")])
    on_mark(store, lost_answer, 2)
    with pytest.raises(VaultUnavailable, match="cannot be looked for"):
        await commit_backup(store, archive, FACTS, side=NO_PROBLEMS, patience=(0, 0))
    assert (await read_back(store, "b"))[2].is_verified


async def test_after_the_mark_nothing_raises(
    store: FaultyStore, caplog: pytest.LogCaptureFixture
) -> None:
    archive = await write_archive(store, "b", [pod("web")])

    async def around(verb: str, key: str, request: Request) -> object:
        if (verb, key) == ("delete", layout.backup_claim("b")):
            raise VaultUnavailable("a blip")
        return await request()

    store.around = around
    await commit_backup(store, archive, FACTS, side=NO_PROBLEMS)
    assert (await read_back(store, "b"))[2].is_verified
    assert "backup b is committed, its claim was not deleted: a blip" in caplog.text


@pytest.mark.parametrize("lands", [True, False], ids=["it lands", "it fails"])
async def test_a_cancelled_commit_waits_for_its_mark(store: FaultyStore, *, lands: bool) -> None:
    archive = await write_archive(store, "b", [pod("web")])
    sent, answer = asyncio.Event(), asyncio.Event()

    async def slow(put: Request) -> None:
        sent.set()
        await answer.wait()
        if not lands:
            raise VaultUnavailable("no answer")
        await put()

    on_mark(store, slow)
    task = asyncio.create_task(
        commit_backup(store, archive, FACTS, side=NO_PROBLEMS, patience=(0,))
    )
    await sent.wait()
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert await store.exists(layout.archive("b"))
    answer.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    if lands:
        assert (await read_back(store, "b"))[2].is_verified
        assert not await store.exists(layout.backup_claim("b"))
    else:
        assert await store.folders("backups/") == []
        with pytest.raises(BackupMissing):
            await load_backup(store, "b")


async def test_a_mark_that_never_answers_keeps_the_archive(store: FaultyStore) -> None:
    archive = await write_archive(store, "b", [pod("web")])
    sent = asyncio.Event()

    async def stalled(put: Request) -> None:
        sent.set()
        await asyncio.sleep(3600)

    on_mark(store, stalled)
    task = asyncio.create_task(commit_backup(store, archive, FACTS, side=NO_PROBLEMS))
    await sent.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    task.cancel()  # a second time: nobody waits any longer
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await store.exists(layout.archive("b"))
