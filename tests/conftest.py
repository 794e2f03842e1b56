from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """A test that needs a real server is never skipped: who asked for it wants its answer."""
    report: pytest.TestReport = yield
    is_real = item.get_closest_marker("real") or item.get_closest_marker("s3")
    if report.skipped and is_real and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although a real server was asked for: {report.longrepr}"
    return report
