import pytest

from kubeferry.cli.live import Lines, ViewReporter
from kubeferry.report import Problem


def test_without_a_terminal_each_phase_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines("backup a") as view:
        reporter = ViewReporter(view)
        reporter.phase("collect")
        reporter.progress(1, 2)
        reporter.progress(2, 2)
        reporter.problem(Problem("warning", "Odd", "look\x1b[2J", subject="pods a/b"))
        reporter.phase("upload")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "backup a: collect",
        r"warning: pods a/b: Odd: look\x1b[2J",
        "backup a: upload",
    ]
