"""Many objects, made quickly with our own client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from tests.clusters import Cluster

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
_AT_ONCE = 32


@asynccontextmanager
async def opened(cluster: Cluster) -> AsyncIterator[Client]:
    """Our client, as the cluster's administrator."""
    config = load_config(
        kubeconfig=str(cluster.kubeconfig), context=None, environ={}, home=Path("/")
    )
    async with Client(config) as client:
        yield client


async def make_config_maps(cluster: Cluster, namespace: str, count: int, *, size: int) -> None:
    """ConfigMaps ``many-0000`` ... with ``size`` bytes of data each, in a new namespace."""
    cluster.kubectl("create", "namespace", namespace)
    numbers = iter(range(count))
    async with opened(cluster) as client, asyncio.TaskGroup() as group:

        async def work() -> None:
            for number in numbers:
                body: Object = {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": f"many-{number:04}"},
                    "data": {"number": str(number), "filling": "x" * size},
                }
                await client.create(CONFIGMAPS, body, namespace=namespace)

        for _ in range(_AT_ONCE):
            group.create_task(work())


async def config_maps(cluster: Cluster, namespace: str) -> dict[str, Object]:
    """The ConfigMaps ``many-...`` of a namespace, by name."""
    async with opened(cluster) as client:
        listed = await client.list(CONFIGMAPS, namespace=namespace)
    found = {one["metadata"]["name"]: one for one in listed}
    return {name: one for name, one in found.items() if name.startswith("many-")}


async def wait_for_config_maps(cluster: Cluster, namespace: str, count: int) -> None:
    """Returns as soon as so many have appeared."""
    async with opened(cluster) as client, asyncio.timeout(60):
        seen: set[str] = set()
        async for event in client.watch(CONFIGMAPS, namespace=namespace):
            seen.add(event.object.get("metadata", {}).get("name", ""))
            if len(seen) > count:
                return
