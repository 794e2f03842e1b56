"""An upload in parts whose beginning alone carries certain headers: OSS with encryption.

OSS takes ``x-oss-server-side-encryption`` with what begins an upload and refuses a part that has it
(400 InvalidArgument). obstore's headers go with every request of a client, so an upload of several
parts is sent from here. What fits into one part is left to obstore (``whole``).

Memory holds the parts under way and one more. A failure that may pass is tried again, as obstore
does: a part sent twice is the same part.
"""

import asyncio
import hashlib
import io
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from html import unescape
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from kubeferry.clock import utc_now
from kubeferry.vault.signing import Signer, path_text, query_text

_UPLOAD = re.compile(r"<UploadId>([^<]+)</UploadId>")
_ABORT_SECONDS = 2.0
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where parts go.

    Attributes:
        root: URL that a key is put behind, without a final slash.
        signer: signs each request.
        beginning: the headers of the request that begins an upload.
        connect: seconds a connection may take.
        answer: seconds an answer may take.
        retry: seconds in which a request is tried again.
    """

    root: str
    signer: Signer
    beginning: Mapping[str, str]
    connect: float
    answer: float
    retry: float


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
        self._url = f"{target.root}/{path_text(key)}"
        self._whole = whole
        self._part_bytes = part_bytes
        self._parts = parts
        self._buffer = bytearray()
        self._upload = ""
        self._tags: dict[int, str] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._count = 0

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._target.connect, sock_read=self._target.answer
        )
        self._session = aiohttp.ClientSession(timeout=timeout)
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
            answer = await self._request("POST", {"uploads": ""}, b"", self._target.beginning)
            found = _UPLOAD.search(answer.text)
            if found is None:
                raise Refused(f"{self._url} begins no upload")
            self._upload = unescape(found[1])
        while len(self._sending) >= self._parts:
            await self._wait(asyncio.FIRST_COMPLETED)
        self._count += 1
        self._sending.add(asyncio.create_task(self._put(self._count, part)))

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

    async def _abort_after(self, error: BaseException) -> None:
        """Takes the parts back while ``error`` is on its way; that it failed becomes its note."""
        try:
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._abort()
        except (OSError, TimeoutError) as failure:
            error.add_note(f"the parts were not taken back: {failure or 'it took too long'}")

    async def _abort(self) -> None:
        for one in self._sending:
            one.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._upload:
            await self._request("DELETE", {"uploadId": self._upload}, b"")

    async def _request(
        self, method: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str] = {}
    ) -> "_Answer":
        """Sends a request, again where that may help. Raises ``Refused``."""
        loop = asyncio.get_running_loop()
        until, wait, repeated = loop.time() + self._target.retry, _FIRST_WAIT, False
        payload = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
        while True:
            answer = await self._once(method, query, body, headers, payload)
            if answer.is_good:
                return answer
            may_pass = answer.status in (0, 429) or answer.status >= 500 or answer.status < 300
            if not may_pass or loop.time() + wait > until:
                text = f"Error performing {method} {self._url} - {answer.failure}"
                raise Refused(text, status=answer.status, repeated=repeated)
            await asyncio.sleep(wait)
            wait, repeated = min(wait * 2, _LONGEST_WAIT), True

    async def _once(
        self,
        method: str,
        query: Mapping[str, str],
        body: bytes,
        headers: Mapping[str, str],
        payload: str,
    ) -> "_Answer":
        signed = self._target.signer.headers(
            method, self._url, query=query, headers=headers, payload=payload, moment=utc_now()
        )
        url = URL(f"{self._url}?{query_text(query)}", encoded=True)
        try:
            async with self._session.request(
                method,
                url,
                data=io.BytesIO(body),
                headers={**signed, "content-length": str(len(body)), "user-agent": "kubeferry"},
                skip_auto_headers=("content-type",),
                allow_redirects=False,
            ) as response:
                text = (await response.read()).decode(errors="replace")
                reason = f"{response.status} {response.reason or ''}".strip()
                return _Answer(
                    response.status, text, response.headers.get("ETag", ""), reason=reason
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            return _Answer(0, "", "", lost=_below(error))


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
    def failure(self) -> str:
        return self.lost or f"Server returned non-2xx status code: {self.reason}: {self.text}"


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
