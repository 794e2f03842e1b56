"""Runs a measured piece of work in a process of its own and reads what it took.

Each child is ``python -m <module>``: it reads what to do as JSON from its standard input, does it
and prints one line of JSON. ``profile`` in it names a file for the figures of ``sampler``. Seconds
are measured inside the child, around the work: neither the start of Python nor the making of the
objects counts.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.cluster import server_cpu
from bench.sampler import Sampler
from tests.clusters import Cluster

ROOT = Path(__file__).parent.parent


class ChildFailed(RuntimeError):
    """A child did not end well; its standard error is in the message."""


def run_child(module: str, what: str, cluster: Cluster, **task: Any) -> dict[str, Any]:
    """What the child printed for ``what``, as the cluster's user.

    With it go the machine's load when it began and ended, and the CPU seconds of the cluster's
    processes meanwhile.
    """
    task |= {"what": what, "kubeconfig": str(cluster.user_kubeconfig)}
    before, used = os.getloadavg()[0], server_cpu(cluster)
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise ChildFailed(f"{module} {what}: exit code {done.returncode}\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    servers = {name: round(cpu - used[name], 2) for name, cpu in server_cpu(cluster).items()}
    load = [round(before, 2), round(os.getloadavg()[0], 2)]
    return result | {"load": load, "server_cpu": servers}


async def serve_parent(works: dict[str, Callable[..., Awaitable[dict[str, Any]]]]) -> None:
    """The child's side: does the named work and prints its figures and this process's own."""
    task = json.load(sys.stdin)
    work, profile = works[task.pop("what")], task.pop("profile", None)
    if profile:
        with Sampler(profile):
            result = await work(**task)
    else:
        result = await work(**task)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps(result | {"process_cpu": round(cpu, 3), "peak_mib": round(peak_mib(), 1)}))


def cpu_seconds() -> float:
    """CPU time of this process so far, all its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has used so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """A process's resident memory now, its anonymous part and the highest it had, MiB."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "RssAnon", "VmHWM"):
            found[name] = round(int(rest.split()[0]) / 1024, 1)
    return found


def peak_mib() -> float:
    """The highest resident memory of this process, MiB.

    Read from /proc: ``ru_maxrss`` of a child begins with what its parent had when it was started.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
