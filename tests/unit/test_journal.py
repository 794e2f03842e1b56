import asyncio
import gzip

import msgspec
import pytest

from kubeferry.errors import AlreadyStored, VaultUnavailable
from kubeferry.journal import HOOK_AGE, MAX_AGE, MAX_BYTES, HookRun, Item, Journal, read_line


class Files:
    """Where a journal is stored, and the time it is told."""

    def __init__(self) -> None:
        self.stored: dict[int, bytes] = {}
        self.time = 0.0
        self.is_broken = False
        self.is_storing = False
        self.open = asyncio.Event()
        self.open.set()

    async def store(self, number: int, data: bytes) -> None:
        assert self.open.is_set() or not self.is_storing, "two files at the same time"
        self.is_storing = True
        try:
            await self.open.wait()
        finally:
            self.is_storing = False
        if self.is_broken:
            raise VaultUnavailable("no answer")
        if number in self.stored:
            raise AlreadyStored("is there")
        self.stored[number] = data

    def names(self) -> list[list[str]]:
        """Whose lines each file has, in the order in which the files were stored."""
        return [[one.source[2] for one in read(data)] for data in self.stored.values()]

    def now(self) -> float:
        return self.time

    def journal(self, *, first: int = 1) -> Journal:
        return Journal(self.store, first=first, now=self.now)


def item(name: str, **fields: object) -> Item:
    where = ("configmaps", "shop", name)
    return Item(source=where, target=where, action="created", **fields)  # type: ignore[arg-type]


def read(data: bytes) -> list[Item | HookRun]:
    return [read_line(line) for line in gzip.decompress(data).splitlines()]


async def test_what_is_written_is_read_back() -> None:
    files = Files()
    journal = files.journal()
    items = [
        item("a", kind="v1/ConfigMap", changes=[{"pointer": "/data/x", "new": "é\n"}]),
        item("b", reason="Exists", problems=[("warning", "Exists", "is there")], images=["x:1"]),
    ]
    for one in items:
        journal.add(one)
    await journal.flush()
    assert read(files.stored[1]) == items


async def test_a_file_begins_after_another_and_is_never_written_twice() -> None:
    files = Files()
    journal = files.journal(first=4)
    for name in ("a", "b"):
        journal.add(item(name))
        await journal.flush()
        await journal.flush()
    assert list(files.stored) == [4, 5]
    assert [one.source[2] for one in read(files.stored[5])] == ["b"]


async def test_a_number_that_an_earlier_run_used_is_passed_over() -> None:
    files = Files()
    files.stored[1] = b"of an earlier run"
    journal = files.journal()
    for name in ("a", "b"):
        journal.add(item(name))
        await journal.flush()
    assert list(files.stored) == [1, 2, 3]


async def test_lines_whose_file_could_not_be_stored_are_in_the_next_one() -> None:
    files = Files()
    journal = files.journal()
    for name in ("a", "b"):
        journal.add(item(name))
        files.is_broken = True
        with pytest.raises(VaultUnavailable):
            await journal.flush()
    assert journal.is_due()
    journal.add(item("c"))
    files.is_broken = False
    await journal.store_due()
    assert files.names() == [["a", "b", "c"]]
    assert not journal.is_due()


async def test_lines_whose_storing_was_broken_off_are_in_the_next_file_in_their_order() -> None:
    files = Files()
    journal = files.journal()
    journal.add(item("a"))
    files.open.clear()
    storing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    journal.add(item("b"))
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)
    files.open.set()
    journal.add(item("c"))
    await journal.flush()
    assert files.names() == [["a", "b", "c"]]


async def test_files_are_stored_one_after_the_other() -> None:
    files = Files()
    journal = files.journal()
    files.open.clear()
    async with asyncio.TaskGroup() as group:
        for name in ("a", "b"):
            journal.add(item(name))
            group.create_task(journal.flush())
            await asyncio.sleep(0)
        assert files.stored == {}
        files.open.set()
    assert (list(files.stored), files.names()) == ([1, 2], [["a"], ["b"]])


async def test_of_many_that_find_a_file_due_one_stores_it() -> None:
    files = Files()
    journal = files.journal()
    files.open.clear()
    journal.add(item("a"))
    files.time = MAX_AGE
    async with asyncio.TaskGroup() as group:
        group.create_task(journal.store_due())
        await asyncio.sleep(0)
        journal.add(item("b"))
        files.time = 2 * MAX_AGE
        for _ in range(3):
            group.create_task(journal.store_due())
            await asyncio.sleep(0)
        journal.add(item("c"))
        files.open.set()
    assert files.names() == [["a"], ["b", "c"]]
    journal.add(item("d"))
    await journal.store_due()
    assert len(files.stored) == 2, "d is not due yet"


async def test_a_file_is_due_when_its_oldest_line_is_old() -> None:
    files = Files()
    journal = files.journal()
    files.time = 5 * MAX_AGE
    assert not journal.is_due()
    journal.add(item("a"))
    files.time += MAX_AGE - 0.1
    journal.add(item("b"))
    assert not journal.is_due()
    files.time += 0.1
    assert journal.is_due()
    await journal.flush()
    assert not journal.is_due()


POD = ("pods", "shop", "web")


async def test_a_hook_has_a_line_of_its_own_among_those_of_objects() -> None:
    files = Files()
    journal = files.journal()
    lines = [
        item("a"),
        HookRun(source=POD, target=POD, number=0, hook="h", container="main"),
        HookRun(POD, POD, 1, "h", "main", "failed", "HookFailed", "exit code 1"),
        item("b"),
    ]
    for one in lines:
        journal.add(one)
    await journal.flush()
    assert read(files.stored[1]) == lines


def test_a_hook_s_line_makes_its_file_due_sooner() -> None:
    files = Files()
    journal = files.journal()
    journal.add(HookRun(POD, POD, 0, "h"))
    files.time = HOOK_AGE / 2
    journal.add(item("a"))
    assert not journal.is_due()
    files.time = HOOK_AGE
    assert journal.is_due()


def test_a_line_from_before_there_were_hooks_reads_as_it_did() -> None:
    line = b'{"source":["pods","a","b"],"target":["pods","c","b"],"action":"created"}'
    assert read_line(line) == Item(("pods", "a", "b"), ("pods", "c", "b"), "created")


def test_a_file_is_due_when_its_lines_are_many() -> None:
    journal = Files().journal()
    line = item("a", message="x" * (MAX_BYTES // 8))
    added = 0
    while not journal.is_due():
        journal.add(line)
        added += 1
    assert added == 8


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"{}", id="a line without its fields"),
        pytest.param(b"{", id="a line that is no JSON"),
        pytest.param(b'{"source":["a","b"]}', id="a source that is no identity"),
        pytest.param(b'{"type":"hook","number":0}', id="a hook of no pod"),
    ],
)
def test_a_damaged_line_is_told(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_line(line)


async def test_changes_that_cannot_be_written_are_left_out_of_their_line() -> None:
    files = Files()
    journal = files.journal()
    deep: dict[str, object] = {}
    for _ in range(3000):
        deep = {"a": deep}
    journal.add(item("a", reason="Malformed", changes=[{"pointer": "/data", "new": deep}]))
    await journal.flush()
    assert read(files.stored[1]) == [item("a", reason="Malformed")]
