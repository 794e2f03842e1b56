import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kubeferry.errors import ArchiveDamaged, BackupMissing
from kubeferry.vault import layout
from kubeferry.vault.cleanup import delete_backup
from kubeferry.vault.metadata import (
    BackupFacts,
    SourceCluster,
    backup_document,
    backup_names,
    load_backup,
    read_backup,
)
from kubeferry.vault.store import Store
from tests.unit.vault.archives import pod, write_backup
from tests.unit.vault.faulty import FaultyStore, Request

FULL = BackupFacts(
    name="nginx-backup",
    uid="uid-1",
    phase="PartiallyFailed",
    failure="",
    included_namespaces=("default",),
    excluded_namespaces=("x",),
    asked={
        "includedResources": ["pods", "*.apps"],
        "includeClusterResources": False,
        "labelSelector": {"matchLabels": {"app": "web"}},
        "backupType": "PvBackup",
        "pvBackup": {"defaultPvBackup": False},
        "allVersions": False,
    },
    storage_location="vault",
    ttl="720h0m0s",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    started=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
    completed=datetime(2026, 1, 2, 3, 4, 9, tzinfo=UTC),
    expiration=datetime(2026, 2, 1, 3, 4, 5, tzinfo=UTC),
    total_items=12,
    items_backed_up=11,
    warnings=1,
    errors=2,
    bytes=345,
    hooks_attempted=4,
    hooks_failed=1,
    cluster=SourceCluster("prod", "cluster-1", "v1.31.1", "1", "31"),
    labels=(("team", "a"),),
    written_by="kubeferry/0.1.0",
)


def test_the_document_is_veleros_backup() -> None:
    document = json.loads(backup_document(FULL))
    assert document == {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {
            "name": "nginx-backup",
            "namespace": "velero",
            "uid": "uid-1",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"team": "a", "velero.io/storage-location": "vault"},
            "annotations": {
                "csdr.alibabacloud.com/written-by": "kubeferry/0.1.0",
                "csdr.alibabacloud.com/source-cluster": "prod",
                "csdr.alibabacloud.com/source-cluster-uid": "cluster-1",
                "csdr.alibabacloud.com/archive-bytes": "345",
                "csdr.alibabacloud.com/asked": '{"backupType":"PvBackup","pvBackup":'
                '{"defaultPvBackup":false},"allVersions":false}',
                "velero.io/source-cluster-k8s-gitversion": "v1.31.1",
                "velero.io/source-cluster-k8s-major-version": "1",
                "velero.io/source-cluster-k8s-minor-version": "31",
            },
        },
        "spec": {
            "metadata": {},
            "includedNamespaces": ["default"],
            "excludedNamespaces": ["x"],
            "includedResources": ["pods", "*.apps"],
            "includeClusterResources": False,
            "labelSelector": {"matchLabels": {"app": "web"}},
            "storageLocation": "vault",
            "ttl": "720h0m0s",
            "hooks": {},
            "snapshotVolumes": False,
            "csiSnapshotTimeout": "10m0s",
            "itemOperationTimeout": "4h0m0s",
        },
        "status": {
            "version": 1,
            "formatVersion": "1.1.0",
            "phase": "PartiallyFailed",
            "startTimestamp": "2026-01-02T03:04:06Z",
            "completionTimestamp": "2026-01-02T03:04:09Z",
            "expiration": "2026-02-01T03:04:05Z",
            "warnings": 1,
            "errors": 2,
            "progress": {"totalItems": 12, "itemsBackedUp": 11},
            "hookStatus": {"hooksAttempted": 4, "hooksFailed": 1},
        },
    }


@pytest.mark.parametrize("facts", [FULL, BackupFacts(name="b")], ids=["full", "bare"])
def test_facts_are_read_back(facts: BackupFacts) -> None:
    assert read_backup(backup_document(facts), name=facts.name, place="x") == facts


def test_veleros_own_file_is_read() -> None:
    text = b"""{"kind":"Backup","apiVersion":"velero.io/v1","metadata":{"name":"v","uid":"u",
      "labels":null,"managedFields":[]},"spec":{"ttl":"720h0m0s","includedNamespaces":["*"],
      "excludedNamespaces":null,"hooks":{},"datamover":""},"status":{"phase":"Completed",
      "startTimestamp":"2026-01-02T03:04:05Z","completionTimestamp":null,"progress":null}}"""
    facts = read_backup(text, name="v", place="x")
    assert (facts.uid, facts.phase, facts.included_namespaces) == ("u", "Completed", ("*",))
    assert facts.started == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert not facts.is_ours


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(b"", "does not decode", id="empty"),
        pytest.param(b"{", "does not decode", id="cut short"),
        pytest.param(b"\xff", "does not decode", id="no text"),
        pytest.param(b"[]", "does not decode", id="no object"),
        pytest.param(b'{"metadata":{"name":"b"}}', "does not decode", id="no kind"),
        pytest.param(
            b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"b"}}',
            "holds a v1 Pod",
            id="another kind",
        ),
        pytest.param(
            b'{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"c"}}',
            "is of backup 'c', its folder is 'b'",
            id="another name than its folder",
        ),
        pytest.param(
            b'{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"b"},'
            b'"status":{"expiration":"soon"}}',
            "does not decode",
            id="a time that is none",
        ),
        pytest.param(
            b'{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"b"},'
            b'"status":{"expiration":"0001-01-01T00:00:00+14:00"}}',
            "does not decode",
            id="a time before time",
        ),
        pytest.param(
            b'{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"b"},"x":'
            + b"[" * 5000
            + b"]" * 5000
            + b"}",
            "does not decode",
            id="nested deeply",
        ),
    ],
)
def test_what_is_no_backup_is_damaged(text: bytes, problem: str) -> None:
    with pytest.raises(ArchiveDamaged, match=f"^some place: {problem}"):
        read_backup(text, name="b", place="some place")


@pytest.mark.parametrize(
    ("status", "annotations"),
    [
        pytest.param({"errors": -5}, {}, id="fewer than none"),
        pytest.param({"warnings": 10**30}, {}, id="a number of 30 digits"),
        pytest.param({"progress": {"totalItems": 1 << 60}}, {}, id="more than JSON keeps"),
        pytest.param({"hookStatus": {"hooksFailed": -1}}, {}, id="of hooks"),
        pytest.param({}, {"csdr.alibabacloud.com/archive-bytes": "9" * 18}, id="of bytes"),
        pytest.param({}, {"csdr.alibabacloud.com/archive-bytes": "9" * 9999}, id="of digits"),
    ],
)
def test_numbers_that_no_status_could_tell_are_damage(
    status: dict[str, Any], annotations: dict[str, str]
) -> None:
    about = {"name": "b", "annotations": annotations}
    backup = {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": about, "status": status}
    with pytest.raises(ArchiveDamaged, match=r"^some place: does not decode") as caught:
        read_backup(json.dumps(backup).encode(), name="b", place="some place")
    assert len(str(caught.value)) < 200


def test_the_names_in_a_mark_are_bounded() -> None:
    facts = BackupFacts(name="b", cluster=SourceCluster(name="x" * 10_000))
    found = read_backup(backup_document(facts), name="b", place="")
    assert found.cluster.name == "x" * 253


async def test_a_folder_without_the_mark_is_no_backup(store: Store) -> None:
    await store.put("backups/b/b.tar.gz", b"")
    await store.put("backups/c/velero-backup.json", backup_document(BackupFacts(name="c")))
    await store.put("backups/Not A Name/x", b"")
    assert await backup_names(store) == ["b", "c"]
    with pytest.raises(BackupMissing):
        await load_backup(store, "b")
    assert (await load_backup(store, "c")).name == "c"


async def test_a_backup_that_is_deleted_while_it_is_looked_at_is_gone_not_damaged(
    faulty: FaultyStore,
) -> None:
    await write_backup(faulty, "b", [pod("web")])

    async def delete_first(verb: str, key: str, request: Request) -> Any:
        if key == layout.checksums("b"):
            faulty.around = carry_out
            await delete_backup(faulty, "b")
        return await request()

    faulty.around = delete_first
    with pytest.raises(BackupMissing):
        await load_backup(faulty, "b")


async def test_one_that_is_taken_anew_while_it_is_looked_at_is_the_new_one(
    faulty: FaultyStore,
) -> None:
    await write_backup(faulty, "b", [pod("web")])

    async def replace_first(verb: str, key: str, request: Request) -> Any:
        if key == layout.checksums("b"):
            faulty.around = carry_out
            await delete_backup(faulty, "b")
            await write_backup(faulty, "b", [pod("web", body=b"{}"), pod("more")])
        return await request()

    faulty.around = replace_first
    before = (await load_backup(faulty, "b")).bytes
    faulty.around = carry_out
    assert (await load_backup(faulty, "b")).bytes == before


async def carry_out(verb: str, key: str, request: Request) -> Any:
    return await request()
