"""A backup opened as a cluster by the command, for whatever program is given it."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import config_map, namespace, obj
from tests.e2e.machine import Machine

HIDDEN = "bm90LXRvLWJlLXNob3du"
ASK = """
import json, os, sys, urllib.request, yaml
path = os.environ["KUBECONFIG"]
assert os.stat(path).st_mode & 0o077 == 0, "nobody else's to read"
config = yaml.safe_load(open(path))
server = config["clusters"][0]["cluster"]["server"]
assert server.startswith("http://127.0.0.1:"), server
print(urllib.request.urlopen(server + sys.argv[1]).read().decode())
"""


@pytest.fixture(scope="module")
def filled(machine: Machine) -> Machine:
    """A vault with one backup, and the manifest of a restore of it."""
    words = ("create", "shelf", "--provider", "local", "--bucket", "shelf", "--wait")
    made = machine.ferry("backup", "vault", *words)
    assert made.exit_code == 0, made.output
    machine.create("backup", namespace("library"))
    machine.create("backup", config_map("library/rules", quiet="yes"))
    machine.create("backup", obj("v1/Secret", "library/key").with_(data={"door": HIDDEN}))
    words = ("create", "books", "--vault", "shelf", "--include-namespaces", "library", "--wait")
    done = machine.ferry("backup", "backup", *words)
    assert done.exit_code == 0, done.output
    (machine.folder / "books.yaml").write_text(
        """
apiVersion: csdr.alibabacloud.com/v1beta1
kind: ApplicationRestore
metadata: {name: books, namespace: csdr}
spec:
  backupName: books
  namespaceMapping: {library: archive}
"""
    )
    return machine


def asked(machine: Machine, path: str, *options: str) -> dict[str, Any]:
    done = machine.executable(
        "backup", "backup", "browse", "books", *options, "--", sys.executable, "-c", ASK, path
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_program_reads_the_backup_as_its_cluster(filled: Machine) -> None:
    found = asked(filled, "/api/v1/namespaces/library/configmaps/rules")
    assert found["data"] == {"quiet": "yes"}


def test_values_of_secrets_are_shown_only_when_asked_for(filled: Machine) -> None:
    path = "/api/v1/namespaces/library/secrets/key"
    assert asked(filled, path)["data"] == {"door": "(masked)"}
    assert asked(filled, path, "--show-secrets")["data"] == {"door": HIDDEN}


def test_as_restored_it_is_what_the_restore_would_write(filled: Machine) -> None:
    option = ("--as-restored", str(filled.folder / "books.yaml"))
    found = asked(filled, "/api/v1/configmaps", *option)["items"]
    [rules] = [one for one in found if one["metadata"]["name"] == "rules"]
    assert rules["metadata"]["namespace"] == "archive"
    assert rules["metadata"]["labels"]["velero.io/restore-name"] == "books"


def test_a_restore_of_another_backup_is_refused(filled: Machine) -> None:
    option = ("--as-restored", str(filled.folder / "books.yaml"))
    done = filled.ferry("backup", "backup", "browse", "shop", *option, "--", "true")
    assert done.exit_code == 2
    assert "restores the backup 'books', not 'shop'" in done.stderr


def test_the_exit_code_is_the_program_s(filled: Machine) -> None:
    words = ("backup", "browse", "books", "--")
    assert filled.executable("backup", *words, "sh", "-c", "exit 3").returncode == 3
    gone = filled.executable("backup", *words, "no-such-program")
    assert gone.returncode == 127
    assert "no-such-program" in gone.stderr


def test_without_a_program_it_is_open_until_it_is_interrupted(filled: Machine) -> None:
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("kubeferry")), "backup", "browse", "books"],
        env=os.environ | filled.environ("backup"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = next(one for one in process.stderr if "export KUBECONFIG=" in one)
        kubeconfig = Path(line.partition("=")[2].strip())
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert not kubeconfig.exists()
