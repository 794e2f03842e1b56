from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import s3server
from tests.node.sites import KEPT, NodeSite, started
from tests.nodes import MACHINE, Node
from tests.s3server import S3Server

JUDGES = "test_permissions.py"
"""What the controllers asked for in all other tests is judged there, so it comes last."""
_NAMES = ("tbackup", "trestore")
_FIRST = 11
"""Other numbers than those of ``make cluster``, which may be running."""


@pytest.fixture(scope="session")
def nodes(request: pytest.FixtureRequest) -> Iterator[list[Node]]:
    """Two clusters of one node each; one pair for the whole run."""
    with started(request, _NAMES, _FIRST) as pair:
        yield pair


@pytest.fixture(scope="session")
def node_s3(nodes: list[Node], tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server outside of the nodes, where their pods reach it."""
    with s3server.running(tmp_path_factory.mktemp("s3"), host=MACHINE) as server:
        server.make_bucket("cnfs-oss-test")
        yield server


@pytest.fixture(scope="session")
def node_sites(nodes: list[Node], node_s3: S3Server) -> tuple[NodeSite, NodeSite]:
    """Both nodes with kubeferry installed and running in them."""
    backup, restore = (NodeSite(cluster=node, storage=node_s3) for node in nodes)
    for site in (backup, restore):
        site.install()
    return backup, restore


@pytest.fixture(scope="session")
def source(node_sites: tuple[NodeSite, NodeSite]) -> NodeSite:
    """The cluster that is backed up."""
    return node_sites[0]


@pytest.fixture(scope="session")
def target(node_sites: tuple[NodeSite, NodeSite]) -> NodeSite:
    """The cluster that is restored into."""
    return node_sites[1]


@pytest.fixture(scope="session")
def backup_node(nodes: list[Node]) -> Node:
    return nodes[0]


@pytest.fixture
def node_namespace(backup_node: Node) -> Iterator[str]:
    """An empty namespace of the first node, whose default service account is there."""
    with backup_node.fresh_namespace() as name:
        yield name


@pytest.fixture(scope="session")
def node_bucket(node_s3: S3Server) -> Path:
    """The seed's bucket as a directory."""
    return node_s3.folder / "cnfs-oss-test"


@pytest.fixture(scope="session")
def audit_events(node_sites: tuple[NodeSite, NodeSite]) -> list[dict[str, Any]]:
    """What the controllers of both clusters asked their API servers so far."""
    return [event for site in node_sites for event in site.cluster.audit()]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == JUDGES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A failed test tells what the controllers logged and where all other logs are."""
    report = yield
    if report.failed and "node_sites" in getattr(item, "funcargs", {}):
        for site in item.funcargs["node_sites"]:
            lines = site.told().splitlines()[-40:]
            report.sections.append((f"controller of {site.cluster.name}", "\n".join(lines)))
        report.sections.append(("logs of all parts, after the run", str(KEPT)))
    return report
