"""Archives of a million objects: how much memory writing and reading one takes, and how fast.

No cluster: seeded objects go through ``ArchiveWriter`` into a local vault as a backup does it, a
page at a time, and come back as a restore reads them: verified into a spool, then walked in the
restore's order; a third pass makes the whole plan of a restore of them under another namespace, for
a target that is empty and serves them. Each pass is a process of its own; its memory is the highest
resident memory less what it had when its work began, its CPU time is compared with packing or
unpacking and hashing the same bytes alone. What must hold is that memory does
not grow with the archive, whatever its shape.

    python -m bench.million [--only SHAPE] [--folder FOLDER] [-o passes.jsonl]

It takes some ten minutes and, at most, 8 GiB of disk below ``--folder``.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.figures import Record
from bench.measure import ROOT, ChildFailed, cpu_seconds, memory
from kubeferry.api.metadata import Metadata
from kubeferry.api.restore import ApplicationRestore, RestoreSpec
from kubeferry.clock import utc_now
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource
from kubeferry.kube.saved_api import SavedApi
from kubeferry.report import Silent
from kubeferry.restore.archive import open_archive as spool_archive
from kubeferry.restore.opening import open_plan
from kubeferry.restore.prepare import prepare
from kubeferry.restore.spool import Spool
from kubeferry.restore.target import KnownTarget
from kubeferry.settings import Settings
from kubeferry.vault import gzips, layout
from kubeferry.vault.commit import SideFiles, commit_backup
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from kubeferry.vault.writer import Entry, open_archive

PAGE_OBJECTS, PAGE_BYTES = 500, 16 << 20
"""What is added between two flushes, as a page of a list brings it."""
GROWTH_GOAL = 20
"""MiB: how far the peak of a million may be above that of a tenth. What differs are the heaps that
glibc keeps for each thread: with MALLOC_ARENA_MAX=1 they are the same."""
PEAK_GOAL = 100
"""MiB above what the process had before, whatever the shape."""
_NAME = "million"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an archive holds: objects of about ``size`` bytes, spread over kinds and namespaces."""

    name: str
    objects: int
    size: int = 1_000
    kinds: int = 20
    namespaces: int = 200


SHAPES = (
    Shape("a tenth", 100_000),
    Shape("a million", 1_000_000),
    Shape("2,000 kinds in 10,000 namespaces", 1_000_000, kinds=2_000, namespaces=10_000),
    Shape("objects of 1.5 MiB", 1_000, size=3 << 19),
)


def entries(shape: Shape) -> Iterator[Entry]:
    """The objects, kind by kind and by namespace and name, as lists bring them; seeded."""
    source = random.Random(1)
    noise = "".join(f"{source.getrandbits(256):064x}" for _ in range(shape.size // 64 + 1024))
    each = shape.objects // shape.kinds
    apart = max(shape.namespaces // each, 1)
    for kind in range(shape.kinds):
        group, plural = f"g{kind % 40:02}.example.com", f"things{kind:04}"
        type_key = f"{group}/v1/Thing{kind:04}"
        for number in range(each):
            namespace = f"team-{number * shape.namespaces // each + kind % apart:05}"
            name = f"thing-{number:07}"
            at = (number * 7919) % (64 * 1024)
            body = (
                f'{{"apiVersion":"{group}/v1","kind":"Thing{kind:04}","metadata":{{"name":"{name}",'
                f'"namespace":"{namespace}","uid":"{kind:08x}-{number:027x}"}},'
                f'"spec":{{"noise":"{noise[at : at + max(shape.size - 200, 0)]}"}}}}'
            ).encode()
            yield Entry(
                f"{plural}.{group}", "v1", type_key, namespace, name, body, "2026-01-02T03:04:05Z"
            )


async def write(store: Store, shape: Shape) -> dict[str, Any]:
    """Writes a whole backup; what making the objects takes is told apart."""
    begun, cpu = time.perf_counter(), cpu_seconds()
    for _ in entries(shape):
        pass
    making, making_cpu = time.perf_counter() - begun, cpu_seconds() - cpu
    begun, cpu = time.perf_counter(), cpu_seconds()
    async with open_archive(store, _NAME, clock=utc_now) as archive:
        count = size = 0
        for entry in entries(shape):
            archive.add(entry)
            count, size = count + 1, size + len(entry.body)
            if count == PAGE_OBJECTS or size >= PAGE_BYTES:
                await archive.flush()
                count = size = 0
        facts = await archive.finish()
    side = SideFiles(results={"warnings": {}, "errors": {}})
    moment = utc_now()
    await commit_backup(store, facts, BackupFacts(name=_NAME, started=moment), side=side)
    seconds = time.perf_counter() - begun - making
    return {
        "objects": facts.objects,
        "seconds": seconds,
        "cpu": cpu_seconds() - cpu - making_cpu,
        "unpacked_mib": facts.unpacked / (1 << 20),
        "archive_mib": facts.size / (1 << 20),
    }


async def read(store: Store, shape: Shape) -> dict[str, Any]:
    """Reads it into a spool and walks that; every object must come."""
    begun, cpu = time.perf_counter(), cpu_seconds()
    with Spool(parent=Path(store.url).parent) as spool:
        await spool_archive(store, _NAME, spool=spool, now=utc_now())
        read_after = time.perf_counter() - begun
        kinds = spool.kinds()
        found = sum(1 for kind in kinds for _ in spool.walk(kind))
    if (found, len(kinds)) != (shape.objects, shape.kinds):
        raise RuntimeError(f"{found} objects of {len(kinds)} kinds came back")
    seconds = time.perf_counter() - begun
    return {
        "objects": found,
        "seconds": read_after,
        "walk_seconds": seconds - read_after,
        "cpu": cpu_seconds() - cpu,
    }


async def plan(store: Store, shape: Shape) -> dict[str, Any]:
    """Makes each item of the plan; every object must be created by it."""
    begun, cpu = time.perf_counter(), cpu_seconds()
    spec = RestoreSpec(backup_name=_NAME, namespace_mapping={"team-00000": "team-x"})
    restore = ApplicationRestore(metadata=Metadata(name="plan", namespace="csdr"), spec=spec)
    request = await prepare(restore, client=None, namespace="csdr")
    kinds = tuple(
        Resource(one.partition(".")[2], "v1", one.partition(".")[0], kind, namespaced=True)
        for one, kind in (
            (f"things{number:04}.g{number % 40:02}.example.com", f"Thing{number:04}")
            for number in range(shape.kinds)
        )
    )
    namespaces = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
    api = SavedApi("", Discovery(all_versions=(namespaces, *kinds)))
    settings = Settings(spool_dir=Path(store.url).parent)
    actions: Counter[str] = Counter()
    async with open_plan(
        request,
        target=KnownTarget(api),
        store=store,
        settings=settings,
        reporter=Silent(),
        clock=utc_now,
    ) as planner:
        opened_after = time.perf_counter() - begun
        for _, items in planner.steps():
            actions.update(item.action for item in items if item.source.namespace)
    if actions != {"create": shape.objects}:
        raise RuntimeError(f"the plan's actions: {actions}")
    seconds = time.perf_counter() - begun
    return {
        "objects": shape.objects,
        "seconds": seconds,
        "open_seconds": opened_after,
        "cpu": cpu_seconds() - cpu,
    }


async def bare(store: Store, shape: Shape) -> dict[str, Any]:
    """What no archive can do without: CPU seconds to unpack and hash the archive, and to pack and
    hash its tar.
    """
    unpacker, packer, digest = gzips.Unpacker(), gzips.packer(), hashlib.sha256()
    unpacking = packing = 0.0
    async for chunk in store.stream(layout.archive(_NAME)):
        begun = time.process_time()
        digest.update(chunk)
        pieces = list(unpacker.feed(chunk))
        between = time.process_time()
        for piece in pieces:
            digest.update(packer.compress(piece))
        unpacking += between - begun
        packing += time.process_time() - between
    return {"unpack_cpu": unpacking, "pack_cpu": packing, "objects": shape.objects}


_WORKS = {"write": write, "read": read, "plan": plan, "bare": bare}


async def _work(what: str, folder: Path, shape: Shape) -> dict[str, Any]:
    location = Location(name="bench", provider="local", bucket="vault")
    store = open_store(location, credentials=None, settings=Settings(local_root=folder))
    before = memory(os.getpid())["VmRSS"]
    found = await _WORKS[what](store, shape)
    await store.aclose()
    peak = memory(os.getpid())["VmHWM"]
    return found | {"before_mib": before, "above_mib": round(peak - before, 1)}


def child(what: str, folder: Path, shape: Shape, record: Record) -> dict[str, Any]:
    """One pass, in a process of its own."""
    task = json.dumps({"folder": str(folder), "shape": asdict(shape)})
    done = subprocess.run(
        [sys.executable, "-m", "bench.million", "--work", what],
        input=task,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise ChildFailed(f"{what} {shape.name}: exit code {done.returncode}\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    record.write({"pass": what, "shape": asdict(shape)} | found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__)
    parser.add_argument("--only", action="append", help="a shape, by its name or its beginning")
    parser.add_argument("--folder", type=Path, help="where the archives and spools are made")
    parser.add_argument("-o", "--output", type=Path, help="a file for every pass as a JSON line")
    parser.add_argument("--work", choices=_WORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        task = json.load(sys.stdin)
        shape = Shape(**task["shape"])
        print(json.dumps(asyncio.run(_work(options.work, Path(task["folder"]), shape))))
        return
    record = Record(options.output)
    peaks: dict[tuple[str, str], float] = {}
    print(f"{'':<38} {'objects/s':>9} {'MiB above':>9} {'CPU s':>6} {'bare':>6}  MiB (unpacked)")
    for shape in SHAPES:
        if options.only and not any(shape.name.startswith(one) for one in options.only):
            continue
        with TemporaryDirectory(prefix="kubeferry-million-", dir=options.folder) as folder:
            written = child("write", Path(folder), shape, record)
            came = child("read", Path(folder), shape, record)
            planned = child("plan", Path(folder), shape, record)
            least = child("bare", Path(folder), shape, record)
            for what, found, cpu in (
                ("write", written, "pack_cpu"),
                ("read", came, "unpack_cpu"),
                ("plan", planned, "unpack_cpu"),
            ):
                peaks[shape.name, what] = found["above_mib"]
                print(_line(f"{what:<5} {shape.name}", found, bare=least[cpu]), flush=True)
    sys.exit(_verdict(peaks))


def _line(title: str, found: dict[str, Any], *, bare: float) -> str:
    rate, cpu = f"{found['objects'] / found['seconds']:,.0f}", found["cpu"]
    line = f"{title:<38} {rate:>9} {found['above_mib']:>9.1f} {cpu:>6.1f} {cpu / bare:>5.1f}x"
    if "archive_mib" in found:
        line += f"  {found['archive_mib']:,.0f} ({found['unpacked_mib']:,.0f})"
    return line


def _verdict(peaks: dict[tuple[str, str], float]) -> int:
    """Prints what misses its goal; the exit code."""
    missed = [
        f"{what} {shape}: {peak} MiB, more than {PEAK_GOAL}"
        for (shape, what), peak in peaks.items()
        if peak > PEAK_GOAL
    ]
    small, large = SHAPES[0].name, SHAPES[1].name
    for what in ("write", "read", "plan"):
        if {(small, what), (large, what)} <= peaks.keys():
            growth = peaks[large, what] - peaks[small, what]
            if growth > GROWTH_GOAL:
                missed.append(f"{what}: {growth:.1f} MiB more for a million than for a tenth")
    for line in missed:
        print(f"MISSED  {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    main()
