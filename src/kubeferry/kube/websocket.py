"""One WebSocket to the API server: opened or refused with the server's reason, closed for certain.

aiohttp throws away what a server answered instead of the handshake; a middleware of the session
reads it first, for it is the Status that says why. It also stands in the way of redirects, and of
aiohttp's sending a GET a second time when its connection broke: what it asked for may have begun.
"""

import asyncio
import socket
from asyncio.trsock import TransportSocket
from contextlib import suppress

import aiohttp

REFUSAL_BYTES = 64 << 10
"""Bytes that are read of an answer that is no handshake."""
_CLOSE_SECONDS = 1.0


class Refused(Exception):
    """The server answered otherwise than with a handshake: its status, headers and body."""

    def __init__(self, status: int, body: bytes, retry_after: str | None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.retry_after = retry_after


class Broken(Exception):
    """The connection broke after the request was sent; ``cause`` is aiohttp's error."""

    def __init__(self, cause: aiohttp.ClientError) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def only_handshakes(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """The middleware. Raises ``Refused`` and ``Broken``."""
    try:
        response = await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Broken(error) from None
    if response.status == 101:
        return response
    try:
        body = await response.content.read(REFUSAL_BYTES)
    finally:
        response.close()
    raise Refused(response.status, body, response.headers.get("Retry-After"))


class Socket:
    """An open WebSocket and the session that is its own."""

    def __init__(
        self, session: aiohttp.ClientSession, messages: aiohttp.ClientWebSocketResponse
    ) -> None:
        self._session = session
        self._socket: TransportSocket | None = messages.get_extra_info("socket")
        self.messages = messages

    async def aclose(self) -> None:
        """Says goodbye, for a second at most, and drops the connection.

        A peer that does not read would keep it open for as long as bytes wait to be sent.
        """
        try:
            with suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self.messages.close()
        finally:
            # Not by the transport's own abort, which fails on closed TLS before Python 3.11.4.
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            await self._session.close()
