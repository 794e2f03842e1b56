"""``python -m bench.limited``: a backup and a restore by a controller that may use 128 MiB.

A real controller process in a control group with that limit (root on Linux), a real control plane,
a real S3 server. Printed is the highest anonymous and kernel memory of each task; a controller that
is killed for want of memory, or a task that is not completed, fails the run.
"""

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import objects
from bench.cluster import fresh_cluster
from bench.figures import Figure, Record, print_table
from bench.idle import prepare
from bench.measure import ROOT, run_child
from bench.memorygroup import MemoryGroup, memory_group
from tests import s3server
from tests.clusters import Cluster
from tests.s3server import S3Server
from tests.sites import TERMINAL, Installed

GOAL = 105
"""MiB that cannot be given back: what is left of 128 is for page cache and for surprises."""
_BUCKET = "bench"
_POLL = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.limited", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--objects", type=int, default=20_000, help="how many (default: 20000)")
    parser.add_argument("--limit", type=int, default=128, help="MiB (default: 128)")
    parser.add_argument("-o", "--output", type=Path, help="a file for every task as a JSON line")
    options = parser.parse_args()
    record = Record(options.output)
    with (
        TemporaryDirectory(prefix="kubeferry-bench-") as folder,
        s3server.running(Path(folder)) as s3,
        fresh_cluster() as cluster,
        memory_group(options.limit << 20) as group,
    ):
        s3.make_bucket(_BUCKET)
        record.add(
            "bare create",
            options.objects,
            run_child("bench.bare", "create", cluster, count=options.objects),
        )
        site = Installed(cluster, s3)
        prepare(cluster)
        with controller(group, cluster, s3, spool=Path(folder)):
            figures = tasks(site, group, options.objects, record)
    print_table(figures)


@contextmanager
def controller(
    group: MemoryGroup, cluster: Cluster, s3: S3Server, *, spool: Path
) -> Iterator[None]:
    """A controller within the group, which must still be there at the end."""
    environ = {
        "KUBEFERRY_ENDPOINT_ALIBABACLOUD": s3.endpoint,
        "KUBEFERRY_SPOOL_DIR": str(spool),
        "ALIBABA_CLOUD_ACCESS_KEY_ID": s3.credentials.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": s3.credentials.secret_access_key,
    }
    program = ROOT / ".venv/bin/kubeferry"
    process = subprocess.Popen(
        group.command(program, "controller", "--kubeconfig", cluster.user_kubeconfig),
        env=os.environ | environ,
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the controller ended: {process.returncode}")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()


def tasks(site: Installed, group: MemoryGroup, count: int, record: Record) -> list[Figure]:
    """One backup of everything and one restore of it under other names."""
    site.register("vault", prefix="subpath", objectStorage=_storage())
    namespaces = sorted(objects.mapping())
    figures = []
    for kind, spec in (
        ("ApplicationBackup", {"storageLocation": "vault", "includedNamespaces": namespaces}),
        ("ApplicationRestore", {"backupName": "limited", "namespaceMapping": objects.mapping()}),
    ):
        group.reset()
        begun = time.perf_counter()
        site.create(kind, "limited", spec)
        while site.phase(kind, "limited") not in TERMINAL:
            time.sleep(_POLL)  # kubectl takes CPU time that the task could have
        seconds, use = time.perf_counter() - begun, group.use()
        task = site.task(kind, "limited")
        what = kind.removeprefix("Application").lower()
        if task["status"]["phase"] != "Completed" or use.killed:
            raise RuntimeError(f"{use.killed} killed; the {what}: {task['status']}")
        print(f"{what:<8} {count / seconds:,.0f}/s  {seconds:.1f} s  {use}", flush=True)
        record.write({"what": what, "objects": count, "seconds": seconds, "use": str(use)})
        name = f"{what} {count}, limited"
        figures.append(Figure(name, use.together, GOAL, "at most", unit="MiB"))
    return figures


def _storage() -> dict[str, Any]:
    return {"bucket": _BUCKET, "prefix": "subpath"}


if __name__ == "__main__":
    main()
