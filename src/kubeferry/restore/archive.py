"""From a vault to a spool: reads a backup's archive once, verified, and what it says of volumes.

Nothing is acted on before the whole archive was read and its checksum fits. An archive without
objects is damaged, unless its metadata says that there were none.
"""

from dataclasses import dataclass
from datetime import datetime

from kubeferry.api.backup import RESTORABLE_PHASES
from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.restore.spool import Spool
from kubeferry.restore.versions import Priorities, Versions
from kubeferry.restore.volume_data import volume_data
from kubeferry.transform.change import Note
from kubeferry.vault.metadata import BackupFacts, load_verified
from kubeferry.vault.reader import ArchiveRead, read_archive
from kubeferry.vault.store import Store
from kubeferry.vault.tarstream import Limits

NOTHING = Discovery(all_versions=())
"""A target of which nothing is known: every object in the version that the source preferred."""
_COPIES = 8
"""An archive has each object once bare and once in each version: more than this is no archive."""
_SLACK = 64 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A spooled archive.

    ``restored_volumes`` are the volumes that are restored as they are: no data of theirs is in the
    backup and they outlive their claims (velero.md §3.9). ``claims_with_data`` are namespace and
    name of the claims whose data is in the backup, or was asked for when it was taken. ``notes``
    say which kinds are restored from another version's copies than the source's preferred one.
    """

    read: ArchiveRead
    restored_volumes: frozenset[str]
    claims_with_data: frozenset[tuple[str, str]]
    notes: tuple[Note, ...] = ()


async def open_archive(
    store: Store,
    name: str,
    *,
    spool: Spool,
    now: datetime,
    discovery: Discovery = NOTHING,
    priorities: Priorities | None = None,
) -> Opened:
    """Reads a backup into the spool, in versions that ``discovery`` has, the target's, those first
    that ``priorities`` name.

    Raises ``BackupMissing``, ``InvalidInput`` for a backup that cannot be restored,
    ``ArchiveError``, ``VaultError``.
    """
    verified = await load_verified(store, name)
    check_restorable(verified.facts, now=now)
    versions, limits = Versions(spool, discovery, priorities), limits_for(spool)
    read = await read_archive(
        store,
        name,
        spool=spool.add,
        versions=versions.add,
        wants=versions.wants,
        limits=limits,
        verified=verified,
    )
    # Ours has a namespace at least, if it is not of claims alone and there were none.
    has_namespace = read.facts.is_ours and read.facts.asked.get("backupType") != "PvBackup"
    if not read.objects and (read.facts.items_backed_up or has_namespace):
        raise ArchiveDamaged("holds no objects", place=f"{store.url} backup {name}")
    notes = versions.settle()
    data = await volume_data(store, verified, spool)
    return Opened(read, data.restored_volumes, data.claims, notes)


def limits_for(spool: Spool) -> Limits:
    """What an archive may hold that is read into a spool: a bomb may be in what nobody keeps."""
    return Limits(
        total=min(Limits().total, _COPIES * spool.room.left() + _SLACK),
        remedy="it holds far more than its objects, or KUBEFERRY_SPOOL_LIMIT and the free space "
        "below KUBEFERRY_SPOOL_DIR are too small for it",
    )


def check_restorable(facts: BackupFacts, *, now: datetime) -> None:
    """Raises ``InvalidInput`` for a backup that never ended well or has expired."""
    if facts.phase not in RESTORABLE_PHASES:
        raise InvalidInput(
            f"the backup is {facts.phase or 'unfinished'}",
            place=f"backup {facts.name}",
            remedy="restore one that is Completed or PartiallyFailed",
        )
    if facts.expiration is not None and facts.expiration <= now:
        raise InvalidInput(
            f"the backup expired on {facts.expiration:%Y-%m-%d %H:%M} UTC",
            place=f"backup {facts.name}",
            remedy="restore a younger one",
        )
