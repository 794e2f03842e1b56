"""What Velero's server uses and how long it works, while a benchmark watches it."""

import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import Access
from bench.measure import memory
from tests.clusters import Cluster
from tests.veleros import NAMESPACE, TERMINAL

FLAGS = ("--client-qps=10000", "--client-burst=10000")
"""Its server's, so that it is not its own limits on requests that are measured."""
SETTLE_SECONDS = 3.0
"""How long a server that was started is left in peace."""
_WAITING = ("", "New", "Queued", "ReadyToStart")
_INTERVAL = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


def worked(cluster: Cluster, plural: str, name: str) -> tuple[float, float]:
    """When a backup or a restore began to be in progress and when it no longer was."""
    access = Access.of(str(cluster.user_kubeconfig))
    path = f"/apis/velero.io/v1/namespaces/{NAMESPACE}/{plural}/{name}"
    asked = urllib.request.Request(
        f"{access.server}{path}", headers={"Authorization": f"Bearer {access.token}"}
    )
    begun = 0.0
    while True:
        with urllib.request.urlopen(asked, context=access.tls, timeout=30) as answer:
            phase = json.load(answer).get("status", {}).get("phase", "")
        if not begun and phase not in _WAITING:
            begun = time.perf_counter()
        if phase in TERMINAL or (begun and phase != "InProgress"):
            return begun, time.perf_counter()
        time.sleep(_INTERVAL)


@dataclass
class Use:
    """What the processes of a group use; the plugins that ended count with who started them.

    Attributes:
        peak: MiB of resident memory, of the process that had most.
        together: the same of all at once, sampled.
    """

    group: int
    cpu: float = 0.0
    peak: float = 0.0
    together: float = 0.0

    def sample(self) -> None:
        """Looks at all of them."""
        found = [memory(pid) for pid, _ in _processes(self.group)]
        self.peak = max([self.peak, *(one.get("VmHWM", 0.0) for one in found)])
        self.together = max(self.together, sum(one.get("VmRSS", 0.0) for one in found))

    def cpu_since_start(self) -> float:
        """CPU seconds since the first look."""
        return sum(cpu for _, cpu in _processes(self.group)) - self.cpu


def _processes(group: int) -> Iterator[tuple[int, float]]:
    """Velero's processes and the CPU seconds of each, with those of its children that ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue  # it has ended meanwhile
        fields = rest.split()
        if int(fields[2]) == group and "(velero" in name:
            yield int(folder.name), sum(map(int, fields[11:15])) / _TICKS


@contextmanager
def watched(group: int) -> Iterator[Use]:
    """Samples their memory while the block runs."""
    use, done = Use(group), threading.Event()
    use.cpu = use.cpu_since_start()

    def watch() -> None:
        while not done.wait(_INTERVAL):
            try:
                use.sample()
            except OSError:
                continue  # one has ended while it was looked at

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield use
    finally:
        done.set()
        watcher.join()
