"""What decides about the data of a claim: the claim, its volume, the pods that mount it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.backup.hooks import claims_of
from kubeferry.kube.objects import OLD_CLASS_ANNOTATION, Object, annotations, at, metadata

MARK = b"backup.velero.io/backup-volumes"
"""What the bytes of a pod hold whose annotations say something of its volumes' data."""
ASKED = "backup.velero.io/backup-volumes"
"""The annotation that asks for volumes of a pod to be read through it."""
REFUSED = "backup.velero.io/backup-volumes-excludes"
"""The annotation that leaves the data of volumes of a pod out."""
_PROVISIONERS = frozenset(
    {
        "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner",
    }
)
_PROVISIONED = "pv.kubernetes.io/provisioned-by"


class Mount(IntEnum):
    """What pods say of a claim; of several pods the greatest counts.

    ``REFUSED``: every pod that mounts it leaves its data out by annotation. ``ASKED``: one of them
    asks for it to be read through the pod (velero.md §2.10).
    """

    NONE = 0
    REFUSED = 1
    MOUNTED = 2
    ASKED = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim.

    Attributes:
        volume: the name of the volume that it is bound to, or to be bound to.
        is_provisioned: whether its class was asked to make its volume.
    """

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = ""
    phase: str = ""
    volume: str = ""
    is_provisioned: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether there is data behind it."""
        return self.phase == "Bound" and bool(self.volume)


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume.

    Attributes:
        capacity: as it is written, such as ``10Gi``.
        source: the field of its spec that says where the data is: ``csi``, ``nfs``, ``hostPath``.
        details: what is in that field.
        claim_namespace: where its claim is.
        is_provisioned: whether its class made it.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    reclaim_policy: str = ""
    capacity: str = ""
    storage_class: str = ""
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    claim_namespace: str = ""
    is_provisioned: bool = False


VOLUME_SOURCES = frozenset(
    {
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "csi",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "glusterfs",
        "hostPath",
        "iscsi",
        "local",
        "nfs",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    }
)
"""Where the data of a PersistentVolume can be."""


class _Meta(msgspec.Struct):
    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _ClaimSpec(msgspec.Struct, rename="camel"):
    volume_name: str = ""
    storage_class_name: str | None = None


class _ClaimStatus(msgspec.Struct):
    phase: str = ""


class _Claim(msgspec.Struct):
    metadata: _Meta
    spec: _ClaimSpec = msgspec.field(default_factory=_ClaimSpec)
    status: _ClaimStatus = msgspec.field(default_factory=_ClaimStatus)


class _Volume(msgspec.Struct):
    metadata: _Meta
    spec: dict[str, Any] = msgspec.field(default_factory=dict)


_CLAIMS = codec.Decoder(_Claim)
_VOLUMES = codec.Decoder(_Volume)


def read_claim(raw: msgspec.Raw | bytes) -> Claim:
    """The claim in its bytes. Raises ``msgspec.DecodeError`` for what is no claim."""
    claim = _CLAIMS.decode(raw)
    meta, spec = claim.metadata, claim.spec
    return Claim(
        namespace=meta.namespace,
        name=meta.name,
        labels=meta.labels or {},
        storage_class=spec.storage_class_name
        or (meta.annotations or {}).get(OLD_CLASS_ANNOTATION, ""),
        phase=claim.status.phase,
        volume=spec.volume_name,
        is_provisioned=not _PROVISIONERS.isdisjoint(meta.annotations or {}),
    )


def read_volume(raw: msgspec.Raw | bytes) -> Volume:
    """The volume in its bytes. Raises ``msgspec.DecodeError`` for what is no volume."""
    volume = _VOLUMES.decode(raw)
    meta, spec = volume.metadata, volume.spec
    source = next((name for name in spec if name in VOLUME_SOURCES), "")
    details = spec.get(source)
    return Volume(
        name=meta.name,
        labels=meta.labels or {},
        reclaim_policy=str(spec.get("persistentVolumeReclaimPolicy") or ""),
        capacity=str(at(spec, ("capacity", "storage")) or ""),
        storage_class=str(
            spec.get("storageClassName") or (meta.annotations or {}).get(OLD_CLASS_ANNOTATION, "")
        ),
        source=source,
        details=details if isinstance(details, dict) else {},
        claim_namespace=str(at(spec, ("claimRef", "namespace")) or ""),
        is_provisioned=_PROVISIONED in (meta.annotations or {}),
    )


def mounts_of(pod: Object) -> dict[str, Mount]:
    """What a pod says of each claim that it names, by the claim's name."""
    said = annotations(pod)
    asked, refused = _volumes(said.get(ASKED, "")), _volumes(said.get(REFUSED, ""))
    mounts = dict.fromkeys(claims_of(pod), Mount.MOUNTED)
    if not asked and not refused:
        return mounts
    by_volume = {
        volume.get("name"): claim
        for volume in at(pod, ("spec", "volumes")) or ()
        for claim in claims_of({"metadata": metadata(pod), "spec": {"volumes": [volume]}})
    }
    for names, mount in ((refused, Mount.REFUSED), (asked, Mount.ASKED)):
        mounts.update((by_volume[name], mount) for name in names if name in by_volume)
    return mounts


def _volumes(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")} - {""}
