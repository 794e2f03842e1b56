"""Makes an uploaded archive a backup: side files, checksums, their signature where the vault has a
key, and the commit mark last.

``velero-backup.json`` is the mark: a backup without it does not exist. It is only created, never
overwritten, and only while the claim of the name is still held (``claim``). Whatever fails or is
cancelled before that deletes what was written; from the mark on nothing is deleted. Where it cannot
be told whether the mark is there, everything stays: a backup that is committed must have its
archive.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from kubeferry import __version__, codec
from kubeferry.errors import (
    AlreadyStored,
    ArchiveDamaged,
    ObjectMissing,
    VaultError,
    VaultUnavailable,
)
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import checksums_document, sha256
from kubeferry.vault.claim import Claim, check_claim, lost, release
from kubeferry.vault.cleanup import CLEANUP_SECONDS, discard_after
from kubeferry.vault.metadata import BackupFacts, backup_document
from kubeferry.vault.signature import signature_document
from kubeferry.vault.store import Store
from kubeferry.vault.writer import ArchiveFacts

WRITTEN_BY = f"kubeferry/{__version__}"
PATIENCE = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Seconds to wait before each look for a mark whose answer was lost."""

_log = logging.getLogger("kubeferry.vault")


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFiles:
    """What stands beside an archive, in Velero's formats (velero.md §1.2).

    Attributes:
        log: the task's log.
        results: ``{"warnings": R, "errors": R}``, see ``report.Findings.results``.
        volumes: ``volumeinfo``, as ``packed_list`` packs its entries, one a volume;
            ``skipped_volume`` makes one.
    """

    log: bytes = b""
    results: dict[str, Any]
    volumes: bytes = b""

    def documents(self) -> dict[str, bytes]:
        """Kind of file to its gzipped content."""
        return {
            "logs.gz": gzips.pack(self.log),
            "results.gz": packed_json(self.results),
            "podvolumebackups.json.gz": packed_json([]),
            "volumesnapshots.json.gz": packed_json([]),
            "itemoperations.json.gz": packed_json([]),
            "volumeinfo.json.gz": self.volumes or packed_json([]),
        }


def skipped_volume(
    *,
    claim: str,
    namespace: str,
    volume: str,
    reason: str,
    reclaim_policy: str = "",
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The ``volumeinfo`` entry of a volume whose data is not in the backup."""
    entry: dict[str, Any] = {
        "pvcName": claim,
        "pvcNamespace": namespace,
        "pvName": volume,
        "snapshotDataMoved": False,
        "preserveLocalSnapshot": False,
        "skipped": True,
        "skippedReason": reason,
    }
    if reclaim_policy:
        entry["pvInfo"] = {"reclaimPolicy": reclaim_policy, "labels": labels or {}}
    return entry


class ListPacker:
    """Packs a JSON list entry by entry, as ``packed_json`` packs it whole."""

    def __init__(self) -> None:
        self._packer = gzips.packer()
        self._parts = [self._packer.compress(b"[")]
        self._before = b""

    def add(self, entry: object) -> None:
        """Adds an entry."""
        self._parts.append(self._packer.compress(self._before + codec.encode(entry)))
        self._before = b","

    def finish(self) -> bytes:
        """The gzipped list."""
        return b"".join((*self._parts, self._packer.compress(b"]\n"), self._packer.flush()))


def packed_list(entries: Iterable[object]) -> bytes:
    """Gzipped JSON of a list; one entry is held at a time."""
    packer = ListPacker()
    for entry in entries:
        packer.add(entry)
    return packer.finish()


def packed_json(value: object) -> bytes:
    """Gzipped JSON with a final newline, as Velero's side files are."""
    return gzips.pack(codec.encode(value) + b"\n")


async def commit_backup(
    store: Store,
    archive: ArchiveFacts,
    facts: BackupFacts,
    *,
    side: SideFiles,
    patience: Sequence[float] = PATIENCE,
) -> BackupFacts:
    """Stores side files, checksums, their signature and the mark; returns the facts as written.

    Raises ``BackupExists`` when the name was lost to another task, ``ArchiveDamaged`` when the
    storage holds another archive than was uploaded, ``VaultUnavailable``; then nothing of the
    backup is left, but where not even looking for the mark tells whether it is there.
    """
    claim = archive.claim
    written = replace(facts, bytes=archive.size, written_by=WRITTEN_BY)
    try:
        mark = await _store_side_files(store, archive, written, side)
        await _check_archive(store, archive)
    except BaseException as error:
        await discard_after(error, store, claim)
        raise
    await _commit(store, claim, mark, patience)
    try:
        await release(store, claim)
    except VaultError as error:
        _log.warning("backup %s is committed, its claim was not deleted: %s", claim.name, error)
    return written


async def _store_side_files(
    store: Store, archive: ArchiveFacts, facts: BackupFacts, side: SideFiles
) -> bytes:
    """Stores everything but the mark, which it returns. The claim is looked at before each file."""
    name, files = archive.name, dict(archive.files)
    present = await _check_archive(store, archive)
    for kind, data in side.documents().items():
        await check_claim(store, archive.claim)
        key = layout.backup_file(name, kind)
        await store.put(key, data)
        files[key] = sha256(data)
    mark = backup_document(facts)
    files[layout.backup_metadata(name)] = sha256(mark)
    sums = checksums_document(name, files)
    await check_claim(store, archive.claim)
    await store.put(layout.checksums(name), sums)
    if store.trust.ring is None and layout.signature(name) in present:
        # Of an attempt that died, when the vault had a key: it is wrong of this backup.
        await check_claim(store, archive.claim)
        await store.delete(layout.signature(name))
    if store.trust.ring is not None:
        await check_claim(store, archive.claim)
        proof = signature_document(store.trust.ring.newest, name, sums)
        await store.put(layout.signature(name), proof)
    return mark


class _MarkUnknown(Exception):
    """Nothing tells whether the mark is there."""


async def _commit(store: Store, claim: Claim, mark: bytes, patience: Sequence[float]) -> None:
    """Creates the mark; cleans up if it is certain that there is none."""
    marking = asyncio.create_task(_mark(store, claim, mark, patience))
    try:
        await asyncio.wait([marking])
    except asyncio.CancelledError as error:
        await _settle(error, marking, store, claim)
        raise
    failure = marking.exception()
    if isinstance(failure, _MarkUnknown):
        raise VaultUnavailable(
            "the commit mark was sent without an answer and cannot be looked for",
            place=f"{store.url}/{layout.backup_metadata(claim.name)}",
            remedy="when the vault works again, look whether the backup is in it",
        ) from failure.__cause__
    if failure is not None:
        await discard_after(failure, store, claim)
        raise failure


async def _settle(
    error: BaseException, marking: "asyncio.Task[None]", store: Store, claim: Claim
) -> None:
    """After a cancellation: a request under way may still be carried out, so it is waited for, and
    what it did counts.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + CLEANUP_SECONDS
    try:
        await asyncio.wait([marking], timeout=CLEANUP_SECONDS)
    finally:
        marking.cancel()
    if not marking.done() or isinstance(marking.exception(), _MarkUnknown):
        error.add_note("whether the backup was committed is not known; nothing was deleted")
    elif marking.exception() is not None:
        await discard_after(error, store, claim, seconds=until - clock())
    else:
        with suppress(TimeoutError, VaultError):
            async with asyncio.timeout_at(until):
                await release(store, claim)


async def _mark(store: Store, claim: Claim, mark: bytes, patience: Sequence[float]) -> None:
    key = layout.backup_metadata(claim.name)
    try:
        await store.put(key, mark, create=True)
    except (AlreadyStored, VaultUnavailable) as error:
        # A create that is sent again after a lost answer finds what it wrote itself.
        found = await _read_back(store, key, patience)
        if found is None:
            raise
        if found != mark:
            raise lost(store, claim) from error


async def _read_back(store: Store, key: str, patience: Sequence[float]) -> bytes | None:
    """The mark that is there after all, None if there is none. Raises ``_MarkUnknown``."""
    failure: VaultError | None = None
    for seconds in patience:
        await asyncio.sleep(seconds)
        try:
            return await store.get(key)
        except ObjectMissing:
            failure = None
        except VaultError as error:
            failure = error
    if failure is not None:
        raise _MarkUnknown from failure
    return None


async def _check_archive(store: Store, archive: ArchiveFacts) -> Set[str]:
    """The claim is held and the archive is the one uploaded, as far as its size tells; the keys in
    the backup's folder.
    """
    await check_claim(store, archive.claim)
    key = layout.archive(archive.name)
    folder = layout.backup_folder(archive.name)
    sizes = {one.key: one.size async for one in store.list(folder)}
    if sizes.get(key) != archive.size:
        raise ArchiveDamaged(
            f"{archive.size} bytes were uploaded and {sizes.get(key, 0)} are there",
            place=f"{store.url}/{key}",
        )
    return sizes.keys()
