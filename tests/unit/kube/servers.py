"""API servers of our own on loopback, for what a real one does not do when asked to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
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
async def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()

    async def answer(request: Any) -> web.StreamResponse:
        server.requests.append(request)
        return await handler(request)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def status(code: int, reason: str, message: str = "no", **more: Any) -> web.Response:
    headers = more.pop("headers", None)
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason}
    return web.json_response(body | {"message": message} | more, status=code, headers=headers)


@asynccontextmanager
async def tunnelling() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that knows CONNECT alone: its URL and whom it was asked for."""
    asked: list[str] = []

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        target = request.split()[1].decode()
        asked.append(target)
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(ConnectionError):
            await asyncio.gather(pipe(reader, back), pipe(there, writer))

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
