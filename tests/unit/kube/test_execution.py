"""How a command comes to its container, and what is told when it does not."""

import asyncio
import traceback

import pytest
from aiohttp import web

from kubeferry.errors import (
    ApiError,
    ApiUnreachable,
    ExecLost,
    ExecNotBegun,
    ExecTimeout,
    Forbidden,
    NotFound,
)
from kubeferry.kube.client import Client
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.execution import hidden
from tests.execserver import V4, V5, Process, run_in
from tests.unit.kube.servers import CONFIGMAPS, Handler, serving, status
from tests.unit.kube.test_exec import nothing, of, request

SECRET = ("psql", "--password=hun ter2%", "-c", "select 'a'\n", "swordfish")


async def test_a_server_that_asks_to_wait_is_asked_again() -> None:
    count = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count < 3:
            return status(429, "TooManyRequests", headers={"Retry-After": "0"})
        return await run_in(request, nothing, protocols=(V5,))

    async with serving(handler) as server, server.client() as client:
        assert (await client.exec(request())).exit_code == 0
    assert count == 3


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with serving(of(nothing)) as server:
        client = server.client()
    async with client:
        with pytest.raises(ApiUnreachable) as away:
            await client.exec(request())
    assert not away.value.sent


async def test_the_time_of_a_command_begins_when_there_is_a_connection() -> None:
    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        if asked.path.endswith("/exec"):
            return await run_in(asked, nothing, protocols=(V5,))  # type: ignore[arg-type]
        return status(404, "NotFound")

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with Client(ClusterConfig(server=f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(NotFound):
                await client.get(CONFIGMAPS, "any", namespace="default")
            await site.stop()
            for connection in runner.server.connections if runner.server else ():
                connection.force_close()
            running = asyncio.create_task(client.exec(request(timeout=0.3)))
            await asyncio.sleep(0.8)
            assert not running.done()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            assert (await running).exit_code == 0
    finally:
        await runner.cleanup()


async def breaks(asked: web.Request) -> web.StreamResponse:
    """A connection that is dropped in the middle of its handshake."""
    assert asked.transport is not None
    asked.transport.abort()
    return web.Response()


async def is_silent(asked: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def is_none(asked: web.Request) -> web.StreamResponse:
    """An answer that looks like a handshake and is none."""
    headers = {"Upgrade": "websocket", "Connection": "close"}
    response = web.StreamResponse(status=101, headers=headers)
    await response.prepare(asked)
    return response


@pytest.mark.parametrize(
    "handshake", [breaks, is_silent, is_none], ids=["breaks", "is silent", "is none"]
)
async def test_after_a_handshake_that_fails_nobody_knows_whether_the_command_runs(
    handshake: Handler,
) -> None:
    async with serving(handshake) as server, server.client() as client:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ExecLost, match="may still run") as lost:
            await client.exec(request(*SECRET, timeout=0.3))
        assert asyncio.get_running_loop().time() - began < 5
    assert not isinstance(lost.value, ExecTimeout), "it has had no time yet"
    assert_hidden(lost.value)
    assert len(server.requests) == 1, "a command must not be sent twice"


KUBELET = (
    'Internal error occurred: error sending request: Post "https://10.0.0.1:10250/exec/shop/db/main?'
    "command=psql&command=--password%3Dhun+ter2%25&command=-c&command=select+%27a%27%0A&"
    'command=swordfish&error=1&output=1": dial tcp 10.0.0.1:10250: connect: connection refused'
)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param(500, KUBELET, id="the kubelet is away"),
        pytest.param(500, "error dialing backend: No agent available", id="its tunnel is"),
        pytest.param(
            500,
            'unable to upgrade connection: container not found ("main")',
            id="the container does not run",
        ),
        pytest.param(503, "apiserver is shutting down", id="the API server goes"),
    ],
)
@pytest.mark.parametrize("is_late", [False, True], ids=["as an answer", "as a status"])
async def test_a_command_that_did_not_get_through_was_not_begun(
    code: int, message: str, is_late: bool
) -> None:
    async def program(process: Process) -> None:
        told = {"status": "Failure", "reason": "InternalError", "code": code, "message": message}
        await process.status(told)

    async def handler(asked: web.Request) -> web.StreamResponse:
        if is_late:
            return await run_in(asked, program, protocols=(V5, V4))
        return status(code, "InternalError", message)

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(ExecNotBegun) as away:
            await client.exec(request(*SECRET))
    assert message[:20] in str(away.value)
    assert_hidden(away.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        pytest.param(403, "Forbidden", "psql --password=hun ter2% is not for you", id="a refusal"),
        pytest.param(
            500,
            "InternalError",
            "exec: \"select 'a'\\n\": executable file not found in $PATH",
            id="a runtime that quotes",
        ),
    ],
)
async def test_no_error_says_what_the_command_was(code: int, reason: str, message: str) -> None:
    async def handler(asked: web.Request) -> web.StreamResponse:
        return status(code, reason, message)

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(ApiError) as refused:
            await client.exec(request(*SECRET))
    assert_hidden(refused.value)
    assert isinstance(refused.value, Forbidden) == (code == 403)


def assert_hidden(error: BaseException) -> None:
    """No word of ``SECRET`` is in an error, nor in what it came from."""
    told = "".join(traceback.format_exception(error))
    for word in ("hun", "ter2", "swordfish", "select"):
        assert word not in f"{told} {error!r}", word


@pytest.mark.parametrize(
    ("command", "text", "told"),
    [
        pytest.param(
            ("fsfreeze", "-f", "/data"),
            'exec: "fsfreeze": stat /data',
            'exec: "fsfreeze": stat ...',
            id="the program's name stays",
        ),
        pytest.param(
            ("mysql -pword",), 'exec: "mysql -pword": no', 'exec: "...": no', id="a whole line goes"
        ),
        pytest.param(
            ("sh", "-c", "a"), "cannot exec", "cannot exec", id="short words hide nothing"
        ),
        pytest.param(
            ("x", 'say "hi"'), r'exec: "x say \"hi\""', 'exec: "x ..."', id="as Go quotes it"
        ),
    ],
)
def test_the_words_of_a_command_are_hidden(command: tuple[str, ...], text: str, told: str) -> None:
    assert hidden(text, command) == told


async def test_a_word_of_the_command_does_not_hide_what_the_server_says() -> None:
    async def handler(asked: web.Request) -> web.StreamResponse:
        return status(500, "InternalError", "error dialing backend: refused")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(ExecNotBegun):
            await client.exec(request("save", "dialing", "backend"))


async def test_commands_that_run_hold_nobody_up() -> None:
    async def hangs(process: Process) -> None:
        await process.gone()

    async def handler(asked: web.Request) -> web.StreamResponse:
        if asked.path.endswith("/exec"):
            return await run_in(asked, hangs, protocols=(V5,))
        return status(404, "NotFound")

    async with serving(handler) as server, server.client(limits={"connections": 2}) as client:
        running = [asyncio.create_task(client.exec(request())) for _ in range(8)]
        async with asyncio.timeout(5):
            while len(server.requests) < 8:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
            with pytest.raises(NotFound):
                await client.get(CONFIGMAPS, "any", namespace="default")
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
