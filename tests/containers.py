"""Containers for a cluster in memory: a server in front of it that answers ``exec`` itself.

What a command does is a ``Program`` by the first word of the command; what ran is in ``ran``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.execserver import V4, V5, Process, Program, run_in

_HOP = frozenset({"Transfer-Encoding", "Content-Length", "Connection", "Host"})


@dataclass
class Containers:
    """The containers of all pods.

    Attributes:
        server: the URL to use in place of the cluster's.
        programs: by the first word of a command; others end well and print nothing.
        ran: ``shop/db-0/main: freeze now`` of each command, in order.
        before: what happens to a request for a command before its handshake; an answer takes the
            handshake's place.
    """

    server: str = ""
    programs: dict[str, Program] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    before: Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]] | None = None

    async def run(self, process: Process) -> None:
        """Runs one command."""
        request = process.request
        parts = request.path.split("/")
        namespace, pod = parts[parts.index("namespaces") + 1], parts[-2]
        container = request.query["container"]
        self.ran.append(f"{namespace}/{pod}/{container}: {' '.join(process.command)}")
        program = self.programs.get(process.command[0])
        if program is None:
            await process.exit(0)
        else:
            await program(process)


@asynccontextmanager
async def containers(cluster: str) -> AsyncIterator[Containers]:
    """The cluster at a URL, with containers."""
    found = Containers()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def answer(request: Any) -> web.StreamResponse:
            if request.path.endswith("/exec"):
                instead = await found.before(request) if found.before else None
                if instead is not None:
                    return instead
                return await run_in(request, found.run, protocols=(V5, V4))
            return await _forward(session, cluster, request)

        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield found
        finally:
            await runner.cleanup()


async def _forward(
    session: aiohttp.ClientSession, cluster: str, request: web.BaseRequest
) -> web.StreamResponse:
    headers = {key: value for key, value in request.headers.items() if key not in _HOP}
    async with session.request(
        request.method, f"{cluster}{request.path_qs}", data=await request.read(), headers=headers
    ) as answer:
        kept = {key: value for key, value in answer.headers.items() if key not in _HOP}
        response = web.StreamResponse(status=answer.status, headers=kept)
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        return response
