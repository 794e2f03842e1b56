"""One WebSocket to the API server: opened or refused with the server's reason, closed for certain.

aiohttp throws away what a server answered instead of the handshake; a middleware of the session
reads it first, for it is the Status that says why. It also stands in the way of redirects.
"""

import asyncio
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


class Opening:
    """The middleware of one handshake; it remembers the connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Passes a handshake on. Raises ``Refused``."""
        response = await handler(request)
        if response.status != 101:
            try:
                body = await response.content.read(REFUSAL_BYTES)
            finally:
                response.close()
            raise Refused(response.status, body, response.headers.get("Retry-After"))
        if response.connection is not None:
            self.transport = response.connection.transport
        return response


class Socket:
    """An open WebSocket and the session that is its own."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        messages: aiohttp.ClientWebSocketResponse,
        transport: asyncio.Transport | None,
    ) -> None:
        self._session = session
        self._transport = transport
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
            if self._transport is not None:
                # Before Python 3.11.4 a TLS transport that was closed twice cannot be asked to.
                with suppress(AttributeError):
                    self._transport.abort()
            await self._session.close()
