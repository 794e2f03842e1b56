"""Makes an uploaded archive a backup: side files, checksums, and the commit mark last.

``velero-backup.json`` is the mark: a backup without it does not exist. It is only created, never
overwritten, and only while the claim of the name is still held (``claim``). Whatever fails or is
cancelled before that deletes what was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubeferry import __version__, codec
from kubeferry.errors import AlreadyStored, ArchiveDamaged, BackupExists
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import checksums_document, sha256
from kubeferry.vault.claim import holds_claim, release
from kubeferry.vault.cleanup import discard_after
from kubeferry.vault.metadata import BackupFacts, backup_document
from kubeferry.vault.store import Store
from kubeferry.vault.writer import ArchiveFacts

WRITTEN_BY = f"kubeferry/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFiles:
    """What stands beside an archive, in Velero's formats (velero.md §1.2).

    Attributes:
        log: the lines of the task's log, text.
        results: ``{"warnings": R, "errors": R}``, see ``report.Findings.results``.
        volumes: entries of ``volumeinfo``, one a volume; ``skipped_volume`` makes one.
    """

    log: str = ""
    results: dict[str, Any]
    volumes: Sequence[dict[str, Any]] = ()

    def documents(self) -> dict[str, bytes]:
        """Kind of file to its gzipped content."""
        return {
            "logs.gz": gzips.pack(self.log.encode()),
            "results.gz": packed_json(self.results),
            "podvolumebackups.json.gz": packed_json([]),
            "volumesnapshots.json.gz": packed_json([]),
            "itemoperations.json.gz": packed_json([]),
            "volumeinfo.json.gz": packed_json(list(self.volumes)),
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


def packed_json(value: object) -> bytes:
    """Gzipped JSON with a final newline, as Velero's side files are."""
    return gzips.pack(codec.encode(value) + b"\n")


async def commit_backup(
    store: Store, archive: ArchiveFacts, facts: BackupFacts, *, side: SideFiles
) -> BackupFacts:
    """Stores the side files, the checksums and the mark; returns the facts as written.

    Raises ``BackupExists`` when the name was lost to another task, ``ArchiveDamaged`` when the
    storage holds another archive than was uploaded, ``VaultUnavailable``; then nothing of the
    backup is left.
    """
    name = archive.name
    written = replace(facts, bytes=archive.size, written_by=WRITTEN_BY)
    try:
        await _check_ours(store, archive)
        files = dict(archive.files)
        for kind, data in side.documents().items():
            key = layout.backup_file(name, kind)
            await store.put(key, data)
            files[key] = sha256(data)
        mark = backup_document(written)
        files[layout.backup_metadata(name)] = sha256(mark)
        await store.put(layout.checksums(name), checksums_document(name, files))
        await _check_ours(store, archive)
        await _mark(store, name, mark)
    except BaseException as error:
        await discard_after(error, store, name, archive.owner)
        raise
    await release(store, name, archive.owner)
    return written


async def _mark(store: Store, name: str, mark: bytes) -> None:
    key = layout.backup_metadata(name)
    try:
        await store.put(key, mark, create=True)
    except AlreadyStored as error:
        # A create that is sent again after a lost answer finds what it wrote itself.
        if await store.get(key) != mark:
            raise _lost(store, name) from error


async def _check_ours(store: Store, archive: ArchiveFacts) -> None:
    """The claim is held and the archive is the one uploaded, as far as its size tells."""
    if not await holds_claim(store, archive.name, archive.owner):
        raise _lost(store, archive.name)
    key = layout.archive(archive.name)
    folder = layout.backup_folder(archive.name)
    sizes = {one.key: one.size async for one in store.list(folder)}
    if sizes.get(key) != archive.size:
        raise ArchiveDamaged(
            f"{archive.size} bytes were uploaded and {sizes.get(key, 0)} are there",
            place=f"{store.url}/{key}",
        )


def _lost(store: Store, name: str) -> BackupExists:
    return BackupExists(
        f"another task took the name {name!r} while this one was writing",
        place=f"{store.url}/{layout.backup_folder(name)}",
        remedy="choose another name",
    )
