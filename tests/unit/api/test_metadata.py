import pytest
from msgspec import structs

from kubeferry import codec
from kubeferry.api.backup import ApplicationBackup, BackupStatus
from kubeferry.api.fields import Progress
from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import manifest, read, status_patch
from kubeferry.api.restore import ApplicationRestore, ItemCounts, RestoreStatus
from kubeferry.errors import InvalidInput
from tests.unit.api.seed import seed


def test_a_backup_of_the_seed_reads_as_its_type():
    backup = read(seed("02-applicationbackup.yaml"), ApplicationBackup)
    assert (backup.metadata.namespace, backup.metadata.name) == ("csdr", "nginx-backup")
    assert backup.spec.included_namespaces == ["default"]
    assert backup.spec.storage_location == "vault"
    assert backup.spec.wants_volume_data
    assert backup.status.phase is None


def test_a_restore_of_the_seed_reads_as_its_type():
    restore = read(seed("05-applicationrestore.yaml"), ApplicationRestore)
    assert restore.spec.namespace_mapping == {"default": "default1"}
    assert restore.spec.resource_modifier is not None
    assert restore.spec.resource_modifier.name == "nginx-backup-resource-modifier"


def test_a_vault_of_the_seed_reads_as_its_type():
    vault = read(seed("04-backuplocation.yaml"), BackupLocation)
    assert vault.spec.object_storage.bucket == "cnfs-oss-test"
    assert vault.spec.config.network == "internal"
    assert vault.spec.backup_sync_period == "0s"
    assert vault.spec.validation_frequency == "5m0s"


@pytest.mark.parametrize("file", ["02-applicationbackup.yaml", "05-applicationrestore.yaml"])
def test_what_was_read_and_written_again_reads_the_same(file):
    kind = ApplicationBackup if "backup" in file else ApplicationRestore
    once = read(seed(file), kind)
    assert read(manifest(once), kind) == once


@pytest.mark.parametrize(
    ("field", "value", "place", "problem"),
    [
        pytest.param(
            "ttl", 720, "spec.ttl", "is 720: Expected `str`", id="a field of another type"
        ),
        pytest.param(
            "ttl", "30d", "spec.ttl", "is '30d': expected a duration such as 720h", id="no duration"
        ),
        pytest.param("backupType", "All", "spec.backupType", "'All'", id="no value of the enum"),
        pytest.param("tttl", "1h", "spec", "unknown field `tttl`", id="a field nobody knows"),
        pytest.param(
            "includedNamespaces",
            ["default", "Not_A_Name"],
            "spec.includedNamespaces[1]",
            "is 'Not_A_Name': expected the name of a namespace, a pattern",
            id="an item of a list is named by its index",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_path(field, value, place, problem):
    obj = seed("02-applicationbackup.yaml")
    obj["spec"][field] = value
    with pytest.raises(InvalidInput) as caught:
        read(obj, ApplicationBackup)
    assert caught.value.place == f"ApplicationBackup csdr/nginx-backup: {place}"
    assert problem in caught.value.problem
    assert "$" not in caught.value.problem


def test_a_missing_field_is_named():
    obj = seed("02-applicationbackup.yaml")
    del obj["spec"]["storageLocation"]
    with pytest.raises(InvalidInput, match="storageLocation") as caught:
        read(obj, ApplicationBackup)
    assert caught.value.place == "ApplicationBackup csdr/nginx-backup: spec"


def test_metadata_and_status_of_a_newer_version_are_read():
    obj = seed("02-applicationbackup.yaml")
    obj["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    obj["status"] = {"phase": "Completed", "somethingNew": 1}
    assert read(obj, ApplicationBackup).status.phase == "Completed"


def test_another_kind_is_refused():
    with pytest.raises(InvalidInput, match="ApplicationBackup") as caught:
        read(seed("04-backuplocation.yaml"), ApplicationBackup)
    assert "csdr/vault" in caught.value.place


@pytest.mark.parametrize("obj", [{}, {"metadata": None}, {"metadata": {"name": 1}}])
def test_what_is_no_object_of_ours_is_refused_not_a_crash(obj):
    with pytest.raises(InvalidInput):
        read(obj, ApplicationBackup)


def test_a_status_patch_has_what_changed_and_nothing_else():
    before = BackupStatus(phase="InProgress", progress=Progress(items_done=1, total_items=9))
    after = structs.replace(before, progress=Progress(items_done=2, total_items=9), warnings=1)
    assert status_patch(after, before) == {"status": {"progress": {"itemsDone": 2}, "warnings": 1}}
    assert status_patch(before, before) == {}


def test_a_status_patch_removes_what_went_back_to_its_default():
    before = RestoreStatus(message="waiting", counts=ItemCounts(created=3, failed=1))
    after = RestoreStatus(counts=ItemCounts(created=4))
    assert status_patch(after, before) == {
        "status": {"message": None, "counts": {"created": 4, "failed": None}}
    }


def test_the_first_status_is_written_whole():
    patch = status_patch(BackupStatus(phase="InProgress"), None)
    assert codec.encode(patch) == b'{"status":{"phase":"InProgress"}}'
