"""A controller is small when it has nothing to do, and 20,000 objects go through 128 MiB."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.node.sites import NodeSite
from tests.real import loads
from tests.waiting import until

pytestmark = pytest.mark.node

COUNT = 20_000
LIMIT = "128Mi"
VAULT = "memory"
IDLE = 60 << 20
"""Bytes that a controller without a task may take."""
LONG = 600.0


@pytest.fixture(scope="module")
def small(source: NodeSite, target: NodeSite) -> Iterator[tuple[NodeSite, NodeSite]]:
    """Both clusters with controllers that may use little, and a namespace with many objects."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
        site.install("--memory", LIMIT)
    asyncio.run(loads.make_config_maps(source.cluster, "crowd", COUNT, size=2_000))
    yield source, target
    for site in (source, target):
        site.install()


def test_a_controller_without_a_task_is_small(small: tuple[NodeSite, NodeSite]) -> None:
    for site in small:
        until(lambda site=site: site.leader().startswith(site.pod()), what="the new pod leads")
        assert site.resident() < IDLE


def test_a_backup_and_a_restore_of_20_000_objects_fit(small: tuple[NodeSite, NodeSite]) -> None:
    source, target = small
    source.back_up("crowd", VAULT, "crowd")
    status = source.ended("applicationbackup", "crowd", seconds=LONG)["status"]
    assert status["phase"] == "Completed", status.get("message")
    assert status["progress"]["itemsDone"] > COUNT
    assert source.restarts() == 0

    until(
        lambda: target.phase("applicationbackup", "crowd") == "Completed",
        what="the backup appears in the other cluster",
    )
    target.restore("crowd", "crowd", namespaceMapping={"crowd": "crowd1"})
    status = target.ended("applicationrestore", "crowd", seconds=LONG)["status"]
    assert status["phase"] == "Completed", status.get("message")
    assert status["counts"]["created"] > COUNT
    assert status["attempts"] == 1
    assert target.restarts() == 0
    for site in small:
        assert site.memory_kills() == 0
        print(f"{site.cluster.name}: peak of {site.memory_peak() >> 20} MiB")
