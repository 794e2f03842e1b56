"""The installed programs, each in a process of its own."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from kubeferry import codec
from tests.e2e.machine import Machine

KUBEFERRY = Path(sys.executable).with_name("kubeferry")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_terminal(machine: Machine, cluster: str, *args: str, **env: str) -> tuple[int, str]:
    """Exit code and everything that a terminal of 100 columns got to see."""
    leader, follower = pty.openpty()
    environ = os.environ | machine.environ(cluster) | {"TERM": "xterm", "COLUMNS": "100"} | env
    process = subprocess.Popen(
        [KUBEFERRY, *args], stdin=follower, stdout=follower, stderr=follower, env=environ
    )
    os.close(follower)
    seen = b""
    while select.select([leader], [], [], 30)[0]:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other side closed: a terminal's end of file
            break
        if not part:
            break
        seen += part
    os.close(leader)
    return process.wait(30), seen.decode()


@pytest.fixture(scope="module")
def backed_up(machine: Machine) -> Machine:
    machine.apply("backup", "01-statefulset.yaml")
    for args in (
        ("vault", "create", "disk", "--provider", "local", "--bucket", "ferry", "--wait"),
        (
            "backup",
            "create",
            "web-1",
            "--vault",
            "disk",
            "--include-namespaces",
            "default",
            "--wait",
        ),
    ):
        done = machine.executable("backup", *args)
        assert done.returncode == 0, done.stderr
    return machine


def test_both_programs_are_one(backed_up: Machine) -> None:
    ours = backed_up.executable("backup", "backup", "get", "-o", "name")
    plugin = backed_up.executable("backup", "backup", "get", "-o", "name", program="kubectl-ferry")
    assert (ours.returncode, ours.stdout) == (plugin.returncode, plugin.stdout)
    wrong = backed_up.executable("backup", "backup", "gte", program="kubectl-ferry")
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("hint: see 'kubectl ferry backup --help'\n")


def test_what_is_printed_for_machines_has_no_colour_even_on_a_terminal(backed_up: Machine) -> None:
    code, seen = in_terminal(backed_up, "backup", "backup", "get", "web-1", "-o", "json")
    assert code == 0
    assert "\x1b[" not in seen
    assert json.loads(seen)["metadata"]["name"] == "web-1"


def test_a_plan_has_colours_on_a_terminal_unless_a_person_wants_none(backed_up: Machine) -> None:
    plan = ("restore", "plan", "--from-backup", "web-1", "--namespace-mapping", "default=copy")
    _, coloured = in_terminal(backed_up, "backup", *plan)
    assert "\x1b[32mcreate\x1b[0m" in coloured
    _, plain = in_terminal(backed_up, "backup", *plan, NO_COLOR="1")
    assert "\x1b[32m" not in plain
    assert "create  StatefulSet default/web -> copy/web" in plain


def test_waiting_draws_a_bar_that_goes_away(backed_up: Machine) -> None:
    code, seen = in_terminal(
        backed_up, "backup", "backup", "create", "web-2", "--vault", "disk", "--wait"
    )
    assert code == 0
    assert "backup web-2" in seen
    assert "\x1b[2K" in seen  # a line that is cleared
    assert "\x1b[2Kbackup web-2: Completed (" in seen.splitlines()[-1]


def test_a_pipe_that_closes_is_no_error(backed_up: Machine) -> None:
    process = subprocess.Popen(
        [KUBEFERRY, "restore", "plan", "--from-backup", "web-1", "--full"],
        env=os.environ | backed_up.environ("backup"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err.decode()
    assert process.returncode == 141


def test_a_watch_shows_changes_until_it_is_interrupted(backed_up: Machine) -> None:
    process = subprocess.Popen(
        [KUBEFERRY, "backup", "get", "--watch", "--no-headers"],
        env=os.environ | backed_up.environ("backup") | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores interrupts, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.split()[:2] == ["web-1", "Completed"]
    assert backed_up.ferry("backup", "backup", "create", "web-3", "--vault", "disk").exit_code == 0
    phases: list[str] = []
    while "Completed" not in phases:
        name, phase, *_ = process.stdout.readline().split()
        if name == "web-3":
            phases.append(phase)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == ""


def test_what_install_prints_can_be_applied(machine: Machine) -> None:
    done = machine.executable("backup", "install", "--namespace", "elsewhere")
    assert done.returncode == 0
    assert done.stderr == ""
    known = set(machine.objects("backup", "customresourcedefinitions", ""))
    for manifest in codec.load_yaml_documents(done.stdout):
        if manifest["metadata"]["name"] not in known:
            machine.create("backup", manifest)
    deployed = machine.objects("backup", "deployments.apps", "elsewhere")
    [container] = deployed["kubeferry-controller"]["spec"]["template"]["spec"]["containers"]
    accepted = machine.executable("backup", *container["args"], "--help")
    assert accepted.returncode == 0


def test_the_controller_answers_for_its_health_and_ends_at_sigterm(
    machine: Machine, tmp_path: Path
) -> None:
    port = free_port()
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [KUBEFERRY, "controller", "--health-port", str(port), "--log-format", "json"],
            env=os.environ | machine.environ("restore") | {"KUBEFERRY_NAMESPACE": "csdr"},
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 20
            while "ready" not in Path(log.name).read_text():
                assert process.poll() is None, Path(log.name).read_text()
                assert time.monotonic() < deadline, Path(log.name).read_text()
                time.sleep(0.05)
            for path in ("/healthz", "/readyz"):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                    assert (answer.status, answer.read()) == (200, b"ok\n")
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/secrets")
            refused.value.close()
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
        lines = Path(log.name).read_text().splitlines()
    assert code == 0, lines
    assert all(json.loads(line)["level"] for line in lines)


def test_a_port_that_is_taken_is_a_configuration_error(machine: Machine) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = machine.executable("restore", "controller", "--health-port", port)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: port {port}: cannot be listened on")
    assert "Traceback" not in done.stderr
