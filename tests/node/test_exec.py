"""Commands in containers by a real kubelet, in both versions of the protocol."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import (
    ApiError,
    BadRequest,
    ExecLost,
    ExecNotBegun,
    ExecTimeout,
    NotFound,
)
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.exec import V4, V5, Exec, ExecResult
from tests.nodes import Node

pytestmark = pytest.mark.node

IMAGE = "docker.io/library/nginx:1.14.1"
MIB = 1 << 20
both = pytest.mark.parametrize("protocol", [V5, V4])


def pod(name: str, *, image: str = IMAGE) -> dict[str, Any]:
    containers = [{"name": name, "image": image} for name in ("main", "side")]
    containers[1]["command"] = ["sleep", "3600"]  # type: ignore[assignment]
    spec = {"containers": containers, "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def namespace(backup_node: Node) -> Iterator[str]:
    """A namespace with the pod ``web``, which runs."""
    name = f"exec-{uuid.uuid4().hex[:8]}"
    backup_node.kubectl("create", "namespace", name)
    account = ("serviceaccount/default", "-n", name)
    backup_node.kubectl("wait", *account, "--for=create", "--timeout=30s")
    start(backup_node, name, "web")
    yield name
    backup_node.kubectl("delete", "namespace", name, "--wait=false")


def start(node: Node, namespace: str, name: str) -> None:
    node.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(pod(name)))
    node.kubectl("wait", "-n", namespace, f"pod/{name}", "--for=condition=Ready", "--timeout=90s")


@pytest.fixture
async def client(backup_node: Node) -> AsyncIterator[Client]:
    config = load_config(
        kubeconfig=str(backup_node.kubeconfig), context=None, environ={}, home=Path("/")
    )
    async with Client(config) as opened:
        yield opened


@contextmanager
def unreachable_kubelet(node: Node) -> Iterator[None]:
    """New connections to the kubelet are refused."""
    table = ("inet", "no-kubelet")
    node.run_inside("nft", "add", "table", *table)
    try:
        hook = "{ type filter hook output priority 0 ; }"
        node.run_inside("nft", "add", "chain", *table, "out", hook)
        rule = ("tcp", "dport", "10250", "ct", "state", "new", "reject", "with", "tcp", "reset")
        node.run_inside("nft", "add", "rule", *table, "out", *rule)
        yield
    finally:
        node.run_inside("nft", "delete", "table", *table)


def shell(namespace: str, script: str, protocol: str = V5, **more: Any) -> Exec:
    given = {"timeout": 30.0, **more}
    return Exec(namespace, "web", "main", ("sh", "-c", script), protocols=(protocol,), **given)


@both
async def test_streams_and_exit_code(client: Client, namespace: str, protocol: str) -> None:
    result = await client.exec(shell(namespace, "echo out; echo err >&2; exit 3", protocol))
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    result = await client.exec(shell(namespace, "true", protocol))
    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", b"")
    result = await client.exec(shell(namespace, "kill -9 $$", protocol))
    assert result.exit_code == 137


async def test_the_newest_version_is_spoken_where_both_are_offered(
    client: Client, namespace: str
) -> None:
    request = replace(shell(namespace, "cat", stdin=b"x"), protocols=(V5, V4))
    assert (await client.exec(request)).stdout == b"x", "only v5 can end stdin"


async def test_the_container_that_is_named_runs_it(client: Client, namespace: str) -> None:
    request = Exec(namespace, "web", "side", ("cat", "/proc/1/cmdline"), timeout=30)
    assert (await client.exec(request)).stdout.startswith(b"sleep\0")


async def test_stdin_arrives_whole_and_ends(client: Client, namespace: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"y" * MIB

    result = await client.exec(shell(namespace, "wc -c", stdin=pieces(), timeout=120.0))
    assert result.stdout.strip() == str(64 * MIB).encode()
    result = await client.exec(shell(namespace, "cat; exit 4", stdin=b""))
    assert (result.exit_code, result.stdout) == (4, b"")


async def test_in_v4_stdin_arrives_and_does_not_end(client: Client, namespace: str) -> None:
    result = await client.exec(shell(namespace, "head -c 5", V4, stdin=b"hello"))
    assert result.stdout == b"hello"
    with pytest.raises(ExecTimeout, match="cannot end its stdin"):
        await client.exec(shell(namespace, "cat", V4, stdin=b"hello", timeout=1.0))


@both
async def test_a_command_may_end_before_it_has_read_its_stdin(
    client: Client, namespace: str, protocol: str
) -> None:
    # With more than the server's own buffers hold it may never tell the end, not to kubectl either.
    result = await client.exec(shell(namespace, "exit 5", protocol, stdin=b"z" * 20_000))
    assert result.exit_code == 5


@both
async def test_of_much_output_the_ends_are_kept(
    client: Client, namespace: str, protocol: str
) -> None:
    script = f"echo first; head -c {64 * MIB} /dev/zero; echo last"
    result = await client.exec(shell(namespace, script, protocol, keep=1000, timeout=120.0))
    assert result.exit_code == 0
    assert result.is_cut
    assert result.stdout.startswith(b"first\n")
    assert result.stdout.endswith(b"last\n")
    assert f"... {64 * MIB + 11 - 1000} bytes left out ...".encode() in result.stdout


@both
async def test_a_command_that_takes_too_long_is_given_up(
    client: Client, namespace: str, protocol: str
) -> None:
    began = time.monotonic()
    with pytest.raises(ExecTimeout) as late:
        await client.exec(shell(namespace, "echo begun; sleep 60", protocol, timeout=1.0))
    assert time.monotonic() - began < 10
    assert late.value.stdout == b"begun\n"


async def test_a_command_that_reads_nothing_does_not_hold_its_caller_up(
    client: Client, namespace: str
) -> None:
    began = time.monotonic()
    with pytest.raises(ExecTimeout):
        await client.exec(shell(namespace, "sleep 60", stdin=b"z" * 32 * MIB, timeout=1.0))
    assert time.monotonic() - began < 10


async def test_cancelling_ends_the_wait_and_the_connection_and_leaves_the_command(
    client: Client, namespace: str
) -> None:
    script = "echo $$ > /tmp/pid; echo begun; sleep 60"
    running = asyncio.create_task(client.exec(shell(namespace, script, timeout=120.0)))
    there = "cat /tmp/pid 2>/dev/null"
    told = b""
    async with asyncio.timeout(20):
        while not told:
            told = (await client.exec(shell(namespace, there))).stdout
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 5
    pid = told.decode().strip()
    alive = await client.exec(shell(namespace, f"kill -0 {pid} && kill {pid}"))
    assert alive.exit_code == 0, "Kubernetes does not end a command whose caller went away"
    again = await client.exec(shell(namespace, "echo again"))
    assert again.stdout == b"again\n", "the client is as good as before"


async def test_a_kubelet_that_is_away_is_told_so_without_the_command(
    client: Client, namespace: str, backup_node: Node
) -> None:
    command = ("sh", "-c", "echo swordfish")
    with unreachable_kubelet(backup_node):
        for protocol in (V5, V4):
            request = Exec(namespace, "web", "main", command, timeout=30, protocols=(protocol,))
            with pytest.raises(ExecNotBegun) as away:
                await client.exec(request)
            assert "swordfish" not in str(away.value), protocol
    assert (await client.exec(shell(namespace, "echo back"))).stdout == b"back\n"


async def test_a_silent_command_is_waited_for(client: Client, namespace: str) -> None:
    result = await client.exec(shell(namespace, "sleep 25; echo done", timeout=60.0))
    assert result.stdout == b"done\n"


async def test_many_commands_at_once(client: Client, namespace: str) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(client.exec(shell(namespace, f"echo {number}; exit {number}")))
            for number in range(20)
        ]
    told = [(task.result().exit_code, task.result().stdout) for task in tasks]
    assert told == [(number, f"{number}\n".encode()) for number in range(20)]


@both
async def test_a_program_that_is_not_there_is_an_error(
    client: Client, namespace: str, protocol: str
) -> None:
    request = Exec(namespace, "web", "main", ("/nope",), timeout=30, protocols=(protocol,))
    with pytest.raises(ApiError, match="no such file or directory"):
        await client.exec(request)


async def test_what_is_not_there_is_refused(client: Client, namespace: str) -> None:
    with pytest.raises(NotFound, match='pods "gone" not found'):
        await client.exec(Exec(namespace, "gone", "main", ("true",), timeout=30))
    with pytest.raises(BadRequest, match="container nope is not valid"):
        await client.exec(Exec(namespace, "web", "nope", ("true",), timeout=30))


async def test_a_container_that_does_not_run_is_an_error(
    client: Client, namespace: str, backup_node: Node
) -> None:
    waiting = pod("waiting", image="docker.io/library/nothing:1")
    backup_node.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(waiting))
    scheduled = "--for=condition=PodScheduled"
    backup_node.kubectl("wait", "-n", namespace, "pod/waiting", scheduled, "--timeout=30s")
    with pytest.raises(ApiError) as refused:
        await client.exec(Exec(namespace, "waiting", "main", ("true",), timeout=30))
    assert not isinstance(refused.value, ExecLost), "nothing was begun"


async def test_a_pod_that_dies_is_no_success(
    client: Client, namespace: str, backup_node: Node
) -> None:
    start(backup_node, namespace, "doomed")
    command = ("sh", "-c", "echo begun; sleep 60")
    running = asyncio.create_task(
        client.exec(Exec(namespace, "doomed", "main", command, timeout=60))
    )
    await asyncio.sleep(1)
    backup_node.kubectl("delete", "-n", namespace, "pod/doomed", "--grace-period=0", "--force")
    (ended,) = await asyncio.gather(running, return_exceptions=True)
    if not isinstance(ended, ExecLost):
        assert isinstance(ended, ExecResult)
        assert ended.exit_code == 137


async def test_an_api_server_that_dies_is_a_lost_connection(
    client: Client, namespace: str, backup_node: Node
) -> None:
    running = asyncio.create_task(client.exec(shell(namespace, "echo begun; sleep 60")))
    await asyncio.sleep(1)
    backup_node.kill("kube-apiserver")
    with pytest.raises(ExecLost, match="may still run") as lost:
        await running
    assert not isinstance(lost.value, ExecTimeout)
    assert lost.value.stdout == b"begun\n"
    result = await client.exec(shell(namespace, "echo again"))
    assert result.stdout == b"again\n"
