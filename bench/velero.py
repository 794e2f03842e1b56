"""How long a backup takes Velero, and how long it takes kubeferry, of the same objects in one run.

Order: kubeferry without other versions, with them, Velero, and again; each takes all of the
cluster, to the same S3 server. One of the five kinds is served in two versions. Velero's server is
its release, started anew for each pass and without its limits on requests; its time is that in
phase ``InProgress``, without the queue before and the phases after.
"""

import json
import os
import time
from itertools import count as counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import objects
from bench.backup import ferry_pass
from bench.cluster import server_cpu
from bench.figures import Figure, Record, between, median
from bench.velero_server import FLAGS, SETTLE_SECONDS, watched, worked
from tests import veleros
from tests.clusters import Cluster
from tests.s3server import S3Server
from tests.veleros import Velero
from tests.waiting import until

GOAL = 10
"""How many times as long Velero's backup takes as kubeferry's without other versions."""


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
    velero.start(*FLAGS)
    time.sleep(SETTLE_SECONDS)
    cluster = velero.cluster
    before, servers = os.getloadavg()[0], server_cpu(cluster)
    with watched(velero.group) as use:
        created = time.perf_counter()
        velero.create("Backup", name, {"storageLocation": "bench", "snapshotVolumes": False})
        begun, ended = worked(cluster, "backups", name)
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
