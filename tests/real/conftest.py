from collections.abc import Iterator

import pytest

from tests.clusters import Cluster
from tests.real.ferries import Site
from tests.s3server import S3Server


@pytest.fixture(scope="session")
def sites(
    clusters: list[Cluster], s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Site]]:
    """The two clusters with kubeferry installed, a controller running against each."""
    logs = tmp_path_factory.mktemp("controllers")
    started = [Site(cluster, s3, logs=logs / cluster.name) for cluster in clusters]
    s3.make_bucket("cnfs-oss-test")
    try:
        for site in started:
            site.install()
            site.start()
        yield started[0], started[1]
    finally:
        for site in started:
            site.stop()


@pytest.fixture(scope="session")
def source(sites: tuple[Site, Site]) -> Site:
    """The cluster that is backed up."""
    return sites[0]


@pytest.fixture(scope="session")
def target(sites: tuple[Site, Site]) -> Site:
    """The cluster that is restored into."""
    return sites[1]
