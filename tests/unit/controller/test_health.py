import asyncio
import contextlib

import pytest

from kubeferry.controller.health import serve_health


async def ask(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.decode().partition("\r\n")[0]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\n\r\n", "200 OK", id="healthy"),
        pytest.param(b"GET /healthz?verbose HTTP/1.1\r\n\r\n", "200 OK", id="a query is ignored"),
        pytest.param(b"GET /readyz HTTP/1.1\r\n\r\n", "503 Service Unavailable", id="not ready"),
        pytest.param(b"GET /secrets HTTP/1.1\r\n\r\n", "404 Not Found", id="nothing else"),
        pytest.param(b"POST /healthz HTTP/1.1\r\n\r\n", "405 Method Not Allowed", id="GET only"),
        pytest.param(b"\x16\x03\x01\n", "400 Bad Request", id="no HTTP"),
    ],
)
async def test_a_check_is_answered(request_line, status):
    checks = {"/healthz": lambda: True, "/readyz": lambda: False}
    async with serve_health(checks, host="127.0.0.1", port=0) as port:
        assert await ask(port, request_line) == f"HTTP/1.1 {status}"


async def test_a_check_is_made_at_each_request():
    ready = False
    async with serve_health({"/readyz": lambda: ready}, host="127.0.0.1", port=0) as port:
        before = await ask(port, b"GET /readyz HTTP/1.1\r\n\r\n")
        ready = True
        after = await ask(port, b"GET /readyz HTTP/1.1\r\n\r\n")
    assert ("503" in before, "200" in after) == (True, True)


async def test_a_line_without_an_end_harms_nobody():
    async with serve_health({"/healthz": lambda: True}, host="127.0.0.1", port=0) as port:
        with contextlib.suppress(ConnectionError):
            assert await ask(port, b"x" * 100_000) == ""
        assert await ask(port, b"GET /healthz HTTP/1.1\r\n\r\n") == "HTTP/1.1 200 OK"


async def test_nobody_answers_afterwards():
    async with serve_health({}, host="127.0.0.1", port=0) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await ask(port, b"")
