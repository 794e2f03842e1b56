"""What an archive may try: each attempt is refused by name or passed over with a note, at once."""

import time
from pathlib import Path

import pytest

from kubeferry.errors import ArchiveDamaged
from kubeferry.kube.names import Identity
from kubeferry.vault.reader import MAX_KINDS, MAX_NAMESPACES, read_archive
from kubeferry.vault.store import Store
from kubeferry.vault.tarstream import MAX_EXTENSION, MAX_NOTES, MAX_PATH
from tests.unit.vault import hostile
from tests.unit.vault.archives import read_back
from tests.unit.vault.hostile import GOOD, file, header, long_name, pax
from tests.unit.vault.test_reader import velero_backup

IS_GOOD = {Identity("configmaps", "", "good"), Identity("configmaps", "default", "good")}
MAPS = "resources/configmaps/namespaces/default"
LONGEST = f"{MAPS}/{'n' * 5000}.json".encode()


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        pytest.param([file("/etc/passwd.json")], "'/etc/passwd.json' leads out", id="absolute"),
        pytest.param([file(f"{MAPS}/../../x.json")], "leads out", id="up and down"),
        pytest.param([pax((b"path", b"../../x.json")), file(GOOD)], "leads out", id="up, by PAX"),
        pytest.param([long_name(b"../../x.json"), file(GOOD)], "leads out", id="up, by GNU"),
        pytest.param([file(f"{MAPS}/...json")], "leads out", id="an object called .."),
        pytest.param([file(f"{MAPS}/..json")], "leads out", id="an object called ."),
        pytest.param(
            [file("resources/configmaps/namespaces/./x.json")],
            "leads out",
            id="a namespace called .",
        ),
        pytest.param(
            [pax((b"path", f"{MAPS}/a\0b.json".encode())), file(GOOD)],
            "has a zero in it",
            id="a zero in a path",
        ),
        pytest.param(
            [pax((b"path", LONGEST)), file(GOOD)], "a path of 5045", id="a long path, PAX"
        ),
        pytest.param([long_name(LONGEST), file(GOOD)], "a path of 5045", id="a long path, GNU"),
        pytest.param(
            [header("long", size=7 << 30, kind=b"L")], "a header of 7516192768", id="a name of GiB"
        ),
        pytest.param(
            [header("pax", size=7 << 30, kind=b"x")], "a header of 7516192768", id="PAX of GiB"
        ),
        pytest.param([header(GOOD, size=b"-0000001000")], "a header's number", id="a size below 0"),
        pytest.param([header(GOOD, size=b"00000_1000")], "a header's number", id="a size with _"),
        pytest.param([header(GOOD, size=b"+0000001000")], "a header's number", id="a signed size"),
        pytest.param(
            [header(GOOD, size=b"0x10")], "a header's number", id="a size of another base"
        ),
        pytest.param([header(GOOD, size=b"\xff" * 12)], "is negative", id="a binary size below 0"),
        pytest.param(
            [header(GOOD, size=b"\x80" + b"\xff" * 11)],
            r"good.json' has \d+ bytes",
            id="2^88 bytes",
        ),
        pytest.param(
            [header("x", size=b"\x80" + b"\xff" * 11)], "is cut short", id="2^88 bytes of no object"
        ),
        pytest.param(
            [header(GOOD, size=b"\x80" + (10 << 30).to_bytes(11, "big"))],
            "10737418240 bytes, more than",
            id="10 GiB",
        ),
        pytest.param(
            [pax((b"size", b"10737418240")), file(GOOD)], "10737418240 bytes", id="10 GiB, by PAX"
        ),
        pytest.param(
            [pax((b"size", b"-512")), file(GOOD)], "PAX header does", id="below 0, by PAX"
        ),
        pytest.param(
            [pax((b"size", b"9" * 30)), file(GOOD)], "PAX header does", id="a PAX size of 30 digits"
        ),
        pytest.param(
            [pax((b"GNU.sparse.major", b"1")), file(GOOD)], "a sparse file", id="sparse, by PAX"
        ),
        pytest.param(
            [file("x", b"9" * 30 + b" a=b\n", kind=b"x")], "PAX header does", id="a record of 10^30"
        ),
        pytest.param([file("x", b"3 a", kind=b"x")], "PAX header does", id="half a record"),
        pytest.param([file("x", b"5 a=b\n", kind=b"x")], "PAX header does", id="a short record"),
        pytest.param(
            [header(GOOD, size=5, kind=b"5")], "said to hold", id="a directory with bytes"
        ),
        pytest.param([header(GOOD, size=5, kind=b"1")], "said to hold", id="a link with bytes"),
        pytest.param(
            [pax((b"size", b"512")), header("x", kind=b"2"), file(GOOD)],
            "said to hold",
            id="a link with bytes, by PAX",
        ),
    ],
)
async def test_what_no_archive_has_is_refused(
    store: Store, folder: Path, parts: list[bytes], problem: str
) -> None:
    velero_backup(folder, hostile.archive(*parts, file(GOOD)))
    with pytest.raises(ArchiveDamaged, match=problem) as caught:
        await read_back(store, "b")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        pytest.param([header("x", kind=b"1")], "type '1'", id="a hard link"),
        pytest.param([header("x", kind=b"2")], "type '2'", id="a symbolic link"),
        pytest.param([header("x", kind=b"3")], "type '3'", id="a character device"),
        pytest.param([header("x", kind=b"4")], "type '4'", id="a block device"),
        pytest.param([header("x", kind=b"6")], "type '6'", id="a pipe"),
        pytest.param([file("x", bytes(1024), kind=b"S")], "type 'S'", id="a sparse file"),
        pytest.param([file("x", bytes(1024), kind=b"\xff")], "type 'ÿ'", id="no type at all"),
        pytest.param(
            [file("resources/configmaps/cluster/\x1b[2J")], r"\x1b[2J", id="signs for a terminal"
        ),
        pytest.param([file("..\\..\\x.json")], "files that are no objects", id="backslashes"),
        pytest.param([file("C:\\x.json")], "files that are no objects", id="a drive"),
        pytest.param(
            [pax((b"path", b"resources/x/namespaces/" + b"n" * 64 + b"/x.json")), file("y")],
            "files that are no objects",
            id="a namespace that cannot be",
        ),
        pytest.param(
            [pax((b"path", b"resources/" + b"n" * 400 + b"/cluster/x.json")), file("y")],
            "files that are no objects",
            id="a kind that cannot be",
        ),
    ],
)
async def test_what_is_no_object_is_passed_over_and_told(
    store: Store, folder: Path, parts: list[bytes], note: str
) -> None:
    velero_backup(folder, hostile.archive(*parts, file(GOOD)))
    bare, _, read = await read_back(store, "b")
    assert set(bare) < IS_GOOD
    assert note.replace("files", "1 files") in read.notes[0]
    assert read.notes[0].isprintable()


async def test_notes_are_bounded_however_much_is_to_be_told(store: Store, folder: Path) -> None:
    long = pax((b"path", b"n" * MAX_PATH))
    velero_backup(folder, hostile.archive(*[long + header("x", kind=b"2")] * 500))
    _, _, read = await read_back(store, "b")
    assert len(read.notes) <= MAX_NOTES + 3
    assert all(len(note) < 200 for note in read.notes)


@pytest.mark.parametrize(
    ("path", "most", "what"),
    [
        ("resources/k{}/cluster/x.json", MAX_KINDS, "kinds"),
        ("resources/k/namespaces/n{}/x.json", MAX_NAMESPACES, "namespaces"),
    ],
)
async def test_kinds_and_namespaces_are_bounded_since_each_takes_memory(
    store: Store, folder: Path, path: str, most: int, what: str
) -> None:
    enough = [file(path.format(number), b"") for number in range(most)]
    velero_backup(folder, hostile.archive(*enough))
    assert (await read_archive(store, "b", spool=lambda *_: None)).objects == most
    velero_backup(folder, hostile.archive(*enough, file(path.format(most), b"")), name="c")
    with pytest.raises(ArchiveDamaged, match=f"holds more than {most:,} {what}"):
        await read_archive(store, "c", spool=lambda *_: None)


async def test_a_header_of_nothing_but_records_takes_no_time(store: Store, folder: Path) -> None:
    """Each record once cost a copy of all that follow it: a minute for a MiB."""
    records = b"6 a=b\n" * (MAX_EXTENSION // 6)
    velero_backup(folder, hostile.archive(file("x", records, kind=b"x"), file(GOOD)))
    begun = time.process_time()
    bare, _, _ = await read_back(store, "b")
    assert set(bare) < IS_GOOD
    assert time.process_time() - begun < 5
