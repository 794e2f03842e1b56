from datetime import UTC, datetime
from typing import Any

import msgspec

from kubeferry.api.backup import ApplicationBackup, Preview, PreviewKind, PreviewRelated
from kubeferry.api.metadata import read
from kubeferry.cli.describing_backup import (
    asked_lines,
    backup_fields,
    details_lines,
    objects_lines,
    selection_fields,
    told_lines,
    volumes_lines,
)
from kubeferry.cli.output import fields
from kubeferry.cli.plan_view import Look
from kubeferry.vault.metadata import BackupFacts

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
        "Type:             AppAndPvBackup",
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


def test_what_was_asked_for() -> None:
    spec = {
        "storageLocation": "vault",
        "backupType": "AppBackup",
        "excludedNamespaces": ["scratch-*"],
        "includedResources": ["deploy", "*.example.com"],
        "excludedResources": ["secrets"],
        "includeClusterResources": False,
        "orLabelSelectors": [
            {"matchLabels": {"app": "a"}},
            {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["x", "y"]}]},
        ],
        "generatedObjects": "Include",
        "allVersions": False,
        "resourcePolicy": {"kind": "ConfigMap", "name": "policies"},
    }
    found = read(HEAD | {"kind": "ApplicationBackup", "spec": spec}, ApplicationBackup)
    assert fields(selection_fields(found.spec)) == [
        "Type:                 AppBackup",
        "Namespaces:           all but the reserved ones",
        "Namespaces left out:  scratch-*",
        "Kinds:                deploy, *.example.com",
        "Kinds left out:       secrets",
        "Cluster-scoped:       none",
        "Labels, one of:       app=a",
        "                      tier in (x,y)",
        "Generated objects:    too",
        "Versions:             the preferred one of each kind",
        "Resource policy:      policies",
        "Volume data:          not asked for",
    ]


def test_what_was_asked_for_of_volumes_and_scopes() -> None:
    spec = {
        "storageLocation": "vault",
        "dryRun": True,
        "labelSelector": {"matchLabels": {"app": "a"}},
        "includedNamespaceScopedResources": ["pods"],
        "excludedNamespaceScopedResources": ["secrets"],
        "includedClusterScopedResources": ["storageclasses"],
        "excludedClusterScopedResources": ["nodes"],
        "pvBackup": {
            "includedStorageClasses": ["fast", "slow"],
            "labelSelectors": [{"matchLabels": {"a": "b"}}, {}],
            "mountedOnly": False,
        },
    }
    found = read(HEAD | {"kind": "ApplicationBackup", "spec": spec}, ApplicationBackup)
    assert fields(selection_fields(found.spec)) == [
        "Type:                  AppAndPvBackup, dry run",
        "Namespaces:            all but the reserved ones",
        "Namespaced kinds:      pods",
        "  left out:            secrets",
        "Cluster-scoped kinds:  storageclasses",
        "  left out:            nodes",
        "Labels:                app=a",
        "Volume data:           asked for",
        "  of classes:          fast, slow",
        "  of claims:           a=b",
        "                       any",
        "  mounted:             or not",
    ]


def test_of_a_backup_that_appeared_by_sync_only_what_is_known_is_told() -> None:
    about = {"name": "a", "annotations": {"csdr.alibabacloud.com/synced-from": "vault"}}
    spec = {"storageLocation": "vault", "includedNamespaces": ["x"]}
    found = read(
        HEAD | {"kind": "ApplicationBackup", "metadata": about, "spec": spec}, ApplicationBackup
    )
    labels = [label for label, _ in backup_fields(found, now=NOW)]
    assert "Namespaces" in labels
    assert not {"Type", "Volume data", "Versions"} & set(labels)


def test_what_the_vault_tells_of_what_was_asked_for() -> None:
    asked = {"includedResources": ["pods"], "includeClusterResources": False}
    facts = BackupFacts(name="a", included_namespaces=("shop-*",), asked=asked)
    assert list(asked_lines(facts)) == [
        "",
        "Asked for:",
        '  includedNamespaces:       ["shop-*"]',
        '  includedResources:        ["pods"]',
        "  includeClusterResources:  false",
    ]
    assert list(asked_lines(BackupFacts(name="a"))) == []


def test_what_a_synced_backup_cannot_tell_is_named() -> None:
    notes = {"csdr.alibabacloud.com/not-told": "includedNamespaces"}
    about = {"annotations": {"csdr.alibabacloud.com/synced-from": "vault", **notes}, "name": "a"}
    spec = {"storageLocation": "vault"}
    found = read(
        HEAD | {"kind": "ApplicationBackup", "metadata": about, "spec": spec}, ApplicationBackup
    )
    told = dict(backup_fields(found, now=NOW))
    assert told["Not told here"] == "includedNamespaces: --details tells them"
    assert "Namespaces" not in told, "it would say that all are in it"


def test_contents_by_namespace_and_kind() -> None:
    listed = {
        "v1/Pod": ["y/a", "x/b", "x/a"],
        "apps/v1/Deployment": ["x/d"],
        "v1/Namespace": ["x"],
        "v1/Service": None,
    }
    assert list(objects_lines(listed)) == [
        "",
        "Contents: 5 objects",
        "  namespace x: 3 objects",
        "    Deployment (apps/v1): 1",
        "      d",
        "    Pod (v1): 2",
        "      b",
        "      a",
        "  namespace y: 1 object",
        "    Pod (v1): 1",
        "      a",
        "  cluster-scoped: 1 object",
        "    Namespace (v1): 1",
        "      x",
    ]


def test_contents_that_were_never_stored() -> None:
    assert list(objects_lines(None)) == ["", "Contents: no list in the vault"]


def test_what_became_of_each_volume() -> None:
    volumes: list[dict[str, Any]] = [
        {"pvcNamespace": "x", "pvcName": "a", "pvName": "pv-a", "skippedReason": "no data asked"},
        {"pvcNamespace": "x", "pvcName": "b", "pvName": ""},
        {
            "pvcNamespace": "x",
            "pvcName": "c",
            "pvName": "pv-c",
            "backupMethod": "CSISnapshot",
            "snapshotDataMoved": True,
            "snapshotDataMovementInfo": {"size": 2048},
            "csiSnapshotInfo": None,
            "result": "succeeded",
        },
    ]
    assert list(volumes_lines(volumes)) == [
        "",
        "Volumes: 3",
        "  CLAIM   VOLUME   DATA",
        "  x/a     pv-a     not taken: no data asked",
        "  x/b     <none>   not taken",
        "  x/c     pv-c     CSISnapshot, moved to the vault, 2.0 KiB, succeeded",
    ]
    assert list(volumes_lines(None)) == []


def test_details_are_contents_volumes_and_problems() -> None:
    results = {"errors": {"namespaces": {"x": ["pods x/a: no"]}}}
    lines = list(details_lines({"v1/Pod": ["x/a"]}, [{"pvcName": "p"}], results))
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "Contents: 1 object",
        "Volumes: 1",
        "Errors: 1",
    ]


def test_a_dry_run_shows_what_it_found() -> None:
    preview = Preview(
        objects=1200,
        bytes=2048,
        other_versions_bytes=1024,
        kinds=[
            PreviewKind(kind="pods", objects=1199, bytes=2000),
            PreviewKind(kind="persistentvolumes", objects=1, bytes=48),
        ],
        related=[
            PreviewRelated(
                object="persistentvolumes pv-1", because="persistentvolumeclaims shop/data"
            )
        ],
    )
    assert list(told_lines(preview, Look())) == [
        "",
        "Would be in it  1,200 objects, 2.0 KiB + 1.0 KiB in other versions",
        "  pods                    1,199      2.0 KiB",
        "  persistentvolumes           1         48 B",
        "",
        "Needed by others",
        "  persistentvolumes pv-1   for persistentvolumeclaims shop/data",
    ]
    more = msgspec.structs.replace(preview, related=preview.related * 100)
    assert list(told_lines(more, Look()))[-1].startswith("  and perhaps more")
