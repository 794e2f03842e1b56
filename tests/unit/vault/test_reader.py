import contextlib
import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeferry.errors import (
    ArchiveDamaged,
    ArchiveError,
    BackupMissing,
    ChecksumMismatch,
    ObjectMissing,
)
from kubeferry.kube.names import Identity
from kubeferry.vault.reader import EntryPath, disagreement, parse_path, read_archive
from kubeferry.vault.store import Store
from kubeferry.vault.tarstream import Limits
from tests.unit.vault.archives import pod, read_back, write_archive, write_backup

PODS = [pod(f"web-{n}", body=os.urandom(3000)) for n in range(40)]
WEB = Identity("pods", "default", "web")


def velero_backup(folder: Path, archive: bytes, *, name: str = "b") -> None:
    """A backup as Velero leaves it: metadata and archive, no checksums."""
    place = folder / "backups" / name
    place.mkdir(parents=True)
    document = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"name": name},
        "status": {"phase": "Completed"},
    }
    (place / "velero-backup.json").write_text(json.dumps(document))
    (place / f"{name}.tar.gz").write_bytes(archive)


def packed(
    *files: tuple[str, bytes],
    form: int = tarfile.GNU_FORMAT,
    change: Callable[[tarfile.TarInfo], None] = lambda info: None,
) -> bytes:
    """A tar.gz as Python's tarfile writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form) as tar:
        for path, body in files:
            info = tarfile.TarInfo(path)
            info.size = len(body)
            change(info)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("length", [1, 90, 130])
async def test_other_writers_archives_are_read(
    store: Store, folder: Path, form: int, length: int
) -> None:
    name = "n" * length if form != tarfile.USTAR_FORMAT else "n" * min(length, 90)
    files = [
        ("resources/pods/namespaces/default/" + name + ".json", b"{}"),
        ("resources/pods/v1-preferredversion/namespaces/default/" + name + ".json", b"{}"),
    ]
    velero_backup(folder, packed(*files, form=form))
    bare, versions, read = await read_back(store, "b")
    assert bare == {Identity("pods", "default", name): b"{}"}
    assert versions == {EntryPath(Identity("pods", "default", name), "v1"): b"{}"}
    assert not read.is_verified
    assert read.notes == (
        "the backup has no checksums, as Velero's have none: it was not verified",
    )


async def test_unicode_and_dot_slash_paths_are_read(store: Store, folder: Path) -> None:
    velero_backup(folder, packed(("./resources/pods/cluster/ü中.json", b"{}")))
    assert list((await read_back(store, "b"))[0]) == [Identity("pods", "", "ü中")]


NOT_UTF8 = b"resources/pods/cluster/\xff.json".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("path", [NOT_UTF8, NOT_UTF8.replace("pods", "p" * 120)])
async def test_a_path_that_is_no_utf8_is_refused(
    store: Store, folder: Path, form: int, path: str
) -> None:
    velero_backup(folder, packed((path, b"{}"), form=form))
    with pytest.raises(ArchiveDamaged, match="is no UTF-8"):
        await read_back(store, "b")


@pytest.mark.parametrize("key", ["path", "size"])
async def test_a_pax_header_that_lies_is_refused(store: Store, folder: Path, key: str) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type = tarfile.XHDTYPE

    value = b"9" * 5000 if key == "size" else b"resources/pods/cluster/\xff.json"
    record = b" " + key.encode() + b"=" + value + b"\n"
    length = len(record) + len(str(len(record)))
    body = str(length).encode() + record
    files = [("pax", body), ("resources/pods/cluster/x.json", b"{}")]
    velero_backup(
        folder,
        packed(*files, change=lambda info: change(info) if info.name == "pax" else None),
    )
    with pytest.raises(ArchiveDamaged, match=r"is no UTF-8|does not parse"):
        await read_back(store, "b")


async def test_of_two_entries_the_last_wins_at_the_caller(store: Store, folder: Path) -> None:
    path = "resources/pods/namespaces/default/web.json"
    velero_backup(folder, packed((path, b"1"), (path, b"2")))
    bare, _, read = await read_back(store, "b")
    assert (bare, read.objects) == ({WEB: b"2"}, 2)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/resources/pods/cluster/x.json", id="absolute"),
        pytest.param("../resources/pods/cluster/x.json", id="climbs out"),
        pytest.param("resources/pods/namespaces/../x.json", id="climbs within"),
    ],
)
async def test_a_path_that_escapes_is_refused(store: Store, folder: Path, path: str) -> None:
    velero_backup(folder, packed((path, b"{}")))
    with pytest.raises(ArchiveDamaged, match="leads out of the archive"):
        await read_back(store, "b")


async def test_odd_files_are_passed_over_with_a_note(store: Store, folder: Path) -> None:
    files = [
        ("resources/pods/namespaces/default/web.json", b"{}"),
        ("resources/pods/odd.json", b"{}"),
        ("resources/pods/namespaces/default/deep/er.json", b"{}"),
        ("resources/pods/namespaces/default/readme.txt", b""),
        ("somewhere/else.json", b"{}"),
    ]
    velero_backup(folder, packed(*files))
    bare, _, read = await read_back(store, "b")
    assert list(bare) == [WEB]
    assert read.notes[0].startswith("4 files that are no objects were passed over: resources/pods")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
async def test_links_and_devices_are_passed_over_with_a_note(
    store: Store, folder: Path, kind: bytes
) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    velero_backup(folder, packed(("resources/pods/cluster/x.json", b""), change=change))
    bare, _, read = await read_back(store, "b")
    assert bare == {}
    assert "is no regular file" in read.notes[0]
    assert read.notes[1] == "the archive holds no objects"


async def test_directories_are_nothing_special(store: Store, folder: Path) -> None:
    def change(info: tarfile.TarInfo) -> None:
        if info.name.endswith("default"):
            info.type = tarfile.DIRTYPE

    files = [("resources/pods/namespaces/default", b""), ("resources/pods/cluster/x.json", b"{}")]
    velero_backup(folder, packed(*files, change=change))
    assert len((await read_back(store, "b"))[0]) == 1


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(lambda data: b"", "is empty", id="an empty file"),
        pytest.param(lambda data: b"this is no gzip" * 9, "is no gzip", id="no gzip"),
        pytest.param(lambda data: data[: len(data) // 2], "is cut short", id="half"),
        pytest.param(lambda data: data[:-1], "is cut short", id="all but a byte"),
        pytest.param(lambda data: data + b"x", "garbage|no gzip|cut short", id="a byte more"),
        pytest.param(lambda data: gzip.compress(b"x" * 2000), "no tar|checksum", id="no tar"),
        pytest.param(
            lambda data: gzip.compress(gzip.decompress(data)[:1200]),
            "is cut short",
            id="half a tar",
        ),
    ],
)
async def test_a_damaged_archive_is_told_with_its_file(
    store: Store, folder: Path, damage: Callable[[bytes], bytes], problem: str
) -> None:
    archive = packed(("resources/pods/namespaces/default/web.json", os.urandom(5000)))
    velero_backup(folder, damage(archive))
    with pytest.raises(ArchiveDamaged, match=problem) as caught:
        await read_back(store, "b")
    assert caught.value.place == f"{store.url}/backups/b/b.tar.gz"
    assert "byte" in str(caught.value)


async def test_several_gzip_members_and_zeros_at_the_end_are_one_file(
    store: Store, folder: Path
) -> None:
    tar = gzip.decompress(packed(("resources/pods/namespaces/default/web.json", b"{}")))
    velero_backup(folder, gzip.compress(tar[:700]) + gzip.compress(tar[700:]) + bytes(100))
    assert (await read_back(store, "b"))[0] == {WEB: b"{}"}


async def test_a_tar_without_its_end_blocks_is_read(store: Store, folder: Path) -> None:
    tar = gzip.decompress(packed(("resources/pods/namespaces/default/web.json", b"{}")))
    velero_backup(folder, gzip.compress(tar[:1024]))
    assert (await read_back(store, "b"))[0] == {WEB: b"{}"}


@pytest.mark.parametrize("where", range(0, 100, 7))
async def test_a_flipped_bit_anywhere_is_found(store: Store, folder: Path, where: int) -> None:
    await write_backup(store, "b", PODS)
    path = folder / "backups/b/b.tar.gz"
    data = bytearray(path.read_bytes())
    data[len(data) * where // 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError):
        await read_back(store, "b")


# No bytes, whatever they are, end in anything but an archive error or a reading of them.
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=20))
async def test_garbage_in_a_tar_ends_in_an_archive_error(
    store: Store, folder: Path, at: int, garbage: bytes
) -> None:
    tar = bytearray(gzip.decompress(packed(("resources/pods/cluster/x.json", b"{}" * 500))))
    tar[at : at + len(garbage)] = garbage
    place = folder / "backups/b"
    if not place.exists():
        velero_backup(folder, b"")
    (place / "b.tar.gz").write_bytes(gzip.compress(bytes(tar), compresslevel=1))
    with contextlib.suppress(ArchiveDamaged):  # anything else comes through
        await read_back(store, "b")


async def test_another_good_archive_is_a_checksum_mismatch(store: Store, folder: Path) -> None:
    await write_backup(store, "b", PODS)
    (folder / "backups/b/b.tar.gz").write_bytes(packed(("resources/pods/cluster/x.json", b"{}")))
    with pytest.raises(ChecksumMismatch, match=r"b\.tar\.gz: its SHA-256 is"):
        await read_back(store, "b")


async def test_changed_metadata_is_a_checksum_mismatch(store: Store, folder: Path) -> None:
    await write_backup(store, "b", PODS)
    path = folder / "backups/b/velero-backup.json"
    path.write_text(path.read_text().replace("Completed", "PartiallyFailed"))
    with pytest.raises(ChecksumMismatch, match=r"velero-backup\.json"):
        await read_back(store, "b")


async def test_our_archive_without_checksums_is_refused(store: Store, folder: Path) -> None:
    await write_backup(store, "b", PODS)
    (folder / "backups/b/b-checksums.json").unlink()
    with pytest.raises(ArchiveDamaged, match="they are gone"):
        await read_back(store, "b")


@pytest.mark.parametrize("text", ["", "[]", "[" * 5000, '{"algorithm":"md5","files":{}}'])
async def test_unreadable_checksums_are_damage(store: Store, folder: Path, text: str) -> None:
    await write_backup(store, "b", PODS)
    (folder / "backups/b/b-checksums.json").write_text(text)
    with pytest.raises(ArchiveDamaged, match=r"b-checksums\.json"):
        await read_back(store, "b")


async def test_an_archive_that_was_never_committed_is_no_backup(store: Store) -> None:
    await write_archive(store, "b", PODS)
    with pytest.raises(BackupMissing, match="no finished backup is called 'b'"):
        await read_back(store, "b")


async def test_a_backup_without_its_archive_is_damaged(store: Store, folder: Path) -> None:
    await write_backup(store, "b", PODS)
    (folder / "backups/b/b.tar.gz").unlink()
    with pytest.raises(ArchiveDamaged, match="the archive is gone") as caught:
        await read_back(store, "b")
    assert isinstance(caught.value.__cause__, ObjectMissing)


async def test_a_file_over_the_limit_is_refused(store: Store, folder: Path) -> None:
    velero_backup(folder, packed(("resources/pods/cluster/x.json", bytes(3000))))
    with pytest.raises(ArchiveDamaged, match="3000 bytes, more than 2000"):
        await read_back(store, "b", limits=Limits(file=2000))
    assert (await read_back(store, "b", limits=Limits(file=3000)))[2].objects == 1


async def test_a_bomb_is_refused_before_it_is_unpacked(store: Store, folder: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    tar = gzip.decompress(packed(("resources/pods/cluster/x.json", b"")))[:512]
    bomb = packer.compress(tar) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(64))
    velero_backup(folder, bomb + packer.flush())
    with pytest.raises(ArchiveDamaged, match="more than 1048576 bytes; a larger disk"):
        await read_back(store, "b", limits=Limits(total=1 << 20, remedy="a larger disk"))


async def test_what_the_spool_raises_comes_through(store: Store) -> None:
    await write_backup(store, "b", PODS)

    def full(identity: Identity, body: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        await read_archive(store, "b", spool=full)


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        pytest.param(
            "resources/pods/namespaces/default/web.json", EntryPath(WEB), id="a namespaced object"
        ),
        pytest.param(
            "resources/nodes/cluster/n.1.json",
            EntryPath(Identity("nodes", "", "n.1")),
            id="a cluster-scoped object",
        ),
        pytest.param(
            "resources/pods/v1-preferredversion/namespaces/default/web.json",
            EntryPath(WEB, "v1"),
            id="a preferred version",
        ),
        pytest.param(
            "resources/pods/v2/namespaces/default/web.json",
            EntryPath(WEB, "v2", is_preferred=False),
            id="another version",
        ),
        pytest.param("metadata/version", None, id="metadata"),
        pytest.param("resources/pods/web.json", None, id="no scope"),
        pytest.param("resources/pods/v1/web.json", None, id="a version and no scope"),
        pytest.param("resources/pods/cluster/a/b.json", None, id="too deep"),
        pytest.param("resources/pods/namespaces/web.json", None, id="no namespace"),
        pytest.param("resources/pods/namespaces//web.json", None, id="an empty namespace"),
        pytest.param("resources/pods/cluster/.json", None, id="no name"),
        pytest.param("resources//cluster/x.json", None, id="no resource"),
        pytest.param("resources/pods/cluster/x", None, id="no JSON"),
    ],
)
def test_a_path_says_which_object_it_is(path: str, entry: EntryPath | None) -> None:
    assert parse_path(path) == entry


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        pytest.param({"name": "web", "namespace": "default"}, "", id="they agree"),
        pytest.param({"name": "x", "namespace": "default"}, "name 'web'", id="another name"),
        pytest.param({"name": "web", "namespace": "kube-system"}, "'kube-system'", id="another ns"),
        pytest.param({"name": "web"}, "namespace 'default'", id="no namespace"),
        pytest.param({}, "name 'web'", id="no name"),
        pytest.param("odd", "name 'web'", id="no metadata"),
    ],
)
def test_an_object_must_be_what_its_path_says(metadata: object, problem: str) -> None:
    found = disagreement(WEB, {"metadata": metadata})
    assert problem in found
    assert bool(found) == bool(problem)
