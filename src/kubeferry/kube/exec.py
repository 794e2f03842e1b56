"""A command in a container, over one WebSocket: stdin in; stdout, stderr and the exit code out.

Each message is a byte that names the channel and then the channel's bytes. Two versions of the
protocol are spoken: ``v5.channel.k8s.io`` (servers since Kubernetes 1.30) can end stdin, with a
message on channel 255; ``v4.channel.k8s.io`` cannot. There a command that reads its stdin to the
end waits for it until ``timeout``: give commands that know by themselves when they have enough.
Servers may not tell the end of a command that left more of its stdin unread than they buffer (some
100 KB; kubectl waits for ever then): give one that may do so a ``timeout``.

The exit code comes in a Status on channel 3. A code that is not 0 is a result, any other failure of
that Status an ``ApiError``: the command did not run. A connection that ends without a Status is an
``ExecLost``, never a result: nobody knows how the command ended, or whether it did.

Of each stream the first and the last ``keep`` / 2 bytes are kept, so memory is flat whatever a
command prints. How the connection is come by, ``execution`` says.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ExecLost, ExecTimeout
from kubeferry.kube.errors import status_error
from kubeferry.kube.names import PODS
from kubeferry.kube.objects import at

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
PROTOCOLS = (V5, V4)
"""What is offered, the best first."""
KEEP = 64 << 10
"""Bytes of each stream that are kept where nothing is said."""
MAY_RUN = "the command may still run in the container"

Lost = TypeVar("Lost", bound=ExecLost)

_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_PIECE = 32 << 10
"""Bytes of stdin in one message."""
_PING_SECONDS = 20.0
"""How often a ping is sent, so that nothing in between takes a silent command for a dead
connection. No answer is asked for: a server whose command does not read its stdin reads no ping.
What died is noticed by TCP keepalive."""
_GRACE_SECONDS = 2.0
"""How long the server may take to close once it told how the command ended."""
_CLOSED = frozenset(
    {
        aiohttp.WSMsgType.CLOSE,
        aiohttp.WSMsgType.CLOSING,
        aiohttp.WSMsgType.CLOSED,
        aiohttp.WSMsgType.ERROR,
    }
)


@dataclass(frozen=True, slots=True)
class Exec:
    """What to run, and where.

    Attributes:
        command: the program and its arguments; no shell is put around it.
        stdin: its input; None: it has none.
        timeout: seconds from its connection on, and seconds for the server's answer to the wish for
            one; None: no limit.
        keep: bytes of each stream that are kept.
        protocols: the versions that are offered, the best first.
    """

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    stdin: bytes | AsyncIterable[bytes] | None = None
    timeout: float | None = None
    keep: int = KEEP
    protocols: tuple[str, ...] = PROTOCOLS

    @property
    def target(self) -> str:
        """The path and query of the request."""
        query = [("container", self.container)] if self.container else []
        query += [("command", one) for one in self.command]
        query += [("stdout", "true"), ("stderr", "true")]
        if self.stdin is not None:
            query.append(("stdin", "true"))
        return f"{PODS.path(self.namespace, self.pod, 'exec')}?{urlencode(query)}"

    @property
    def place(self) -> str:
        """What is asked for, as errors say it."""
        return f"exec in pods {self.namespace}/{self.pod} ({self.container})"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command ended; ``is_cut`` tells that some of its output is left out."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    is_cut: bool = False


class _Output:
    """The beginning and the end of a stream."""

    def __init__(self, keep: int) -> None:
        self._half = max(keep // 2, 1)
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def add(self, data: memoryview) -> None:
        """The next bytes of the stream."""
        self._size += len(data)
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-self._half :] if len(data) > self._half else data
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    @property
    def is_cut(self) -> bool:
        """Whether some of it is left out."""
        return self._size > 2 * self._half

    def __bytes__(self) -> bytes:
        if not self.is_cut:
            return bytes(self._head + self._tail)
        gone = b"\n... %d bytes left out ...\n" % (self._size - 2 * self._half)
        return bytes(self._head) + gone + bytes(self._tail[-self._half :])


class Conversation:
    """One command over an open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, request: Exec) -> None:
        self._socket = socket
        self._request = request
        self._stdout = _Output(request.keep)
        self._stderr = _Output(request.keep)
        self._status: dict[str, Any] | None = None

    async def run(self) -> ExecResult:
        """Gives stdin, takes output until the command ended.

        Raises ``ApiError`` when it did not run, ``ExecLost``, and what the iterator of ``stdin``
        raises.
        """
        if self._socket.protocol is None:
            offered = ", ".join(self._request.protocols)
            raise ApiError(f"the API server speaks none of {offered}", place=self._request.place)
        try:
            async with asyncio.TaskGroup() as group:
                sides = [group.create_task(self._feed()), group.create_task(self._ping())]
                await self._receive()
                for one in sides:
                    one.cancel()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return self._result()

    def late(self) -> ExecTimeout:
        """The error of a command that took too long."""
        problem = f"did not end within {self._request.timeout:g} s"
        if self._request.stdin is not None and self._socket.protocol == V4:
            problem += f" (the API server speaks {V4}, which cannot end its stdin)"
        return self._with_output(ExecTimeout(problem, place=self._request.place, remedy=MAY_RUN))

    def _with_output(self, error: Lost) -> Lost:
        error.stdout, error.stderr = bytes(self._stdout), bytes(self._stderr)
        return error

    async def _feed(self) -> None:
        """Sends stdin and its end; a connection that broke is for ``_receive`` to tell."""
        given = self._request.stdin
        if given is None:
            return
        async for piece in _pieces(given):
            if not await self._sent(bytes([_STDIN]) + piece):
                return
        if self._socket.protocol == V5:
            await self._sent(bytes([_CLOSE, _STDIN]))

    async def _sent(self, message: bytes) -> bool:
        try:
            await self._socket.send_bytes(message)
        except (aiohttp.ClientError, ConnectionError):
            return False
        return True

    async def _ping(self) -> None:
        with suppress(aiohttp.ClientError, ConnectionError):
            while True:
                await asyncio.sleep(_PING_SECONDS)
                await self._socket.ping()

    async def _receive(self) -> None:
        """Takes messages until the server closes, or a little longer than until the Status."""
        with suppress(TimeoutError):
            while True:
                wait = None if self._status is None else _GRACE_SECONDS
                message = await self._socket.receive(wait)
                if message.type in _CLOSED:
                    break
                if message.type is aiohttp.WSMsgType.BINARY and message.data:
                    self._take(message.data)
        if self._status is None:
            raise self._with_output(
                ExecLost(
                    "the connection ended before the command's exit code came",
                    place=self._request.place,
                    remedy=MAY_RUN,
                )
            )

    def _take(self, data: bytes) -> None:
        channel, content = data[0], memoryview(data)[1:]
        if channel == _STDOUT:
            self._stdout.add(content)
        elif channel == _STDERR:
            self._stderr.add(content)
        elif channel == _STATUS and content:
            self._status = _decoded(bytes(content))

    def _result(self) -> ExecResult:
        status = self._status or {}
        code = _exit_code(status)
        if code is None:
            raise status_error({"kind": "Status"} | status, place=self._request.place)
        is_cut = self._stdout.is_cut or self._stderr.is_cut
        return ExecResult(code, bytes(self._stdout), bytes(self._stderr), is_cut)


async def _pieces(given: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Input in pieces that fit into messages."""
    if isinstance(given, bytes):
        for start in range(0, len(given), _PIECE):
            yield given[start : start + _PIECE]
        return
    async for part in given:
        for start in range(0, len(part), _PIECE):
            yield part[start : start + _PIECE]


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        status = codec.decode(content)
    except msgspec.DecodeError:
        return {}
    return status if isinstance(status, dict) else {}


def _exit_code(status: dict[str, Any]) -> int | None:
    """The exit code that a Status tells; None where it tells of no command that ended."""
    if status.get("status") == "Success":
        return 0
    if status.get("reason") != "NonZeroExitCode":
        return None
    for cause in at(status, ("details", "causes")) or ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            text = str(cause.get("message", ""))
            return int(text) if text.lstrip("-").isdecimal() else None
    return None
