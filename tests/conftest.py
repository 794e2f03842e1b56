import asyncio
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clusters import Cluster
    from tests.s3server import S3Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")


def pytest_sessionstart() -> None:
    """Until it is told that there is none, asyncio makes a loop for a plugin that asks for the
    current one outside of a test, and nobody closes it."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are to be rewritten (``make golden``)."""
    return bool(pytestconfig.getoption("--update-golden"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that needs a real server is never skipped: who asked for it wants its answer."""
    report = yield
    is_real = any(item.get_closest_marker(name) for name in ("real", "s3", "node", "velero"))
    if report.skipped and is_real and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although a real server was asked for: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Nor is a whole module."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"a module is not skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list["Cluster"]]:
    """The two real clusters of a test run, "backup" and "restore"."""
    from tests.controlplane import running

    folder = tmp_path_factory.mktemp("controlplanes")
    with running(["backup", "restore"], folder=folder) as started:
        yield started


@pytest.fixture(scope="session")
def backup_cluster(clusters: list["Cluster"]) -> "Cluster":
    return clusters[0]


@pytest.fixture(scope="session")
def restore_cluster(clusters: list["Cluster"]) -> "Cluster":
    return clusters[1]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """A real S3 server that the whole test run shares; a test makes its own bucket."""
    from tests.s3server import running

    with running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def namespace(backup_cluster: "Cluster") -> Iterator[str]:
    """An empty namespace of the backup cluster, whose default service account is there."""
    with backup_cluster.fresh_namespace() as name:
        yield name
