"""What a vault was first created with, and who uses it: ``metadata/kubeferry-vault.json``.

The region is written once, atomically, and compared ever after: a vault is not another vault
because someone changed a manifest. The clusters are for people: two clusters that note themselves
in the same instant may lose one note, which the next visit writes again.
"""

from datetime import timedelta

import msgspec

from kubeferry import codec
from kubeferry.clock import Clock, parse_timestamp, timestamp
from kubeferry.errors import AlreadyStored, ArchiveDamaged, ObjectMissing, VaultMismatch
from kubeferry.vault import layout
from kubeferry.vault.documents import decoded
from kubeferry.vault.metadata import SourceCluster
from kubeferry.vault.store import DOCUMENT_BYTES, Store

_REFRESH = timedelta(hours=1)
"""How old a cluster's note may be before it is written again."""


class KnownCluster(msgspec.Struct, rename="camel", frozen=True):
    """A cluster that uses the vault; times are RFC 3339."""

    name: str
    first_seen: str
    last_seen: str


class VaultIdentity(msgspec.Struct, rename="camel", frozen=True):
    """What a vault was created with. ``clusters`` is by the uid of the namespace kube-system."""

    region: str
    created: str
    clusters: dict[str, KnownCluster] = {}


async def identify(
    store: Store, *, region: str, cluster: SourceCluster, clock: Clock
) -> VaultIdentity:
    """Creates the vault's identity or checks it, and notes the cluster.

    Raises ``VaultMismatch`` when the vault was created with another region, or its identity cannot
    be read.
    """
    now = timestamp(clock())
    known = {cluster.uid: KnownCluster(cluster.name, now, now)} if cluster.uid else {}
    fresh = VaultIdentity(region, now, known)
    found = await load_identity(store)
    if found is None:
        try:
            await store.put(layout.VAULT_METADATA, codec.encode_pretty(fresh), create=True)
            return fresh
        except AlreadyStored:
            found = await load_identity(store) or fresh
    _check_region(store, found, region)
    return await _note(store, found, cluster, clock=clock)


async def load_identity(store: Store) -> VaultIdentity | None:
    """The identity, None for a vault that was never used. Raises ``VaultMismatch``."""
    try:
        data = await store.get(layout.VAULT_METADATA, limit=DOCUMENT_BYTES)
        return decoded(data, VaultIdentity, place=f"{store.url}/{layout.VAULT_METADATA}")
    except ObjectMissing:
        return None
    except ArchiveDamaged as error:
        raise VaultMismatch(
            error.problem,
            place=error.place,
            remedy="put the file back, or delete it to let the vault be identified anew",
        ) from error


def _check_region(store: Store, found: VaultIdentity, region: str) -> None:
    if found.region != region:
        raise VaultMismatch(
            f"the vault was created with region {_shown(found.region)}, not {_shown(region)}",
            place=store.url,
            remedy=f"set config.region to {_shown(found.region)}, or use another bucket or prefix",
        )


def _shown(region: str) -> str:
    return repr(region) if region else "(none)"


async def _note(
    store: Store, found: VaultIdentity, cluster: SourceCluster, *, clock: Clock
) -> VaultIdentity:
    before = found.clusters.get(cluster.uid)
    now = clock()
    if not cluster.uid or (before and _is_recent(before, cluster.name, clock)):
        return found
    first = before.first_seen if before else timestamp(now)
    noted = KnownCluster(cluster.name, first, timestamp(now))
    updated = msgspec.structs.replace(found, clusters={**found.clusters, cluster.uid: noted})
    await store.put(layout.VAULT_METADATA, codec.encode_pretty(updated))
    return updated


def _is_recent(before: KnownCluster, name: str, clock: Clock) -> bool:
    try:
        age = clock() - parse_timestamp(before.last_seen)
    except ValueError:
        return False
    return before.name == name and age < _REFRESH
