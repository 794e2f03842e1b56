import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kubeferry.errors import (
    ApiError,
    ApiUnreachable,
    BadRequest,
    ExecLost,
    ExecTimeout,
    Forbidden,
    NotFound,
)
from kubeferry.kube.cluster import Impersonation
from kubeferry.kube.exec import Exec
from tests.execserver import V4, V5, Process, Program, run_in
from tests.pki import Authority
from tests.unit.kube.servers import Handler, serving, status, tunnelling

both = pytest.mark.parametrize("protocols", [(V5, V4), (V4,)], ids=["v5", "v4"])


def of(program: Program, *protocols: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await run_in(request, program, protocols=protocols or (V5, V4))

    return handler


def request(*command: str, **more: Any) -> Exec:
    return Exec("default", "web-0", "app", command or ("true",), **more)


async def nothing(process: Process) -> None:
    await process.exit(0)


@both
async def test_output_and_exit_code_come_back(protocols: tuple[str, ...]) -> None:
    async def program(process: Process) -> None:
        await process.stdout(b"one ")
        await process.stderr(b"oh")
        await process.stdout(b"two")
        await process.exit(3)

    async with serving(of(program, *protocols)) as server, server.client() as client:
        result = await client.exec(request("false"))
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"one two", b"oh")
    assert not result.is_cut


@both
async def test_a_command_that_ends_well_has_exit_code_0(protocols: tuple[str, ...]) -> None:
    async with serving(of(nothing, *protocols)) as server, server.client() as client:
        result = await client.exec(request())
    assert result.exit_code == 0


async def test_the_request_names_container_command_and_streams() -> None:
    who = Impersonation("jane")
    async with (
        serving(of(nothing)) as server,
        server.client(token="t", impersonation=who) as client,
    ):
        await client.exec(request("sh", "-c", "echo a&b"))
        await client.exec(request(stdin=b""))
    first, second = server.requests
    assert first.path == "/api/v1/namespaces/default/pods/web-0/exec"
    assert first.query.getall("command") == ["sh", "-c", "echo a&b"]
    assert (first.query["container"], first.query["stdout"], first.query["stderr"]) == (
        ("app", "true", "true")
    )
    assert "stdin" not in first.query
    assert second.query["stdin"] == "true"
    assert first.headers["Authorization"] == "Bearer t"
    assert first.headers["Impersonate-User"] == "jane"
    assert first.headers["User-Agent"] == "kubeferry"


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"x" * 50_000


@pytest.mark.parametrize(
    ("stdin", "size"), [(b"", 0), (b"y" * 100_000, 100_000), (pieces, 150_000)]
)
async def test_stdin_arrives_whole_and_ends_in_v5(stdin: Any, size: int) -> None:
    async def program(process: Process) -> None:
        received = await process.read_stdin()
        assert process.stdin_ended
        await process.stdout(str(len(received)).encode())
        await process.exit(0)

    given = stdin() if callable(stdin) else stdin
    async with serving(of(program)) as server, server.client() as client:
        result = await client.exec(request("wc", "-c", stdin=given, timeout=20))
    assert result.stdout == str(size).encode()


async def test_in_v4_stdin_arrives_but_does_not_end() -> None:
    async def takes_five(process: Process) -> None:
        while len(process.received) < 5:
            await process.read_once()
        await process.stdout(process.received)
        await process.exit(0)

    async def reads_all(process: Process) -> None:
        await process.read_stdin()

    async with serving(of(takes_five, V4)) as server, server.client() as client:
        result = await client.exec(request("head", "-c5", stdin=b"hello"))
    assert result.stdout == b"hello"
    async with serving(of(reads_all, V4)) as server, server.client() as client:
        with pytest.raises(ExecTimeout, match=r"v4\.channel\.k8s\.io, which cannot end its stdin"):
            await client.exec(request("cat", stdin=b"hello", timeout=0.2))


async def test_a_command_may_end_before_it_has_read_its_stdin() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000
            await asyncio.sleep(0)

    async with serving(of(nothing)) as server, server.client() as client:
        result = await client.exec(request(stdin=endless(), timeout=20))
    assert result.exit_code == 0


async def test_what_the_input_raises_is_raised_and_the_connection_closed() -> None:
    closed = asyncio.Event()

    async def program(process: Process) -> None:
        await process.gone()
        closed.set()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise KeyError("no more")

    async with serving(of(program)) as server, server.client() as client:
        with pytest.raises(KeyError, match="no more"):
            await client.exec(request(stdin=broken()))
        await asyncio.wait_for(closed.wait(), 5)


@both
async def test_a_timeout_closes_the_connection_and_keeps_what_was_printed(
    protocols: tuple[str, ...],
) -> None:
    closed = asyncio.Event()

    async def program(process: Process) -> None:
        await process.stderr(b"frozen")
        await process.gone()
        closed.set()

    async with serving(of(program, *protocols)) as server, server.client() as client:
        began = time.monotonic()
        with pytest.raises(ExecTimeout, match="may still run") as late:
            await client.exec(request("sleep", timeout=0.3))
        assert time.monotonic() - began < 3
        await asyncio.wait_for(closed.wait(), 5)
    assert late.value.stderr == b"frozen"
    assert "exec in pods default/web-0 (app): did not end within 0.3 s" in str(late.value)


async def test_a_peer_that_does_not_read_its_input_holds_nobody_up() -> None:
    gone = asyncio.Event()

    async def program(process: Process) -> None:
        assert process.transport is not None
        process.transport.pause_reading()
        try:
            while not process.transport.is_closing():
                await asyncio.sleep(0.02)
                await process.stdout(b".")
        finally:
            gone.set()

    async with serving(of(program)) as server, server.client() as client:
        with pytest.raises(ExecTimeout):
            await client.exec(request(stdin=b"x" * 20_000_000, timeout=0.3))
        await asyncio.wait_for(gone.wait(), 5)


async def test_cancelling_closes_the_connection() -> None:
    running, closed = asyncio.Event(), asyncio.Event()

    async def program(process: Process) -> None:
        running.set()
        await process.gone()
        closed.set()

    async with serving(of(program)) as server, server.client() as client:
        task = asyncio.create_task(client.exec(request("sleep")))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 5)


@both
async def test_a_connection_that_breaks_is_no_result(protocols: tuple[str, ...]) -> None:
    async def program(process: Process) -> None:
        await process.stdout(b"half")
        await asyncio.sleep(0.05)
        assert process.transport is not None
        process.transport.abort()

    async with serving(of(program, *protocols)) as server, server.client() as client:
        with pytest.raises(ExecLost, match="may still run") as lost:
            await client.exec(request())
    assert not isinstance(lost.value, ExecTimeout | ApiUnreachable)
    assert lost.value.stdout == b"half"


async def test_a_connection_that_closes_without_an_exit_code_is_no_result() -> None:
    async def program(process: Process) -> None:
        await process.stdout(b"done?")

    async with serving(of(program)) as server, server.client() as client:
        with pytest.raises(ExecLost, match="before the command's exit code came"):
            await client.exec(request())


async def test_the_end_counts_though_the_connection_then_breaks_or_stays() -> None:
    async def breaks(process: Process) -> None:
        await process.exit(0)
        assert process.transport is not None
        await asyncio.sleep(0.05)
        process.transport.abort()

    async def stays(process: Process) -> None:
        await process.exit(7)
        await process.gone()

    async with serving(of(breaks)) as server, server.client() as client:
        assert (await client.exec(request())).exit_code == 0
    async with serving(of(stays)) as server, server.client() as client:
        assert (await client.exec(request())).exit_code == 7


@pytest.mark.parametrize(
    ("told", "kind", "message"),
    [
        (
            {
                "status": "Failure",
                "reason": "InternalError",
                "code": 500,
                "message": "no such file",
            },
            ApiError,
            "no such file",
        ),
        ({"status": "Failure", "reason": "NonZeroExitCode", "message": "m"}, ApiError, "m"),
        ({}, ApiError, "Status"),
    ],
    ids=["not started", "no exit code", "nothing told"],
)
async def test_a_failure_without_an_exit_code_is_an_error(
    told: dict[str, object], kind: type[ApiError], message: str
) -> None:
    async def program(process: Process) -> None:
        await process.status(told)

    async with serving(of(program)) as server, server.client() as client:
        with pytest.raises(kind, match=message):
            await client.exec(request())
    assert len(server.requests) == 1, "a command must not be sent twice"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [(404, "NotFound", NotFound), (403, "Forbidden", Forbidden), (400, "BadRequest", BadRequest)],
)
async def test_a_refusal_is_raised_with_the_servers_reason(
    code: int, reason: str, kind: type[ApiError]
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return status(code, reason, f"container app is {reason}")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(kind, match=f"container app is {reason}") as refused:
            await client.exec(request())
    assert (refused.value.status, refused.value.kubernetes_reason) == (code, reason)
    assert refused.value.place == "exec in pods default/web-0 (app)"
    assert len(server.requests) == 1


async def test_a_kubelets_plain_text_is_quoted() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text='container not found ("app")')

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(ApiError, match='container not found \\("app"\\)'):
            await client.exec(request())
    assert len(server.requests) == 1


async def test_an_answer_that_is_no_handshake_points_at_what_stands_in_between() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/elsewhere":
            raise AssertionError("a redirect was followed")
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(ApiError, match=r"HTTP 302 .* lets WebSockets through"):
            await client.exec(request())


async def test_a_server_of_other_protocols_is_named_so() -> None:
    async with serving(of(nothing, "channel.k8s.io")) as server, server.client() as client:
        with pytest.raises(ApiError, match=r"speaks none of v5\.channel\.k8s\.io"):
            await client.exec(request())


async def test_credentials_are_renewed_after_a_401(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer old":
            token.write_text("new")
            return status(401, "Unauthorized")
        return await run_in(request, nothing, protocols=(V5,))

    async with serving(handler) as server, server.client(token_file=token) as client:
        assert (await client.exec(request())).exit_code == 0
    assert len(server.requests) == 2


async def test_tls_and_proxy_are_those_of_every_request(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server_keys = authority.server("api", ["127.0.0.9"], ["api.example"])
    client_keys = authority.client("jane", "jane")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    tls.load_cert_chain(server_keys.certificate, server_keys.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    known = {"ca": authority.certificate, "client_certificate": client_keys.certificate}
    async with serving(of(nothing), tls=tls) as server, tunnelling() as (proxy, asked):
        named = {"client_key": client_keys.key, "tls_server_name": "api.example", **known}
        async with server.client(proxy_url=proxy, **named) as client:
            assert (await client.exec(request())).exit_code == 0
        assert asked == [server.url.removeprefix("https://")]
        async with server.client(client_key=client_keys.key, **known) as client:
            with pytest.raises(ApiUnreachable, match="a certificate that does not verify"):
                await client.exec(request())


async def test_of_much_output_the_beginning_and_the_end_are_kept() -> None:
    async def program(process: Process) -> None:
        await process.stdout(b"first")
        for _ in range(400):
            await process.stdout(b"x" * 30_000)
        await process.stdout(b"last")
        await process.exit(0)

    async with serving(of(program)) as server, server.client() as client:
        result = await client.exec(request(keep=1000, timeout=60))
    assert result.is_cut
    assert result.stdout.startswith(b"first")
    assert result.stdout.endswith(b"last")
    assert b"\n... 11999009 bytes left out ...\n" in result.stdout
    assert len(result.stdout) < 1100


@pytest.mark.parametrize("size", [0, 1, 9, 10])
async def test_output_that_fits_is_whole(size: int) -> None:
    text = bytes(range(65, 65 + size))

    async def program(process: Process) -> None:
        for one in text:
            await process.stdout(bytes([one]))
        await process.exit(0)

    async with serving(of(program)) as server, server.client() as client:
        result = await client.exec(request(keep=10))
    assert (result.stdout, result.is_cut) == (text, False)
