import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import Server, StartFailed, free_ports

ROOT = Path(__file__).parents[2]
_STARTER = """
import sys, time
from pathlib import Path
from tests.processes import Server
Server([sys.argv[1]], log=Path(sys.argv[2]))
print("started", flush=True)
time.sleep(60)
"""


def script(folder: Path, text: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def is_running(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pid_in(log: Path) -> str:
    end = time.monotonic() + 10
    while not (log.exists() and log.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.01)
    return log.read_text().strip()


def gone(pid: str) -> bool:
    end = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_running(pid)


def test_a_stopped_server_is_gone(tmp_path):
    server = Server([script(tmp_path, "echo $$; exec sleep 60")], log=tmp_path / "log")
    pid = pid_in(tmp_path / "log")
    assert is_running(pid)
    server.stop()
    assert gone(pid)


@pytest.mark.parametrize(
    ("with_children", "left"),
    [pytest.param(True, False, id="goes"), pytest.param(False, True, id="stays")],
)
def test_what_a_stopped_server_had_started(tmp_path, with_children, left):
    program = script(tmp_path, "sleep 60 & echo $!; exec sleep 60")
    server = Server([program], log=tmp_path / "log", with_children=with_children)
    child = pid_in(tmp_path / "log")
    server.stop()
    if left:
        assert is_running(child)
        os.kill(int(child), signal.SIGKILL)
    assert gone(child)


def test_a_server_dies_with_a_test_run_that_is_killed(tmp_path):
    program = script(tmp_path, "echo $$; exec sleep 60")
    command = [sys.executable, "-c", _STARTER, program, tmp_path / "log"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as run:
        pid = pid_in(tmp_path / "log")
        run.kill()
    assert gone(pid)


def test_a_server_that_ends_while_it_is_waited_for_says_why(tmp_path):
    server = Server([script(tmp_path, "echo no such flag; exit 3")], log=tmp_path / "log")
    with pytest.raises(StartFailed, match="no such flag"):
        server.wait_until(lambda: False, seconds=10)
    server.stop()


def test_free_ports_are_different():
    assert len(set(free_ports(20))) == 20
