"""Backups as Velero writes them, by a generator of its own: it shares no line with kubeferry.

Written from reference velero.md §1 with Python's ``tarfile``, ``gzip`` and ``json``. An ``Era``
says what the Velero of a time writes; objects come in the order given.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

STARTED, COMPLETED = "2026-01-02T03:04:05Z", "2026-01-02T03:04:09Z"
EXPIRES = "2126-01-02T03:04:05Z"
BACKUP_UID = "0f0c6d2e-7f0f-4f43-9f0a-3f8f0d1f9b11"
_MTIME = 1767323045
_DRIVER = "disk.csi.example.com"

Method = Literal["", "NativeSnapshot", "PodVolumeBackup", "CSISnapshot", "DataMover"]
"""Who took a volume's data; empty where nobody did."""


@dataclass(frozen=True)
class Era:
    """What the Velero of a time writes (velero.md §1.2, §1.4).

    ``files`` are the gzipped files beside the archive, ``nulls`` says whether an empty list of them
    is ``null``, as a nil slice of Go's is.
    """

    server: str
    files: frozenset[str]
    format_version: str = "1.1.0"
    preferred_copies: bool = True
    nulls: bool = False


_ALWAYS = {"logs.gz", "resource-list.json.gz", "podvolumebackups.json.gz"}
_CSI = {
    "csi-volumesnapshots.json.gz",
    "csi-volumesnapshotcontents.json.gz",
    "csi-volumesnapshotclasses.json.gz",
}
NOW = Era(
    "v1.18.1",
    frozenset(
        {
            *_ALWAYS,
            "results.gz",
            "volumesnapshots.json.gz",
            "itemoperations.json.gz",
            "volumeinfo.json.gz",
        }
    ),
)
NULLS = Era(NOW.server, NOW.files, nulls=True)
"""The same where everything that is empty is a nil slice."""
BEFORE_1_13 = Era(
    "v1.12.4",
    frozenset({*_ALWAYS, *_CSI, "results.gz", "volumesnapshots.json.gz", "itemoperations.json.gz"}),
)
"""Without ``volumeinfo``: what was taken must be told from the other files."""
OLDEST = Era(
    "v1.3.2",
    frozenset({*_ALWAYS, "volumesnapshots.json.gz"}),
    format_version="",
    preferred_copies=False,
)
"""Before format 1.1.0: no copies by version."""
BARE = Era("v1.18.1", frozenset())
"""Every optional file is gone: a reader needs the metadata and the archive."""


@dataclass(frozen=True)
class Item:
    """One object: ``group_resource`` is the folder it is in; ``others`` are its other versions, as
    a Velero with EnableAPIGroupVersions adds them.
    """

    group_resource: str
    object: dict[str, Any]
    others: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Volume:
    """A claim, its volume, and who took its data; a pod's for ``PodVolumeBackup``."""

    claim: str
    volume: str
    method: Method = ""
    pod: str = ""
    reclaim_policy: str = "Delete"

    @property
    def namespace(self) -> str:
        return self.claim.partition("/")[0]

    @property
    def claim_name(self) -> str:
        return self.claim.partition("/")[2]


@dataclass(frozen=True)
class Backup:
    """A backup to write.

    ``rewritten`` are items that finalising wrote once more, at the end; ``strays`` are files of the
    tar that nobody expects.
    """

    name: str
    items: Sequence[Item]
    era: Era = NOW
    volumes: Sequence[Volume] = ()
    rewritten: Sequence[Item] = ()
    strays: Mapping[str, bytes] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


def write(bucket: Path, backup: Backup) -> Path:
    """Writes it below ``backups/`` of a bucket's folder; returns its own."""
    folder = bucket / "backups" / backup.name
    folder.mkdir(parents=True)
    (folder / "velero-backup.json").write_bytes(metadata_file(backup))
    (folder / f"{backup.name}.tar.gz").write_bytes(archive(backup))
    for kind, content in side_files(backup):
        if kind in backup.era.files:
            (folder / f"{backup.name}-{kind}").write_bytes(gzip.compress(content, mtime=0))
    return folder


def go_json(value: object) -> bytes:
    """JSON as ``encoding/json`` makes it of a map: keys sorted, HTML escaped, compact."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def archive(backup: Backup) -> bytes:
    """The tar.gz, entries in Velero's order: each object bare, then by its version."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        format_version = backup.era.format_version or "1"
        _add(tar, "metadata/version", f"{format_version}\n".encode())
        for item in (*backup.items, *backup.rewritten):
            for path, body in _entries(item, preferred_copies=backup.era.preferred_copies):
                _add(tar, path, body)
        for path, body in backup.strays.items():
            _add(tar, path, body)
    return out.getvalue()


def _entries(item: Item, *, preferred_copies: bool) -> Iterator[tuple[str, bytes]]:
    root, body = f"resources/{item.group_resource}", go_json(item.object)
    yield f"{root}/{_place(item.object)}", body
    if preferred_copies:
        yield f"{root}/{_version(item.object)}-preferredversion/{_place(item.object)}", body
    for other in item.others:
        yield f"{root}/{_version(other)}/{_place(other)}", go_json(other)


def _place(obj: Mapping[str, Any]) -> str:
    meta = obj["metadata"]
    scope = f"namespaces/{meta['namespace']}" if meta.get("namespace") else "cluster"
    return f"{scope}/{meta['name']}.json"


def _version(obj: Mapping[str, Any]) -> str:
    return str(obj["apiVersion"].rpartition("/")[2])


def _add(tar: tarfile.TarFile, path: str, body: bytes) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime, info.type = len(body), 0o755, _MTIME, tarfile.REGTYPE
    tar.addfile(info, io.BytesIO(body))


def metadata_file(backup: Backup) -> bytes:
    """``velero-backup.json``: indented, not gzipped, as the server leaves it (velero.md §1.4)."""
    status: dict[str, Any] = {
        "version": 1,
        "formatVersion": backup.era.format_version,
        "expiration": EXPIRES,
        "phase": "Completed",
        "startTimestamp": STARTED,
        "completionTimestamp": COMPLETED,
        "progress": {"totalItems": len(backup.items), "itemsBackedUp": len(backup.items)},
        "hookStatus": {},
    }
    document = {
        "kind": "Backup",
        "apiVersion": "velero.io/v1",
        "metadata": {
            "name": backup.name,
            "namespace": "velero",
            "uid": BACKUP_UID,
            "resourceVersion": "7341",
            "generation": 6,
            "creationTimestamp": STARTED,
            "labels": {"velero.io/storage-location": "default"},
            "annotations": {
                "velero.io/resource-timeout": "10m0s",
                "velero.io/source-cluster-k8s-gitversion": "v1.31.1",
                "velero.io/source-cluster-k8s-major-version": "1",
                "velero.io/source-cluster-k8s-minor-version": "31",
            },
            "managedFields": [{"manager": "velero-server", "operation": "Update", "time": STARTED}],
        },
        "spec": {
            "metadata": {},
            "includedNamespaces": ["*"],
            "excludedClusterScopedResources": ["volumesnapshotcontents.snapshot.storage.k8s.io"],
            "ttl": "876000h0m0s",
            "hooks": {},
            "storageLocation": "default",
            "defaultVolumesToFsBackup": False,
            "csiSnapshotTimeout": "10m0s",
            "itemOperationTimeout": "4h0m0s",
            "snapshotMoveData": False,
            **backup.spec,
        },
        "status": {key: value for key, value in (status | dict(backup.status)).items() if value},
    }
    return json.dumps(document, indent=2).encode()


def side_files(backup: Backup) -> Iterator[tuple[str, bytes]]:
    """Every file that any Velero wrote beside an archive: its kind, its content unpacked."""

    def listed(values: Iterable[object]) -> bytes:
        found = list(values)
        empty = b"null" if backup.era.nulls else b"[]"
        return (go_json(found) if found else empty) + b"\n"

    yield "logs.gz", b"".join(_log(backup))
    yield "resource-list.json.gz", go_json(_resource_list(backup)) + b"\n"
    yield "results.gz", go_json({"warnings": {}, "errors": {}}) + b"\n"
    yield "podvolumebackups.json.gz", listed(_pod_volume_backups(backup))
    yield "volumesnapshots.json.gz", listed(_native_snapshots(backup))
    yield "itemoperations.json.gz", listed(_item_operations(backup))
    yield "volumeinfo.json.gz", listed(_volume_info(one) for one in backup.volumes)
    by_csi = _taken(backup, "CSISnapshot")
    yield "csi-volumesnapshots.json.gz", listed(_csi_snapshot(backup, one) for one in by_csi)
    yield "csi-volumesnapshotcontents.json.gz", listed(_csi_content(one) for one in by_csi)
    yield "csi-volumesnapshotclasses.json.gz", listed(_csi_class() for one in by_csi[:1])


def _log(backup: Backup) -> Iterator[bytes]:
    where = f"backup=velero/{backup.name}"
    for text in ("Backing up all namespaces", "Backed up a total of some items"):
        line = f'time="{STARTED}" level=info msg="{text}" {where} logSource="pkg/backup/backup.go"'
        yield line.encode() + b"\n"


def _resource_list(backup: Backup) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = {}
    for item in backup.items:
        meta, kind = item.object["metadata"], item.object["kind"]
        entry = "/".join(part for part in (meta.get("namespace", ""), meta["name"]) if part)
        listed.setdefault(f"{item.object['apiVersion']}/{kind}", []).append(entry)
    return {kind: sorted(entries) for kind, entries in listed.items()}


def _taken(backup: Backup, *methods: Method) -> list[Volume]:
    return [one for one in backup.volumes if one.method in methods]


def _pod_volume_backups(backup: Backup) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(_taken(backup, "PodVolumeBackup")):
        yield {
            "kind": "PodVolumeBackup",
            "apiVersion": "velero.io/v1",
            "metadata": {
                "name": f"{backup.name}-{number:05}",
                "generateName": f"{backup.name}-",
                "namespace": "velero",
                "labels": {
                    "velero.io/backup-name": backup.name,
                    "velero.io/backup-uid": BACKUP_UID,
                },
                "annotations": {"velero.io/pvc-name": one.claim_name},
                "ownerReferences": [
                    {
                        "apiVersion": "velero.io/v1",
                        "kind": "Backup",
                        "name": backup.name,
                        "uid": BACKUP_UID,
                        "controller": True,
                    }
                ],
            },
            "spec": {
                "node": "node-1",
                "pod": {"kind": "Pod", "namespace": one.namespace, "name": one.pod, "uid": "p-1"},
                "volume": "data",
                "backupStorageLocation": "default",
                "repoIdentifier": f"s3:https://example.com/vault/restic/{one.namespace}",
                "uploaderType": "kopia",
                "tags": {"backup": backup.name, "pvc-uid": "c-1", "volume": "data"},
            },
            "status": {
                "phase": "Completed",
                "path": "/host_pods/p-1/volumes/x/data",
                "snapshotID": "a1b2c3d4",
                "startTimestamp": STARTED,
                "completionTimestamp": COMPLETED,
                "progress": {"totalBytes": 10, "bytesDone": 10},
            },
        }


def _native_snapshots(backup: Backup) -> Iterator[dict[str, Any]]:
    for one in _taken(backup, "NativeSnapshot"):
        yield {
            "spec": {
                "backupName": backup.name,
                "backupUID": BACKUP_UID,
                "location": "default",
                "persistentVolumeName": one.volume,
                "providerVolumeID": f"vol-{one.volume}",
                "volumeType": "gp3",
                "volumeAZ": "zone-a",
            },
            "status": {"providerSnapshotID": f"snap-{one.volume}", "phase": "Completed"},
        }


def _item_operations(backup: Backup) -> Iterator[dict[str, Any]]:
    for one in _taken(backup, "CSISnapshot", "DataMover"):
        yield {
            "spec": {
                "backupName": backup.name,
                "backupUID": BACKUP_UID,
                "backupItemAction": "velero.io/csi-volumesnapshot-backupper",
                "resourceIdentifier": {
                    "Group": "snapshot.storage.k8s.io",
                    "Resource": "volumesnapshots",
                    "Namespace": one.namespace,
                    "Name": f"velero-{one.claim_name}",
                },
                "operationID": f"{one.claim}/{STARTED}",
            },
            "status": {
                "phase": "Completed",
                "nCompleted": 0,
                "nTotal": 0,
                "operationUnits": "",
                "description": "",
                "created": STARTED,
                "started": STARTED,
                "updated": COMPLETED,
            },
        }


def _volume_info(one: Volume) -> dict[str, Any]:
    """An entry of ``volumeinfo``; ``Phase`` and ``ReadyToUse`` have no JSON tag in Go."""
    entry: dict[str, Any] = {
        "pvcName": one.claim_name,
        "pvcNamespace": one.namespace,
        "pvName": one.volume,
        "snapshotDataMoved": one.method == "DataMover",
        "preserveLocalSnapshot": False,
        "skipped": not one.method,
        "pvInfo": {"reclaimPolicy": one.reclaim_policy, "labels": {}},
    }
    if not one.method:
        return entry | {"skippedReason": "no applicable method"}
    entry |= {"startTimestamp": STARTED, "completionTimestamp": COMPLETED, "result": "succeeded"}
    handle = f"snap-{one.volume}"
    csi = {
        "snapshotHandle": handle,
        "size": 1 << 30,
        "driver": _DRIVER,
        "vscName": f"snapcontent-{one.claim_name}",
        "ReadyToUse": True,
    }
    match one.method:
        case "NativeSnapshot":
            native = {"snapshotHandle": handle, "volumeType": "gp3", "volumeAZ": "zone-a"}
            block = {"nativeSnapshotInfo": native | {"iops": "0", "Phase": "Completed"}}
        case "PodVolumeBackup":
            pod = {"podName": one.pod, "podNamespace": one.namespace, "nodeName": "node-1"}
            told = {"snapshotHandle": handle, "size": 10, "uploaderType": "kopia"}
            block = {"pvbInfo": pod | told | {"volumeName": "data", "Phase": "Completed"}}
        case "CSISnapshot":
            block = {"csiSnapshotInfo": csi}
        case _:
            moved = {"dataMover": "velero", "uploaderType": "kopia", "snapshotHandle": handle}
            moved |= {"operationID": "du-1", "size": 10, "Phase": "Completed"}
            block = {"csiSnapshotInfo": csi, "snapshotDataMovementInfo": moved}
    method = "CSISnapshot" if one.method == "DataMover" else one.method
    return entry | {"backupMethod": method} | block


def _csi_snapshot(backup: Backup, one: Volume) -> dict[str, Any]:
    return {
        "kind": "VolumeSnapshot",
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "metadata": {
            "name": f"velero-{one.claim_name}",
            "namespace": one.namespace,
            "labels": {"velero.io/backup-name": backup.name},
        },
        "spec": {
            "source": {"persistentVolumeClaimName": one.claim_name},
            "volumeSnapshotClassName": "snapshots",
        },
        "status": {
            "boundVolumeSnapshotContentName": f"snapcontent-{one.claim_name}",
            "readyToUse": True,
        },
    }


def _csi_content(one: Volume) -> dict[str, Any]:
    return {
        "kind": "VolumeSnapshotContent",
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "metadata": {"name": f"snapcontent-{one.claim_name}"},
        "spec": {
            "deletionPolicy": "Retain",
            "driver": _DRIVER,
            "source": {"volumeHandle": f"vol-{one.volume}"},
            "volumeSnapshotRef": {"name": f"velero-{one.claim_name}", "namespace": one.namespace},
        },
        "status": {"snapshotHandle": f"snap-{one.volume}", "readyToUse": True},
    }


def _csi_class() -> dict[str, Any]:
    return {
        "kind": "VolumeSnapshotClass",
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "metadata": {"name": "snapshots"},
        "driver": _DRIVER,
        "deletionPolicy": "Delete",
    }
