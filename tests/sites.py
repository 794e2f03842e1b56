"""A cluster with kubeferry installed, as tests use it: manifests, tasks, phases."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clusters import Cluster
from tests.processes import Server
from tests.s3server import S3Server
from tests.unit.api.seed import EXAMPLES, seed
from tests.waiting import until

GROUP = "csdr.alibabacloud.com"
TERMINAL = ("Completed", "PartiallyFailed", "Failed")
PROGRAM = Path(sys.executable).parent / "kubeferry"
ACCOUNT = "kubeferry-controller"
SYNC_PERIOD = "1s"
DEAD_ENDPOINT = "http://127.0.0.1:1"
"""An endpoint that a vault may name and where nobody listens."""


@dataclass
class Installed:
    """A cluster with kubeferry installed.

    Attributes:
        storage: the S3 server both providers are redirected to.
    """

    cluster: Cluster
    storage: S3Server

    def apply_manifests(self, *flags: str) -> None:
        """What ``kubeferry install | kubectl apply -f -`` makes, and the Secret with the keys."""
        manifests = Server.output(PROGRAM, "install", *flags)
        self.cluster.kubectl("apply", "-f", "-", input=manifests)
        crds = [
            f"crd/{name}.{GROUP}"
            for name in ("backuplocations", "applicationbackups", "applicationrestores")
        ]
        self.cluster.kubectl("wait", *crds, "--for=condition=Established", "--timeout=30s")
        keys = self.storage.credentials
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "alibaba-addon-secret", "namespace": "csdr"},
                "stringData": {
                    "access-key-id": keys.access_key_id,
                    "access-key-secret": keys.secret_access_key,
                },
            }
        )

    def leader(self) -> str:
        """Who holds the controllers' lease, empty if nobody does."""
        path = "jsonpath={.spec.holderIdentity}"
        asked = ("get", "lease", ACCOUNT, "-n", "csdr", "-o", path, "--ignore-not-found")
        return self.cluster.kubectl(*asked).strip()

    def apply(self, obj: Mapping[str, Any]) -> None:
        """``kubectl apply -f -``."""
        self.cluster.kubectl("apply", "-f", "-", input=json.dumps(obj))

    def example(self, file: str) -> None:
        """``kubectl apply -f examples/<file>``: the manifest of the seed, as it is."""
        self.cluster.kubectl("apply", "-f", str(EXAMPLES / file))

    def register(self, name: str, *, prefix: str, phase: str = "Available", **spec: Any) -> None:
        """Registers the seed's vault under another name and prefix, and waits for its phase."""
        vault = seed("04-backuplocation.yaml")
        vault["metadata"]["name"] = name
        vault["spec"]["objectStorage"]["prefix"] = prefix
        vault["spec"] |= spec
        self.apply(vault)
        what = f"vault {name} of cluster {self.cluster.name} is {phase}"
        until(lambda: self.phase("backuplocation", name) == phase, what=what)

    def back_up(self, name: str, vault: str, *namespaces: str, **spec: Any) -> None:
        """Creates a backup task."""
        self.create(
            "ApplicationBackup",
            name,
            {"storageLocation": vault, "includedNamespaces": list(namespaces), **spec},
        )

    def restore(self, name: str, backup: str, **spec: Any) -> None:
        """Creates a restore task."""
        self.create("ApplicationRestore", name, {"backupName": backup, **spec})

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        """Creates an object of ours in csdr."""
        self.apply(
            {
                "apiVersion": f"{GROUP}/v1beta1",
                "kind": kind,
                "metadata": {"name": name, "namespace": "csdr"},
                "spec": spec,
            }
        )

    def task(self, kind: str, name: str) -> dict[str, Any]:
        """A task as it is now."""
        found: dict[str, Any] = self.cluster.get(kind, name, "-n", "csdr")
        return found

    def phase(self, kind: str, name: str) -> str:
        """A task's or a vault's phase, empty if it has none or is not there."""
        path = "jsonpath={.status.phase}"
        asked = ("get", kind, name, "-n", "csdr", "-o", path, "--ignore-not-found")
        return self.cluster.kubectl(*asked).strip()

    def ended(self, kind: str, name: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """Waits for a task's end and returns the task."""
        until(
            lambda: self.phase(kind, name) in TERMINAL,
            what=f"{kind} {name} of cluster {self.cluster.name} ends",
            seconds=seconds,
        )
        return self.task(kind, name)
