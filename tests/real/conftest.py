import uuid
from collections.abc import Iterator

import pytest

from tests.clusters import Cluster
from tests.controlplane import running


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cluster]]:
    folder = tmp_path_factory.mktemp("controlplanes")
    with running(["backup", "restore"], folder=folder) as started:
        yield started


@pytest.fixture(scope="session")
def backup_cluster(clusters: list[Cluster]) -> Cluster:
    return clusters[0]


@pytest.fixture(scope="session")
def restore_cluster(clusters: list[Cluster]) -> Cluster:
    return clusters[1]


@pytest.fixture
def namespace(backup_cluster: Cluster) -> Iterator[str]:
    """An empty namespace of the backup cluster, whose default service account is there."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    backup_cluster.kubectl("create", "namespace", name)
    account = ["serviceaccount/default", "-n", name]
    backup_cluster.kubectl("wait", *account, "--for=create", "--timeout=30s")
    yield name
    backup_cluster.kubectl("delete", "namespace", name, "--wait=false")
