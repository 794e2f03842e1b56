"""Which volumes of an archive are restored as they are, and which claims miss data if it is not.

Volume by volume ``volumeinfo`` says it; where it has no entry, as in Velero's backups before 1.13,
the files of each method and the snapshots in the archive tell (velero.md §3.9).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from kubeferry import codec
from kubeferry.kube.names import label_value
from kubeferry.restore.spool import Spool
from kubeferry.vault.metadata import Verified
from kubeferry.vault.older import load_taken_data
from kubeferry.vault.sidefiles import load_volume_info
from kubeferry.vault.store import Store

_VOLUMES = "persistentvolumes"
_SNAPSHOTS = "volumesnapshots.snapshot.storage.k8s.io"
_UPLOADS = "datauploads.velero.io"
_BACKUP_LABEL = "velero.io/backup-name"
Claim = tuple[str, str]
"""Namespace and name."""


class _ClaimRef(msgspec.Struct):
    namespace: str = ""
    name: str = ""


class _VolumeSpec(msgspec.Struct, rename="camel"):
    persistent_volume_reclaim_policy: str = ""
    claim_ref: _ClaimRef | None = None
    host_path: object = None
    local: object = None


class _Volume(msgspec.Struct):
    spec: _VolumeSpec


class _Metadata(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Source(msgspec.Struct, rename="camel"):
    persistent_volume_claim_name: str | None = None


class _EvidenceSpec(msgspec.Struct):
    """Of a snapshot or a data upload, which says ``PVC``."""

    source: _Source | None = None
    upload: str = msgspec.field(default="", name="sourcePVC")
    upload_namespace: str = msgspec.field(default="", name="sourceNamespace")


class _Evidence(msgspec.Struct):
    spec: _EvidenceSpec
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_VOLUME = codec.Decoder(_Volume)
_EVIDENCE = codec.Decoder(_Evidence)


@dataclass(frozen=True, slots=True)
class VolumeData:
    """What becomes of volumes and claims.

    ``restored_volumes`` are restored as they are: no data of theirs is in the backup and they
    outlive their claims. ``claims`` are those whose data is in the backup, or was asked for when it
    was taken.
    """

    restored_volumes: frozenset[str]
    claims: frozenset[Claim]


async def volume_data(store: Store, verified: Verified, spool: Spool) -> VolumeData:
    """Finds out, volume by volume. Raises ``ArchiveError``, ``VaultError``."""
    taken, claims = await _taken(store, verified, spool)
    kept = {volume for volume, policy, _ in _volumes(spool) if policy == "Retain"}
    return VolumeData(frozenset(kept - taken), frozenset(claims))


async def _taken(store: Store, verified: Verified, spool: Spool) -> tuple[set[str], set[Claim]]:
    """Volumes whose data was taken; claims whose data was taken, or asked for."""
    facts = verified.facts
    infos = await load_volume_info(store, facts.name, verified=verified)
    taken = {info.pv_name for info in infos if info.backup_method}
    claims = {(info.pvc_namespace, info.pvc_name) for info in infos if info.is_expected}
    if facts.is_ours:  # which has an entry for each
        return taken, claims
    told = {info.pv_name for info in infos}
    told_claims = {(info.pvc_namespace, info.pvc_name) for info in infos}
    older = await load_taken_data(store, facts.name, verified=verified)
    others = older.claims.union(_taken_inside(spool, facts.name)) - told_claims
    for volume, _, claim in _volumes(spool):
        if volume not in told and (volume in older.volumes or claim in others):
            taken.add(volume)
            if claim is not None:
                claims.add(claim)
    return taken, claims | others


def _volumes(spool: Spool) -> Iterator[tuple[str, str, Claim | None]]:
    """Name, reclaim policy and claim of each archived volume."""
    for spooled in spool.walk(_VOLUMES):
        try:
            spec = _VOLUME.decode(spooled.body).spec
        except msgspec.DecodeError:
            continue  # reported when it is planned
        claim = (spec.claim_ref.namespace, spec.claim_ref.name) if spec.claim_ref else None
        yield spooled.identity.name, spec.persistent_volume_reclaim_policy, claim


def volumes_of_nodes(spool: Spool) -> Iterator[str]:
    """The names of the archived volumes that are a directory or a disk of a node: a pod gets by
    them what a ``hostPath`` volume of its own would give it.
    """
    for spooled in spool.walk(_VOLUMES):
        try:
            spec = _VOLUME.decode(spooled.body).spec
        except msgspec.DecodeError:
            continue  # reported when it is planned
        if spec.host_path is not None or spec.local is not None:
            yield spooled.identity.name


def _taken_inside(spool: Spool, name: str) -> Iterator[Claim]:
    """Claims that snapshots and uploads which Velero made for this backup, and archived, are of."""
    for kind in (_SNAPSHOTS, _UPLOADS):
        for spooled in spool.walk(kind):
            try:
                one = _EVIDENCE.decode(spooled.body)
            except msgspec.DecodeError:
                continue
            if (one.metadata.labels or {}).get(_BACKUP_LABEL) != label_value(name):
                continue
            source = one.spec.source
            if kind == _UPLOADS:
                yield one.spec.upload_namespace, one.spec.upload
            elif source is not None and source.persistent_volume_claim_name:
                yield spooled.identity.namespace, source.persistent_volume_claim_name
