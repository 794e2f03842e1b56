"""Backups of Velero's in kubeferry's hands: seen, listed, planned, restored whole."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
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

OVERWRITTEN = ("logs.gz", "results.gz", "resource-list.json.gz")
"""What a restore of Velero's replaces in the folder of its name."""
NOT_MADE = {"endpoints", "endpointslices.discovery.k8s.io", "configmaps", "serviceaccounts"}
"""Kinds that a restore leaves to those who generate them, or of which one object is there already
in each namespace."""


@pytest.fixture(scope="module")
def planned(theirs: Handed, target: Site) -> dict[tuple[str, ...], str]:
    """What its restore in the other cluster would do with each object."""
    appears(target, theirs.name)
    mapped = [f"--namespace-mapping={old}={new}" for old, new in theirs.mapping.items()]
    told = ferry(target, "restore", "plan", f"--from-backup={theirs.name}", *mapped, "-o", "json")
    *items, _ = map(json.loads, told.strip().splitlines())
    return {tuple(one["source"].values()): one["action"] for one in items}


@pytest.fixture(scope="module")
def restored(
    theirs: Handed, target: Site, planned: Mapping[tuple[str, ...], str]
) -> dict[str, Any]:
    """That restore, by kubeferry, in other namespaces."""
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
    theirs: Handed, planned: Mapping[tuple[str, ...], str], restored: Mapping[str, Any]
) -> None:
    assert set(planned) == {tuple(one["source"]) for one in lines(theirs, "depot-back")}
    skipped = {one for one, action in planned.items() if action == "skip"}
    accounts = {("serviceaccounts", name, "default") for name in theirs.mapping}
    assert set(left_out(theirs)) - accounts == skipped, "each namespace gets its own account"


def test_its_plan_is_the_same_by_the_url_of_its_bucket(
    theirs: Handed,
    target: Site,
    planned: Mapping[tuple[str, ...], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = target.storage.credentials
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", keys.secret_access_key)
    url = f"oss://{theirs.vault.bucket}/{theirs.vault.prefix}?region=cn-beijing"
    mapped = [f"--namespace-mapping={old}={new}" for old, new in theirs.mapping.items()]
    words = ("restore", "plan", f"--vault={url}", f"--backup={theirs.name}", *mapped)
    *items, _ = map(json.loads, ferry(target, *words, "-o", "json").strip().splitlines())
    assert {tuple(one["source"].values()) for one in items} == set(planned)


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
    reasons = left_out(theirs)
    assert {source[0] for source in reasons} - {"events"} == NOT_MADE, reasons
    told = {source[2]: why for source, why in reasons.items() if source[0] == "configmaps"}
    assert told == {"kube-root-ca.crt": "GeneratedObject"}
    accounts = {source[2] for source in reasons if source[0] == "serviceaccounts"}
    assert accounts == {"default"}


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


@pytest.fixture(scope="module")
def side(
    theirs: Handed, target: Site, velero_at_source: Velero, velero_at_target: Velero
) -> Handed:
    """A backup of Velero's of one small namespace, which both tools know at the target."""
    source = application.side(theirs.name)
    backup = velero_at_source.back_up("side", theirs.vault.name, includedNamespaces=[source])
    assert backup["status"]["phase"] == "Completed"
    velero_at_target.sync()
    appears(target, "side")
    return Handed("side", theirs.vault, {}, backup["status"])


def restored_as(target: Site, side: Handed, name: str) -> None:
    """A restore by kubeferry of that name, in a namespace of its own."""
    mapping = {"depot-side": f"{name}-ours"}
    target.restore(name, side.name, namespaceMapping=mapping)
    assert target.ended("applicationrestore", name)["status"]["phase"] == "Completed"


def assert_log_is_of(target: Site, folder: Path, restore: str) -> None:
    """The log that kubeferry prints of a restore is the one in this folder."""
    [stored] = folder.glob("*-logs.gz")
    told = ferry(target, "restore", "logs", restore).strip()
    assert told == gzip.decompress(stored.read_bytes()).decode().strip()


def test_a_restore_of_ours_leaves_velero_s_of_the_same_name_alone(
    side: Handed, target: Site, velero_at_target: Velero
) -> None:
    velero = velero_at_target
    velero.restore("again", side.name, namespaceMapping={"depot-side": "again-theirs"})
    before, log = described(velero, "again"), velero.run("restore", "logs", "again")
    folder = side.vault.folder / "restores" / "again"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}

    restored_as(target, side, "again")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert described(velero, "again") == before
    assert velero.run("restore", "logs", "again") == log
    [ours] = [path for path in folder.parent.iterdir() if path.name.startswith("again-")]
    assert_log_is_of(target, ours, "again")
    assert velero.judged(side.vault.name)["phase"] == "Available"


def described(velero: Velero, restore: str) -> list[str]:
    """What Velero tells of a restore; the order of its warnings is another each time."""
    told = velero.run("restore", "describe", restore, "--details")
    return sorted(line.strip() for line in told.splitlines())


def test_a_restore_of_velero_s_leaves_the_journal_of_ours_of_the_same_name_alone(
    side: Handed, target: Site, velero_at_target: Velero
) -> None:
    """It writes its log, results and list over ours, knowing nothing of it (docs/vaults.md)."""
    velero = velero_at_target
    restored_as(target, side, "later")
    folder = side.vault.folder / "restores" / "later"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    velero.restore("later", side.name, namespaceMapping={"depot-side": "later-theirs"})
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    changed = {name for name, data in before.items() if after[name] != data}
    assert changed == {f"restore-later-{kind}" for kind in OVERWRITTEN}
    assert velero.judged(side.vault.name)["phase"] == "Available"
