"""Backups as Velero writes them, by a generator of its own: it shares no line with kubeferry.

Written from reference velero.md §1 with Python's ``tarfile``, ``gzip`` and ``json``. An ``Era``
says what the Velero of a time writes; objects come in the order given.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.foreign.model import (
    BACKUP_UID,
    BARE,
    BEFORE_1_13,
    COMPLETED,
    EXPIRES,
    NOW,
    NULLS,
    OLDEST,
    STARTED,
    Backup,
    Era,
    Item,
    Method,
    Volume,
)
from tests.foreign.sidefiles import go_json, side_files

__all__ = [
    "BARE",
    "BEFORE_1_13",
    "COMPLETED",
    "EXPIRES",
    "NOW",
    "NULLS",
    "OLDEST",
    "STARTED",
    "Backup",
    "Era",
    "Item",
    "Method",
    "Volume",
    "archive",
    "go_json",
    "metadata_file",
    "side_files",
    "write",
]
_MTIME = 1767323045


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
