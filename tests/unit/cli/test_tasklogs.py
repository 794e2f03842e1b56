import pytest

from kubeferry.cli.tasklogs import log_lines
from kubeferry.errors import ObjectMissing


def test_a_log_is_printed_line_by_line_as_a_terminal_may_have_it() -> None:
    assert log_lines(b"one\ntwo\x1b[31m\n", "Completed", place="backup b") == [
        "one",
        r"two\x1b[31m",
    ]


@pytest.mark.parametrize(
    ("phase", "problem"),
    [
        pytest.param("InProgress", "is InProgress and has no log yet", id="it runs"),
        pytest.param("not started", "is not started and has no log yet", id="it waits"),
        pytest.param("Failed", "its vault holds no log", id="it ended"),
        pytest.param("", "its vault holds no log", id="the cluster does not know it"),
    ],
)
def test_a_log_that_is_not_there(phase: str, problem: str) -> None:
    with pytest.raises(ObjectMissing, match=problem):
        log_lines(None, phase, place="backup b")
