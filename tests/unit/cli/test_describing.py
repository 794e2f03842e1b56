from datetime import UTC, datetime

from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.describing import objects_lines, restore_fields, vault_fields
from kubeferry.cli.output import fields

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEAD = {
    "apiVersion": "csdr.alibabacloud.com/v1beta1",
    "metadata": {"name": "a", "namespace": "csdr"},
}


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


def test_the_other_parameters_of_a_restore_are_told_by_their_fields() -> None:
    spec = {
        "backupName": "b",
        "includedNamespaces": ["x", "y"],
        "storageClassMapping": {"slow": "fast"},
        "references": {"webhooks": False},
        "overwriteServiceAnnotations": {"a-": ""},
        "preserveNodePorts": False,
    }
    found = read(HEAD | {"kind": "ApplicationRestore", "spec": spec}, ApplicationRestore)
    told = dict(restore_fields(found, now=NOW))
    assert told["Parameters"] == [
        "includedNamespaces x, y",
        "storageClassMapping slow -> fast",
        "references.webhooks false",
        "overwriteServiceAnnotations a -> (taken out)",
        "preserveNodePorts false",
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
