"""Whose volume data a backup holds, where it has no ``volumeinfo`` to say so: Velero's before 1.13.

The files of each method tell (velero.md §1.2, §3.9). All are optional and may be ``null``.
"""

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from kubeferry.vault import layout
from kubeferry.vault.documents import decoded
from kubeferry.vault.metadata import Verified, load_verified
from kubeferry.vault.sidefiles import load_side_file
from kubeferry.vault.store import Store

_CLAIM_NAME = "velero.io/pvc-name"
T = TypeVar("T")


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
    natives = await _load(store, found, "volumesnapshots.json.gz", list[_Native])
    pods = await _load(store, found, "podvolumebackups.json.gz", list[_PodVolume])
    snapshots = await _load(store, found, "csi-volumesnapshots.json.gz", list[_Snapshot])
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


async def _load(store: Store, found: Verified, kind: str, to: type[list[T]]) -> list[T]:
    name = found.facts.name
    data = await load_side_file(store, name, kind, verified=found)
    if data is None:
        return []
    place = f"{store.url}/{layout.backup_file(name, kind)}"
    return decoded(data, to | None, place=place) or []  # type: ignore[arg-type]
