"""Reads a backup's side files, checked against its checksums; all are optional (velero.md §1.3)."""

import msgspec

from kubeferry.errors import ArchiveDamaged, BackupMissing, ObjectMissing
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import sha256, verify
from kubeferry.vault.documents import decoded
from kubeferry.vault.metadata import Verified, load_verified
from kubeferry.vault.store import Store

MAX_BYTES = 256 << 20
"""Bytes that one side file may unpack to."""


NOT_TAKEN = "kubeferry takes no volume data yet"
"""Why data that was asked for is not in a backup."""
NOT_ASKED = "volume data was not asked for"
"""Why nobody misses it."""


class VolumeInfo(msgspec.Struct, rename="camel"):
    """An entry of ``volumeinfo``; ``backup_method`` is empty where no data was taken."""

    pvc_name: str = ""
    pvc_namespace: str = ""
    pv_name: str = ""
    backup_method: str = ""
    skipped: bool = False
    skipped_reason: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether who restores may count on the volume's data: it was taken, or asked for."""
        return bool(self.backup_method) or self.skipped_reason == NOT_TAKEN


async def load_volume_info(
    store: Store, name: str, *, verified: Verified | None = None
) -> list[VolumeInfo]:
    """What the backup says of its volumes; empty where there is no such file or it is ``null``."""
    data = await load_side_file(store, name, "volumeinfo.json.gz", verified=verified)
    if data is None:
        return []
    place = f"{store.url}/{layout.backup_file(name, 'volumeinfo.json.gz')}"
    return [] if data.strip() == b"null" else decoded(data, list[VolumeInfo], place=place)


async def load_side_file(
    store: Store, name: str, kind: str, *, verified: Verified | None = None
) -> bytes | None:
    """The unpacked content of one side file, None where the backup has none, or is not finished.

    Who reads several hands in the ``verified`` backup: then the file alone is asked for.

    Raises ``ArchiveDamaged`` when it was written and is gone too, ``ChecksumMismatch``, and what
    ``load_verified`` raises of a backup that cannot be trusted.
    """
    key = layout.backup_file(name, kind)
    try:
        sums = (verified or await load_verified(store, name)).sums
    except BackupMissing:
        return None
    try:
        data = await store.get(key)
    except ObjectMissing as error:
        if sums is None or key not in sums:
            return None
        raise ArchiveDamaged(
            "the file was written with the backup and is gone",
            place=error.place,
            remedy="use another backup",
        ) from error
    if sums is not None:
        verify(sha256(data), key, sums, place=store.url)
    try:
        return gzips.unpack(data, limit=MAX_BYTES)
    except gzips.BadGzip as error:
        raise ArchiveDamaged(str(error), place=f"{store.url}/{key}") from error
