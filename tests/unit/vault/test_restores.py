import gzip
import json
from pathlib import Path

import pytest

from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.vault.restores import (
    claim_restore_folder,
    items_lines,
    items_sink,
    next_items_number,
    put_restore_files,
)
from kubeferry.vault.store import Store


def unpacked(folder: Path) -> dict[str, bytes]:
    return {path.name: gzip.decompress(path.read_bytes()) for path in folder.rglob("*.gz")}


async def test_the_first_restore_has_the_plain_name(store: Store) -> None:
    assert await claim_restore_folder(store, "r", "uid-1") == "r"
    assert await claim_restore_folder(store, "r", "uid-1") == "r"


async def test_another_restore_of_the_name_gets_a_suffix_and_keeps_it(store: Store) -> None:
    await claim_restore_folder(store, "r", "uid-1")
    folder = await claim_restore_folder(store, "r", "uid-2")
    assert folder.startswith("r-")
    assert len(folder) == len("r-") + 6
    assert await claim_restore_folder(store, "r", "uid-2") == folder
    assert await claim_restore_folder(store, "r", "uid-1") == "r"


async def test_veleros_restore_is_not_touched(store: Store) -> None:
    await store.put("restores/r/restore-r-logs.gz", b"theirs")
    folder = await claim_restore_folder(store, "r", "uid-1")
    assert folder != "r"
    assert await store.get("restores/r/restore-r-logs.gz") == b"theirs"


async def test_a_name_that_names_no_folder_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput):
        await claim_restore_folder(store, "../r", "uid")


async def test_item_files_are_read_in_their_order(store: Store) -> None:
    sink = items_sink(store, "r")
    assert await next_items_number(store, "r") == 1
    for number in (2, 1, 10):
        await sink(number, gzip.compress(b'{"n":%d}\n{"n":0}\n' % number))
    assert await next_items_number(store, "r") == 11
    lines = [json.loads(line)["n"] async for line in items_lines(store, "r")]
    assert lines == [1, 0, 2, 0, 10, 0]


async def test_a_damaged_item_file_is_named(store: Store) -> None:
    await items_sink(store, "r")(1, b"no gzip")
    with pytest.raises(ArchiveDamaged, match=r"r-items-000001\.jsonl\.gz"):
        [line async for line in items_lines(store, "r")]


async def test_the_side_files_are_veleros(store: Store, folder: Path) -> None:
    resources = [
        ("apps/v1/Deployment", "a/y(created)"),
        ("v1/Pod", "a/x(failed)"),
        ("v1/Pod", "b/x(created)"),
    ]
    await put_restore_files(store, "r", log=b"l\n", results={"errors": {}}, resources=resources)
    assert unpacked(folder) == {
        "restore-r-logs.gz": b"l\n",
        "restore-r-results.gz": b'{"errors":{}}\n',
        "restore-r-resource-list.json.gz": (
            b'{"apps/v1/Deployment":["a/y(created)"],"v1/Pod":["a/x(failed)","b/x(created)"]}\n'
        ),
    }
