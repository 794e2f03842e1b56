"""The files beside an archive, as Velero writes them (velero.md §1.2); the generator's own code."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.foreign.model import BACKUP_UID, COMPLETED, STARTED, Backup, Method, Volume

_DRIVER = "disk.csi.example.com"


def go_json(value: object) -> bytes:
    """JSON as ``encoding/json`` makes it of a map: keys sorted, HTML escaped, compact."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


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
