"""A restore's folder in the vault: whose it is, and its side files (velero.md §1.3).

Clusters share a vault, and names of restores are theirs: a folder that holds another cluster's
restore of the same name is not touched, ours is called ``<name>-<six hex digits>`` (design.md,
Vault). A small owner file says whose a folder is.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from kubeferry import codec
from kubeferry.errors import AlreadyStored, ArchiveDamaged, ObjectMissing, VaultMismatch
from kubeferry.vault import gzips, layout
from kubeferry.vault.commit import packed_json
from kubeferry.vault.documents import decoded
from kubeferry.vault.resource_list import packed, resource_list
from kubeferry.vault.seals import is_sealed, sealed
from kubeferry.vault.store import DOCUMENT_BYTES, Store

MAX_PACKED_BYTES = 64 << 20
"""Bytes that one item file may have."""
MAX_ITEMS_BYTES = 256 << 20
"""Bytes that one may unpack to."""
MAX_LINE_BYTES = 32 << 20
"""Bytes of one line."""


class _Owner(msgspec.Struct):
    uid: str


async def claim_restore_folder(store: Store, name: str, uid: str) -> str:
    """The folder of the restore with this uid, made ours; asked again it is the same.

    Raises ``InvalidInput`` for a name that names no folder, ``VaultMismatch`` when none can be had.
    """
    layout.check_name(name)
    digest = hashlib.sha256(uid.encode()).hexdigest()
    for folder in (name, f"{name}-{digest[:6]}", f"{name}-{digest[:16]}"):
        if await _claim(store, folder, uid):
            return folder
    raise VaultMismatch(
        "other restores have every folder this one could use",
        place=f"{store.url}/{layout.restore_folder(name)}",
        remedy="choose another name",
    )


async def _claim(store: Store, folder: str, uid: str) -> bool:
    key = layout.restore_owner(folder)
    found = await _owner(store, folder)
    if found is not None:
        return found == uid
    async for _ in store.list(layout.restore_folder(folder)):
        return False  # files without an owner file: Velero's restore of the same name
    try:
        await store.put(key, codec.encode_pretty(_Owner(uid)), create=True)
    except AlreadyStored:
        return await _owner(store, folder) == uid
    return True


async def _owner(store: Store, folder: str) -> str | None:
    """The uid a folder belongs to, None without an owner file, empty for a damaged one."""
    try:
        data = await store.get(layout.restore_owner(folder), limit=DOCUMENT_BYTES)
        return decoded(data, _Owner, place=folder).uid
    except ObjectMissing:
        return None
    except ArchiveDamaged:
        return ""


async def find_restore_folder(store: Store, name: str, uid: str) -> str | None:
    """The folder that a restore of this uid writes to, None if it wrote none yet."""
    for folder in await store.folders(layout.RESTORES):
        is_near = folder == name or folder.startswith(f"{name}-")
        if is_near and await _owner(store, folder) == uid:
            return folder
    return None


def items_sink(
    store: Store, folder: str, *, uid: str, lines: layout.Lines = "items"
) -> Callable[[int, bytes], Awaitable[None]]:
    """What ``journal.Journal`` stores its files with, sealed where the vault has a key."""

    async def sink(number: int, data: bytes) -> None:
        ring = store.trust.ring
        if ring is not None:
            place = _sealed_folder(folder, lines)
            data = sealed(data, ring.newest, uid=uid, folder=place, number=number)
        await store.put(layout.restore_items(folder, number, lines), data, create=True)

    return sink


def _sealed_folder(folder: str, lines: layout.Lines) -> str:
    """What a seal calls the folder, so that none of one kind of files proves another's."""
    return folder if lines == "items" else f"{folder}/{lines}"


@dataclass(frozen=True, slots=True)
class ItemFile:
    """One of a restore's item files.

    Attributes:
        place: where it is, for messages.
        proof: whether a key of the vault has sealed it; ``unknown`` where the vault has no key.
        packed: its content.
    """

    place: str
    proof: Literal["proven", "missing", "unknown"]
    packed: bytes

    def lines(self) -> Iterator[bytes]:
        """Each of its lines, unpacked a piece at a time; what they say is ``journal.Item``.

        Raises ``ArchiveDamaged``, also for more or longer lines than any such file has.
        """
        unpacker, rest, size = gzips.Unpacker(), b"", 0
        try:
            for part in unpacker.feed(self.packed):
                size += len(part)
                *whole, rest = (rest + part).split(b"\n")
                if size > MAX_ITEMS_BYTES or len(rest) > MAX_LINE_BYTES:
                    raise ArchiveDamaged("unpacks to more than any such file", place=self.place)
                yield from whole
            unpacker.finish()
        except gzips.BadGzip as error:
            raise ArchiveDamaged(str(error), place=self.place) from error
        if rest:
            raise ArchiveDamaged("its last line is cut short", place=self.place)


async def items_numbers(store: Store, folder: str, lines: layout.Lines = "items") -> list[int]:
    """The numbers of a restore's item files, from 1, in the order written."""
    begin = layout.restore_items_prefix(folder, lines)
    names = re.compile(r"([0-9]{6,9})\.jsonl\.gz")
    found = [
        names.fullmatch(one.key.removeprefix(begin))
        async for one in store.list(layout.restore_folder(folder))
        if one.key.startswith(begin)
    ]
    return sorted({int(name[1]) for name in found if name is not None})


async def items_files(
    store: Store, folder: str, *, uid: str, lines: layout.Lines = "items"
) -> AsyncIterator[ItemFile]:
    """Each item file of the restore with this uid, in order.

    Raises ``ArchiveDamaged`` for one that is larger than any such file.
    """
    ring = store.trust.ring
    for number in await items_numbers(store, folder, lines):
        key = layout.restore_items(folder, number, lines)
        data = await store.get(key, limit=MAX_PACKED_BYTES)
        proof: Literal["proven", "missing", "unknown"] = "unknown"
        if ring is not None:
            place = _sealed_folder(folder, lines)
            is_proven = is_sealed(data, ring, uid=uid, folder=place, number=number)
            proof = "proven" if is_proven else "missing"
        yield ItemFile(f"{store.url}/{key}", proof, data)


async def put_restore_files(
    store: Store,
    folder: str,
    *,
    log: bytes,
    results: dict[str, Any],
    resources: Iterable[tuple[str, str]],
) -> None:
    """Stores log, results and resource list in Velero's formats.

    ``resources`` are ``apps/v1/StatefulSet`` and ``default1/web(created)``, sorted.
    """
    for kind, data in (
        ("logs.gz", gzips.pack(log)),
        ("results.gz", packed_json(results)),
        ("resource-list.json.gz", packed(resource_list(resources))),
    ):
        await store.put(layout.restore_file(folder, kind), data)
