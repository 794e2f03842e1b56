"""A node with kubeferry installed by its own manifests and running in it, as people have it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.nodes import ROOT, Node
from tests.processes import StartFailed
from tests.sites import ACCOUNT, SYNC_PERIOD, Installed
from tests.waiting import until

DEPLOYMENT = f"deployment/{ACCOUNT}"
_PODS = ("pods", "-n", "csdr", "-l", "app.kubernetes.io/component=controller")


def build_image() -> Path:
    """The archive with kubeferry's image, built where it is not there. Raises ``StartFailed``."""
    made = subprocess.run(
        [sys.executable, ROOT / "hack" / "image.py"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise StartFailed(f"hack/image.py failed\n{made.stderr}")
    return Path(made.stdout.splitlines()[-1])


@dataclass(kw_only=True)
class NodeSite(Installed):
    """A node with kubeferry in it."""

    cluster: Node

    def install(self, *flags: str) -> None:
        """Installs it, or installs it anew with other flags, and waits until it is ready."""
        settings = {
            "KUBEFERRY_ENDPOINT_ALIBABACLOUD": self.storage.endpoint,
            "KUBEFERRY_SYNC_PERIOD": SYNC_PERIOD,
        }
        self.apply_manifests(*flags)
        given = [f"{name}={value}" for name, value in settings.items()]
        self.cluster.kubectl("-n", "csdr", "set", "env", DEPLOYMENT, *given)
        self.rolled_out()

    def rolled_out(self) -> None:
        """Waits until the Deployment is as it should be."""
        self.cluster.kubectl("-n", "csdr", "rollout", "status", DEPLOYMENT, "--timeout=90s")

    def pods(self) -> list[dict[str, Any]]:
        """The controller's pods that are not being deleted."""
        listed = self.cluster.get(*_PODS)["items"]
        return [pod for pod in listed if not pod["metadata"].get("deletionTimestamp")]

    def pod(self) -> str:
        """The name of the controller's pod, once there is one that is ready."""

        def ready() -> str:
            for pod in self.pods():
                conditions = pod["status"].get("conditions", ())
                if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
                    return str(pod["metadata"]["name"])
            return ""

        return until(ready, what=f"a controller is ready in cluster {self.cluster.name}")

    def kill(self) -> None:
        """Deletes the controller's pods at once, as when their machine dies."""
        self.cluster.kubectl("delete", *_PODS, "--grace-period=0", "--force")

    def told(self) -> str:
        """What the controller logged so far."""
        logged = self.cluster.run("-n", "csdr", "logs", DEPLOYMENT, "--tail=-1")
        return logged.stdout

    def restarts(self) -> int:
        """How often containers of the controller's pods were started again."""
        return sum(
            container["restartCount"]
            for pod in self.pods()
            for container in pod["status"].get("containerStatuses", ())
        )

    @contextmanager
    def storage_cut(self) -> Iterator[None]:
        """Meanwhile nothing gets through to the vault's port, as by a broken switch: no refusal."""
        port = self.storage.endpoint.rpartition(":")[2]
        table = ("table", "ip", "cut")
        rules = (
            ("add", *table),
            ("add", "chain", "ip", "cut", "way", "{ type filter hook forward priority 0 ; }"),
            ("add", "rule", "ip", "cut", "way", "tcp", "dport", port, "drop"),
            ("add", "rule", "ip", "cut", "way", "tcp", "sport", port, "drop"),
        )
        for rule in rules:
            self.cluster.run_inside("nft", *rule)
        try:
            yield
        finally:
            self.cluster.run_inside("nft", "delete", *table)
