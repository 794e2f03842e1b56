"""Reads a backup's side files, checked against its checksums; all are optional (velero.md §1.3)."""

import msgspec

from kubeferry.errors import ArchiveDamaged, ObjectMissing
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import load_checksums, sha256, verify
from kubeferry.vault.store import Store

MAX_BYTES = 256 << 20
"""Bytes that one side file may unpack to."""


class VolumeInfo(msgspec.Struct, rename="camel"):
    """An entry of ``volumeinfo``; ``backup_method`` is empty where no data was taken."""

    pvc_name: str = ""
    pvc_namespace: str = ""
    pv_name: str = ""
    backup_method: str = ""
    skipped: bool = False
    skipped_reason: str = ""


async def load_volume_info(store: Store, name: str) -> list[VolumeInfo]:
    """What the backup says of its volumes; empty where there is no such file or it is ``null``."""
    data = await load_side_file(store, name, "volumeinfo.json.gz")
    if data is None:
        return []
    try:
        return msgspec.json.decode(data, type=list[VolumeInfo] | None) or []
    except msgspec.DecodeError as error:
        place = f"{store.url}/{layout.backup_file(name, 'volumeinfo.json.gz')}"
        raise ArchiveDamaged(f"does not decode: {error}", place=place) from error


async def load_side_file(store: Store, name: str, kind: str) -> bytes | None:
    """The unpacked content of one side file, None where there is none.

    Raises ``ChecksumMismatch``, ``ArchiveDamaged``.
    """
    key = layout.backup_file(name, kind)
    try:
        data = await store.get(key)
    except ObjectMissing:
        return None
    sums = await load_checksums(store, name)
    if sums is not None:
        verify(sha256(data), key, sums, place=store.url)
    try:
        return gzips.unpack(data, limit=MAX_BYTES)
    except gzips.BadGzip as error:
        raise ArchiveDamaged(str(error), place=f"{store.url}/{key}") from error
