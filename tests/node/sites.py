"""A node with kubeferry installed by its own manifests and running in it, as people have it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.nodes import Node
from tests.sites import ACCOUNT, SYNC_PERIOD, Installed
from tests.waiting import until

DEPLOYMENT = f"deployment/{ACCOUNT}"
_PODS = ("pods", "-n", "csdr", "-l", "app.kubernetes.io/component=controller")


@dataclass(kw_only=True)
class NodeSite(Installed):
    """A node with kubeferry in it."""

    cluster: Node

    def install(self, *flags: str) -> None:
        """Installs it, or installs it anew with other flags, and waits until it is ready."""
        self.apply_manifests(
            *("--endpoint", f"alibabacloud={self.storage.endpoint}"),
            *("--set-env", f"KUBEFERRY_SYNC_PERIOD={SYNC_PERIOD}"),
            *flags,
        )
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
