"""``python -m bench.idle``: what a controller takes that has nothing to do.

Starts controllers one after the other on a real control plane: seconds from the start of the
process to ``/readyz``, and resident memory after a while.
"""

import argparse
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench.cluster import fresh_cluster
from bench.figures import Figure, Record, print_table
from bench.measure import ROOT, cpu_of, memory
from kubeferry import codec
from kubeferry.api import crd
from tests.clusters import Cluster
from tests.processes import free_ports

READY_GOAL, IDLE_GOAL = 2.0, 60
"""Seconds, MiB."""
_GIVE_UP = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.idle", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5, help="starts (default: 5)")
    parser.add_argument("--idle", type=float, default=60, help="seconds before memory is read (60)")
    parser.add_argument("-o", "--output", type=Path, help="a file for every start as a JSON line")
    options = parser.parse_args()
    record = Record(options.output)
    with fresh_cluster() as cluster:
        prepare(cluster)
        starts = [start(cluster, idle=0) for _ in range(options.rounds)]
        starts.append(start(cluster, idle=options.idle))
    for one in starts:
        record.write({"what": "idle"} | one)
    ready, idle = statistics.median(one["ready"] for one in starts), starts[-1]
    print_table(
        [
            Figure("controller: ready after", ready, READY_GOAL, "at most", unit="s"),
            Figure("of it on a processor", idle["cpu"], None, "at most", unit="s"),
            Figure(
                "controller: resident when idle", idle["VmRSS"], IDLE_GOAL, "at most", unit="MiB"
            ),
            Figure("of it anonymous", idle["RssAnon"], None, "at most", unit="MiB"),
        ]
    )


def prepare(cluster: Cluster) -> None:
    """What a controller needs to be there."""
    cluster.kubectl("create", "namespace", "csdr")
    definitions = {"apiVersion": "v1", "kind": "List", "items": crd.manifests()}
    cluster.kubectl("apply", "-f", "-", input=codec.encode(definitions).decode())
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")


def start(cluster: Cluster, *, idle: float) -> dict[str, Any]:
    """One controller from its start until it was idle for so long."""
    [port] = free_ports(1)
    begun = time.perf_counter()
    process = subprocess.Popen(
        [
            *(ROOT / ".venv/bin/kubeferry", "controller", "--no-leader-election"),
            *("--kubeconfig", cluster.user_kubeconfig, "--health-port", str(port)),
        ],
        stderr=subprocess.PIPE,
    )
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - begun > _GIVE_UP:
                raise RuntimeError(f"it did not get ready: {process.communicate()[1].decode()}")
            time.sleep(0.005)
        ready = time.perf_counter() - begun
        cpu = cpu_of(process.pid)
        time.sleep(idle)
        return {"ready": round(ready, 3), "cpu": cpu, **memory(process.pid)}
    finally:
        process.terminate()
        process.communicate()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
