"""Makes and reads whole backups for the tests of the archive."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from kubeferry.kube.names import Identity
from kubeferry.vault.claim import Owner
from kubeferry.vault.commit import SideFiles, commit_backup
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.reader import ArchiveRead, EntryPath, read_archive
from kubeferry.vault.store import Store
from kubeferry.vault.tarstream import Limits
from kubeferry.vault.writer import ArchiveFacts, Entry, open_archive

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OWNER = Owner(uid="task-1", cluster="cluster-1")
NO_PROBLEMS = SideFiles(results={"warnings": {}, "errors": {}})


def stored(folder: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pod(name: str, *, namespace: str = "default", body: bytes | None = None) -> Entry:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}
    content = body if body is not None else json.dumps(obj).encode()
    return Entry("pods", "v1", "v1/Pod", namespace, name, content, "2026-01-01T00:00:00Z")


async def write_archive(
    store: Store, name: str, entries: Iterable[Entry], *, owner: Owner = OWNER
) -> ArchiveFacts:
    async with open_archive(store, name, clock=lambda: NOW, owner=owner) as archive:
        for number, entry in enumerate(entries):
            archive.add(entry)
            if number % 3 == 0:
                await archive.flush()
        return await archive.finish()


async def write_backup(store: Store, name: str, entries: Iterable[Entry]) -> BackupFacts:
    archive = await write_archive(store, name, entries)
    return await commit_backup(store, archive, BackupFacts(name=name), side=NO_PROBLEMS)


async def read_back(
    store: Store, name: str, *, limits: Limits | None = None
) -> tuple[Mapping[Identity, bytes], Mapping[EntryPath, bytes], ArchiveRead]:
    """The bare copies, the copies of versions, and what the reader says."""
    bare: dict[Identity, bytes] = {}
    versions: dict[EntryPath, bytes] = {}
    read = await read_archive(
        store, name, spool=bare.__setitem__, versions=versions.__setitem__, limits=limits
    )
    return bare, versions, read
