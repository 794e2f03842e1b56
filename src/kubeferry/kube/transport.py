"""One aiohttp session to one API server: requests in, bytes or streams out, our errors raised.

Nothing is tried again here but a request whose credentials had to be renewed (401, once). TCP
keepalive is on, so that a watch behind a load balancer that forgot it ends instead of hanging.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

import aiohttp
from aiohttp.connector import AddrInfoType
from multidict import CIMultiDict
from yarl import URL

from kubeferry.errors import ApiError, Unauthorized
from kubeferry.kube.auth import Access, Authenticator
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.errors import api_error, retry_after_seconds
from kubeferry.kube.limiter import Limits
from kubeferry.kube.unreachable import unreachable
from kubeferry.kube.websocket import Broken, Refused, Socket, only_handshakes

JSON = "application/json"
_IDLE, _INTERVAL, _PROBES = 30, 10, 3
"""TCP keepalive: a dead peer is noticed after a minute."""
_LINGER = 30.0
"""Seconds an idle connection is kept; the API server keeps its end open for longer."""


class Transport:
    """Sends requests. Made inside a running event loop's lifetime; ``aclose`` ends it."""

    def __init__(self, config: ClusterConfig, *, user_agent: str, limits: Limits) -> None:
        self._config = config
        self._limits = limits
        self._auth = Authenticator(config)
        self._session: aiohttp.ClientSession | None = None
        self._sockets: aiohttp.TCPConnector | None = None
        self._base = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._headers: tuple[Access, CIMultiDict[str]] | None = None
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=limits.connect_timeout, sock_read=limits.read_timeout
        )
        self.answered = False
        """Whether the server ever answered."""
        self._lost: float | None = None

    @property
    def lost(self) -> float | None:
        """How many seconds ago a connection last failed; None: never did."""
        return None if self._lost is None else asyncio.get_running_loop().time() - self._lost

    async def fetch(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        place: str = "",
    ) -> tuple[bytes, str]:
        """The body of a good answer and its content type.

        ``target`` is the path with its query, percent-encoded. Raises ``ApiError``.
        """
        response = await self._open(
            method, target, body, content_type, accept, place, self._timeout
        )
        try:
            data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            response.close()
            raise self._unreachable(error, place) from error
        except BaseException:
            response.close()
            raise
        return data, response.headers.get("Content-Type", "")

    @asynccontextmanager
    async def stream(
        self,
        target: str,
        *,
        accept: str = JSON,
        place: str = "",
        read_timeout: float | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A GET whose body is read in pieces; left early, its connection is closed at once."""
        timeout = self._timeout
        if read_timeout is not None:
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=self._limits.connect_timeout, sock_read=read_timeout
            )
        response = await self._open("GET", target, None, "", accept, place, timeout)
        try:
            async with aclosing(self._pieces(response, place)) as pieces:
                yield pieces
        finally:
            response.close()

    async def _pieces(
        self, response: aiohttp.ClientResponse, place: str
    ) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error, place) from error

    async def websocket(
        self,
        target: str,
        *,
        protocols: Sequence[str],
        place: str = "",
        read_timeout: float | None = None,
    ) -> Socket:
        """An open WebSocket, to be closed with ``aclose``. Raises ``ApiError``.

        TLS, credentials and proxy are those of every request, the handshake's time limits too;
        ``read_timeout`` shortens how long its answer is waited for. Connections that stay open for
        long do not count among those of requests: no request waits for one of them to end.
        """
        longest = self._limits.read_timeout
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._limits.connect_timeout,
            sock_read=longest if read_timeout is None else min(longest, read_timeout),
        )
        access = await self._auth.current()
        try:
            return await self._upgraded(access, target, protocols, place, timeout)
        except Unauthorized:
            if not await self._auth.renew(access):
                raise
        return await self._upgraded(await self._auth.current(), target, protocols, place, timeout)

    async def _upgraded(
        self,
        access: Access,
        target: str,
        protocols: Sequence[str],
        place: str,
        timeout: aiohttp.ClientTimeout,
    ) -> Socket:
        config = self._config
        if self._sockets is None:
            self._sockets = _connector(0)
        session = aiohttp.ClientSession(
            connector=self._sockets,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            trust_env=False,
            middlewares=(only_handshakes,),
        )
        try:
            messages = await session.ws_connect(
                URL(config.server + target, encoded=True),
                protocols=protocols,
                headers=self._headers_for(access),
                ssl=True if access.ssl is None else access.ssl,
                server_hostname=config.tls_server_name or None,
                proxy=config.proxy_url or None,
            )
        except BaseException as error:
            await session.close()
            if isinstance(error, Refused):
                self.answered = True
                raise _refusal(error, place) from None
            error = error.cause if isinstance(error, Broken) else error
            if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
                # Not chained: aiohttp's own text has the query, and that a command with a password.
                raise self._unreachable(error, place) from None
            raise
        self.answered = True
        return Socket(session, messages)

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._sockets is not None:
            await self._sockets.close()
            self._sockets = None

    async def _open(
        self,
        method: str,
        target: str,
        body: bytes | None,
        content_type: str,
        accept: str,
        place: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The answer once its headers are there; a failure is raised with its body read."""
        access = await self._auth.current()
        response = await self._send(
            access, method, target, body, content_type, accept, place, timeout
        )
        if response.status == 401 and await self._renewed(access, response):
            access = await self._auth.current()
            response = await self._send(
                access, method, target, body, content_type, accept, place, timeout
            )
        if response.status >= 300:
            raise await self._failure(response, place)
        return response

    async def _renewed(self, access: Access, response: aiohttp.ClientResponse) -> bool:
        if not await self._auth.renew(access):
            return False
        response.close()
        return True

    async def _send(
        self,
        access: Access,
        method: str,
        target: str,
        body: bytes | None,
        content_type: str,
        accept: str,
        place: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        config = self._config
        headers = self._headers_for(access)
        headers["Accept"] = accept
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            response = await self._open_session().request(
                method,
                URL(config.server + target, encoded=True),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                ssl=True if access.ssl is None else access.ssl,
                server_hostname=config.tls_server_name or None,
                proxy=config.proxy_url or None,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error, place) from error
        self.answered = True
        return response

    def _headers_for(self, access: Access) -> CIMultiDict[str]:
        if self._headers is None or self._headers[0] is not access:
            headers = CIMultiDict[str](self._base)
            headers.extend(access.headers)
            self._headers = (access, headers)
        return self._headers[1].copy()

    async def _failure(self, response: aiohttp.ClientResponse, place: str) -> ApiError:
        try:
            body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            response.close()
            return self._unreachable(error, place)
        except BaseException:
            response.close()
            raise
        pause = retry_after_seconds(response.headers.get("Retry-After"))
        return api_error(response.status, body, place=place, retry_after=pause)

    def _unreachable(self, error: BaseException, place: str) -> ApiError:
        config = self._config
        self._lost = asyncio.get_running_loop().time()
        return unreachable(error, server=config.server, proxied=bool(config.proxy_url), place=place)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_connector(self._limits.connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                trust_env=False,
            )
        return self._session


def _connector(limit: int) -> aiohttp.TCPConnector:
    """Makes at most ``limit`` connections at once, 0: any number."""
    return aiohttp.TCPConnector(
        limit=limit, keepalive_timeout=_LINGER, socket_factory=_keepalive_socket
    )


def _refusal(answer: Refused, place: str) -> ApiError:
    if answer.status < 400:
        return ApiError(
            f"answered HTTP {answer.status} where a WebSocket was asked for",
            place=place,
            remedy="check that what stands before the API server lets WebSockets through",
            status=answer.status,
        )
    pause = retry_after_seconds(answer.retry_after)
    return api_error(answer.status, answer.body, place=place, retry_after=pause)


def _keepalive_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock


_KEEPALIVE: Mapping[str, int] = {
    "TCP_KEEPIDLE": _IDLE,
    "TCP_KEEPINTVL": _INTERVAL,
    "TCP_KEEPCNT": _PROBES,
}
