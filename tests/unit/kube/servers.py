"""API servers of our own on loopback, for what a real one does not do when asked to."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from kubeferry.kube.client import Client
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.limiter import Limits
from kubeferry.kube.names import Resource

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
Handler = Callable[[Any], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    url: str = ""
    requests: list[web.Request] = field(default_factory=list)

    def client(self, **options: Any) -> Client:
        limits = Limits(**options.pop("limits", {}))
        return Client(ClusterConfig(server=self.url, **options), limits=limits)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    server = Server()

    async def answer(request: Any) -> web.StreamResponse:
        server.requests.append(request)
        return await handler(request)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def status(code: int, reason: str, message: str = "no", **more: Any) -> web.Response:
    headers = more.pop("headers", None)
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason}
    return web.json_response(body | {"message": message} | more, status=code, headers=headers)
