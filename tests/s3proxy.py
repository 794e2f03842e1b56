"""A proxy in front of a real S3 server that writes down each request, and refuses what a test says.

It passes everything on as it came, so that signatures hold, and is itself as strict with the
headers of encryption as S3 and OSS are, where the server behind it passes them over.
"""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web
from yarl import URL

Kind = Literal[
    "PutObject",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "another",
]
AMAZONS, ALIBABAS = "x-amz-server-side-encryption", "x-oss-server-side-encryption"
BEGINNINGS = ("PutObject", "CreateMultipartUpload")
"""The requests that begin an upload: only they may say how it is to be encrypted."""
_HOP = {"transfer-encoding", "connection", "content-length", "date", "server"}


@dataclass(frozen=True)
class Seen:
    """One request: its headers by their names in lower case."""

    kind: Kind
    method: str
    path: str
    headers: dict[str, str]

    @property
    def encryption(self) -> dict[str, str]:
        """The headers of encryption."""
        return {key: value for key, value in self.headers.items() if "encryption" in key}


@dataclass(frozen=True)
class Refusal:
    """An answer in place of the storage's."""

    status: int
    code: str
    message: str


@dataclass
class Proxy:
    """A running proxy; ``refuse`` decides of each request, ``lose`` of each answer."""

    endpoint: str = ""
    seen: list[Seen] = field(default_factory=list)
    refuse: Callable[[Seen], Refusal | None] = lambda _: None
    lose: Callable[[Seen], bool] = lambda _: False

    def of(self, *kinds: Kind) -> list[Seen]:
        """The requests of these kinds."""
        return [one for one in self.seen if one.kind in kinds]


def strict(seen: Seen) -> Refusal | None:
    """What S3 and OSS answer to encryption where it does not belong."""
    if seen.encryption and seen.kind not in BEGINNINGS:
        # OSS: error code 0005-00000002 (InvalidArgument).
        return Refusal(400, "InvalidArgument", f"{seen.kind} takes no header of encryption")
    return None


@asynccontextmanager
async def in_front_of(endpoint: str) -> AsyncIterator[Proxy]:
    """A proxy to the server at ``endpoint``, at an address of this machine."""
    proxy = Proxy()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            seen = Seen(_kind(request), request.method, request.path, headers)
            proxy.seen.append(seen)
            body = await request.read()
            refusal = strict(seen) or proxy.refuse(seen)
            if refusal is not None:
                return web.Response(
                    status=refusal.status,
                    content_type="application/xml",
                    text=f"<Error><Code>{refusal.code}</Code>"
                    f"<Message>{refusal.message}</Message></Error>",
                )
            target = URL(f"{endpoint}{request.raw_path}", encoded=True)
            passed = request.headers.copy()
            if "x-oss-forbid-overwrite" in headers:
                passed["If-None-Match"] = "*"
            async with session.request(
                request.method,
                target,
                headers=passed,
                data=io.BytesIO(body),
                skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            ) as answer:
                if proxy.lose(seen):
                    return web.Response(
                        status=500, text="<Error><Code>InternalError</Code></Error>"
                    )
                if answer.status == 412 and "x-oss-forbid-overwrite" in headers:
                    taken = "<Error><Code>FileAlreadyExists</Code></Error>"
                    return web.Response(status=409, text=taken)
                kept = {
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() not in _HOP or request.method == "HEAD"
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{key:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        proxy.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()


def _kind(request: web.Request) -> Kind:
    in_parts = "uploadId" in request.query
    match request.method:
        case "POST" if "uploads" in request.query:
            return "CreateMultipartUpload"
        case "POST" if in_parts:
            return "CompleteMultipartUpload"
        case "PUT":
            return "UploadPart" if in_parts else "PutObject"
        case "DELETE" if in_parts:
            return "AbortMultipartUpload"
    return "another"
