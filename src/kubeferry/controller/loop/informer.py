"""Keeps the objects of one resource in memory, as the server last told; names what changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.kube.watch import WatchEvent


class Informer:
    """A cache of one resource in one namespace, by name; read-only to all others.

    ``run`` follows the server until it is cancelled; ``synced`` is set once the first list is in.
    Handlers are called with a name whenever its object appeared, changed or went away.
    """

    def __init__(self, client: Client, resource: Resource, *, namespace: str) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._handlers: list[Callable[[str], None]] = []
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()

    def on_change(self, handler: Callable[[str], None]) -> None:
        """Calls ``handler`` with each name that changes from now on."""
        self._handlers.append(handler)

    async def run(self) -> None:
        """Follows the server; never returns."""
        events = self._client.watch(self._resource, namespace=self._namespace)
        async with aclosing(events):
            await self._follow(events)

    async def _follow(self, events: AsyncIterator[WatchEvent]) -> None:
        async for event in events:
            if event.type == "SYNCED":
                self.synced.set()
                continue
            name = metadata(event.object)["name"]
            if event.type == "DELETED":
                self.objects.pop(name, None)
            else:
                self.objects[name] = event.object
            for handler in self._handlers:
                handler(name)
