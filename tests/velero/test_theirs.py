"""Backups of Velero's in kubeferry's hands: seen, listed, planned, restored whole."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.velero import application
from tests.velero.comparing import Archived, Key, differences
from tests.velero.conftest import Handed, appears, contents, ferry
from tests.veleros import Velero
from tests.waiting import until

pytestmark = pytest.mark.velero

GENERATED = {
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "controllerrevisions.apps",
    "events",
}
"""Kinds that Velero archives and a restore of kubeferry's leaves to those who generate them."""


@pytest.fixture(scope="module")
def restored(theirs: Handed, target: Site) -> dict[str, Any]:
    """A restore by kubeferry in the other cluster, in other namespaces."""
    appears(target, theirs.name)
    target.restore("depot-back", theirs.name, namespaceMapping=dict(theirs.mapping))
    restore = target.ended("applicationrestore", "depot-back")
    target.cluster.mark_pods_ready(theirs.mapping[theirs.name])
    return restore


def lines(theirs: Handed, restore: str) -> list[dict[str, Any]]:
    """What a restore tells of each object."""
    return archives.restore_items(theirs.vault.folder, restore, prefix="")


def test_the_backup_appears_in_both_clusters(theirs: Handed, source: Site, target: Site) -> None:
    for site in (source, target):
        known = appears(site, theirs.name)
        assert known["spec"]["storageLocation"] == theirs.vault.name
        status = known["status"]
        assert status["phase"] == theirs.status["phase"] == "Completed"
        for field in ("startTimestamp", "completionTimestamp", "expiration"):
            assert status[field] == theirs.status[field]
        count = theirs.status["progress"]["itemsBackedUp"]
        assert status["progress"]["itemsDone"] == count == len(theirs.objects)


def test_its_description_tells_what_was_asked_for(theirs: Handed, target: Site) -> None:
    appears(target, theirs.name)
    told = ferry(target, "backup", "describe", theirs.name, "--details")
    for namespace in theirs.mapping:
        assert namespace in told
    for key in theirs.objects:
        assert key.name in told


def test_its_contents_are_what_velero_lists(
    theirs: Handed, target: Site, velero_at_source: Velero
) -> None:
    appears(target, theirs.name)
    assert contents(target, theirs.name) == velero_at_source.listed("backup", theirs.name)


def test_its_log_is_printed(theirs: Handed, target: Site, velero_at_source: Velero) -> None:
    appears(target, theirs.name)
    log = ferry(target, "backup", "logs", theirs.name)
    assert "Backing up item" in log or "Processing item" in log
    assert log.strip() == velero_at_source.run("backup", "logs", theirs.name).strip()


def test_its_plan_is_what_its_restore_does(
    theirs: Handed, target: Site, restored: Mapping[str, Any]
) -> None:
    mapped = [f"--namespace-mapping={old}={new}" for old, new in theirs.mapping.items()]
    *planned, _ = map(
        json.loads,
        ferry(target, "restore", "plan", f"--from-backup={theirs.name}", *mapped, "-o", "json")
        .strip()
        .splitlines(),
    )
    actions = {tuple(one["source"].values()): one["action"] for one in planned}
    assert set(actions) == {tuple(one["source"]) for one in lines(theirs, "depot-back")}
    assert {one for one, action in actions.items() if action == "skip"} <= set(left_out(theirs))


def test_it_is_restored_without_an_error(theirs: Handed, restored: Mapping[str, Any]) -> None:
    status = restored["status"]
    assert status["phase"] == "Completed", status
    assert sum(status["counts"].values()) == len(theirs.objects)


def left_out(theirs: Handed) -> dict[tuple[str, ...], str]:
    """The objects that the restore did not create, and why."""
    return {
        tuple(one["source"]): one.get("reason", "")
        for one in lines(theirs, "depot-back")
        if one["action"] != "created"
    }


def test_what_it_leaves_out_is_what_others_make(
    theirs: Handed, restored: Mapping[str, Any]
) -> None:
    kinds = {source[0] for source in left_out(theirs)}
    assert kinds - GENERATED == {"configmaps", "serviceaccounts"}, left_out(theirs)
    names = {source[2] for source in left_out(theirs) if source[0] not in GENERATED}
    assert names == {"kube-root-ca.crt", "default"}


def test_every_other_object_is_back_as_it_was(
    theirs: Handed, target: Site, restored: Mapping[str, Any]
) -> None:
    made = created(theirs)
    assert len(made) > 30
    assert differences(made, target.cluster, mapping=theirs.mapping) == []


def created(theirs: Handed) -> dict[Key, Archived]:
    """The objects of the archive that the restore created."""
    missing = left_out(theirs)
    return {
        key: one
        for key, one in theirs.objects.items()
        if (one.resource, key.namespace, key.name) not in missing
    }


def test_the_claim_that_was_bound_is_bound_again(
    theirs: Handed, target: Site, restored: Mapping[str, Any]
) -> None:
    asked = ("persistentvolumeclaim", "data", "-n", theirs.mapping[theirs.name])
    until(
        lambda: target.cluster.get(*asked)["status"].get("phase") == "Bound",
        what="the restored claim is bound",
    )
    assert target.cluster.get(*asked)["spec"]["volumeName"] == f"{theirs.name}-data"


def test_two_restores_of_one_name_keep_to_themselves(
    theirs: Handed, target: Site, velero_at_source: Velero, velero_at_target: Velero
) -> None:
    name, source = "side", application.side(theirs.name)
    vault, velero = theirs.vault, velero_at_target
    backup = velero_at_source.back_up(name, vault.name, includedNamespaces=[source])
    assert backup["status"]["phase"] == "Completed"
    velero.sync()
    velero.restore("again", name, namespaceMapping={source: "again-theirs"})
    before = described(velero, "again")
    log = velero.run("restore", "logs", "again")
    folder = vault.folder / "restores" / "again"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}

    appears(target, name)
    target.restore("again", name, namespaceMapping={source: "again-ours"})
    assert target.ended("applicationrestore", "again")["status"]["phase"] == "Completed"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert described(velero, "again") == before
    assert velero.run("restore", "logs", "again") == log
    [ours] = [path for path in folder.parent.iterdir() if path.name.startswith("again-")]
    [stored] = ours.glob("*-logs.gz")
    told = ferry(target, "restore", "logs", "again").strip()
    assert told == gzip.decompress(stored.read_bytes()).decode().strip()
    assert velero.judged(vault.name)["phase"] == "Available"


def described(velero: Velero, restore: str) -> list[str]:
    """What Velero tells of a restore; the order of its warnings is another each time."""
    told = velero.run("restore", "describe", restore, "--details")
    return sorted(line.strip() for line in told.splitlines())
