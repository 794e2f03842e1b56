"""Who writes a backup: a small file that one writer at a time holds in the backup's folder.

The commit mark is created only if it is not there, but an archive is uploaded under its final key
long before. The claim keeps a second cluster from writing over it: it is created first, the mark is
looked for only once it is held, and it must still be held when the mark is written. It is deleted
after the mark.

A claim is taken over when it is the same task's (a restarted controller), when it is the same
cluster's (a cluster has one task of a name: the older one's is gone), or after ``STALE``, which a
writer that lives never reaches: it renews its claim. Each writer has a token of its own, so that
one that lost its lease knows the name for lost even to the same task in another process.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from kubeferry import codec
from kubeferry.clock import Clock, parse_timestamp, timestamp
from kubeferry.errors import AlreadyStored, ArchiveDamaged, BackupExists, ObjectMissing
from kubeferry.vault import layout
from kubeferry.vault.documents import decoded, quoted
from kubeferry.vault.store import DOCUMENT_BYTES, Store

STALE = timedelta(hours=24)
"""The age at which a claim without a backup is a dead writer's."""
RENEWAL = timedelta(hours=1)
"""How often a writer renews its claim."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The task that writes: its uid, and the uid of its cluster (that of namespace kube-system)."""

    uid: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One writer's hold on a backup's name; ``token`` is no other writer's."""

    name: str
    owner: Owner
    token: str


class _File(msgspec.Struct, rename="camel"):
    uid: str
    cluster: str = ""
    since: str = ""
    token: str = ""


def new_claim(name: str, owner: Owner) -> Claim:
    """What a writer will claim. Raises ``InvalidInput`` for a name that names no folder."""
    return Claim(layout.check_name(name), owner, secrets.token_hex(16))


async def take_claim(store: Store, claim: Claim, *, clock: Clock) -> None:
    """Makes the name ours until ``release``. Raises ``BackupExists`` when it is taken."""
    mark = layout.backup_metadata(claim.name)
    if await store.exists(mark):
        raise name_taken(store, claim.name)
    try:
        await store.put(layout.backup_claim(claim.name), _content(claim, clock), create=True)
    except AlreadyStored:
        await _take_over(store, claim, clock=clock)
    if await store.exists(mark):
        await release(store, claim)
        raise name_taken(store, claim.name)


async def renew_claim(store: Store, claim: Claim, *, clock: Clock) -> None:
    """Writes the claim's time anew. Raises ``BackupExists`` when it is another writer's by now."""
    await check_claim(store, claim)
    await store.put(layout.backup_claim(claim.name), _content(claim, clock))


async def holds_claim(store: Store, claim: Claim) -> bool:
    """Whether the name is still this writer's."""
    found = await _read(store, claim.name)
    return found is not None and found.token == claim.token


async def check_claim(store: Store, claim: Claim) -> None:
    """Raises ``BackupExists`` when the name is no longer this writer's."""
    if not await holds_claim(store, claim):
        raise lost(store, claim)


async def release(store: Store, claim: Claim) -> None:
    """Gives the name back if it is still this writer's."""
    if await holds_claim(store, claim):
        await store.delete(layout.backup_claim(claim.name))


def lost(store: Store, claim: Claim) -> BackupExists:
    """The error of a writer whose name another one has taken."""
    return BackupExists(
        f"another task took the name {claim.name!r} while this one was writing",
        place=f"{store.url}/{layout.backup_folder(claim.name)}",
        remedy="choose another name",
    )


async def _take_over(store: Store, claim: Claim, *, clock: Clock) -> None:
    found, owner = await _read(store, claim.name), claim.owner
    if found is not None and found.uid != owner.uid:
        same_cluster = bool(owner.cluster) and found.cluster == owner.cluster
        if not same_cluster and not _is_stale(found, clock):
            raise BackupExists(
                f"another task ({quoted(found.uid)}) has been writing this backup, last seen "
                f"{quoted(found.since)}",
                place=f"{store.url}/{layout.backup_folder(claim.name)}",
                remedy="choose another name; what a dead task left is taken over after 24 hours",
            )
    await store.put(layout.backup_claim(claim.name), _content(claim, clock))


def _content(claim: Claim, clock: Clock) -> bytes:
    owner = claim.owner
    return codec.encode_pretty(_File(owner.uid, owner.cluster, timestamp(clock()), claim.token))


async def _read(store: Store, name: str) -> _File | None:
    """The claim there is, None if there is none; one that does not decode is nobody's."""
    key = layout.backup_claim(name)
    try:
        return decoded(
            await store.get(key, limit=DOCUMENT_BYTES), _File, place=f"{store.url}/{key}"
        )
    except ObjectMissing:
        return None
    except ArchiveDamaged:
        return _File("")


def _is_stale(claim: _File, clock: Clock) -> bool:
    try:
        return clock() - parse_timestamp(claim.since) > STALE
    except ValueError:
        return True


def name_taken(store: Store, name: str) -> BackupExists:
    """The error of a writer whose name a backup has, whoever took it."""
    return BackupExists(
        f"a backup named {name!r} is in the vault already",
        place=f"{store.url}/{layout.backup_folder(name)}",
        remedy="choose another name, or delete that backup",
    )
