"""Velero's own server and command line, out of cluster: the judge of our archives.

Nothing of it is in the cluster but its definitions; a Deployment ``velero/velero`` without pods
stands for the one in which it looks itself up. There is no node agent: it takes no volume data.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clusters import Cluster, write_private
from tests.processes import Server, StartFailed, free_ports, is_open
from tests.s3server import S3Server
from tests.waiting import until

NAMESPACE = "velero"
TERMINAL = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")

_BUILD = Path(__file__).parent.parent / "hack" / "build.sh"
_READY_SECONDS = 60.0
_CLI_SECONDS = 60.0
_SYNC_SECONDS = 90.0


def find_programs() -> Path:
    """The folder of ``velero``, ``plugins`` and ``crds.yaml``, built once; or ``StartFailed``."""
    built = subprocess.run([_BUILD, "velero"], stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise StartFailed("hack/build.sh velero failed: its output says why")
    return Path(built.stdout.strip())


@contextmanager
def running(cluster: Cluster, storage: S3Server, *, folder: Path) -> Iterator["Velero"]:
    """Velero installed in a cluster and its server running; the server ends with the block."""
    velero = Velero(cluster, storage, folder, find_programs())
    velero.install()
    velero.start()
    try:
        yield velero
    finally:
        velero.stop()


class Velero:
    """Velero in one cluster; ``folder`` has its logs and whatever it leaves on this machine."""

    def __init__(self, cluster: Cluster, storage: S3Server, folder: Path, programs: Path) -> None:
        self.cluster = cluster
        self._storage = storage
        self._folder = folder
        self._programs = programs
        self._server: Server | None = None
        self._checks = 0
        for name in ("home", "temporary"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        keys = storage.credentials
        self._credentials = write_private(
            folder / "credentials",
            "[default]\n"
            f"aws_access_key_id={keys.access_key_id}\n"
            f"aws_secret_access_key={keys.secret_access_key}\n",
        )

    def install(self) -> None:
        """Its definitions, its namespace and the Deployment that it looks for."""
        definitions = str(self._programs / "crds.yaml")
        self.cluster.kubectl("apply", "--server-side", "-f", definitions)
        self.cluster.kubectl("wait", "--for=condition=Established", "-f", definitions)
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        deployment = ["deployment", "velero", "-n", NAMESPACE]
        self.cluster.kubectl("create", *deployment, "--image=velero", "--replicas=0")

    def start(self, *flags: str) -> None:
        """Starts the server. It knows the kinds of now, and looks again after five minutes."""
        [port] = free_ports(1)
        self._server = Server(
            [
                "/usr/bin/env",
                *(f"{name}={value}" for name, value in self._environ().items()),
                self._programs / "velero",
                "server",
                f"--plugin-dir={self._programs / 'plugins'}",
                f"--metrics-address=127.0.0.1:{port}",
                *flags,
            ],
            log=self._folder / "server.log",
            with_children=True,
        )
        self._server.wait_until(lambda: is_open("127.0.0.1", port), seconds=_READY_SECONDS)

    def stop(self) -> None:
        """Ends the server and its plugins at once."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def sync(self, *flags: str) -> None:
        """Has it look into its vaults: it does that when it starts, else once a minute."""
        self.stop()
        what = ("backupstoragelocation", "-n", NAMESPACE)
        names = self.cluster.kubectl("get", *what, "-o", "name").split()
        patch = json.dumps({"status": {"lastSyncedTime": None}})
        for name in names:
            self.cluster.kubectl("patch", name, "-n", NAMESPACE, "--type=merge", "-p", patch)
        self.start(*flags)
        path = "jsonpath={.items[*].status.lastSyncedTime}"
        until(
            lambda: len(self.cluster.kubectl("get", *what, "-o", path).split()) == len(names),
            what="Velero synchronizes its vaults",
            seconds=_SYNC_SECONDS,
        )

    @property
    def group(self) -> int:
        """The process group of the running server and its plugins."""
        assert self._server is not None
        return self._server.group

    def log(self) -> str:
        """What the server wrote so far."""
        return (self._folder / "server.log").read_text()

    def locate(self, name: str, bucket: str, prefix: str = "") -> None:
        """Makes a vault known to it and waits until it finds the vault available."""
        self.create(
            "BackupStorageLocation",
            name,
            {
                "provider": "aws",
                "backupSyncPeriod": "1s",  # at each of its looks, one a minute, and at its start
                "objectStorage": {"bucket": bucket, **({"prefix": prefix} if prefix else {})},
                "config": {
                    "region": "cn-beijing",
                    "s3ForcePathStyle": "true",
                    "s3Url": self._storage.endpoint,
                },
            },
        )
        status = self._checked(name)
        assert status["phase"] == "Available", status

    def judged(self, name: str) -> dict[str, Any]:
        """The status of a vault by a check that begins after the call."""
        self._checks += 1
        frequency = f"{3600 + self._checks}s"  # a changed spec is checked at once
        patch = {"spec": {"validationFrequency": frequency}, "status": None}
        what = ("backupstoragelocation", name, "-n", NAMESPACE)
        self.cluster.kubectl("patch", *what, "--type=merge", "-p", json.dumps(patch))
        return self._checked(name)

    def knows(self, backup: str) -> bool:
        """Whether there is a backup of this name in its cluster."""
        return bool(self._status("backup", backup))

    def create(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Creates an object of Velero's."""
        obj = {
            "apiVersion": "velero.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": spec,
        }
        self.cluster.kubectl("create", "-f", "-", input=json.dumps(obj))

    def back_up(self, name: str, location: str, **spec: Any) -> dict[str, Any]:
        """Takes a backup and returns it when it has ended."""
        self.create("Backup", name, {"storageLocation": location, **spec})
        return self.ended("backup", name)

    def restore(self, name: str, backup: str, **spec: Any) -> dict[str, Any]:
        """Restores a backup and returns the restore when it has ended."""
        self.create("Restore", name, {"backupName": backup, **spec})
        return self.ended("restore", name)

    def ended(self, kind: str, name: str, *, seconds: float = 120.0) -> dict[str, Any]:
        """Waits for the end of a backup or a restore and returns it."""
        until(
            lambda: self._status(kind, name).get("phase") in TERMINAL,
            what=f"Velero's {kind} {name} ends",
            seconds=seconds,
        )
        found: dict[str, Any] = self.cluster.get(f"{kind}.velero.io", name, "-n", NAMESPACE)
        return found

    def run(self, *arguments: str) -> str:
        """What ``velero ...`` prints. It is a failure if it fails."""
        done = subprocess.run(
            [
                self._programs / "velero",
                *arguments,
                f"--namespace={NAMESPACE}",
            ],
            env={**os.environ, **self._environ()},
            capture_output=True,
            text=True,
            timeout=_CLI_SECONDS,
            check=False,
        )
        assert not done.returncode, f"velero {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def listed(self, kind: str, name: str) -> set[tuple[str, str]]:
        """The objects that ``velero <kind> describe --details`` lists: ``v1/Pod``, ``shop/web``."""
        told = self.run(kind, "describe", name, "--details")
        return set(resource_list(told))

    def _checked(self, location: str) -> dict[str, Any]:
        def status() -> dict[str, Any] | None:
            found = self._status("backupstoragelocation", location)
            return found if "phase" in found else None

        found = until(status, what=f"Velero checks the vault {location}")
        assert found is not None
        return found

    def _status(self, kind: str, name: str) -> dict[str, Any]:
        """An object's status as it is now; empty if it has none or is not there."""
        what = (f"{kind}.velero.io", name, "-n", NAMESPACE, "--ignore-not-found")
        told = self.cluster.kubectl("get", *what, "-o", "json")
        status: dict[str, Any] = json.loads(told or "{}").get("status") or {}
        return status

    def _environ(self) -> dict[str, str]:
        return {
            "AWS_SHARED_CREDENTIALS_FILE": str(self._credentials),
            "HOME": str(self._folder / "home"),
            "KUBECONFIG": str(self.cluster.user_kubeconfig),  # one place looks at nothing else
            "TMPDIR": str(self._folder / "temporary"),
        }


def resource_list(described: str) -> list[tuple[str, str]]:
    """The objects below ``Resource List:`` in what ``describe --details`` prints."""
    _, _, rest = described.partition("\nResource List:\n")
    found, kind = [], ""
    for line in rest.splitlines():
        if match := re.fullmatch(r"  (\S+):", line):
            kind = match[1]
        elif match := re.fullmatch(r"    - (\S+)", line):
            found.append((kind, match[1]))
        else:
            break
    return found
