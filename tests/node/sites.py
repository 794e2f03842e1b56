"""A node with kubeferry installed by its own manifests and running in it, as people have it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.nodes import ROOT, Node, Options, build_image, copy_logs, running
from tests.sites import ACCOUNT, SYNC_PERIOD, Installed
from tests.waiting import until

KEPT = ROOT / ".node-logs"
"""Where the logs of all parts are after a run in which a test failed."""
DEPLOYMENT = f"deployment/{ACCOUNT}"
USER = "65532"
"""Who the controller is on its node."""
_PODS = ("pods", "-n", "csdr", "-l", "app.kubernetes.io/component=controller")


@contextmanager
def started(
    request: pytest.FixtureRequest, names: Sequence[str], first: int, *, by_name_only: bool = False
) -> Iterator[list[Node]]:
    """Nodes with kubeferry's image. Where a test fails meanwhile, what they logged is kept."""
    image = build_image()
    failed = request.session.testsfailed
    options = Options(logs=KEPT, by_name_only=by_name_only)
    with running(names, first=first, options=options) as found:
        for node in found:
            node.import_images(image)
        yield found
        if request.session.testsfailed > failed:
            for node in found:
                copy_logs(node.folder, KEPT / node.name)


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

    def runs(self, pod: str) -> bool:
        """Whether a process of the pod still runs, whatever the API server says of it."""
        return self._process(pod) is not None

    def resident(self) -> int:
        """The bytes of memory that the controller's process takes now."""
        process = self._process(self.pod())
        assert process is not None, "the pod is ready, but has no process"
        status = self.cluster.run_inside("cat", process / "status")
        [line] = [one for one in status.splitlines() if one.startswith("VmRSS:")]
        return int(line.split()[1]) << 10

    def _process(self, pod: str) -> Path | None:
        """The controller's process in a pod, as a folder of the node's ``/proc``."""
        found = self.cluster.inside("pgrep", "-u", USER, "-f", "kubeferry controller")
        for pid in found.stdout.split():
            process = Path("/proc", pid)
            if f"HOSTNAME={pod}\0" in self.cluster.inside("cat", process / "environ").stdout:
                return process
        return None

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

    def memory_kills(self) -> int:
        """How many processes of the controller's pods the kernel killed for want of memory."""
        told = [
            line.split()
            for group in self._memory_groups()
            for line in (group / "memory.oom_control").read_text().splitlines()
        ]
        return sum(int(count) for name, count in told if name == "oom_kill")

    def memory_peak(self) -> int:
        """The most bytes that a container of the controller has used, page cache included."""
        peaks = [group / "memory.max_usage_in_bytes" for group in self._memory_groups()]
        return max(int(path.read_text()) for path in peaks)

    def _memory_groups(self) -> list[Path]:
        root = Path(f"/sys/fs/cgroup/memory/kf-{self.cluster.name}")
        uids = [pod["metadata"]["uid"] for pod in self.pods()]
        groups = [path.parent for uid in uids for path in root.rglob(f"pod{uid}/*/memory.limit*")]
        assert groups, f"no memory group of {uids} below {root}"
        return sorted(set(groups))

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
