from datetime import UTC, datetime

from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.describing import (
    backup_fields,
    events_lines,
    objects_lines,
    problems_lines,
    restore_fields,
    vault_fields,
)
from kubeferry.cli.output import fields

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEAD = {
    "apiVersion": "csdr.alibabacloud.com/v1beta1",
    "metadata": {"name": "a", "namespace": "csdr"},
}
OWED = {"namespace": "x", "pod": "db", "uid": "u", "container": "main", "command": ["thaw"]}


def test_a_backup() -> None:
    found = read(
        HEAD
        | {
            "kind": "ApplicationBackup",
            "spec": {
                "storageLocation": "vault",
                "includedNamespaces": ["x", "y"],
                "hooks": {"resources": [{"name": "freeze"}]},
            },
            "status": {
                "phase": "PartiallyFailed",
                "message": "1 error",
                "startTimestamp": "2026-01-02T03:00:00Z",
                "completionTimestamp": "2026-01-02T03:02:05Z",
                "expiration": "2026-02-01T03:00:00Z",
                "progress": {"itemsDone": 1200, "totalItems": 1200},
                "errors": 1,
                "bytes": 2048,
                "hooks": {"attempted": 6, "failed": 1},
                "pendingHooks": [
                    {**OWED, "problem": "was run for an earlier attempt and failed"},
                    {**OWED, "uid": "u2"},
                ],
            },
        },
        ApplicationBackup,
    )
    assert fields(backup_fields(found, now=NOW)) == [
        "Name:             a",
        "Namespace:        csdr",
        "Phase:            PartiallyFailed",
        "Message:          1 error",
        "Vault:            vault",
        "Namespaces:       x, y",
        "Volume data:      asked for",
        "Hooks:            freeze",
        "Kept for:         720h0m0s",
        "Expires:          2026-02-01T03:00:00Z (in 29d)",
        "Started:          2026-01-02T03:00:00Z (4m5s ago)",
        "Ended:            2026-01-02T03:02:05Z (took 2m5s)",
        "Progress:         1,200 of 1,200 objects",
        "Archive:          2.0 KiB",
        "Hooks run:        6 attempted, 1 failed",
        "Still to be run:  1 post hook",
        "Errors:           1",
        "Warnings:         0",
    ]


def test_a_restore_shows_each_mapping_and_each_image() -> None:
    found = read(
        HEAD
        | {
            "kind": "ApplicationRestore",
            "spec": {
                "backupName": "b",
                "namespaceMapping": {"x": "y", "z": "w"},
                "hooks": {"resources": [{"name": "migrate"}]},
            },
            "status": {
                "phase": "Completed",
                "counts": {"created": 5, "skipped": 1},
                "hooks": {"attempted": 2, "failed": 1},
                "images": ["r/a:1", "r/b:2"],
            },
        },
        ApplicationRestore,
    )
    assert fields(restore_fields(found, now=NOW))[2:] == [
        "Phase:          Completed",
        "Backup:         b",
        "Namespaces:     x -> y",
        "                z -> w",
        "Hooks:          migrate",
        "Objects:        5 created, 1 skipped",
        "Hooks run:      2 attempted, 1 failed",
        "Errors:         0",
        "Warnings:       0",
        "Images needed:  r/a:1",
        "                r/b:2",
    ]


def test_a_vault_nobody_looked_at_yet() -> None:
    found = read(
        HEAD
        | {
            "kind": "BackupLocation",
            "spec": {"provider": "local", "objectStorage": {"bucket": "backups"}},
        },
        BackupLocation,
    )
    assert fields(vault_fields(found, now=NOW))[2:] == [
        "Phase:          not started",
        "Provider:       local",
        "Bucket:         backups",
        "Checked every:  5m0s",
    ]


def test_contents_by_type() -> None:
    assert list(objects_lines({"v1/Pod": ["x/a", "x/b"], "apps/v1/Deployment": ["x/d"]})) == [
        "",
        "Contents: 3 objects",
        "  apps/v1/Deployment",
        "    x/d",
        "  v1/Pod",
        "    x/a",
        "    x/b",
    ]


def test_contents_that_were_never_stored() -> None:
    assert list(objects_lines(None)) == ["", "Contents: none in the vault"]


def test_problems_errors_first() -> None:
    results = {
        "warnings": {"cluster": ["c"]},
        "errors": {"velero": ["v"], "namespaces": {"x": ["pods x/a: no"]}},
    }
    assert list(problems_lines(results)) == [
        "",
        "Errors:",
        "  v",
        "  namespace x",
        "    pods x/a: no",
        "",
        "Warnings:",
        "  c",
    ]
    assert list(problems_lines(None)) == []


def test_events_oldest_first() -> None:
    events = [
        {
            "type": "Warning",
            "reason": "B",
            "message": "later ",
            "lastTimestamp": "2026-01-02T03:04:00Z",
        },
        {"type": "Normal", "reason": "A", "message": "m", "eventTime": "2026-01-02T03:00:00Z"},
        {},
    ]
    assert list(events_lines(events, now=NOW)) == [
        "  TYPE      REASON   AGE      MESSAGE",
        "  <none>    <none>   <none>",
        "  Normal    A        4m5s     m",
        "  Warning   B        5s       later",
    ]
