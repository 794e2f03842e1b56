"""How long a restore takes Velero, and how long it takes kubeferry, of the same backup in one run.

Both restore an archive of ours, with the same namespace mapping, the same renamed images (Velero's
ConfigMap) and the same rules, each into an empty cluster, kubeferry before Velero and after it;
then each once more over what it has just restored. Velero's time is that in phase ``InProgress``;
its server is started anew for each pass and without its limits on requests.
"""

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import objects
from bench.cluster import fresh_cluster, server_cpu
from bench.ferry import MODIFIER
from bench.figures import Figure, Record, median
from bench.measure import run_child
from bench.velero_server import FLAGS, SETTLE_SECONDS, watched, worked
from tests import veleros
from tests.s3server import S3Server
from tests.veleros import NAMESPACE, Velero
from tests.waiting import until

GOAL = 8
"""How many times as long Velero's restore takes as kubeferry's."""
AGAIN_GOAL = 5
"""The same of a restore over what was restored already."""
MEMORY_GOAL = 4
"""How many times as much memory its server takes, without plugins."""
_ENDS_SECONDS = 3600.0
_IMAGES = {"velero.io/plugin-config": "", "velero.io/change-image-name": "RestoreItemAction"}
_RULES = "bench-rules"


def measure(
    count: int, *, s3: S3Server, vault: dict[str, Any], backup: str, record: Record
) -> list[Figure]:
    """The figures, of a backup of ours that is in the vault."""
    before = _ferry_passes(count, vault=vault, backup=backup, record=record, name="before")
    theirs = _velero_passes(count, s3=s3, vault=vault, backup=backup, record=record)
    after = _ferry_passes(count, vault=vault, backup=backup, record=record, name="after")
    figures = []
    for title, goal, number in (("restore", GOAL, 0), ("again", AGAIN_GOAL, 1)):
        ours = median([before[number]["seconds"], after[number]["seconds"]])
        note = f"Velero {theirs[number]['seconds']:.1f} s, kubeferry {ours:.2f} s"
        times = theirs[number]["seconds"] / ours
        name = f"{title} {count}: Velero's time"
        figures.append(Figure(name, times, goal, "at least", note))
    peak = max(one["peak_mib"] for one in (*before, *after))
    alone, together = (max(one[field] for one in theirs) for field in ("peak_mib", "together_mib"))
    note = f"Velero {alone:.0f} MiB, with plugins {together:.0f}, kubeferry {peak:.0f}"
    name = f"restore {count}: Velero's memory"
    return [*figures, Figure(name, alone / peak, MEMORY_GOAL, "at least", note)]


def _ferry_passes(
    count: int, *, vault: dict[str, Any], backup: str, record: Record, name: str
) -> list[dict[str, Any]]:
    """Kubeferry's restore into an empty cluster, and again."""
    passes = []
    with fresh_cluster() as cluster:
        for number, what in enumerate(("kubeferry restore", "kubeferry restore again")):
            found = run_child(
                "bench.ferry",
                "restore",
                cluster,
                vault=vault,
                name=backup,
                restore_name=f"{backup}-{name}-{number}",
            )
            passes.append(record.add(what, count, found))
            if found["phase"] != "Completed":
                raise RuntimeError(f"the restore is {found['phase']}: {found['counts']}")
    return passes


def _velero_passes(
    count: int, *, s3: S3Server, vault: dict[str, Any], backup: str, record: Record
) -> list[dict[str, Any]]:
    """Velero's restore into an empty cluster, and again."""
    passes = []
    with (
        fresh_cluster() as cluster,
        TemporaryDirectory(prefix="kubeferry-bench-velero-") as folder,
        veleros.running(cluster, s3, folder=Path(folder)) as velero,
    ):
        velero.locate("bench", vault["bucket"])
        velero.sync(*FLAGS)
        until(lambda: velero.knows(backup), what=f"Velero knows {backup}", seconds=120.0)
        _config_map(
            velero, "bench-images", {"all": f"{objects.REGISTRY},{objects.MIRROR}"}, _IMAGES
        )
        _config_map(velero, _RULES, {"modifier": MODIFIER.read_text()})
        for number, what in enumerate(("velero restore", "velero restore again")):
            found = _velero_pass(velero, f"bench-{number}", backup)
            passes.append(record.add(what, count, found))
            if found["phase"] != "Completed":
                raise RuntimeError(f"Velero's restore is {found['phase']}: {found}")
    return passes


def _config_map(
    velero: Velero, name: str, data: dict[str, str], labels: dict[str, str] | None = None
) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels or {}},
        "data": data,
    }
    velero.cluster.kubectl("create", "-f", "-", input=json.dumps(body))


def _velero_pass(velero: Velero, name: str, backup: str) -> dict[str, Any]:
    """One restore by a server that has just started."""
    velero.stop()
    velero.start(*FLAGS)
    time.sleep(SETTLE_SECONDS)
    cluster = velero.cluster
    before, servers = os.getloadavg()[0], server_cpu(cluster)
    with watched(velero.group) as use:
        velero.create(
            "Restore",
            name,
            {
                "backupName": backup,
                "namespaceMapping": objects.mapping(),
                "resourceModifier": {"kind": "ConfigMap", "name": _RULES},
            },
        )
        begun, ended = worked(cluster, "restores", name)
        cpu = use.cpu_since_start()
        restore = velero.ended("restore", name, seconds=_ENDS_SECONDS)
    meanwhile = {key: round(used - servers[key], 2) for key, used in server_cpu(cluster).items()}
    status = restore["status"]
    return {
        "phase": status["phase"],
        "items": status["progress"]["itemsRestored"],
        "warnings": status.get("warnings", 0),
        "errors": status.get("errors", 0),
        "seconds": ended - begun,
        "cpu": cpu,
        "peak_mib": use.peak,
        "together_mib": use.together,
        "load": [round(before, 2), round(os.getloadavg()[0], 2)],
        "server_cpu": meanwhile,
    }
