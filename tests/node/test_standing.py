"""``make cluster`` and ``make cluster-down``, as a person calls them."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.nodes import ROOT, cache
from tests.standing import Standing

pytestmark = pytest.mark.node


def make(*arguments: str) -> str:
    """What make prints, its own lines left out."""
    command = ["make", "--silent", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(text: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def commands(text: str) -> str:
    """The indented lines of what was printed."""
    return "\n".join(line.strip(" ") for line in text.splitlines() if line.startswith("  "))


def traces() -> dict[str, set[str]]:
    """What a cluster could leave on this machine."""
    processes = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "/run/backup" in told or "tests.standing serve" in told:
            processes.add(told)
    return {
        "processes": processes,
        "mounts": {
            line
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if "/run/backup" in line
        },
        "links": {name for name in os.listdir("/sys/class/net") if name == "kf-backup"},
        "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob("*/kf-backup")},
        "files": {
            str(path) for path in (ROOT / ".cluster", cache() / "run/backup") if path.exists()
        },
    }


FILES = (ROOT / ".cluster", cache() / "run/backup")
NOTHING: dict[str, set[str]] = {
    name: set() for name in ("processes", "mounts", "links", "cgroups", "files")
}


@pytest.fixture(autouse=True)
def none_runs() -> None:
    """A cluster that a person has running is not ended by a test."""
    assert not Standing("cluster").holder(), "a cluster is running: make cluster-down"


def exports(printed: str) -> str:
    """The commands that say where the cluster is."""
    lines = commands(printed).splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("export "))


def test_a_cluster_is_as_it_says_and_leaves_nothing_behind() -> None:
    try:
        printed = make("cluster", "ARGS=--nodes 1")
        assert make("cluster") == printed, "a second call finds what runs"
        # Every command that it prints, in order; but a watch would never end.
        shell(commands(printed).replace(" --watch", ""))
        ended = "wait applicationbackup/nginx-backup --for=jsonpath={.status.phase}=PartiallyFailed"
        shell(f"{exports(printed)} kubectl --kubeconfig $BACKUP -n csdr {ended} --timeout=60s")
        # What a node mounts is never mounted on the machine itself.
        assert {name for name, found in traces().items() if not found} == {"mounts"}
    finally:
        make("cluster-down")
    assert traces() == NOTHING


def test_what_is_kept_is_there_again() -> None:
    try:
        first = make("cluster", "ARGS=--nodes 1 --keep")
        kubectl = f"{exports(first)} kubectl --kubeconfig $BACKUP"
        shell(f"{kubectl} create configmap kept")
        make("cluster-down")
        assert {name for name, found in traces().items() if found} == {"files"}
        assert make("cluster", "ARGS=--nodes 1") == first
        assert "kept" in shell(f"{kubectl} get configmap -o name")
    finally:
        make("cluster-down")
    assert traces() == NOTHING
