"""What becomes of a backup that somebody damaged or forged, whatever storage it is in: subclass
``TrustSuite``, give it a ``store``.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubeferry.errors import (
    ArchiveDamaged,
    ArchiveError,
    ArchiveForged,
    ArchiveUnsigned,
    BackupExists,
    BackupMissing,
    ChecksumMismatch,
)
from kubeferry.kube.names import Identity
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import checksums_document, sha256
from kubeferry.vault.keys import NO_KEY, Key, KeyRing, Trust
from kubeferry.vault.metadata import load_backup
from kubeferry.vault.reader import ArchiveRead, read_archive
from kubeferry.vault.sidefiles import load_side_file, load_volume_info
from kubeferry.vault.signature import signature_document
from kubeferry.vault.store import DOCUMENT_BYTES, Store
from tests.foreign.shop import definition
from tests.foreign.writer import Backup, Item
from tests.foreign.writer import write as write_foreign
from tests.unit.vault.archives import pod, write_archive, write_backup

FIRST = Key("1111", bytes(range(32)), datetime(2026, 1, 1, tzinfo=UTC))
SECOND = Key("2222", bytes(range(1, 33)), datetime(2026, 2, 1, tzinfo=UTC))
STRANGERS = Key("9999", bytes(32), datetime(2026, 1, 1, tzinfo=UTC))
RING = KeyRing((FIRST,))
WITH_KEY = Trust(RING)
LENIENT = Trust(replace(RING, allow_unsigned=True))

SIDE_FILES = (
    "logs.gz",
    "results.gz",
    "resource-list.json.gz",
    "volumeinfo.json.gz",
    "podvolumebackups.json.gz",
    "volumesnapshots.json.gz",
    "itemoperations.json.gz",
)
ALL_FILES = ("tar.gz", *SIDE_FILES, "checksums.json", "checksums.hmac")

Damage = Callable[[Store, str], Awaitable[None]]


CRD = "customresourcedefinitions.apiextensions.k8s.io"


def by_trust(*trusts: Trust) -> pytest.MarkDecorator:
    names = {NO_KEY: "without a key", WITH_KEY: "with a key", LENIENT: "unsigned allowed"}
    return pytest.mark.parametrize("trust", trusts, ids=[names[one] for one in trusts])


async def lose(store: Store, key: str) -> None:
    await store.delete(key)


async def flip(store: Store, key: str) -> None:
    """One bit in the middle."""
    data = bytearray(await store.get(key))
    data[len(data) // 2] ^= 1
    await store.put(key, bytes(data))


async def cut(store: Store, key: str) -> None:
    data = await store.get(key)
    await store.put(key, data[: len(data) // 2])


async def empty(store: Store, key: str) -> None:
    await store.put(key, b"")


async def exchange(store: Store, key: str) -> None:
    """Another file of the same form, as whole as if it had been written so."""
    if key.endswith("gz"):
        await store.put(key, gzips.pack(b'{"errors":{"velero":["forged"]}}\n'))
    else:
        await store.put(key, await store.get(key.replace("backups/b/b", "backups/other/other")))


damages = pytest.mark.parametrize(
    "damage", [lose, flip, cut, empty, exchange], ids=lambda one: one.__name__
)


async def write_two(store: Store, trust: Trust) -> None:
    """The backup ``b``, and ``other``, from which files can be taken."""
    store.trust = trust
    await write_backup(store, "b", [pod("web")])
    await write_backup(store, "other", [pod("web"), pod("more")])


async def use(store: Store) -> tuple[dict[Identity, bytes], ArchiveRead]:
    """Reads all that there is to read of ``b``."""
    bodies: dict[Identity, bytes] = {}
    read = await read_archive(store, "b", spool=bodies.__setitem__)
    for kind in SIDE_FILES:
        await load_side_file(store, "b", kind)
    return bodies, read


async def put_foreign(store: Store, folder: Path) -> None:
    """A backup of Velero's, as an independent generator writes it."""
    place = write_foreign(folder, Backup("b", [Item(CRD, definition())]))
    for path in place.rglob("*"):
        if path.is_file():
            await store.put(str(path.relative_to(folder)), path.read_bytes())


async def rewrite(store: Store, *, key: Key | None = None) -> None:
    """What who can write to the vault does: another archive, and checksums that fit it."""
    folder = layout.backup_folder("b")
    await store.put(layout.archive("b"), await store.get(layout.archive("other")))
    listed = [one.key async for one in store.list(folder)]
    proofs = (layout.checksums("b"), layout.signature("b"))
    sums = {one: sha256(await store.get(one)) for one in listed if one not in proofs}
    document = checksums_document("b", sums)
    await store.put(layout.checksums("b"), document)
    if key is not None:
        await store.put(layout.signature("b"), signature_document(key, "b", document))


class TrustSuite:
    @pytest.fixture
    async def store(self) -> Store:
        raise NotImplementedError

    @by_trust(NO_KEY, WITH_KEY, LENIENT)
    async def test_what_was_written_is_used(self, store: Store, trust: Trust) -> None:
        await write_two(store, trust)
        bodies, read = await use(store)
        assert [one.name for one in bodies] == ["web"]
        assert read.is_verified
        assert read.notes == ()

    @pytest.mark.parametrize("kind", [kind for kind in ALL_FILES if kind != "checksums.hmac"])
    @damages
    @by_trust(NO_KEY, WITH_KEY)
    async def test_a_damaged_file_is_named_and_nothing_of_it_is_used(
        self, store: Store, kind: str, damage: Damage, trust: Trust
    ) -> None:
        await write_two(store, trust)
        await damage(store, layout.backup_file("b", kind))
        with pytest.raises(ArchiveError) as caught:
            await use(store)
        if kind != "checksums.json":
            assert caught.value.place.endswith(layout.backup_file("b", kind))
        elif trust is WITH_KEY:
            assert "b-checksums." in caught.value.place
        if kind in SIDE_FILES:
            with pytest.raises(ArchiveError):
                await load_side_file(store, "b", kind)
        elif kind == "tar.gz":
            with pytest.raises(ArchiveError):
                await read_archive(store, "b", spool=lambda *_: None)

    @damages
    @by_trust(WITH_KEY)
    async def test_without_its_signature_nothing_of_a_backup_is_used(
        self, store: Store, damage: Damage, trust: Trust
    ) -> None:
        await write_two(store, trust)
        await damage(store, layout.signature("b"))
        for reading in (
            load_backup(store, "b"),
            load_side_file(store, "b", "results.gz"),
            read_archive(store, "b", spool=lambda *_: None),
        ):
            with pytest.raises(ArchiveError) as caught:
                await reading
            assert caught.value.place.endswith(layout.signature("b"))

    @pytest.mark.parametrize("damage", [flip, cut, empty, exchange], ids=lambda one: one.__name__)
    @by_trust(NO_KEY, WITH_KEY, LENIENT)
    async def test_a_changed_mark_says_nothing(
        self, store: Store, damage: Damage, trust: Trust
    ) -> None:
        await write_two(store, trust)
        mark = layout.backup_metadata("b")
        if damage is exchange:
            await store.put(mark, await store.get(layout.backup_metadata("other")))
        else:
            await damage(store, mark)
        with pytest.raises(ChecksumMismatch) as caught:
            await load_backup(store, "b")
        assert caught.value.place.endswith(mark)

    @by_trust(NO_KEY, WITH_KEY)
    async def test_without_a_mark_there_is_no_backup(self, store: Store, trust: Trust) -> None:
        await write_two(store, trust)
        await store.delete(layout.backup_metadata("b"))
        with pytest.raises(BackupMissing):
            await use(store)
        for reading in (load_side_file(store, "b", "results.gz"), load_volume_info(store, "b")):
            with pytest.raises(BackupMissing):
                await reading

    @pytest.mark.parametrize(
        "key", [layout.backup_metadata("b"), layout.checksums("b"), layout.signature("b")]
    )
    async def test_a_document_that_is_far_too_large_is_not_even_read(
        self, store: Store, key: str
    ) -> None:
        await write_two(store, WITH_KEY)
        await store.put(key, b" " * (DOCUMENT_BYTES + 1))
        with pytest.raises(ArchiveDamaged, match="bytes, more than any such file") as caught:
            await load_backup(store, "b")
        assert caught.value.place.endswith(key)

    async def test_a_later_expiration_is_not_believed(self, store: Store) -> None:
        await write_two(store, NO_KEY)
        mark = layout.backup_metadata("b")
        said = json.loads(await store.get(mark))
        said["status"]["expiration"] = "2999-01-01T00:00:00Z"
        await store.put(mark, json.dumps(said).encode())
        with pytest.raises(ChecksumMismatch):
            await load_backup(store, "b")

    async def test_checksums_alone_find_no_forgery(self, store: Store) -> None:
        await write_two(store, NO_KEY)
        await rewrite(store)
        bodies, read = await use(store)
        assert len(bodies) == 2
        assert read.is_verified

    @by_trust(WITH_KEY, LENIENT)
    async def test_with_a_key_they_do(self, store: Store, trust: Trust) -> None:
        await write_two(store, trust)
        await rewrite(store)
        with pytest.raises(ArchiveForged, match="the signature is not that of key 1111"):
            await use(store)

    @by_trust(WITH_KEY, LENIENT)
    async def test_a_signature_that_claims_to_be_of_the_key_is_held_against_it(
        self, store: Store, trust: Trust
    ) -> None:
        await write_two(store, trust)
        await rewrite(store, key=replace(STRANGERS, id=FIRST.id))
        with pytest.raises(ArchiveForged):
            await use(store)

    async def test_one_of_a_key_that_nobody_knows_proves_nothing(self, store: Store) -> None:
        await write_two(store, WITH_KEY)
        await rewrite(store, key=STRANGERS)
        with pytest.raises(ArchiveUnsigned, match="a key that is not known here") as caught:
            await use(store)
        assert "9999" in caught.value.problem
        store.trust = LENIENT
        _, read = await use(store)
        [note] = read.notes
        assert "not known here" in note
        assert note.endswith("it was not checked for forgery")

    @by_trust(WITH_KEY, LENIENT)
    async def test_another_backups_checksums_and_signature_prove_nothing_here(
        self, store: Store, trust: Trust
    ) -> None:
        await write_two(store, trust)
        for kind in ("checksums.json", "checksums.hmac"):
            await exchange(store, layout.backup_file("b", kind))
        with pytest.raises(ArchiveForged):
            await use(store)

    async def test_a_backup_from_before_the_key_is_refused_until_that_is_allowed(
        self, store: Store
    ) -> None:
        await write_two(store, NO_KEY)
        store.trust = WITH_KEY
        with pytest.raises(ArchiveUnsigned, match="not signed with the vault's key"):
            await use(store)
        store.trust = LENIENT
        _, read = await use(store)
        assert read.is_verified
        assert len(read.notes) == 1

    async def test_each_key_of_a_vault_proves_and_the_newest_signs(self, store: Store) -> None:
        await write_two(store, WITH_KEY)
        store.trust = Trust(KeyRing((FIRST, SECOND)))
        await use(store)
        await write_backup(store, "later", [pod("web")])
        signed = json.loads(await store.get(layout.signature("later")))
        assert signed["keyId"] == SECOND.id
        await load_backup(store, "later")
        store.trust = Trust(KeyRing((SECOND,)))
        with pytest.raises(ArchiveUnsigned):
            await use(store)

    async def test_who_may_not_read_the_keys_reads_the_backup(self, store: Store) -> None:
        await write_two(store, WITH_KEY)
        store.trust = Trust(unread="you may not")
        await use(store)

    async def test_a_backup_of_veleros_passes_with_a_note(
        self, store: Store, tmp_path: Path
    ) -> None:
        await put_foreign(store, tmp_path / "foreign")
        bodies, read = await use(store)
        assert len(bodies) == 1
        assert not read.is_verified
        assert read.notes == (
            "the backup has no checksums, as Velero's have none: it was not verified",
        )

    async def test_with_a_key_it_is_refused_until_that_is_allowed(
        self, store: Store, tmp_path: Path
    ) -> None:
        await put_foreign(store, tmp_path / "foreign")
        store.trust = WITH_KEY
        for reading in (load_backup(store, "b"), load_side_file(store, "b", "results.gz")):
            with pytest.raises(ArchiveUnsigned):
                await reading
        store.trust = LENIENT
        _, read = await use(store)
        assert len(read.notes) == 2

    @pytest.mark.parametrize("kind", ["tar.gz", "resource-list.json.gz", "results.gz"])
    @pytest.mark.parametrize("damage", [cut, empty], ids=lambda one: one.__name__)
    async def test_a_damaged_file_of_veleros_is_named(
        self, store: Store, tmp_path: Path, kind: str, damage: Damage
    ) -> None:
        await put_foreign(store, tmp_path / "foreign")
        await damage(store, layout.backup_file("b", kind))
        with pytest.raises(ArchiveDamaged) as caught:
            await use(store)
        assert layout.backup_file("b", kind) in caught.value.place

    async def test_one_of_ours_that_says_it_is_veleros_is_refused_where_there_is_a_key(
        self, store: Store
    ) -> None:
        await write_two(store, WITH_KEY)
        mark = layout.backup_metadata("b")
        said = json.loads(await store.get(mark))
        said["metadata"].pop("annotations")
        await store.put(mark, json.dumps(said).encode())
        for key in (layout.checksums("b"), layout.signature("b")):
            await store.delete(key)
        with pytest.raises(ArchiveUnsigned):
            await use(store)

    async def test_a_name_that_a_backup_of_veleros_has_is_taken(
        self, store: Store, tmp_path: Path
    ) -> None:
        await put_foreign(store, tmp_path / "foreign")
        before = {one.key: await store.get(one.key) async for one in store.list("backups/")}
        with pytest.raises(BackupExists, match="is in the vault already"):
            await write_archive(store, "b", [pod("web")])
        assert {one.key: await store.get(one.key) async for one in store.list("backups/")} == before
