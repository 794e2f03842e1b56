"""Whose volume data a backup holds, where it has no ``volumeinfo`` to say so: Velero's before 1.13.

The files of each method tell (velero.md §1.2, §3.9). All are optional and may be ``null``.
"""

from dataclasses import dataclass

import msgspec

from kubeferry.vault.metadata import Verified, load_verified
from kubeferry.vault.sidefiles import load_entries
from kubeferry.vault.store import Store

_CLAIM_NAME = "velero.io/pvc-name"


class _Metadata(msgspec.Struct):
    namespace: str = ""
    annotations: dict[str, str] | None = None


class _NativeSpec(msgspec.Struct, rename="camel"):
    persistent_volume_name: str = ""


class _Native(msgspec.Struct):
    spec: _NativeSpec = msgspec.field(default_factory=_NativeSpec)


class _Pod(msgspec.Struct):
    namespace: str = ""


class _PodVolumeSpec(msgspec.Struct):
    pod: _Pod = msgspec.field(default_factory=_Pod)


class _PodVolume(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _PodVolumeSpec = msgspec.field(default_factory=_PodVolumeSpec)


class _Source(msgspec.Struct, rename="camel"):
    persistent_volume_claim_name: str | None = None


class _SnapshotSpec(msgspec.Struct):
    source: _Source = msgspec.field(default_factory=_Source)


class _Snapshot(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _SnapshotSpec = msgspec.field(default_factory=_SnapshotSpec)


@dataclass(frozen=True, slots=True)
class TakenData:
    """Whose data was taken.

    Attributes:
        volumes: names of PersistentVolumes, by a snapshot of their disk.
        claims: namespace and name of claims, by files from a pod or by a CSI snapshot.
    """

    volumes: frozenset[str] = frozenset()
    claims: frozenset[tuple[str, str]] = frozenset()


async def load_taken_data(
    store: Store, name: str, *, verified: Verified | None = None
) -> TakenData:
    """What the files of each method say. Raises ``ArchiveDamaged``, ``ChecksumMismatch``."""
    found = verified or await load_verified(store, name)
    natives = await load_entries(store, name, "volumesnapshots.json.gz", _Native, verified=found)
    pods = await load_entries(store, name, "podvolumebackups.json.gz", _PodVolume, verified=found)
    snapshots = await load_entries(
        store, name, "csi-volumesnapshots.json.gz", _Snapshot, verified=found
    )
    claims = [
        (one.spec.pod.namespace, (one.metadata.annotations or {}).get(_CLAIM_NAME, ""))
        for one in pods
    ]
    claims += [
        (one.metadata.namespace, one.spec.source.persistent_volume_claim_name or "")
        for one in snapshots
    ]
    return TakenData(
        volumes=frozenset(one.spec.persistent_volume_name for one in natives) - {""},
        claims=frozenset(one for one in claims if all(one)),
    )
