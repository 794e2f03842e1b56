import gzip

import msgspec
import pytest

from kubeferry.journal import MAX_AGE, MAX_BYTES, Item, Journal, read_item


class Files:
    """Where a journal is stored, and the time it is told."""

    def __init__(self) -> None:
        self.stored: dict[int, bytes] = {}
        self.time = 0.0

    async def store(self, number: int, data: bytes) -> None:
        self.stored[number] = data

    def now(self) -> float:
        return self.time

    def journal(self, *, first: int = 1) -> Journal:
        return Journal(self.store, first=first, now=self.now)


def item(name: str, **fields: object) -> Item:
    where = ("configmaps", "shop", name)
    return Item(source=where, target=where, action="created", **fields)  # type: ignore[arg-type]


def read(data: bytes) -> list[Item]:
    return [read_item(line) for line in gzip.decompress(data).splitlines()]


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
    ],
)
def test_a_damaged_line_is_told(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_item(line)


async def test_changes_that_cannot_be_written_are_left_out_of_their_line() -> None:
    files = Files()
    journal = files.journal()
    deep: dict[str, object] = {}
    for _ in range(3000):
        deep = {"a": deep}
    journal.add(item("a", reason="Malformed", changes=[{"pointer": "/data", "new": deep}]))
    await journal.flush()
    assert read(files.stored[1]) == [item("a", reason="Malformed")]
