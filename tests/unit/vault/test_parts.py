"""Uploads in parts to servers that misbehave; what a well-behaved one stores is in tests/s3."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubeferry.errors import VaultUnavailable
from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials, Location, Timeouts, open_store
from kubeferry.vault.parts import PartsUpload, Refused, Target
from kubeferry.vault.signing import Signer
from tests.pki import Authority

TOKEN = "the-session-token"
BEGUN = b"<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>"
LISTED = b"<R><Upload><Key>v/k</Key><UploadId>U</UploadId></Upload></R>"


@dataclass(frozen=True)
class Asked:
    line: str
    headers: dict[str, str]


Answer = Callable[[Asked], Awaitable[bytes | None]]


@dataclass
class Server:
    """Answers as it is told; None as an answer breaks the connection off."""

    answer: Answer
    port: int = 0
    seen: list[Asked] = field(default_factory=list)
    stalls: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                asked = Asked(head[0], headers)
                self.seen.append(asked)
                if self.stalls and asked.line.startswith("PUT"):
                    writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await asyncio.sleep(60)
                await reader.readexactly(int(headers.get("content-length", "0")))
                said = await self.answer(asked)
                if said is None:
                    return
                writer.write(said)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def said(body: bytes, status: str = "200 OK") -> bytes:
    head = f'HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nETag: "e"\r\n\r\n'
    return head.encode() + body


async def good(asked: Asked) -> bytes:
    if asked.line.startswith("GET"):
        return said(LISTED)
    return said(BEGUN if "?uploads=" in asked.line else b"<ok/>")


@asynccontextmanager
async def serving(
    answer: Answer = good, *, stalls: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(answer, stalls=stalls)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1 << 24, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def upload(root: str, *, retry: float = 5.0) -> PartsUpload:
    async def whole(data: bytes) -> None:
        raise AssertionError("it has parts")

    target = Target(
        bucket=root,
        prefix="v",
        signer=Signer("id", "secret-key", TOKEN, "r"),
        beginning={"x-oss-server-side-encryption": "KMS"},
        connect=1.0,
        answer=0.5,
        retry=retry,
        hidden=("secret-key", TOKEN),
    )
    return PartsUpload(target, "k", whole=whole, part_bytes=8 << 20, parts=2)


async def send(server: Server, **more: float) -> None:
    async with upload(f"http://127.0.0.1:{server.port}/b", **more) as writing:
        await writing.write(bytes(9 << 20))


async def test_a_peer_that_stops_reading_a_part_is_given_up() -> None:
    async with serving(stalls=True) as server:
        began = time.monotonic()
        with pytest.raises(Refused, match="timed out"):
            await send(server, retry=0.1)
    assert time.monotonic() - began < 5


async def test_an_answer_without_an_end_is_given_up() -> None:
    async def endless(asked: Asked) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + bytes(2 << 20)

    async with serving(endless) as server:
        with pytest.raises(Refused, match="Connection reset"):
            await send(server, retry=0.1)


@pytest.mark.parametrize("status", ["408 Request Timeout", "400 Bad Request"])
async def test_a_request_that_took_the_storage_too_long_is_sent_again(status: str) -> None:
    failures = [said(b"<Error><Code>RequestTimeout</Code></Error>", status)]

    async def slow(asked: Asked) -> bytes:
        return failures.pop() if failures and asked.line.startswith("PUT") else await good(asked)

    async with serving(slow) as server:
        await send(server)
    assert failures == []


async def test_a_storage_that_quotes_the_request_does_not_make_us_tell_its_token() -> None:
    async def quotes(asked: Asked) -> bytes:
        if "?uploads=" in asked.line:
            return await good(asked)
        quoted = asked.headers["x-amz-security-token"].encode()
        assert quoted.decode() == TOKEN
        return said(b"<Error><Code>No</Code><Quoted>" + quoted + b"</Quoted></Error>", "403 No")

    async with serving(quotes) as server:
        with pytest.raises(Refused) as caught:
            await send(server)
    told = [str(caught.value), *getattr(caught.value, "__notes__", ())]
    assert len(told) == 2
    assert [text for text in told if TOKEN in text] == []


async def test_what_is_cancelled_while_it_begins_is_taken_back() -> None:
    is_asked = asyncio.Event()

    async def late(asked: Asked) -> bytes:
        if "?uploads=" in asked.line:
            is_asked.set()
            await asyncio.sleep(0.2)
        return await good(asked)

    async with serving(late) as server:
        sending = asyncio.create_task(send(server))
        await is_asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert [one.line.split(" ")[:2] for one in server.seen] == [
        ["POST", "/b/v/k?uploads="],
        ["DELETE", "/b/v/k?uploadId=U"],
    ]


async def test_a_beginning_that_is_never_answered_is_looked_for() -> None:
    async def dead(asked: Asked) -> bytes | None:
        return None if asked.line.startswith("POST") else await good(asked)

    async with serving(dead) as server:
        with pytest.raises(Refused, match="Connection reset"):
            await send(server, retry=0.2)
    assert [one.line.split(" ")[:2] for one in server.seen[-2:]] == [
        ["GET", "/b/?prefix=v%2Fk&uploads="],
        ["DELETE", "/b/v/k?uploadId=U"],
    ]


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        async with upload("http://b.vault.example") as writing:
            await writing.write(bytes(9 << 20))
    assert proxy.seen[0].line == "POST http://b.vault.example/v/k?uploads= HTTP/1.1"
    assert proxy.seen[0].headers["host"] == "b.vault.example"
    assert len(proxy.seen) == 4


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_what_obstore_trusts_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    """What fits into one part obstore sends, the rest is sent from here: both, or neither."""
    authority = Authority(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    pair = authority.server("vault", ["127.0.0.1"], [])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    async with serving(tls=tls) as server:
        root = f"https://127.0.0.1:{server.port}"
        location = Location("v", "alibabacloud", "bkt", region="r", endpoint=root, encryption="KMS")
        store = open_store(
            location,
            credentials=Credentials("id", "secret-key"),
            settings=Settings(),
            timeouts=Timeouts(connect=1.0, first=1.0, request=2.0, retry=0.1),
        )
        refused = pytest.raises(VaultUnavailable, match="TLS")
        with nullcontext() if is_trusted else refused:
            await store.put("metadata/x", b"1")
        with nullcontext() if is_trusted else pytest.raises(Refused, match="not trusted"):
            async with upload(f"{root}/b", retry=0.1) as writing:
                await writing.write(bytes(9 << 20))
    assert bool(server.seen) == is_trusted
