import io
import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kubeferry import logs
from kubeferry.logs import OutputLog, TaskLog, configure
from kubeferry.report import Problem

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_task_s_log_has_velero_s_lines() -> None:
    with TaskLog(clock=lambda: NOW) as log:
        log.phase('wave 3: "volumes"')
        log.progress(1, 2)
        log.problem(Problem("error", "Forbidden", "no\nway", "shop", "pods shop/web"))
        log.problem(Problem("warning", "Archive", "odd"))
        assert log.read().decode().splitlines() == [
            r'time="2026-01-02T03:04:05Z" level=info msg="wave 3: \"volumes\""',
            r'time="2026-01-02T03:04:05Z" level=error msg="no\nway" reason="Forbidden" '
            'object="pods shop/web"',
            'time="2026-01-02T03:04:05Z" level=warning msg="odd" reason="Archive"',
        ]


def test_reading_a_log_does_not_end_it() -> None:
    with TaskLog(clock=lambda: NOW) as log:
        log.line("info", "one")
        before = log.read()
        log.line("info", "two")
        assert log.read().startswith(before)
        assert log.read().count(b"\n") == 2


def test_a_log_that_is_full_says_so_and_grows_no_more() -> None:
    with TaskLog(clock=lambda: NOW) as log:
        for _ in range(2 + logs.MAX_LOG_BYTES // 1_000_000):
            log.line("info", "x" * 1_000_000)
        found = log.read()
    assert len(found) < logs.MAX_LOG_BYTES + 100
    assert found.count(b"the log ends here") == 1
    assert found.endswith(b'msg="the log ends here: it is full"\n')


@pytest.fixture
def ours() -> Iterator[logging.Logger]:
    """Our logger, put back as it was."""
    logger = logging.getLogger("kubeferry")
    before = logger.handlers[:], logger.level, logger.propagate
    yield logger
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)


def written(logger: logging.Logger) -> io.StringIO:
    stream = io.StringIO()
    [handler] = logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    return stream


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock on the wall is eight hours ahead of UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC-8")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_in_a_cluster_a_record_is_a_line_of_json_in_utc(ours: logging.Logger) -> None:
    configure(json_lines=True)
    stream = written(ours)
    record = ours.makeRecord("kubeferry.x", logging.WARNING, "f", 1, "vault %s", ("v",), None)
    record.created = NOW.timestamp()
    ours.handle(record)
    assert json.loads(stream.getvalue()) == {
        "time": "2026-01-02T03:04:05Z",
        "level": "warning",
        "logger": "kubeferry.x",
        "msg": "vault v",
    }


def test_output_is_one_line_a_command_whatever_is_in_it() -> None:
    with TaskLog(clock=lambda: NOW) as log:
        show = OutputLog(log.line)
        show("it ended", stdout=b"one\ntwo\n", stderr=b"", object="pods a/b")
        show("it ended", stdout=b"", stderr=b"\xff\x00")
        assert log.read().decode().splitlines() == [
            'time="2026-01-02T03:04:05Z" level=info msg="it ended" object="pods a/b"'
            r' stdout="one\ntwo\n"',
            'time="2026-01-02T03:04:05Z" level=info msg="it ended"'
            ' stderr="\N{REPLACEMENT CHARACTER}\\u0000"',
        ]


@pytest.mark.parametrize("piece", [b"x", b"\n", b"\x00", b"\xff"])
def test_output_leaves_room_in_the_log_for_what_is_wrong(piece: bytes) -> None:
    most = 100_000
    with TaskLog(clock=lambda: NOW) as log:
        show = OutputLog(log.line, most=most)
        for _ in range(40):
            show("it ended", stdout=piece * 4_000, stderr=b"")
        said = log.read()
        assert most * 0.7 < len(said) < most + 10_000
        assert said.count(b"\n") == 40
        assert b"(4000 bytes left out: commands said more than 100000)" in said


def test_a_defect_is_logged_with_its_trace(ours: logging.Logger) -> None:
    configure(json_lines=True)
    stream = written(ours)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        ours.exception("a defect")
    [line] = stream.getvalue().splitlines()
    assert "RuntimeError: broken" in json.loads(line)["trace"]


def test_for_people_a_record_is_short_text_and_the_level_counts(ours: logging.Logger) -> None:
    configure(json_lines=False, level="WARNING")
    stream = written(ours)
    ours.info("not told")
    ours.warning("told")
    assert re.fullmatch(r"[-0-9]+ [:,0-9]+ WARNING told\n", stream.getvalue())
