"""Backups of kubeferry's in Velero's hands: seen, listed, restored whole."""

import gzip
from typing import Any, NamedTuple

import pytest

from tests.real.ferries import Site
from tests.velero.comparing import differences
from tests.velero.conftest import Handed, Vault, ferry
from tests.veleros import Velero
from tests.waiting import until

pytestmark = pytest.mark.velero

NO_GROUPS = "failed to list stub VolumeGroupSnapshotContents"
"""What Velero warns of in every cluster without the API of volume group snapshots."""


class Restored(NamedTuple):
    """A restore by Velero and the backup that it is of."""

    backup: Handed
    restore: dict[str, Any]


@pytest.fixture(scope="module", params=["rooted", "prefixed"])
def handed(request: pytest.FixtureRequest, ours: dict[str, Handed], velero: Velero) -> Handed:
    """The backup in the vault without a prefix, and that in the one with one."""
    backup = ours[request.param]
    assert velero.knows(backup.name), "Velero's sync has taken it"
    return backup


@pytest.fixture(scope="module")
def velero(velero_at_target: Velero) -> Velero:
    return velero_at_target


@pytest.fixture(scope="module")
def restored(handed: Handed, velero: Velero) -> Restored:
    mapping = dict(handed.mapping)
    restore = velero.restore(f"{handed.name}-back", handed.name, namespaceMapping=mapping)
    velero.cluster.mark_pods_ready(mapping.get(handed.name, handed.name))
    return Restored(handed, restore)


def test_velero_knows_what_the_backup_is(handed: Handed, velero: Velero) -> None:
    known = velero.cluster.get("backup.velero.io", handed.name, "-n", "velero")
    status = known["status"]
    assert known["metadata"]["labels"]["velero.io/storage-location"] == handed.vault.name
    assert known["spec"]["storageLocation"] == handed.vault.name
    assert status["phase"] == handed.status["phase"] == "Completed"
    for field in ("startTimestamp", "completionTimestamp", "expiration"):
        assert status[field] == handed.status[field]
    count = len(handed.objects)
    assert status["progress"] == {"totalItems": count, "itemsBackedUp": count}


def test_velero_lists_the_objects_of_the_archive(handed: Handed, velero: Velero) -> None:
    objects = handed.objects
    assert velero.listed("backup", handed.name) == {key.listed for key in objects}
    assert ("v1/PersistentVolumeClaim", f"{handed.name}/data") in {key.listed for key in objects}


def test_velero_describes_its_volumes_and_finds_no_data(handed: Handed, velero: Velero) -> None:
    told = velero.run("backup", "describe", handed.name, "--details")
    assert "<error" not in told
    assert "not found>" not in told
    for method in ("Velero-Native Snapshots", "CSI Snapshots", "Pod Volume Backups"):
        assert f"{method}: <none included>" in told


def test_velero_prints_the_log(handed: Handed, velero: Velero, source: Site) -> None:
    [stored] = handed.folder.glob("*-logs.gz")
    log = gzip.decompress(stored.read_bytes()).decode()
    assert "collecting objects" in log
    assert velero.run("backup", "logs", handed.name).strip() == log.strip()
    assert ferry(source, "backup", "logs", handed.name).strip() == log.strip()


def test_velero_downloads_the_archive(handed: Handed, velero: Velero, tmp_path: Any) -> None:
    copy = tmp_path / "copy.tar.gz"
    velero.run("backup", "download", handed.name, "--output", str(copy))
    assert copy.read_bytes() == (handed.folder / f"{handed.name}.tar.gz").read_bytes()


def test_velero_restores_it_without_an_error(restored: Restored, velero: Velero) -> None:
    status = restored.restore["status"]
    told = velero.run("restore", "describe", restored.restore["metadata"]["name"], "--details")
    assert status["phase"] == "Completed", told
    assert status.get("warnings", 0) == told.count(NO_GROUPS) <= 1, told
    assert status["progress"]["itemsRestored"] == len(restored.backup.objects)


def test_velero_brings_every_object_back_as_it_was(restored: Restored, velero: Velero) -> None:
    backup = restored.backup
    assert differences(backup.objects, velero.cluster, mapping=backup.mapping) == []


def test_the_claim_that_was_bound_is_bound_again(restored: Restored, velero: Velero) -> None:
    name = restored.backup.name
    where = restored.backup.mapping.get(name, name)
    asked = ("persistentvolumeclaim", "data", "-n", where)
    until(
        lambda: velero.cluster.get(*asked)["status"].get("phase") == "Bound",
        what="the restored claim is bound",
    )
    assert velero.cluster.get(*asked)["spec"]["volumeName"] == f"{name}-data"


@pytest.fixture(scope="module")
def asked(source: Site, velero: Velero, vaults: dict[str, Vault]) -> Handed:
    """A backup that was asked for the data of a claim and has none, known to Velero."""
    source.back_up("asked", "rooted", "shop")
    status = source.ended("applicationbackup", "asked")["status"]
    assert status["phase"] == "PartiallyFailed"
    velero.sync()
    return Handed("asked", vaults["rooted"], {}, status)


def test_velero_tells_the_errors_of_a_backup_that_lacks_data(asked: Handed, velero: Velero) -> None:
    told = velero.run("backup", "describe", asked.name, "--details", "--colorized=false")
    assert "Phase:  PartiallyFailed" in told
    _, _, errors = told.partition("Errors:")
    assert "shop:  " in errors
    assert errors.count("persistentvolumeclaims shop/data") == asked.status["errors"] == 1


def test_velero_deletes_a_backup_and_nothing_else(
    asked: Handed, velero: Velero, vaults: dict[str, Vault]
) -> None:
    folders = {path.name for path in (vaults["rooted"].folder / "backups").iterdir()}
    velero.run("backup", "delete", asked.name, "--confirm")
    until(lambda: not velero.knows(asked.name), what="Velero has deleted the backup")
    assert not asked.folder.exists()
    left = {path.name for path in (vaults["rooted"].folder / "backups").iterdir()}
    assert left == folders - {asked.name}
    assert velero.judged("rooted")["phase"] == "Available"
