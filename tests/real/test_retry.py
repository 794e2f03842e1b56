"""A real quota refuses a part of a restore; when there is room, ``restore retry`` makes that part
and nothing else.
"""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.sites import PROGRAM
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "retries"
SHOP, COPY = "rt-shop", "rt-copy"
SERVICES, ROOM = 5, 2


def quota(services: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": COPY},
        "spec": {"hard": {"count/services": str(services)}},
    }


def service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": SHOP},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }


def limited(target: Site, services: int) -> None:
    """Sets the quota and waits until it counts."""
    target.apply(quota(services))

    def counts() -> bool:
        status = target.cluster.get("quota", "few", "-n", COPY).get("status") or {}
        return bool(status.get("used") and status.get("hard") == {"count/services": str(services)})

    until(counts, what=f"a quota of {services} counts")


def retried(target: Site, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(PROGRAM),
        "restore",
        "retry",
        *words,
        "--kubeconfig",
        str(target.cluster.kubeconfig),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def told(s3: S3Server, name: str) -> dict[str, str]:
    lines = archives.restore_items(s3.folder / "cnfs-oss-test", name, VAULT)
    return {f"{one['target'][0]}/{one['target'][2]}": one["action"] for one in lines}


@pytest.fixture(scope="module")
def refused(source: Site, target: Site, s3: S3Server) -> Iterator[set[str]]:
    """The Services for which there was no room."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    source.cluster.kubectl("create", "namespace", SHOP)
    target.cluster.kubectl("create", "namespace", COPY)
    for number in range(SERVICES):
        source.apply(service(f"s-{number}"))
    source.cluster.kubectl("create", "configmap", "menu", "-n", SHOP, "--from-literal=tea=3")
    limited(target, ROOM)
    source.back_up("rt-backup", VAULT, SHOP)
    source.ended("applicationbackup", "rt-backup")
    until(
        lambda: target.phase("applicationbackup", "rt-backup") == "Completed",
        what="the backup appears in the other cluster",
    )
    target.restore("rt-restore", "rt-backup", namespaceMapping={SHOP: COPY})
    ended = target.ended("applicationrestore", "rt-restore")
    assert ended["status"]["phase"] == "PartiallyFailed", ended["status"]
    yield {what for what, action in told(s3, "rt-restore").items() if action == "failed"}
    for site, namespace in ((source, SHOP), (target, COPY)):
        site.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_what_a_quota_refused_is_made_when_there_is_room(
    refused: set[str], target: Site, s3: S3Server
) -> None:
    assert len(refused) == SERVICES - ROOM
    assert all(what.startswith("services/") for what in refused)
    before = target.cluster.get("service", "-n", COPY)["items"]

    limited(target, SERVICES)
    done = retried(target, "rt-restore", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    # A namespace that is needed is always looked for.
    assert told(s3, "rt-restore-retry-1") == {
        f"namespaces/{COPY}": "skipped",
        **dict.fromkeys(refused, "created"),
    }
    after = {
        one["metadata"]["name"]: one for one in target.cluster.get("service", "-n", COPY)["items"]
    }
    assert len(after) == SERVICES
    assert all(after[one["metadata"]["name"]] == one for one in before)
    labels = {one["metadata"]["labels"]["velero.io/restore-name"] for one in after.values()}
    assert labels == {"rt-restore"}

    again = retried(target, "rt-restore-retry-1")
    assert again.returncode == 2, "nothing is left to be done"
    assert "is Completed" in again.stderr
