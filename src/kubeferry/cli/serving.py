"""The controller as a process: stopped by SIGTERM, asked for its health over HTTP."""

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack, suppress

from kubeferry.cli.command import Flags
from kubeferry.cli.connection import surroundings
from kubeferry.controller.run import run_controller
from kubeferry.errors import ConfigError

_REQUEST_SECONDS = 5.0
_PATHS = ("/healthz", "/readyz")


async def serve(flags: Flags, *, elect: bool, health_port: int | None) -> None:
    """Runs the controller until SIGTERM (a clean end) or an error, which is raised."""
    found = surroundings(flags)
    async with AsyncExitStack() as stack:
        if health_port is not None:
            await stack.enter_async_context(await health_server(health_port))
        work = asyncio.create_task(
            run_controller(
                config=found.cluster,
                settings=found.settings,
                credentials=found.credentials,
                identity=f"{socket.gethostname()}-{os.getpid()}",
                elect=elect,
            )
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise  # Ctrl-C, which the runner turns into KeyboardInterrupt


async def health_server(port: int) -> asyncio.Server:
    """Answers 200 to ``GET /healthz`` and ``/readyz`` while the event loop turns, 404 to all else.

    A controller that waits for the lease is as healthy and as ready as the one that has it.
    """
    try:
        return await asyncio.start_server(_answer, port=port)
    except OSError as error:
        raise ConfigError(
            f"cannot be listened on: {error.strerror}", place=f"port {port}"
        ) from error


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        async with asyncio.timeout(_REQUEST_SECONDS):
            request = (await reader.readuntil(b"\r\n")).decode("latin-1").split(" ")
            path = request[1].partition("?")[0] if len(request) > 1 else ""
            good = request[0] in ("GET", "HEAD") and path in _PATHS
            status, body = ("200 OK", b"ok\n") if good else ("404 Not Found", b"not found\n")
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + (b"" if request[0] == "HEAD" else body)
            )
            await writer.drain()
    writer.close()
