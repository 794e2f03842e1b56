"""What became of a command, whatever way it was told."""

import pytest

from kubeferry.errors import ApiUnreachable
from kubeferry.kube.endings import run_command
from tests.execserver import Process, Program
from tests.unit.kube.servers import Handler, serving, status
from tests.unit.kube.test_exec import of, request
from tests.unit.kube.test_execution import breaks, is_silent


async def well(process: Process) -> None:
    await process.stdout(b"out")
    await process.exit(0)


async def badly(process: Process) -> None:
    await process.stderr(b"err")
    await process.exit(3)


async def hangs(process: Process) -> None:
    await process.stderr(b"so far")
    await process.gone()


async def is_cut_off(process: Process) -> None:
    await process.stderr(b"so far")
    process.transport.abort()


def fails(message: str, code: int = 500) -> Program:
    async def program(process: Process) -> None:
        await process.status({"status": "Failure", "code": code, "message": message})

    return program


def answers(code: int, reason: str, message: str) -> Handler:
    async def handler(asked: object) -> object:
        return status(code, reason, message)

    return handler  # type: ignore[return-value]


AWAY = "error dialing backend: dial tcp: connection refused"
NO_PROGRAM = "OCI runtime exec failed: executable file not found in $PATH"


@pytest.mark.parametrize(
    ("handler", "fate", "flags", "said"),
    [
        pytest.param(of(well), "ended", "", "", id="it ends well"),
        pytest.param(of(badly), "ended", "", "", id="it ends with an exit code"),
        pytest.param(of(hangs), "unknown", "late", "did not end within 0.3 s", id="too long"),
        pytest.param(of(is_cut_off), "unknown", "", "may still run", id="its connection breaks"),
        pytest.param(breaks, "unknown", "", "may still run", id="its handshake breaks"),
        pytest.param(is_silent, "unknown", "", "stopped answering", id="its handshake is silent"),
        pytest.param(of(fails(AWAY)), "not begun", "passing", AWAY, id="the kubelet is away"),
        pytest.param(
            answers(500, "InternalError", AWAY), "not begun", "passing", AWAY, id="and in v4"
        ),
        pytest.param(
            answers(404, "NotFound", "no such pod"), "not begun", "passing", "no such", id="no pod"
        ),
        pytest.param(
            answers(400, "BadRequest", "no such container"),
            "not begun",
            "",
            "was not run: BadRequest: no such container",
            id="no container of the name",
        ),
        pytest.param(of(fails("no", 403)), "not begun", "", "was not run: Forbidden", id="refused"),
        pytest.param(
            of(fails(NO_PROGRAM)),
            "unknown",
            "",
            f"could not be run to its end: {NO_PROGRAM}",
            id="what the runtime says alone tells no more",
        ),
        pytest.param(
            answers(504, "", "upstream timed out"), "unknown", "", "upstream", id="a gateway"
        ),
    ],
)
async def test_an_ending(handler: Handler, fate: str, flags: str, said: str) -> None:
    async with serving(handler) as server, server.client() as client:
        ending = await run_command(client, request("sleep", timeout=0.3))
    assert (ending.fate, ending.is_late, ending.is_passing) == (
        (fate, "late" in flags, "passing" in flags)
    )
    assert said in ending.problem
    assert bool(said) == bool(ending.problem)


async def test_output_is_kept_however_it_ended() -> None:
    async with serving(of(well)) as server, server.client() as client:
        ending = await run_command(client, request())
        assert (bool(ending), ending.exit_code, ending.stdout) == (True, 0, b"out")
    async with serving(of(badly)) as server, server.client() as client:
        ending = await run_command(client, request())
        assert (bool(ending), ending.exit_code, ending.stderr) == (False, 3, b"err")
    async with serving(of(hangs)) as server, server.client() as client:
        assert (await run_command(client, request(timeout=0.3))).stderr == b"so far"


async def test_an_api_server_that_is_away_is_no_ending() -> None:
    async with serving(of(well)) as server:
        client = server.client()
    async with client:
        with pytest.raises(ApiUnreachable):
            await run_command(client, request())
