"""kubeferry's side of a pass: a whole backup or a whole restore, in a process of its own."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import objects
from bench.measure import cpu_seconds, serve_parent
from kubeferry.backup.filters import ResourceFilters
from kubeferry.backup.hooks import Hook
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.run import run_backup
from kubeferry.backup.selection import Selection
from kubeferry.backup.volume_selection import VolumeSelection
from kubeferry.clock import utc_now
from kubeferry.kube.client import Client
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.config import load_config
from kubeferry.report import Problem
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.run import run_restore
from kubeferry.settings import Settings
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.vault.locations import Credentials, Location, open_store
from kubeferry.vault.store import Store

MODIFIER = Path(__file__).parent / "bench-modifier.yaml"


class Times:
    """A reporter that keeps when each phase began and when the last object was through."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self._cpu = cpu_seconds()
        self.phases: dict[str, tuple[float, float]] = {}
        self.last = 0.0
        self.problems: list[str] = []

    def phase(self, name: str) -> None:
        """Keeps the time and the CPU time at its first beginning."""
        now = (time.perf_counter() - self.begun, cpu_seconds() - self._cpu)
        self.phases.setdefault(name, (round(now[0], 3), round(now[1], 3)))

    def progress(self, done: int, total: int | None) -> None:
        """Keeps the time."""
        self.last = time.perf_counter() - self.begun

    def problem(self, problem: Problem) -> None:
        """Kept as text; there should be none."""
        if len(self.problems) < 20:
            self.problems.append(str(problem))


class NothingFrozen:
    """The list of frozen pods of a cluster in which no pod has hooks."""

    async def owe(self, hooks: Sequence[Hook]) -> None:
        """There are none."""
        raise AssertionError(hooks)

    async def settle(self, ended: Sequence[tuple[Hook, str]]) -> None:
        """There are none."""
        raise AssertionError(ended)


async def backup(
    kubeconfig: str,
    vault: dict[str, Any],
    name: str,
    all_versions: bool = True,
    included: Sequence[str] = (),
) -> dict[str, Any]:
    """Backs everything up, or the included kinds."""
    cpu, begun = cpu_seconds(), time.perf_counter()
    times = Times()
    async with Client(_config(kubeconfig)) as client:
        result = await run_backup(
            BackupRequest(
                name=name,
                uid=f"uid-{name}",
                location="bench",
                selection=Selection(
                    filters=ResourceFilters(included=tuple(included)),
                    volumes=VolumeSelection(refusal="it was not asked for"),
                ),
                all_versions=all_versions,
            ),
            client=client,
            store=_store(vault),
            reporter=times,
            clock=utc_now,
            frozen=NothingFrozen(),
        )
    seconds = time.perf_counter() - begun
    return {
        "phase": result.phase,
        "items": result.items,
        "archive_bytes": result.size,
        "seconds": seconds,
        "cpu": cpu_seconds() - cpu,
        "phases": times.phases,
        "problems": times.problems,
    }


async def restore(
    kubeconfig: str, vault: dict[str, Any], name: str, restore_name: str
) -> dict[str, Any]:
    """Restores with all three mechanisms; a restore's name is used once, or it is resumed."""
    modifiers = parse_modifiers({"modifier": MODIFIER.read_text()}, place="bench")
    request = RestoreRequest(
        name=restore_name,
        uid=f"0b1c2d3e-{restore_name}",
        backup=name,
        namespaces=objects.mapping(),
        images=ImageMap({objects.REGISTRY: objects.MIRROR}),
        modifiers=modifiers,
    )
    cpu, begun = cpu_seconds(), time.perf_counter()
    times = Times()
    async with Client(_config(kubeconfig)) as client:
        result = await run_restore(
            request,
            client=client,
            store=_store(vault),
            settings=Settings(),
            reporter=times,
            clock=utc_now,
        )
    seconds = time.perf_counter() - begun
    first = min(at for name, (at, _) in times.phases.items() if name.startswith("wave"))
    return {
        "phase": result.phase,
        "counts": dict(result.counts),
        "seconds": seconds,
        "create_seconds": times.last - first,
        "cpu": cpu_seconds() - cpu,
        "phases": times.phases,
        "problems": times.problems,
    }


async def kinds(kubeconfig: str) -> dict[str, Any]:
    """The paths of the collections that a backup lists, for the bare list to read the same."""
    async with Client(_config(kubeconfig)) as client:
        discovery = await client.discover()
    listed = Selection().choose_kinds(discovery).listed
    return {"paths": [one.path() for one in listed]}


def _config(kubeconfig: str) -> ClusterConfig:
    return load_config(kubeconfig=kubeconfig, context=None, environ={}, home=Path.home())


def _store(vault: dict[str, Any]) -> Store:
    location = Location(
        name="bench", provider="aws", bucket=vault["bucket"], prefix="", region="cn-beijing"
    )
    settings = Settings(endpoints={"aws": vault["endpoint"]})
    return open_store(location, credentials=Credentials(*vault["key"]), settings=settings)


if __name__ == "__main__":
    asyncio.run(serve_parent({"backup": backup, "restore": restore, "kinds": kinds}))
