"""An upload in parts whose beginning alone carries certain headers: OSS with encryption.

OSS takes ``x-oss-server-side-encryption`` with what begins an upload and refuses a part that has it
(400 InvalidArgument). obstore's headers go with every request of a client, so an upload of several
parts is sent from here. What fits into one part is left to obstore (``whole``).

Memory holds the parts under way and one more. A failure that may pass is tried again, as obstore
does: a part sent twice is the same part. An upload that was begun twice, because an answer was
lost, is taken back once. The environment's proxy and trusted certificates are those that obstore
uses too.
"""

import asyncio
import hashlib
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from kubeferry.clock import utc_now
from kubeferry.kube.proxy import proxy_of_environment
from kubeferry.vault.reasons import explain, strike
from kubeferry.vault.signing import Signer, path_text, query_text

_UPLOAD = re.compile(r"<UploadId>([^<]{1,2048})</UploadId>")
_KEY = re.compile(r"<Key>([^<]{1,4096})</Key>")
_LISTED = re.compile(r"<Upload>(.*?)</Upload>", re.DOTALL)
_ABORT_SECONDS = 2.0
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_PIECE_BYTES = 256 << 10
"""Bytes that have to be sent within the time of an answer: a peer that stops reading is noticed."""
_ANSWER_BYTES = 1 << 20
_TOLD = 4096
"""Characters of an answer that an error keeps."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where parts go.

    Attributes:
        bucket: its URL, without a final slash.
        prefix: what stands before each key, without a final slash.
        signer: signs each request.
        beginning: the headers of the request that begins an upload.
        connect: seconds a connection may take, its name's look-up too.
        answer: seconds an answer may take, and each piece of what is sent.
        retry: seconds in which a request is tried again.
        hidden: what must not appear in a message.
    """

    bucket: str
    prefix: str
    signer: Signer
    beginning: Mapping[str, str]
    connect: float
    answer: float
    retry: float
    hidden: tuple[str, ...] = ()


class Refused(OSError):
    """The storage's answer, in words that ``reasons`` reads; ``repeated`` is whether the request
    was sent before.
    """

    def __init__(self, text: str, *, status: int = 0, repeated: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.repeated = repeated


class PartsUpload:
    """A key being written; complete when its context ends without an exception.

    Raises ``OSError`` when the storage cannot be reached or refuses.
    """

    def __init__(
        self,
        target: Target,
        key: str,
        *,
        whole: Callable[[bytes], Awaitable[object]],
        part_bytes: int,
        parts: int,
    ) -> None:
        """``whole`` stores an object that needs no parts."""
        self._target = target
        self._key = f"{target.prefix}/{key}" if target.prefix else key
        self._url = f"{target.bucket}/{path_text(self._key)}"
        self._proxy = proxy_of_environment(target.bucket, os.environ) or None
        self._whole = whole
        self._part_bytes = part_bytes
        self._parts = parts
        self._buffer = bytearray()
        self._upload = ""
        self._beginning: asyncio.Task[str] | None = None
        self._has_strays = False
        self._tags: dict[int, str] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._count = 0

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, connect=self._target.connect)
        connector = aiohttp.TCPConnector(ssl=_trusting())
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                await self._abort()
                return
            try:
                await self._complete()
            except BaseException as failure:
                await self._abort_after(failure)
                raise
        finally:
            await self._session.close()

    async def write(self, data: bytes) -> None:
        """Adds bytes; waits while enough parts are under way."""
        self._buffer += data
        while len(self._buffer) > self._part_bytes:
            part = bytes(self._buffer[: self._part_bytes])
            del self._buffer[: self._part_bytes]
            await self._send(part)

    async def _send(self, part: bytes) -> None:
        if not self._upload:
            # Broken off now, nobody would know what was begun: it goes on, and is taken back.
            self._beginning = asyncio.create_task(self._begin())
            self._upload = await asyncio.shield(self._beginning)
        while len(self._sending) >= self._parts:
            await self._wait(asyncio.FIRST_COMPLETED)
        self._count += 1
        self._sending.add(asyncio.create_task(self._put(self._count, part)))

    async def _begin(self) -> str:
        answer = await self._request("POST", {"uploads": ""}, b"", self._target.beginning)
        found = _UPLOAD.search(answer.text)
        if found is None:
            raise Refused(f"{self._url} begins no upload")
        return unescape(found[1])

    async def _put(self, number: int, part: bytes) -> None:
        query = {"partNumber": str(number), "uploadId": self._upload}
        self._tags[number] = (await self._request("PUT", query, part)).tag

    async def _wait(self, until: str) -> None:
        done, self._sending = await asyncio.wait(self._sending, return_when=until)
        failures = [failure for one in done if (failure := one.exception()) is not None]
        if failures:
            raise failures[0]

    async def _complete(self) -> None:
        if not self._upload:
            await self._whole(bytes(self._buffer))
            return
        await self._send(bytes(self._buffer))
        while self._sending:
            await self._wait(asyncio.FIRST_EXCEPTION)
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in sorted(self._tags.items())
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        try:
            await self._request("POST", {"uploadId": self._upload}, body)
        except Refused as error:
            # It was complete already, only the answer was lost.
            if not (error.repeated and error.status == 404):
                raise
        if self._has_strays:
            with suppress(OSError, TimeoutError):  # what is left costs space, the upload is whole
                async with asyncio.timeout(_ABORT_SECONDS):
                    await self._abort_strays()

    async def _abort_after(self, error: BaseException) -> None:
        """Takes the parts back while ``error`` is on its way; that it failed becomes its note."""
        try:
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._abort()
        except (OSError, TimeoutError) as failure:
            why = explain(str(failure), hidden=self._target.hidden).text if str(failure) else ""
            error.add_note(f"the parts were not taken back: {why or 'it took too long'}")

    async def _abort(self) -> None:
        for one in self._sending:
            one.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._beginning is not None and not self._upload:
            await asyncio.wait({self._beginning}, timeout=_ABORT_SECONDS / 2)
            self._beginning.cancel()
            [begun] = await asyncio.gather(self._beginning, return_exceptions=True)
            self._upload = begun if isinstance(begun, str) else ""
            self._has_strays = self._has_strays or isinstance(begun, asyncio.CancelledError)
        if self._upload:
            await self._request("DELETE", {"uploadId": self._upload}, b"")
        if self._has_strays:
            await self._abort_strays()

    async def _abort_strays(self) -> None:
        """Takes back what was begun for the key and not answered, whoever began it: whoever writes
        a key is its only writer.
        """
        query = {"uploads": "", "prefix": self._key}
        answer = await self._request("GET", query, b"", url=f"{self._target.bucket}/")
        for listed in _LISTED.findall(answer.text):
            key, upload = _KEY.search(listed), _UPLOAD.search(listed)
            if key is not None and upload is not None and unescape(key[1]) == self._key:
                await self._request("DELETE", {"uploadId": unescape(upload[1])}, b"")

    async def _request(
        self,
        method: str,
        query: Mapping[str, str],
        body: bytes,
        headers: Mapping[str, str] = {},
        *,
        url: str = "",
    ) -> "_Answer":
        """Sends a request for the key or another ``url``, again where that may help. Raises
        ``Refused``.
        """
        loop = asyncio.get_running_loop()
        until, wait, repeated = loop.time() + self._target.retry, _FIRST_WAIT, False
        payload = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
        while True:
            request = _Request(method, url or self._url, query, body, headers, payload)
            answer = await self._once(request)
            if answer.is_good:
                return answer
            if answer.may_pass and headers is self._target.beginning:
                self._has_strays = True
            if not answer.may_pass or loop.time() + wait > until:
                said = strike(answer.failure[:_TOLD], self._target.hidden)
                text = f"Error performing {method} {request.url} - {said}"
                raise Refused(text, status=answer.status, repeated=repeated)
            await asyncio.sleep(wait)
            wait, repeated = min(wait * 2, _LONGEST_WAIT), True

    async def _once(self, request: "_Request") -> "_Answer":
        loop, target = asyncio.get_running_loop(), self._target
        try:
            async with asyncio.timeout(target.connect + target.answer) as limit:

                async def pieces() -> AsyncIterator[memoryview]:
                    view = memoryview(request.body)
                    for start in range(0, len(view), _PIECE_BYTES):
                        limit.reschedule(loop.time() + target.answer)
                        yield view[start : start + _PIECE_BYTES]
                    limit.reschedule(loop.time() + target.answer)

                async with self._session.request(
                    request.method,
                    URL(f"{request.url}?{query_text(request.query)}", encoded=True),
                    data=pieces() if request.body else None,
                    headers=self._signed(request),
                    skip_auto_headers=("content-type",),
                    allow_redirects=False,
                    proxy=self._proxy,
                ) as response:
                    return await _answer(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            return _Answer(0, "", "", lost=_below(error))

    def _signed(self, request: "_Request") -> dict[str, str]:
        signed = self._target.signer.headers(
            request.method,
            request.url,
            query=request.query,
            headers=request.headers,
            payload=request.payload,
            moment=utc_now(),
        )
        length = str(len(request.body))
        return {**signed, "content-length": length, "user-agent": "kubeferry"}


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent; ``payload`` is the body's SHA-256."""

    method: str
    url: str
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str]
    payload: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the storage said; ``status`` is 0 where it said nothing, and ``lost`` why."""

    status: int
    text: str
    tag: str
    reason: str = ""
    lost: str = ""

    @property
    def is_good(self) -> bool:
        """A completion may fail after its 200 was sent: the body tells."""
        return 200 <= self.status < 300 and "<Error>" not in self.text

    @property
    def may_pass(self) -> bool:
        """Whether it may be good the next time. S3 says RequestTimeout with a 400."""
        if self.status in (0, 408, 429) or self.status >= 500 or self.status < 300:
            return True
        return self.status == 400 and "<Code>RequestTimeout</Code>" in self.text

    @property
    def failure(self) -> str:
        return self.lost or f"Server returned non-2xx status code: {self.reason}: {self.text}"


async def _answer(response: aiohttp.ClientResponse) -> _Answer:
    """An answer, no more of it than any such answer has."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _ANSWER_BYTES:
            return _Answer(0, "", "", lost="Connection reset")
    reason = f"{response.status} {response.reason or ''}".strip()
    text, tag = body.decode(errors="replace"), response.headers.get("ETag", "")
    return _Answer(response.status, text, tag, reason=reason)


def _trusting() -> ssl.SSLContext:
    """Trusts what the machine trusts, or ``SSL_CERT_FILE`` names, as strictly as obstore does."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _below(error: aiohttp.ClientError | TimeoutError) -> str:
    """What failed below HTTP, in the words that ``reasons`` knows from obstore."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns error"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "certificate not trusted"
        case TimeoutError():
            return "timed out"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError):
            return "Connection refused"
        case aiohttp.ClientConnectorError():
            return "kind: Connect"
    return "Connection reset"
