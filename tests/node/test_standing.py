"""``make cluster`` and ``make cluster-down``, as a person calls them."""

import os
import re
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


NAMES = ("backup", "restore")
FILES = (ROOT / ".cluster", *(cache() / "run" / name for name in NAMES))
PARTS = (*(f"/run/{name}" for name in NAMES), "tests.standing serve", ".cluster/")


def traces() -> dict[str, set[str]]:
    """What the clusters could leave on this machine."""
    processes = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(part in told for part in PARTS):
            processes.add(told)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    groups = [Path("/sys/fs/cgroup").glob(f"*/kf-{name}") for name in NAMES]
    return {
        "processes": processes,
        "mounts": {line for line in mounts if any(part in line for part in PARTS)},
        "links": {f"kf-{name}" for name in NAMES} & set(os.listdir("/sys/class/net")),
        "cgroups": {str(path) for found in groups for path in found},
        "files": {str(path) for path in FILES if path.exists()},
    }


NOTHING: dict[str, set[str]] = {
    kind: set() for kind in ("processes", "mounts", "links", "cgroups", "files")
}


@pytest.fixture(autouse=True)
def none_runs() -> None:
    """A cluster that a person has running is not ended by a test."""
    assert not Standing("cluster").holder(), "a cluster is running: make cluster-down"


RESTORES = "kubectl --kubeconfig $RESTORE apply -f examples/03-resource-modifier.yaml"
"""The first of the printed commands that restore."""


def exports(printed: str) -> str:
    """The commands that say where the cluster is."""
    lines = commands(printed).splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("export "))


def test_two_clusters_are_as_they_say_and_leave_nothing_behind() -> None:
    try:
        printed = make("cluster")
        assert make("cluster") == printed, "a second call finds what runs"
        # Every command that it prints, in order; but a watch would never end, and the plan says by
        # its exit code that the restore would not be complete.
        told = commands(printed).replace(" --watch", "")
        told = re.sub("^.* restore plan .*$", r"(\g<0>) || [ $? = 8 ]", told, flags=re.MULTILINE)
        parts = told.partition(f"{RESTORES}\n")
        shell(parts[0])
        where = f"{exports(printed)} kubectl -n csdr --kubeconfig"
        ended = "--for=jsonpath={.status.phase}=PartiallyFailed --timeout=60s"
        shell(f"{where} $BACKUP wait applicationbackup/nginx-backup {ended}")
        shell(f"{exports(printed)} {parts[1]} {parts[2]}")
        shell(f"{where} $RESTORE wait applicationrestore/nginx-restore {ended}")
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
