"""A restore's folder in the vault: whose it is, and its side files (velero.md §1.3).

Clusters share a vault, and names of restores are theirs: a folder that holds another cluster's
restore of the same name is not touched, ours is called ``<name>-<six hex digits>`` (design.md,
Vault). A small owner file says whose a folder is.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.errors import AlreadyStored, ArchiveDamaged, ObjectMissing, VaultMismatch
from kubeferry.vault import gzips, layout
from kubeferry.vault.commit import packed_json
from kubeferry.vault.documents import decoded
from kubeferry.vault.resource_list import packed, resource_list
from kubeferry.vault.store import DOCUMENT_BYTES, Store

MAX_ITEMS_BYTES = 256 << 20
"""Bytes that one item file may unpack to."""


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


def items_sink(store: Store, folder: str) -> Callable[[int, bytes], Awaitable[None]]:
    """What ``journal.Journal`` stores its files with."""

    async def sink(number: int, data: bytes) -> None:
        await store.put(layout.restore_items(folder, number), data, create=True)

    return sink


async def items_files(store: Store, folder: str) -> list[str]:
    """The keys of a restore's item files, in the order written."""
    prefix = layout.restore_items_prefix(folder)
    found = [one.key async for one in store.list(layout.restore_folder(folder))]
    return sorted(key for key in found if key.startswith(prefix))


async def next_items_number(store: Store, folder: str) -> int:
    """The number of the item file to write next, from 1."""
    keys = await items_files(store, folder)
    if not keys:
        return 1
    prefix = layout.restore_items_prefix(folder)
    digits = keys[-1].removeprefix(prefix).removesuffix(".jsonl.gz")
    return int(digits) + 1 if digits.isdecimal() else len(keys) + 1


async def items_lines(store: Store, folder: str) -> AsyncIterator[bytes]:
    """Each line of each item file, in order; what they say is ``journal.Item``.

    Raises ``ArchiveDamaged`` for a file that does not unpack.
    """
    for key in await items_files(store, folder):
        data = await store.get(key)
        try:
            lines = gzips.unpack(data, limit=MAX_ITEMS_BYTES)
        except gzips.BadGzip as error:
            raise ArchiveDamaged(str(error), place=f"{store.url}/{key}") from error
        for line in lines.splitlines():
            yield line


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
