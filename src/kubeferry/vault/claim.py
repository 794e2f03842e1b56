"""Who writes a backup: a small file that one writer at a time holds in the backup's folder.

The commit mark is created only if it is not there, but an archive is uploaded under its final key
long before. The claim keeps a second cluster from writing over it: it is created first, the mark is
looked for only once it is held, and it must still be held when the mark is written. It is deleted
after the mark.

A claim is taken over when it is the same task's (a restarted controller), when it is the same
cluster's (a cluster has one task of a name: the older one's is gone), or after ``STALE``.
"""

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from kubeferry import codec
from kubeferry.clock import Clock, parse_timestamp, timestamp
from kubeferry.errors import AlreadyStored, BackupExists, ObjectMissing
from kubeferry.vault import layout
from kubeferry.vault.store import Store

STALE = timedelta(hours=24)
"""The age at which a claim without a backup is a dead writer's."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The task that writes: its uid, and the uid of its cluster (that of namespace kube-system)."""

    uid: str
    cluster: str = ""


class _Claim(msgspec.Struct, rename="camel"):
    uid: str
    cluster: str = ""
    since: str = ""


async def claim_backup(store: Store, name: str, owner: Owner, *, clock: Clock) -> None:
    """Makes the name ours until ``release``. Raises ``BackupExists`` when it is taken."""
    layout.check_name(name)
    if await store.exists(layout.backup_metadata(name)):
        raise _exists(store, name)
    key = layout.backup_claim(name)
    data = codec.encode_pretty(_Claim(owner.uid, owner.cluster, timestamp(clock())))
    try:
        await store.put(key, data, create=True)
    except AlreadyStored:
        await _take_over(store, name, owner, data, clock=clock)
    if await store.exists(layout.backup_metadata(name)):
        await store.delete(key)
        raise _exists(store, name)


async def holds_claim(store: Store, name: str, owner: Owner) -> bool:
    """Whether the claim is still this writer's."""
    found = await _read(store, name)
    return found is not None and found.uid == owner.uid


async def release(store: Store, name: str, owner: Owner) -> None:
    """Gives the claim back if it is still this writer's."""
    if await holds_claim(store, name, owner):
        await store.delete(layout.backup_claim(name))


async def _take_over(store: Store, name: str, owner: Owner, data: bytes, *, clock: Clock) -> None:
    found = await _read(store, name)
    if found is not None and found.uid != owner.uid:
        same_cluster = bool(owner.cluster) and found.cluster == owner.cluster
        if not same_cluster and not _is_stale(found, clock):
            raise BackupExists(
                f"another task ({found.uid}) has been writing this backup since {found.since}",
                place=f"{store.url}/{layout.backup_folder(name)}",
                remedy="choose another name; what a dead task left is taken over after 24 hours",
            )
    await store.put(layout.backup_claim(name), data)


async def _read(store: Store, name: str) -> _Claim | None:
    """The claim there is, None if there is none; one that does not decode is nobody's."""
    try:
        return msgspec.json.decode(await store.get(layout.backup_claim(name)), type=_Claim)
    except ObjectMissing:
        return None
    except msgspec.DecodeError:
        return _Claim("", "", "")


def _is_stale(claim: _Claim, clock: Clock) -> bool:
    try:
        return clock() - parse_timestamp(claim.since) > STALE
    except ValueError:
        return True


def _exists(store: Store, name: str) -> BackupExists:
    return BackupExists(
        f"a backup named {name!r} is in the vault already",
        place=f"{store.url}/{layout.backup_folder(name)}",
        remedy="choose another name, or delete that backup",
    )
