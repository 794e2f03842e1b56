"""What goes wrong in a real cluster: pods die, networks break, API servers restart, memory is
short.

A task goes on where it was, and neither loses nor doubles anything.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.node.sites import NodeSite
from tests.real import archives, loads
from tests.waiting import until

pytestmark = pytest.mark.node

COUNT = 2_000
NAMES = {f"many-{number:04}" for number in range(COUNT)}
VAULT = "faults"
LONG = 180.0
"""Seconds in which a task ends that had to wait for a lease, a network or a server."""


@pytest.fixture(scope="module")
def many(source: NodeSite, target: NodeSite) -> str:
    """A namespace of the source cluster with a few thousand objects, a vault and a backup of it."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    asyncio.run(loads.make_config_maps(source.cluster, "many", COUNT, size=8_000))
    source.back_up("whole", VAULT, "many")
    assert source.ended("applicationbackup", "whole")["status"]["phase"] == "Completed"
    until(
        lambda: target.phase("applicationbackup", "whole") == "Completed",
        what="the backup appears in the other cluster",
    )
    return "many"


@pytest.fixture(autouse=True)
def both_work(source: NodeSite, target: NodeSite) -> None:
    """A test begins with a controller that is ready in each cluster."""
    source.pod()
    target.pod()


def check_backup(site: NodeSite, name: str, bucket: Path) -> None:
    """The backup is whole: each object is in it once."""
    status = site.ended("applicationbackup", name, seconds=LONG)["status"]
    assert status["phase"] == "Completed", status.get("message")
    folder = archives.backup_folder(bucket, name, VAULT)
    kept = "resources/configmaps/namespaces/many/"
    found = [path for path in archives.entries(folder) if path.startswith(kept)]
    assert Counter(found) == Counter(f"{kept}{one}.json" for one in NAMES)
    assert status["progress"]["itemsDone"] > COUNT


TOLD_AGAIN = {"namespaces", "serviceaccounts"}
"""What every namespace has, so that a restore that goes on finds it there and says so."""


def check_restore(
    site: NodeSite, name: str, namespace: str, bucket: Path, before: dict[str, str]
) -> None:
    """The restore is whole: each object is there and told of once, what was there is the same."""
    status = site.ended("applicationrestore", name, seconds=LONG)["status"]
    assert status["phase"] == "Completed", status.get("message")
    after = uids(site, namespace)
    assert after.keys() == NAMES
    assert before.items() <= after.items(), "nothing is made twice"
    lines = archives.restore_items(bucket, name, VAULT)
    told = Counter(tuple(line["source"]) for line in lines)
    # Without a key the line of what is done again does not stand for it: a namespace's, say.
    assert {source[0] for source, times in told.items() if times > 1} <= TOLD_AGAIN
    assert {one for kind, _, one in told if kind == "configmaps"} == NAMES
    assert {line["action"] for line in lines if line["source"][0] == "configmaps"} == {"created"}
    assert sum(status["counts"].values()) == len(lines)


def uids(site: NodeSite, namespace: str) -> dict[str, str]:
    """The objects of a namespace by name, each with its uid, which tells it from a successor."""
    found = asyncio.run(loads.config_maps(site.cluster, namespace))
    return {name: one["metadata"]["uid"] for name, one in found.items()}


def begin_restore(site: NodeSite, name: str, namespace: str) -> None:
    """Starts a restore and returns when it is in its middle."""
    site.restore(name, "whole", namespaceMapping={"many": namespace})
    asyncio.run(loads.wait_for_config_maps(site.cluster, namespace, COUNT // 4))


def test_a_pod_that_is_deleted_in_a_backup_is_followed_by_one_that_finishes_it(
    many: str, source: NodeSite, node_bucket: Path
) -> None:
    folder = archives.backup_folder(node_bucket, "killed", VAULT)
    first = source.pod()
    source.back_up("killed", VAULT, many)
    until((folder / "killed-claim.json").exists, what="the backup has begun to write")
    with source.storage_cut():  # it cannot get to its end before its pod does
        source.kill()
        until(lambda: not source.runs(first), what="the first controller's process is gone")
        assert not (folder / "velero-backup.json").exists()
        assert source.phase("applicationbackup", "killed") == "InProgress"
    check_backup(source, "killed", node_bucket)
    assert source.pod() != first
    assert source.task("applicationbackup", "killed")["status"]["attempts"] == 2


def test_a_pod_that_is_deleted_in_a_restore_is_followed_by_one_that_finishes_it(
    many: str, target: NodeSite, node_bucket: Path
) -> None:
    first = target.pod()
    begin_restore(target, "killed", "many1")
    target.kill()
    before = uids(target, "many1")
    assert COUNT // 4 <= len(before) < COUNT, "the restore was in its middle"
    check_restore(target, "killed", "many1", node_bucket, before)
    assert target.pod() != first


def test_a_storage_that_is_out_of_reach_is_waited_for(
    many: str, source: NodeSite, node_bucket: Path
) -> None:
    folder = archives.backup_folder(node_bucket, "cut", VAULT)
    source.back_up("cut", VAULT, many)
    until((folder / "cut-claim.json").exists, what="the backup has begun to write")
    with source.storage_cut():
        assert not (folder / "velero-backup.json").exists()
        time.sleep(30)
        assert source.phase("applicationbackup", "cut") == "InProgress"
    check_backup(source, "cut", node_bucket)
    assert source.restarts() == 0


def test_an_api_server_that_restarts_under_load_is_waited_for(
    many: str, target: NodeSite, node_bucket: Path
) -> None:
    begin_restore(target, "restarted", "many2")
    before = uids(target, "many2")
    target.cluster.kill("kube-apiserver")
    until(lambda: not target.cluster.run("get", "--raw", "/readyz").returncode, what="it is back")
    assert len(before) < COUNT, "the restore was in its middle"
    check_restore(target, "restarted", "many2", node_bucket, before)
