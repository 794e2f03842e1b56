"""What kubeferry is measured against: the least that must be done, in plain aiohttp.

``create`` sends the same objects in the same kind order with 32 requests under way, their bodies
made and encoded before. ``list`` reads the same kinds in pages of 500 and looks at nothing but the
token of the next page.
"""

import asyncio
import gc
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from bench import objects
from bench.cluster import Access
from bench.measure import cpu_seconds, serve_parent

WAYS = 32
PAGE = 500


class _Metadata(msgspec.Struct):
    next: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _Metadata


async def create(kubeconfig: str, count: int) -> dict[str, Any]:
    """Definition and namespaces first, then all objects; times from the first to the last."""
    bodies = list(objects.objects(count))
    size = sum(len(one.body) for one in bodies)
    gc.collect()
    gc.freeze()
    async with Access.of(kubeconfig).session(connections=WAYS) as session:
        cpu, begun = cpu_seconds(), time.perf_counter()
        await _post_all(session, iter([objects.definition()]))
        while not await _is_established(session):  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.1)
        await _post_all(session, chain(objects.namespaces()))
        await _post_all(session, iter(bodies))
        seconds = time.perf_counter() - begun
        cpu = cpu_seconds() - cpu
    return {"objects": count, "bytes": size, "seconds": seconds, "cpu": cpu}


async def _post_all(session: aiohttp.ClientSession, wanted: Iterator[objects.Made]) -> None:
    headers = {"Content-Type": "application/json"}

    async def work() -> None:
        for one in wanted:
            async with session.post(one.path, data=one.body, headers=headers) as answer:
                text = await answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"{one.path}: {answer.status} {text[:500]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(WAYS):
            group.create_task(work())


async def _is_established(session: aiohttp.ClientSession) -> bool:
    async with session.get(f"{objects.DEFINITION_PATH}/{objects.DEFINITION_NAME}") as answer:
        found = msgspec.json.decode(await answer.read())
    conditions = found.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


async def list_all(kubeconfig: str, paths: list[str], ways: int) -> dict[str, Any]:
    """Each collection page by page, ``ways`` collections at once."""
    decoder = msgspec.json.Decoder(_Page)
    size = 0

    async def work(wanted: Iterator[str]) -> None:
        nonlocal size
        for path in wanted:
            token = ""
            while True:
                query = f"?limit={PAGE}" + (f"&continue={quote(token, safe='')}" if token else "")
                async with session.get(path + query) as answer:
                    body = await answer.read()
                    answer.raise_for_status()
                size += len(body)
                token = decoder.decode(body).metadata.next
                if not token:
                    break

    async with Access.of(kubeconfig).session(connections=WAYS) as session:
        cpu, begun = cpu_seconds(), time.perf_counter()
        wanted = iter(paths)
        async with asyncio.TaskGroup() as group:
            for _ in range(ways):
                group.create_task(work(wanted))
        seconds = time.perf_counter() - begun
        cpu = cpu_seconds() - cpu
    return {"bytes": size, "seconds": seconds, "cpu": cpu}


if __name__ == "__main__":
    asyncio.run(serve_parent({"create": create, "list": list_all}))
