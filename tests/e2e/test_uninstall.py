"""The installed program removes what it installed: it asks first, and only where it can."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from kubeferry.api.install import Installation, manifests
from tests.e2e.machine import Machine

KUBEFERRY = Path(sys.executable).with_name("kubeferry")
CLUSTER = "restore"


@pytest.fixture(scope="module")
def machine(machine: Machine) -> Machine:
    there = ("Namespace", "CustomResourceDefinition")
    for one in manifests(Installation(image="i")):
        if one["kind"] not in there:
            machine.create(CLUSTER, one)
    return machine


def definitions(machine: Machine) -> int:
    return len(machine.objects(CLUSTER, "customresourcedefinitions", ""))


def answered(machine: Machine, answer: str, *args: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a call on a terminal where somebody answers."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [KUBEFERRY, *args],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | machine.environ(CLUSTER),
    )
    os.write(leader, f"{answer}\n".encode())
    out, err = process.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    return process.returncode, out, err


def test_where_nobody_can_be_asked_nothing_is_removed(machine: Machine) -> None:
    done = machine.executable(CLUSTER, "uninstall", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody can be asked here; --yes removes, --dry-run shows" in done.stderr
    assert definitions(machine) == 3


def test_a_dry_run_shows_and_removes_nothing(machine: Machine) -> None:
    done = machine.executable(CLUSTER, "uninstall", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"To be removed from cluster {CLUSTER}:\n")
    assert definitions(machine) == 3


def test_who_says_no_keeps_it(machine: Machine) -> None:
    code, _, err = answered(machine, "n", "uninstall")
    assert code == 1
    assert err.endswith("error: nothing was removed\n")
    assert definitions(machine) == 3


def test_who_says_yes_is_told_what_went_and_may_ask_again(machine: Machine) -> None:
    code, out, err = answered(machine, "y", "uninstall")
    assert code == 0, err
    assert "clusterrole.rbac.authorization.k8s.io/kubeferry-controller removed\n" in out
    assert definitions(machine) == 0
    again = machine.executable(CLUSTER, "uninstall", "--yes")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"Nothing of kubeferry is left in cluster {CLUSTER}.\n")
