"""What every vault storage must do, whatever it is: subclass ``VaultSuite``, give it a ``store``.

What storages may do differently is probed here, not assumed: the suite holds with and without
conditional puts.
"""

import asyncio
import secrets
from contextlib import aclosing

import pytest

from kubeferry.errors import AlreadyStored, ArchiveDamaged, InvalidInput, ObjectMissing
from kubeferry.vault.store import CHUNK_BYTES, PART_BYTES, Store


class Stop(Exception):
    """What a test breaks an upload off with."""


async def read_stream(store: Store, key: str) -> list[bytes]:
    async with aclosing(store.stream(key)) as chunks:
        return [chunk async for chunk in chunks]


async def break_off(store: Store, key: str, size: int) -> None:
    """Writes so many bytes and fails."""
    async with store.writer(key) as upload:
        await upload.write(bytes(size))
        raise Stop


async def keys(store: Store, prefix: str) -> list[str]:
    return sorted([one.key async for one in store.list(prefix)])


class VaultSuite:
    creates_atomically = True

    @pytest.fixture
    async def store(self) -> Store:
        raise NotImplementedError

    async def test_what_is_put_is_got(self, store: Store) -> None:
        await store.put("backups/b/file", b"content")
        assert await store.get("backups/b/file") == b"content"

    async def test_a_second_put_replaces_the_first(self, store: Store) -> None:
        await store.put("backups/b/file", b"a long first content")
        await store.put("backups/b/file", b"second")
        assert await store.get("backups/b/file") == b"second"

    async def test_an_empty_object_is_an_object(self, store: Store) -> None:
        await store.put("backups/b/empty", b"")
        assert await store.get("backups/b/empty") == b""
        assert await read_stream(store, "backups/b/empty") == []
        assert await store.exists("backups/b/empty")

    @pytest.mark.parametrize("name", ["a b", "a:b", "ü-é-中", "a%2Fb", "a+b", "a#b", "a=b&c", "~a"])
    async def test_keys_of_odd_characters_are_told_apart(self, store: Store, name: str) -> None:
        await store.put(f"backups/{name}/{name}", name.encode())
        assert await store.get(f"backups/{name}/{name}") == name.encode()
        assert await store.folders("backups/") == [name]
        assert await keys(store, "backups/") == [f"backups/{name}/{name}"]

    async def test_what_is_larger_than_it_can_be_is_not_read(self, store: Store) -> None:
        await store.put("backups/b/file", b"12345")
        assert await store.get("backups/b/file", limit=5) == b"12345"
        with pytest.raises(ArchiveDamaged, match="backups/b/file: has 5 bytes"):
            await store.get("backups/b/file", limit=4)

    async def test_a_missing_key_is_object_missing(self, store: Store) -> None:
        with pytest.raises(ObjectMissing, match="backups/b/none"):
            await store.get("backups/b/none")
        with pytest.raises(ObjectMissing, match="backups/b/none"):
            await read_stream(store, "backups/b/none")
        assert not await store.exists("backups/b/none")

    async def test_a_folder_is_no_object(self, store: Store) -> None:
        await store.put("backups/b/file", b"1")
        assert not await store.exists("backups/b")

    async def test_deleting_what_is_missing_is_done(self, store: Store) -> None:
        await store.put("backups/b/file", b"1")
        await store.delete("backups/b/file")
        await store.delete("backups/b/file")
        await store.delete("backups/never/was")
        assert not await store.exists("backups/b/file")

    async def test_a_folder_is_gone_with_its_last_file(self, store: Store) -> None:
        await store.put("backups/b/file", b"1")
        await store.delete("backups/b/file")
        assert await store.folders("backups/") == []

    async def test_create_refuses_a_key_that_exists(self, store: Store) -> None:
        await store.put("backups/b/mark", b"first", create=True)
        with pytest.raises(AlreadyStored, match="backups/b/mark"):
            await store.put("backups/b/mark", b"second", create=True)
        assert await store.get("backups/b/mark") == b"first"

    async def test_finding_out_about_create_leaves_nothing(self, store: Store) -> None:
        await store.put("backups/b/mark", b"first", create=True)
        assert await keys(store, "metadata/") == []

    async def test_of_two_creators_at_once_one_wins(self, store: Store) -> None:
        await store.put("backups/b/warm", b"", create=True)
        if not self.creates_atomically:
            return
        results = await asyncio.gather(
            *(store.put("backups/b/mark", b"%d" % n, create=True) for n in range(8)),
            return_exceptions=True,
        )
        winners = [n for n, result in enumerate(results) if result is None]
        assert len(winners) == 1
        assert all(isinstance(one, AlreadyStored) for one in results if one is not None)
        assert await store.get("backups/b/mark") == b"%d" % winners[0]

    async def test_folders_and_lists_see_whole_names_only(self, store: Store) -> None:
        for key in ("backups/b1/x", "backups/b10/x", "backups/b1/deep/y", "restores/r/x"):
            await store.put(key, b"12345")
        assert await store.folders("backups/") == ["b1", "b10"]
        assert await store.folders("") == ["backups", "restores"]
        assert await keys(store, "backups/b1/") == ["backups/b1/deep/y", "backups/b1/x"]
        [one] = [one async for one in store.list("restores/")]
        assert (one.key, one.size, one.modified.tzinfo is not None) == ("restores/r/x", 5, True)

    async def test_nothing_there_lists_as_nothing(self, store: Store) -> None:
        assert await store.folders("backups/") == []
        assert await keys(store, "backups/") == []

    async def test_more_than_one_page_is_listed(self, store: Store) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(1100):
                group.create_task(store.put(f"backups/b/{number:04}", b"1"))
        assert len(await keys(store, "backups/b/")) == 1100

    @pytest.mark.parametrize(
        "size",
        [
            pytest.param(0, id="nothing at all"),
            pytest.param(1, id="one byte"),
            pytest.param(PART_BYTES, id="exactly a part"),
            pytest.param(2 * PART_BYTES + 12345, id="several parts"),
        ],
    )
    async def test_an_upload_is_read_back(self, store: Store, size: int) -> None:
        data = secrets.token_bytes(size)
        async with store.writer("backups/b/big") as upload:
            for start in range(0, size, 1_000_003):
                await upload.write(data[start : start + 1_000_003])
            assert not await store.exists("backups/b/big")
        chunks = await read_stream(store, "backups/b/big")
        assert b"".join(chunks) == data
        assert max(map(len, chunks), default=0) <= 16 * CHUNK_BYTES

    @pytest.mark.parametrize(
        "size",
        [pytest.param(10, id="in its first part"), pytest.param(3 * PART_BYTES, id="in its third")],
    )
    async def test_an_upload_broken_off_leaves_what_was(self, store: Store, size: int) -> None:
        await store.put("backups/b/big", b"before")
        for key in ("backups/b/big", "backups/b/new"):
            with pytest.raises(Stop):
                await break_off(store, key, size)
        assert await keys(store, "backups/") == ["backups/b/big"]
        assert await store.get("backups/b/big") == b"before"

    async def test_a_cancelled_upload_leaves_nothing(self, store: Store) -> None:
        begun = asyncio.Event()

        async def write() -> None:
            async with store.writer("backups/b/big") as upload:
                await upload.write(bytes(PART_BYTES + 1))
                begun.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(write())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await keys(store, "backups/") == []

    async def test_a_probe_works_and_leaves_nothing(self, store: Store) -> None:
        await store.probe()
        assert await store.folders("") == []

    @pytest.mark.parametrize(
        "key",
        ["file", "own/file", "backups", "backups//x", "backups/../x", "/backups/x", "backups/a\\b"],
    )
    async def test_a_key_outside_the_layout_is_never_written(self, store: Store, key: str) -> None:
        with pytest.raises(InvalidInput):
            await store.put(key, b"1")
        with pytest.raises(InvalidInput):
            async with store.writer(key):
                pass
        with pytest.raises(InvalidInput):
            await store.delete(key)
        assert await store.folders("") == []
