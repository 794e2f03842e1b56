"""A kubelet's part of exec, spoken by a real WebSocket server: a program is a coroutine."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from kubeferry import codec

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"


@dataclass
class Process:
    """What runs in a container, as its server sees it."""

    socket: web.WebSocketResponse
    request: web.Request
    received: bytes = b""
    stdin_ended: bool = False
    disconnected: bool = False

    @property
    def command(self) -> list[str]:
        return self.request.query.getall("command")

    @property
    def transport(self) -> Any:
        return self.request.transport

    async def stdout(self, data: bytes) -> None:
        await self.socket.send_bytes(b"\x01" + data)

    async def stderr(self, data: bytes) -> None:
        await self.socket.send_bytes(b"\x02" + data)

    async def exit(self, code: int) -> None:
        if code == 0:
            await self.status({"metadata": {}, "status": "Success"})
            return
        await self.status(
            {
                "metadata": {},
                "status": "Failure",
                "message": f"command terminated with non-zero exit code: exit status {code}",
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
            }
        )

    async def status(self, status: dict[str, object]) -> None:
        await self.socket.send_bytes(b"\x03" + codec.encode(status))

    async def read_stdin(self) -> bytes:
        """Reads until stdin ends or the client is gone."""
        while not self.stdin_ended and not self.disconnected:
            await self.read_once()
        return self.received

    async def read_once(self) -> None:
        message = await self.socket.receive()
        if message.type is not WSMsgType.BINARY:
            self.disconnected = True
        elif message.data[0] == 0:
            self.received += message.data[1:]
        elif message.data == b"\xff\x00":
            self.stdin_ended = True

    async def gone(self) -> None:
        """Waits until the client has closed."""
        while not self.disconnected:
            await self.read_once()


Program = Callable[[Process], Awaitable[None]]


async def run_in(
    request: web.Request, program: Program, *, protocols: tuple[str, ...]
) -> web.WebSocketResponse:
    """Answers an exec request with a program's doings; its end closes the socket."""
    socket = web.WebSocketResponse(protocols=protocols)
    await socket.prepare(request)
    await program(Process(socket, request))
    await socket.close()
    return socket
