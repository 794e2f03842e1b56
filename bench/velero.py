"""How long a backup takes Velero, and how long it takes kubeferry, of the same objects in one run.

Order: kubeferry without other versions, with them, Velero, and again; each takes all of the
cluster, to the same S3 server. One of the five kinds is served in two versions. Velero's server is
its release, started anew for each pass and without its limits on requests (``_FLAGS``); its time is
that in phase ``InProgress``, without the queue before and the phases after.
"""

import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count as counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import objects
from bench.backup import ferry_pass
from bench.cluster import Access, server_cpu
from bench.figures import Figure, Record, between, median
from bench.measure import memory
from tests import veleros
from tests.clusters import Cluster
from tests.s3server import S3Server
from tests.veleros import NAMESPACE, TERMINAL, Velero
from tests.waiting import until

GOAL = 10
"""How many times as long Velero's backup takes as kubeferry's without other versions."""
_FLAGS = ("--client-qps=10000", "--client-burst=10000")
_WAITING = ("", "New", "Queued", "ReadyToStart")
_INTERVAL = 0.05
_SETTLE_SECONDS = 3.0
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(
    cluster: Cluster,
    count: int,
    *,
    rounds: int,
    s3: S3Server,
    vault: dict[str, Any],
    name: str,
    record: Record,
) -> list[Figure]:
    """The figures, of objects that are in the cluster already."""
    _serve_another_version(cluster)
    without: list[dict[str, Any]] = []
    with_: list[dict[str, Any]] = []
    passes: list[dict[str, Any]] = []

    numbers = counter()

    def ferry(all_versions: bool) -> dict[str, Any]:
        return ferry_pass(
            cluster,
            count,
            vault=vault,
            name=f"{name}-beside-velero-{next(numbers)}",
            record=record,
            all_versions=all_versions,
        )

    with (
        TemporaryDirectory(prefix="kubeferry-bench-velero-") as folder,
        veleros.running(cluster, s3, folder=Path(folder)) as velero,
    ):
        bucket = s3.make_bucket("bench-velero")
        velero.locate("bench", bucket.name)
        ferry(False)  # the API server's caches are warm for all that follow
        for number in range(rounds):
            without.append(ferry(False))
            with_.append(ferry(True))
            result = _velero_pass(velero, f"{name}-{number}", bucket)
            passes.append(record.add("velero backup", count, result))
            if result["phase"] != "Completed" or result["items"] < count:
                raise RuntimeError(f"Velero's backup is {result['phase']}: {result}")
        without.append(ferry(False))
    return _figures(count, without, with_, passes)


def _figures(
    count: int,
    without: list[dict[str, Any]],
    with_: list[dict[str, Any]],
    passes: list[dict[str, Any]],
) -> list[Figure]:
    def ratio(field: str) -> float:
        ours = [float(one[field]) for one in without]
        return median([one[field] / between(ours, n) for n, one in enumerate(passes)])

    def of(found: list[dict[str, Any]], field: str) -> float:
        return median([float(one[field]) for one in found])

    note = f"Velero {of(passes, 'seconds'):.1f} s, without {of(without, 'seconds'):.2f} s"
    cpu = f"Velero {of(passes, 'cpu'):.1f} s, without {of(without, 'cpu'):.2f} s"
    seconds = [one["seconds"] for one in without]
    more = [one["seconds"] / between(seconds, n) for n, one in enumerate(with_)]
    title = f"backup {count}"
    return [
        Figure(f"{title}: Velero's time", ratio("seconds"), GOAL, "at least", note),
        Figure(f"{title}: Velero's CPU time", ratio("cpu"), None, "at least", cpu),
        Figure(f"{title}: other versions' time", median(more), None, "at most"),
        *(
            Figure(f"{title}: peak memory, {who}", of(found, field), None, "at most", unit="MiB")
            for who, found, field in (
                ("Velero", passes, "peak_mib"),
                ("Velero and plugins", passes, "together_mib"),
                ("without", without, "peak_mib"),
                ("with", with_, "peak_mib"),
            )
        ),
    ]


def _serve_another_version(cluster: Cluster) -> None:
    """From now on the custom kind is served in two versions."""
    [version] = json.loads(objects.definition().body)["spec"]["versions"]
    older = version | {"name": "v1beta1", "storage": False}
    patch = json.dumps({"spec": {"versions": [version, older]}})
    name = objects.DEFINITION_NAME
    cluster.kubectl("patch", "crd", name, "--type=merge", "-p", patch)
    path = "/apis/bench.example.com/v1beta1/widgets?limit=1"
    until(lambda: not cluster.run("get", "--raw", path).returncode, what=f"{path} is served")


def _velero_pass(velero: Velero, name: str, bucket: Path) -> dict[str, Any]:
    """One backup of everything by a server that has just started."""
    velero.stop()
    velero.start(*_FLAGS)
    time.sleep(_SETTLE_SECONDS)
    cluster = velero.cluster
    before, servers = os.getloadavg()[0], server_cpu(cluster)
    with _watched(velero.group) as use:
        created = time.perf_counter()
        velero.create("Backup", name, {"storageLocation": "bench", "snapshotVolumes": False})
        begun, ended = _worked(cluster, name)
        cpu = use.cpu_since_start()
        backup = velero.ended("backup", name)
        whole = time.perf_counter() - created
    meanwhile = {key: round(cpu_ - servers[key], 2) for key, cpu_ in server_cpu(cluster).items()}
    return {
        "phase": backup["status"]["phase"],
        "items": backup["status"]["progress"]["itemsBackedUp"],
        "archive_bytes": (bucket / "backups" / name / f"{name}.tar.gz").stat().st_size,
        "seconds": ended - begun,
        "task_seconds": whole,
        "cpu": cpu,
        "peak_mib": use.peak,
        "together_mib": use.together,
        "load": [round(before, 2), round(os.getloadavg()[0], 2)],
        "server_cpu": meanwhile,
    }


def _worked(cluster: Cluster, name: str) -> tuple[float, float]:
    """When a backup began to be in progress and when it no longer was."""
    access = Access.of(str(cluster.user_kubeconfig))
    path = f"/apis/velero.io/v1/namespaces/{NAMESPACE}/backups/{name}"
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
class _Use:
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
def _watched(group: int) -> Iterator[_Use]:
    """Samples their memory while the block runs."""
    use, done = _Use(group), threading.Event()
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
