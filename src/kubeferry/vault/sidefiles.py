"""Reads a backup's side files, checked against its checksums; all are optional (velero.md §1.3)."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged, ObjectMissing
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import sha256, verify
from kubeferry.vault.documents import quoted
from kubeferry.vault.jsonlists import BadList, ListReader
from kubeferry.vault.metadata import Verified, load_verified
from kubeferry.vault.store import Store

T = TypeVar("T")

MAX_PACKED_BYTES = 32 << 20
"""Bytes of a side file that is read as a whole."""
MAX_BYTES = 256 << 20
"""Bytes that one side file may unpack to."""
_ENTRY_BYTES = 128
"""What an entry takes beside its text, about."""

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
    """What the backup says of its volumes; empty where there is no such file or it is ``null``.

    Raises what ``load_entries`` raises.
    """
    return await load_entries(store, name, "volumeinfo.json.gz", VolumeInfo, verified=verified)


async def load_entries(
    store: Store, name: str, kind: str, to: type[T], *, verified: Verified | None = None
) -> list[T]:
    """The entries of a side file that is a list; none where the backup has no such file.

    It is read as a stream and decoded entry by entry: a small file may unpack to any size. What is
    kept is bounded by what the store allows to hold (``Store.held_bytes``).

    Raises ``ArchiveDamaged`` when it was written and is gone, does not decode or is too much,
    ``ChecksumMismatch``, and what ``load_verified`` raises of a backup that is not there or cannot
    be trusted.
    """
    key = layout.backup_file(name, kind)
    sums = (verified or await load_verified(store, name)).sums
    reading = _Reading(codec.Decoder(to), f"{store.url}/{key}", store.held_bytes)
    try:
        async with aclosing(store.stream(key)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(reading.feed, chunk)
    except ObjectMissing as error:
        if sums is None or key not in sums:
            return []
        raise _gone(error) from error
    if sums is not None:
        verify(reading.digest.hexdigest(), key, sums, place=store.url)
    reading.finish()
    return reading.entries


class _Reading(Generic[T]):
    """One pass over a list: gzip, JSON, digest."""

    def __init__(self, decoder: codec.Decoder[T], place: str, limit: int) -> None:
        self.digest = hashlib.sha256()
        self.entries: list[T] = []
        self._decoder = decoder
        self._place = place
        self._limit = limit
        self._held = 0
        self._packed = 0
        self._size = 0
        self._unpacker = gzips.Unpacker()
        self._list = ListReader()
        self._fault = ""

    def feed(self, chunk: bytes) -> None:
        """A fault is kept for ``finish``: what does not fit its digest is told as that."""
        self.digest.update(chunk)
        self._packed += len(chunk)
        if self._packed > MAX_BYTES:
            raise ArchiveDamaged("is larger than any such file", place=self._place)
        if not self._fault:
            self._try(self._take, chunk)

    def finish(self) -> None:
        """Raises ``ArchiveDamaged``."""
        if not self._fault:
            self._try(self._end)
        if self._fault:
            raise ArchiveDamaged(self._fault, place=self._place)

    def _try(self, step: Callable[..., None], *given: bytes) -> None:
        try:
            step(*given)
        except gzips.BadGzip as error:
            self._fault = str(error)
        except (BadList, msgspec.DecodeError) as error:
            self._fault = f"does not decode: {quoted(error)}"

    def _take(self, chunk: bytes) -> None:
        for data in self._unpacker.feed(chunk):
            self._size += len(data)
            if self._size > MAX_BYTES:
                raise gzips.BadGzip(f"unpacks to more than {MAX_BYTES:,} bytes")
            for entry in self._list.feed(data):
                self._held += len(entry) + _ENTRY_BYTES
                if self._held > self._limit:
                    self._fault = (
                        f"says more than {self._limit:,} bytes, what this process may hold"
                    )
                    return
                self.entries.append(self._decoder.decode(entry))

    def _end(self) -> None:
        self._unpacker.finish()
        self._list.finish()


async def load_side_file(
    store: Store, name: str, kind: str, *, verified: Verified | None = None
) -> bytes | None:
    """The unpacked content of one side file, None where the backup has none.

    Who reads several hands in the ``verified`` backup: then the file alone is asked for. Nothing is
    unpacked before its digest is known to be right.

    Raises ``ArchiveDamaged`` when it was written and is gone too, ``ChecksumMismatch``, and what
    ``load_verified`` raises of a backup that is not there or cannot be trusted.
    """
    key = layout.backup_file(name, kind)
    sums = (verified or await load_verified(store, name)).sums
    try:
        data = await store.get(key, limit=MAX_PACKED_BYTES)
    except ObjectMissing as error:
        if sums is None or key not in sums:
            return None
        raise _gone(error) from error
    if sums is not None:
        verify(sha256(data), key, sums, place=store.url)
    try:
        return gzips.unpack(data, limit=MAX_BYTES)
    except gzips.BadGzip as error:
        raise ArchiveDamaged(str(error), place=f"{store.url}/{key}") from error


def _gone(error: ObjectMissing) -> ArchiveDamaged:
    return ArchiveDamaged(
        "the file was written with the backup and is gone",
        place=error.place,
        remedy="use another backup",
    )
