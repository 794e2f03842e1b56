"""``velero-backup.json``: a backup's facts, written as Velero's ``Backup`` (velero.md §1.4).

The file is the commit mark, and what another cluster or a Velero server knows of the backup. Facts
that Velero has no field for are annotations. Reading takes Velero's own files too: what is missing
there is empty, what is unknown is passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from kubeferry import codec
from kubeferry.clock import parse_timestamp, timestamp
from kubeferry.errors import ArchiveDamaged, ArchiveError, BackupMissing, ObjectMissing
from kubeferry.kube.names import label_value
from kubeferry.vault import layout
from kubeferry.vault.checksums import load_checksums, sha256, verify
from kubeferry.vault.documents import decoded, quoted
from kubeferry.vault.store import DOCUMENT_BYTES, Store

BackupPhase = Literal["Completed", "PartiallyFailed", "Failed"]

_GROUP = "csdr.alibabacloud.com"
_WRITTEN_BY = f"{_GROUP}/written-by"
_CLUSTER_NAME = f"{_GROUP}/source-cluster"
_CLUSTER_UID = f"{_GROUP}/source-cluster-uid"
_ARCHIVE_BYTES = f"{_GROUP}/archive-bytes"
_ASKED = f"{_GROUP}/asked"
"""JSON with the fields of ``OWN_FILTERS``."""
_GIT_VERSION = "velero.io/source-cluster-k8s-gitversion"
_MAJOR = "velero.io/source-cluster-k8s-major-version"
_MINOR = "velero.io/source-cluster-k8s-minor-version"
_LOCATION = "velero.io/storage-location"
_NAME_LENGTH = 253
_MOST = (1 << 53) - 1
"""The largest number that every reader of JSON keeps."""


FILTERS = (
    "includedResources",
    "excludedResources",
    "includeClusterResources",
    "includedClusterScopedResources",
    "excludedClusterScopedResources",
    "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources",
    "labelSelector",
    "orLabelSelectors",
    "resourcePolicy",
)
"""The fields of Velero's ``Backup`` that say which objects it holds, beside the namespaces."""
OWN_FILTERS = ("backupType", "pvBackup", "generatedObjects", "allVersions")
"""Those of ours that Velero has no field for."""


@dataclass(frozen=True, slots=True)
class SourceCluster:
    """The cluster a backup was taken from; ``uid`` is that of its namespace kube-system."""

    name: str = ""
    uid: str = ""
    git_version: str = ""
    major: str = ""
    minor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """What is known of a finished backup.

    Attributes:
        name: of the backup and of its folder.
        phase: a phase that ends a backup; Velero's others may be read, never written.
        written_by: ``kubeferry/<version>``; empty for a backup of Velero's.
        bytes: of the gzipped archive; 0 when not known.
        asked: which objects were asked for, by the names of Velero's fields (``FILTERS``) and ours
            (``OWN_FILTERS``) and in their form; those that were not given are missing.
        ttl: a Go duration, ``720h0m0s``.
        hooks_attempted: how many hooks were run.
        hooks_failed: how many of them did not end well.
    """

    name: str
    uid: str = ""
    phase: str = "Completed"
    failure: str = ""
    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    storage_location: str = ""
    ttl: str = ""
    created: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    expiration: datetime | None = None
    total_items: int = 0
    items_backed_up: int = 0
    warnings: int = 0
    errors: int = 0
    bytes: int = 0
    hooks_attempted: int = 0
    hooks_failed: int = 0
    cluster: SourceCluster = field(default_factory=SourceCluster)
    labels: tuple[tuple[str, str], ...] = ()
    written_by: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether kubeferry wrote it."""
        return bool(self.written_by)


def backup_document(facts: BackupFacts) -> bytes:
    """The content of ``velero-backup.json``; a Velero server imports it as it is."""
    own = {name: facts.asked[name] for name in OWN_FILTERS if name in facts.asked}
    annotations = {
        _WRITTEN_BY: facts.written_by,
        _CLUSTER_NAME: facts.cluster.name,
        _CLUSTER_UID: facts.cluster.uid,
        _ARCHIVE_BYTES: str(facts.bytes) if facts.bytes else "",
        _ASKED: codec.encode(own).decode() if own else "",
        _GIT_VERSION: facts.cluster.git_version,
        _MAJOR: facts.cluster.major,
        _MINOR: facts.cluster.minor,
    }
    labels = dict(facts.labels)
    if facts.storage_location:
        labels[_LOCATION] = label_value(facts.storage_location)
    metadata = {
        "name": facts.name,
        "namespace": "velero",
        "uid": facts.uid,
        "creationTimestamp": _written(facts.created or facts.started),
        "labels": labels,
        "annotations": {key: value for key, value in annotations.items() if value},
    }
    return codec.encode_pretty(
        {
            "apiVersion": "velero.io/v1",
            "kind": "Backup",
            "metadata": _filled(metadata),
            "spec": _spec(facts),
            "status": _status(facts),
        }
    )


def _spec(facts: BackupFacts) -> dict[str, Any]:
    return {
        "metadata": {},
        **_filled(
            {
                "includedNamespaces": list(facts.included_namespaces),
                "excludedNamespaces": list(facts.excluded_namespaces),
                **{name: facts.asked.get(name) for name in FILTERS},
                "storageLocation": facts.storage_location,
                "ttl": facts.ttl,
            }
        ),
        "hooks": {},
        "snapshotVolumes": False,
        "csiSnapshotTimeout": "10m0s",
        "itemOperationTimeout": "4h0m0s",
    }


def _status(facts: BackupFacts) -> dict[str, Any]:
    return {
        "version": 1,
        "formatVersion": "1.1.0",
        "phase": facts.phase,
        **_filled(
            {
                "failureReason": facts.failure,
                "startTimestamp": _written(facts.started),
                "completionTimestamp": _written(facts.completed),
                "expiration": _written(facts.expiration),
                "warnings": facts.warnings,
                "errors": facts.errors,
            }
        ),
        "progress": {"totalItems": facts.total_items, "itemsBackedUp": facts.items_backed_up},
        "hookStatus": _filled(
            {"hooksAttempted": facts.hooks_attempted, "hooksFailed": facts.hooks_failed}
        ),
    }


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, as Go's ``omitempty`` has it; a ``false`` is a pointer to one."""
    return {key: value for key, value in values.items() if value or value is False}


def _written(moment: datetime | None) -> str:
    return timestamp(moment) if moment else ""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    uid: str = ""
    creation_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Spec(msgspec.Struct, rename="camel"):
    included_namespaces: list[str] | None = None
    excluded_namespaces: list[str] | None = None
    included_resources: list[str] | None = None
    excluded_resources: list[str] | None = None
    include_cluster_resources: bool | None = None
    included_cluster_scoped_resources: list[str] | None = None
    excluded_cluster_scoped_resources: list[str] | None = None
    included_namespace_scoped_resources: list[str] | None = None
    excluded_namespace_scoped_resources: list[str] | None = None
    label_selector: dict[str, Any] | None = None
    or_label_selectors: list[dict[str, Any]] | None = None
    resource_policy: dict[str, Any] | None = None
    storage_location: str = ""
    ttl: str = ""


class _Own(msgspec.Struct, rename="camel"):
    backup_type: str = ""
    pv_backup: dict[str, Any] | None = None
    generated_objects: str = ""
    all_versions: bool | None = None


_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
"""What a status can say: with any other number a backup would never get one."""


class _Progress(msgspec.Struct, rename="camel"):
    total_items: _Count = 0
    items_backed_up: _Count = 0


class _HookStatus(msgspec.Struct, rename="camel"):
    hooks_attempted: _Count = 0
    hooks_failed: _Count = 0


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    failure_reason: str = ""
    start_timestamp: str | None = None
    completion_timestamp: str | None = None
    expiration: str | None = None
    warnings: _Count = 0
    errors: _Count = 0
    progress: _Progress | None = None
    hook_status: _HookStatus | None = None


class _Backup(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def read_backup(data: bytes, *, name: str, place: str) -> BackupFacts:
    """The facts in a ``velero-backup.json`` of ours or Velero's.

    Raises ``ArchiveDamaged`` for what does not decode, is no Velero ``Backup``, or has another name
    than its folder, under which no restore would find its files (velero.md §1.4).
    """
    backup = decoded(data, _Backup, place=place)
    try:
        return _facts(backup, name=name, place=place)
    except ValueError as error:
        raise ArchiveDamaged(f"does not decode: {quoted(error)}", place=place) from error


def _facts(backup: _Backup, *, name: str, place: str) -> BackupFacts:
    if (backup.api_version, backup.kind) != ("velero.io/v1", "Backup"):
        what = quoted(f"{backup.api_version} {backup.kind}")
        raise ArchiveDamaged(f"holds a {what}, not a velero.io/v1 Backup", place=place)
    if backup.metadata.name != name:
        whose = quoted(backup.metadata.name)
        raise ArchiveDamaged(f"is of backup {whose!r}, its folder is {name!r}", place=place)
    spec, status = backup.spec, backup.status
    given = codec.to_builtins(spec)
    progress = status.progress or _Progress()
    hooks = status.hook_status or _HookStatus()
    annotations = backup.metadata.annotations or {}
    given |= codec.to_builtins(decoded(annotations.get(_ASKED, "{}").encode(), _Own, place=place))
    labels = backup.metadata.labels or {}
    return BackupFacts(
        name=name,
        uid=backup.metadata.uid,
        phase=status.phase,
        failure=status.failure_reason,
        included_namespaces=tuple(spec.included_namespaces or ()),
        excluded_namespaces=tuple(spec.excluded_namespaces or ()),
        asked=_filled({name: given[name] for name in (*FILTERS, *OWN_FILTERS)}),
        storage_location=spec.storage_location,
        ttl=spec.ttl,
        created=_moment(backup.metadata.creation_timestamp),
        started=_moment(status.start_timestamp),
        completed=_moment(status.completion_timestamp),
        expiration=_moment(status.expiration),
        total_items=progress.total_items,
        items_backed_up=progress.items_backed_up,
        warnings=status.warnings,
        errors=status.errors,
        bytes=_size(annotations.get(_ARCHIVE_BYTES, "")),
        hooks_attempted=hooks.hooks_attempted,
        hooks_failed=hooks.hooks_failed,
        cluster=SourceCluster(
            name=annotations.get(_CLUSTER_NAME, "")[:_NAME_LENGTH],
            uid=annotations.get(_CLUSTER_UID, ""),
            git_version=annotations.get(_GIT_VERSION, ""),
            major=annotations.get(_MAJOR, ""),
            minor=annotations.get(_MINOR, ""),
        ),
        labels=tuple((key, value) for key, value in sorted(labels.items()) if key != _LOCATION),
        written_by=annotations.get(_WRITTEN_BY, ""),
    )


def _size(text: str) -> int:
    """Bytes; 0 for what is no number. Raises ``ValueError`` for more than there can be."""
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    if size > _MOST or len(text) >= 20:
        raise ValueError(f"the archive cannot have {quoted(text)} bytes")
    return size


def _moment(text: str | None) -> datetime | None:
    return parse_timestamp(text) if text else None


@dataclass(frozen=True, slots=True)
class Verified:
    """A committed backup whose mark is what was written with its checksums.

    Attributes:
        facts: what the mark says.
        sums: key to hexadecimal digest of each file; None for one of Velero's, which has none.
        notes: what a person should know: that nothing proves who wrote it, or that it is whole.
    """

    facts: BackupFacts
    sums: Mapping[str, str] | None
    notes: tuple[str, ...] = ()


async def load_backup(store: Store, name: str) -> BackupFacts:
    """The facts of a committed backup. Raises what ``load_verified`` raises."""
    return (await load_verified(store, name)).facts


async def load_verified(store: Store, name: str) -> Verified:
    """A committed backup, before anything of it is used: its facts decide what becomes of it.

    Raises ``BackupMissing`` when there is none or it never finished, ``ArchiveDamaged`` when it
    cannot be read or is one of ours without its checksums, ``ChecksumMismatch``,
    ``ArchiveUnsigned`` and ``ArchiveForged``.
    """
    document = await load_backup_document(store, name)
    try:
        return await _verified(store, name, document)
    except ArchiveError:
        # It may have been deleted in between, or taken anew.
        again = await load_backup_document(store, name)
        if again == document:
            raise
    return await _verified(store, name, again)


async def _verified(store: Store, name: str, document: bytes) -> Verified:
    mark = layout.backup_metadata(name)
    place = f"{store.url}/{mark}"
    found = await load_checksums(store, name)
    if found.files is not None:
        verify(sha256(document), mark, found.files, place=store.url)
    facts = read_backup(document, name=name, place=place)
    if found.files is not None:
        return Verified(facts, found.files, found.notes)
    if facts.is_ours:
        raise ArchiveDamaged(
            "kubeferry wrote this backup with checksums and they are gone",
            place=f"{store.url}/{layout.checksums(name)}",
            remedy="use another backup",
        )
    note = "the backup has no checksums, as Velero's have none: it was not verified"
    return Verified(facts, None, (*found.notes, note))


async def load_backup_document(store: Store, name: str) -> bytes:
    """``velero-backup.json`` as it is stored. Raises ``BackupMissing``."""
    layout.check_name(name)
    try:
        return await store.get(layout.backup_metadata(name), limit=DOCUMENT_BYTES)
    except ObjectMissing as error:
        raise BackupMissing(
            f"no finished backup is called {name!r}",
            place=store.url,
            remedy="it was never taken, never finished, or is in another vault",
        ) from error


async def backup_names(store: Store) -> list[str]:
    """The folders that may hold backups, sorted; ``load_backup`` tells which are committed."""
    return [name for name in await store.folders(layout.BACKUPS) if layout.is_name(name)]
