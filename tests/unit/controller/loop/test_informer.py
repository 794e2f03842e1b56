import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubeferry.controller.loop.informer import Informer
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.sandbox import Sandbox
from tests.builders import config_map

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)


@asynccontextmanager
async def running(informer: Informer) -> AsyncIterator[None]:
    task = asyncio.create_task(informer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Changes:
    """The names an informer called out, and a way to wait for more of them."""

    def __init__(self, informer: Informer) -> None:
        self.names: list[str] = []
        self._more = asyncio.Event()
        informer.on_change(self._note)

    def _note(self, name: str) -> None:
        self.names.append(name)
        self._more.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.names) < count:
                self._more.clear()
                await self._more.wait()
        return self.names


async def test_what_is_there_is_known_once_it_is_synced_and_what_changes_is_called_out(
    sandbox: Sandbox,
) -> None:
    async with Client(ClusterConfig(server=sandbox.server)) as client:
        await client.create(MAPS, config_map("default/a", k="1"), namespace="default")
        await client.create(MAPS, config_map("kube-system/b"), namespace="kube-system")
        informer = Informer(client, MAPS, namespace="default")
        changes = Changes(informer)
        assert not informer.synced.is_set()
        async with running(informer):
            await informer.synced.wait()
            assert informer.objects["a"]["data"] == {"k": "1"}
            known = set(informer.objects)
            assert "b" not in known
            assert sorted(changes.names) == sorted(known)

            count = len(changes.names)
            patch = {"data": {"k": "2"}}
            await client.patch(MAPS, "a", patch, kind="merge", namespace="default")
            await client.create(MAPS, config_map("default/c"), namespace="default")
            assert (await changes.until(count + 2))[count:] == ["a", "c"]
            assert informer.objects["a"]["data"] == {"k": "2"}

            await client.delete(MAPS, "a", namespace="default")
            assert (await changes.until(count + 3))[count + 2 :] == ["a"]
            assert set(informer.objects) == {*known, "c"} - {"a"}
