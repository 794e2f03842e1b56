"""Answers a kubelet's probes over plain HTTP, path by path.

``/healthz`` is for a process that works, ``/readyz`` for one that has found the cluster and our
resources in it. A replica that waits for the lease is ready too, or an update would wait for ever.
A few lines do for that, and keep the web server out of the controller.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from kubeferry.errors import ConfigError

_LINE_LIMIT = 4096
_SECONDS = 5.0

Check = Callable[[], bool]


@asynccontextmanager
async def serve_health(checks: Mapping[str, Check], *, host: str, port: int) -> AsyncIterator[int]:
    """Answers ``GET`` of each path with 200 while its check is true, with 503 otherwise.

    Yields the port, which is a free one for ``port=0``. Raises ``ConfigError`` when it is taken.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                status, text = _status(await reader.readline(), checks)
                writer.write(_response(status, text))
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # who asked has gone, dawdles, or sends what is no request line
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_LINE_LIMIT)
    except OSError as error:
        raise ConfigError(
            f"cannot be listened on: {error.strerror}", place=f"port {port}"
        ) from error
    async with server:
        yield server.sockets[0].getsockname()[1]


def _status(line: bytes, checks: Mapping[str, Check]) -> tuple[str, str]:
    """What a request line is answered with."""
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        return "400 Bad Request", "no request"
    method, path, _ = words
    if method not in ("GET", "HEAD"):
        return "405 Method Not Allowed", "GET only"
    check = checks.get(path.partition("?")[0])
    if check is None:
        return "404 Not Found", "no such check"
    return ("200 OK", "ok") if check() else ("503 Service Unavailable", "not yet")


def _response(status: str, text: str) -> bytes:
    body = f"{text}\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()
