"""The seed's walkthrough on nodes: running pods, bound claims, kubeferry in both clusters.

``examples/*.yaml`` are applied unchanged but for one field: volume data is not taken yet, so the
backup that is restored does without it (``defaultPvBackup: false``); with it the backup says what
is missed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.node.sites import NodeSite
from tests.real import archives
from tests.unit.api.seed import seed
from tests.waiting import until

pytestmark = pytest.mark.node

CLASS = "alicloud-disk-topology-alltype"
IMAGE = "registry.cn-beijing.aliyuncs.com/acr-team/nginx:1.14.1-8.6"
PODS = ["web-0", "web-1"]
CLAIMS = ["www-web-0", "www-web-1"]


@dataclass
class Walk:
    """What the walkthrough left behind; the tables are what kubectl printed."""

    pods: list[list[str]]
    claims: list[list[str]]
    asked: dict[str, Any]
    backup: dict[str, Any]
    restore: dict[str, Any]


@pytest.fixture(scope="module")
def walked(source: NodeSite, target: NodeSite) -> Iterator[Walk]:
    source.example("01-statefulset.yaml")
    rolled_out(source, "default")
    pods = table(source, "default", "get", "pod", "-l", "app=nginx")
    claims = table(source, "default", "get", "pvc")

    with_data = seed("02-applicationbackup.yaml")
    with_data["metadata"]["name"] = "with-data"
    source.apply(with_data)
    asked = source.ended("applicationbackup", "with-data")
    without = seed("02-applicationbackup.yaml")
    without["spec"]["pvBackup"] = {"defaultPvBackup": False}
    source.apply(without)
    backup = source.ended("applicationbackup", "nginx-backup")

    target.example("03-resource-modifier.yaml")
    target.example("04-backuplocation.yaml")
    until(
        lambda: target.phase("applicationbackup", "nginx-backup") == "Completed",
        what="the backup appears in the restore cluster",
    )
    target.example("05-applicationrestore.yaml")
    restore = target.ended("applicationrestore", "nginx-restore")
    yield Walk(pods, claims, asked, backup, restore)
    source.cluster.kubectl("delete", "statefulset", "web", "--wait=false")
    target.cluster.kubectl("delete", "namespace", "default1", "--wait=false")


def table(site: NodeSite, namespace: str, *arguments: str) -> list[list[str]]:
    """What kubectl prints, line by line and word by word."""
    printed = site.cluster.kubectl("-n", namespace, *arguments)
    return [line.split() for line in printed.splitlines()]


def rolled_out(site: NodeSite, namespace: str) -> None:
    """Every pod of the application runs and is as the workload's template has it."""
    watched = ("rollout", "status", "statefulset/web", "-n", namespace, "--timeout=120s")
    site.cluster.kubectl(*watched)


def test_the_application_runs_as_the_seed_shows_it(walked: Walk) -> None:
    header, *pods = walked.pods
    assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [pod[:4] for pod in pods] == [[name, "1/1", "Running", "0"] for name in PODS]
    header, *claims = walked.claims
    assert header[:2] == ["NAME", "STATUS"]
    assert [claim[:2] for claim in claims] == [[name, "Bound"] for name in CLAIMS]
    assert [claim[3:6] for claim in claims] == [["20Gi", "RWO", CLASS]] * 2


def test_a_backup_that_was_to_take_volume_data_says_that_it_took_none(walked: Walk) -> None:
    status = walked.asked["status"]
    assert status["phase"] == "PartiallyFailed"
    assert status["errors"] == 2
    assert "persistentvolumeclaims default/www-web-0" in status["message"]
    assert "takes no volume data" in status["message"]


def test_without_volume_data_backup_and_restore_are_completed(walked: Walk) -> None:
    assert walked.backup["status"]["phase"] == "Completed", walked.backup["status"]
    assert walked.restore["status"]["phase"] == "Completed", walked.restore["status"]
    assert walked.restore["status"]["warnings"] == 2
    assert "gets a new, empty volume" in walked.restore["status"]["message"]


def test_the_restored_pods_run_from_the_mapped_image(walked: Walk, target: NodeSite) -> None:
    """They are the workload's by then: its template has changed, so it replaces those that were
    restored, whose ``controller-revision-hash`` is the old template's."""
    rolled_out(target, "default1")
    owner = target.cluster.get("statefulset", "web", "-n", "default1")["metadata"]["uid"]
    for name in PODS:
        pod = target.cluster.get("pod", name, "-n", "default1")
        [told] = pod["status"]["containerStatuses"]
        assert pod["status"]["phase"] == "Running"
        assert told["ready"] is True
        assert told["image"] == IMAGE
        assert not pod["spec"].get("affinity")
        assert [one["uid"] for one in pod["metadata"]["ownerReferences"]] == [owner]


def test_their_volumes_are_new_ones_mounted_at_the_new_path(walked: Walk, target: NodeSite) -> None:
    rolled_out(target, "default1")
    _, *claims = table(target, "default1", "get", "pvc")
    assert [claim[:2] for claim in claims] == [[name, "Bound"] for name in CLAIMS]
    assert {claim[5] for claim in claims} == {CLASS}
    mounts = target.cluster.kubectl("exec", "-n", "default1", "web-0", "--", "cat", "/proc/mounts")
    points = [line.split()[1] for line in mounts.splitlines()]
    assert "/data" in points
    assert "/usr/share/nginx/html" not in points


def test_the_archive_of_running_pods_is_in_the_vault(walked: Walk, node_bucket: Path) -> None:
    found = archives.entries(archives.backup_folder(node_bucket, "nginx-backup"))
    assert {f"resources/pods/namespaces/default/{name}.json" for name in PODS} <= found.keys()
    assert len([path for path in found if path.startswith("resources/persistentvolumes/")]) == 4


def test_what_is_made_anew_over_it_keeps_its_pods_running(walked: Walk, target: NodeSite) -> None:
    """A StatefulSet differs in what no update can change; all else is as it was restored."""
    rolled_out(target, "default1")
    before = {name: target.cluster.get("pod", name, "-n", "default1") for name in PODS}
    other = target.cluster.get("statefulset", "web", "-n", "default1")
    target.cluster.kubectl("delete", "statefulset", "web", "-n", "default1", "--cascade=orphan")
    other["spec"]["podManagementPolicy"] = "Parallel"
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        other["metadata"].pop(key, None)
    target.cluster.kubectl("create", "-f", "-", input=json.dumps(other))
    again = seed("05-applicationrestore.yaml")
    again["metadata"]["name"] = "nginx-anew"
    again["spec"]["existingResourcePolicy"] = "recreate"
    again["spec"]["waitForReady"] = "2m"
    target.apply(again)
    ended = target.ended("applicationrestore", "nginx-anew", seconds=120)
    assert ended["status"]["phase"] == "Completed", ended["status"]
    assert ended["status"]["counts"].keys() == {"recreated", "skipped"}, ended["status"]
    assert ended["status"]["counts"]["recreated"] == 1
    assert ended["status"].get("warnings", 0) == 0, ended["status"]
    made = target.cluster.get("statefulset", "web", "-n", "default1")
    assert made["spec"]["podManagementPolicy"] == "OrderedReady"
    rolled_out(target, "default1")
    for name in PODS:
        pod = target.cluster.get("pod", name, "-n", "default1")
        assert pod["metadata"]["uid"] == before[name]["metadata"]["uid"]
        assert pod["status"]["phase"] == "Running"
        [owner] = pod["metadata"]["ownerReferences"]
        assert owner["uid"] == made["metadata"]["uid"]
