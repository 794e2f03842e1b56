import gzip
import json
from collections import deque
from pathlib import Path

import pytest

from kubeferry.clock import utc_now
from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.vault.keys import KeyRing, Trust, new_key
from kubeferry.vault.restores import (
    claim_restore_folder,
    items_files,
    items_numbers,
    items_sink,
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


async def lines(store: Store) -> list[bytes]:
    return [line async for file in items_files(store, "r", uid="u") for line in file.lines()]


async def test_copies_are_in_files_of_their_own_with_seals_of_their_own(store: Store) -> None:
    store.trust = Trust(KeyRing((new_key(clock=utc_now),)))
    await items_sink(store, "r", uid="u")(1, gzip.compress(b"a line\n"))
    await items_sink(store, "r", uid="u", lines="replaced")(1, gzip.compress(b"a copy\n"))
    assert await lines(store) == [b"a line"]
    [copy] = [one async for one in items_files(store, "r", uid="u", lines="replaced")]
    assert (copy.proof, list(copy.lines())) == ("proven", [b"a copy"])
    await store.put("restores/r/r-items-000001.jsonl.gz", copy.packed)
    [swapped] = [one async for one in items_files(store, "r", uid="u")]
    assert swapped.proof == "missing"


async def test_item_files_are_read_in_their_order(store: Store) -> None:
    sink = items_sink(store, "r", uid="u")
    assert await items_numbers(store, "r") == []
    for number in (2, 1, 10, 1_000_000):
        await sink(number, gzip.compress(b'{"n":%d}\n{"n":0}\n' % number))
    await store.put("restores/r/r-items-late.jsonl.gz", b"no item file")
    assert await items_numbers(store, "r") == [1, 2, 10, 1_000_000]
    found = [json.loads(line)["n"] for line in await lines(store)]
    assert found == [1, 0, 2, 0, 10, 0, 1_000_000, 0]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"no gzip", id="no gzip"),
        pytest.param(gzip.compress(b"{}\n")[:-3], id="cut short"),
        pytest.param(gzip.compress(b'{"n":'), id="half a line"),
        pytest.param(gzip.compress(bytes(40 << 20)), id="an endless line"),
        pytest.param(gzip.compress(b"\n" * (300 << 20), 1), id="endless lines"),
    ],
)
async def test_a_damaged_item_file_is_named(store: Store, data: bytes) -> None:
    await items_sink(store, "r", uid="u")(1, data)
    [file] = [file async for file in items_files(store, "r", uid="u")]
    with pytest.raises(ArchiveDamaged) as caught:
        deque(file.lines(), maxlen=0)
    assert caught.value.place.endswith("r-items-000001.jsonl.gz")


async def test_a_vaults_key_seals_what_a_restore_writes(store: Store) -> None:
    async def proofs(uid: str = "u") -> list[str]:
        return [file.proof async for file in items_files(store, "r", uid=uid)]

    data = gzip.compress(b'{"n":1}\n')
    await items_sink(store, "r", uid="u")(1, data)
    assert await proofs() == ["unknown"]
    first, second = (new_key(clock=utc_now) for _ in range(2))
    store.trust = Trust(KeyRing((first,)))
    await items_sink(store, "r", uid="u")(2, data)
    store.trust = Trust(KeyRing((first, second)))
    await items_sink(store, "r", uid="u")(3, data)
    assert await proofs() == ["missing", "proven", "proven"]
    assert await proofs("v") == ["missing"] * 3
    assert await lines(store) == [b'{"n":1}'] * 3


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
