"""From a vault to a spool: reads a backup's archive once, verified, and what it says of volumes.

Nothing is acted on before the whole archive was read and its checksum fits.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from kubeferry import codec
from kubeferry.api.backup import RESTORABLE_PHASES
from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.restore.spool import Spool
from kubeferry.vault.metadata import BackupFacts, load_backup
from kubeferry.vault.reader import ArchiveRead, read_archive
from kubeferry.vault.sidefiles import load_volume_info
from kubeferry.vault.store import Store
from kubeferry.vault.tarstream import Limits

_COPIES = 8
"""An archive has each object once bare and once in each version: more than this is no archive."""
_SLACK = 64 << 20
_VOLUMES = "persistentvolumes"


class _VolumeSpec(msgspec.Struct, rename="camel"):
    persistent_volume_reclaim_policy: str = ""


class _Volume(msgspec.Struct):
    spec: _VolumeSpec


_VOLUME = codec.Decoder(_Volume)


@dataclass(frozen=True, slots=True)
class Opened:
    """A spooled archive.

    ``restored_volumes`` are the volumes that are restored as they are: no data of theirs is in the
    backup and they outlive their claims (velero.md §3.9). ``claims_with_data`` are namespace and
    name of the claims whose data is in the backup, or was asked for when it was taken.
    """

    read: ArchiveRead
    restored_volumes: frozenset[str]
    claims_with_data: frozenset[tuple[str, str]]


async def open_archive(store: Store, name: str, *, spool: Spool, now: datetime) -> Opened:
    """Reads a backup into the spool.

    Raises ``BackupMissing``, ``InvalidInput`` for a backup that cannot be restored,
    ``ArchiveError``, ``VaultError``.
    """
    check_restorable(await load_backup(store, name), now=now)
    read = await read_archive(store, name, spool=spool.add, limits=_limits(spool))
    if not read.objects:
        raise ArchiveDamaged("holds no objects", place=f"{store.url} backup {name}")
    volumes = await load_volume_info(store, name)
    taken = {info.pv_name for info in volumes if info.backup_method}
    expected = frozenset((one.pvc_namespace, one.pvc_name) for one in volumes if one.is_expected)
    return Opened(read, frozenset(_kept_volumes(spool) - taken), expected)


def _limits(spool: Spool) -> Limits:
    """A bomb may be in what nobody keeps too."""
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


def _kept_volumes(spool: Spool) -> set[str]:
    kept: set[str] = set()
    for spooled in spool.walk(_VOLUMES):
        try:
            volume = _VOLUME.decode(spooled.body)
        except msgspec.DecodeError:
            continue  # reported when it is planned
        if volume.spec.persistent_volume_reclaim_policy == "Retain":
            kept.add(spooled.identity.name)
    return kept
