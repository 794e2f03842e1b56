"""Hooks in pods of a cluster in memory, over a real WebSocket."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from kubeferry.errors import ApiUnreachable
from kubeferry.journal import HookRun
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.limiter import Limits
from kubeferry.kube.names import Identity, Resource
from kubeferry.logs import MAX_OUTPUT_BYTES
from kubeferry.restore.hooks import ExecHook, InitWait, PodHook
from kubeferry.restore.posthooks import AT_ONCE, FEW, OUTPUT_BYTES, PostHooks
from tests.builders import Built, namespace, pod
from tests.execserver import Process
from tests.unit.restore.podserver import Counting, PodServer, pod_server, state, succeed

MANAGER = "kubeferry-1"
SELECTOR = "velero.io/restore-name=back"
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)


def hook(*words: str, **more: Any) -> ExecHook:
    return ExecHook("h", more.pop("container", "main"), words or ("true",), **more)


@dataclass
class Ground:
    server: PodServer
    runs: list[HookRun] = field(default_factory=list)
    lines: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    client: Counting = field(init=False)

    async def record(self, run: HookRun) -> None:
        self.runs.append(run)

    def log(self, level: str, message: str, **fields: str) -> None:
        self.lines.append((message, fields))

    @asynccontextmanager
    async def hooks(self, **limits: Any) -> AsyncIterator[PostHooks]:
        """Hooks that run; at the end of the block those that are left are waited for."""
        config = ClusterConfig(server=self.server.server)
        async with Counting(config, limits=Limits(**limits)) as client:
            client.looked = Counter()
            self.client = client
            hooks = PostHooks(
                client,
                manager=MANAGER,
                label_selector=SELECTOR,
                record=self.record,
                log=self.log,
                pauses=(0.02, 0.05),
            )
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                running = group.create_task(hooks.run())
                yield hooks
                hooks.finish()
                await running

    async def restored(self, name: str = "web", made: Built | None = None) -> Identity:
        """A pod that the restore created."""
        made = made or pod(f"shop1/{name}")
        made["metadata"]["labels"] = {"velero.io/restore-name": "back"}
        await self.server.create(made, manager=MANAGER)
        return Identity("pods", "shop1", name)

    def told(self) -> list[tuple[int, str, str]]:
        return [(run.number, run.outcome, run.reason) for run in self.runs]


def add(hooks: PostHooks, target: Identity, *wanted: PodHook, done: int = 0) -> None:
    hooks.add(target._replace(namespace="shop"), target, wanted, done=done)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def rounds(ground: Ground, count: int = 5) -> None:
    """Waits while the pods are asked for some more times."""
    before = ground.client.asked
    await until(lambda: ground.client.asked >= before + count)


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with pod_server() as server:
        await server.client.create(NAMESPACES, namespace("shop1"))
        yield Ground(server)


async def test_a_command_is_run_once_its_container_runs_and_not_before(ground: Ground) -> None:
    async with ground.hooks() as hooks:
        target = await ground.restored()
        add(hooks, target, hook("sh", "-c", "x"))
        await rounds(ground)
        assert ground.server.ran == []
        await ground.server.run("web")
    assert ground.server.ran == [("web", "main", ["sh", "-c", "x"])]
    assert ground.runs == [
        HookRun(("pods", "shop", "web"), ("pods", "shop1", "web"), 0, "h", "main")
    ]


async def test_a_command_may_wait_until_its_container_is_ready(ground: Ground) -> None:
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook(wait_for_ready=True))
        await rounds(ground)
        assert ground.server.ran == []
        await ground.server.run("web", ready=True)
    assert ground.told() == [(0, "done", "")]


async def fails(process: Process) -> None:
    await process.stdout(b"tried")
    await process.stderr(b"no such table")
    await process.exit(0 if process.command == ["true"] else 3)


async def test_the_commands_of_a_pod_are_run_in_order_whatever_becomes_of_them(
    ground: Ground,
) -> None:
    ground.server.programs(fails)
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook("a"), hook("true"), hook("b"))
    assert [command for _, _, command in ground.server.ran] == [["a"], ["true"], ["b"]]
    assert ground.told() == [
        (0, "failed", "HookFailed"),
        (1, "done", ""),
        (2, "failed", "HookFailed"),
    ]
    assert ground.runs[0].message == (
        "the hook of h in container main: exit code 3; its output is in the restore's log"
    )


async def test_after_a_failure_with_on_error_fail_the_others_of_the_pod_are_not_run(
    ground: Ground,
) -> None:
    ground.server.programs(fails)
    async with ground.hooks() as hooks:
        for name in ("web", "other"):
            target = await ground.restored(name)
            await ground.server.run(name)
            command = "a" if name == "web" else "true"
            add(hooks, target, hook(command, on_error="Fail"), hook("true"), hook("true"))
    web = [one for one in ground.runs if one.target[2] == "web"]
    assert [one.reason for one in web] == ["HookFailed", "HookNotRun", "HookNotRun"]
    assert "hook h before it failed" in web[1].message
    assert ground.server.has_run("web") == 1
    assert ground.server.has_run("other") == 3


async def test_output_is_in_the_log_and_bounded(ground: Ground) -> None:
    async def talks(process: Process) -> None:
        await process.stdout(b"begin" + b"x" * 1_000_000 + b"end")
        await process.stderr(b"\xff")
        await process.exit(0)

    ground.server.programs(talks)
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook())
    [(message, fields)] = ground.lines
    assert message == "the hook of h in container main: exit code 0"
    assert fields["object"] == "pods shop1/web"
    assert fields["stdout"].startswith("beginx")
    assert fields["stdout"].endswith("xend")
    assert len(fields["stdout"]) < 10_000
    assert fields["stderr"] == "\N{REPLACEMENT CHARACTER}"


async def test_the_output_of_all_hooks_together_is_bounded(ground: Ground) -> None:
    async def talks(process: Process) -> None:
        await process.stdout(b"x" * OUTPUT_BYTES)
        await process.exit(0)

    ground.server.programs(talks)
    count = MAX_OUTPUT_BYTES // OUTPUT_BYTES + 5
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, *[hook()] * count)
    said = [fields["stdout"] for _, fields in ground.lines]
    assert len(said) == count
    assert sum(len(one) == OUTPUT_BYTES for one in said) == count - 5
    assert "bytes left out" in said[-1]


async def hangs(process: Process) -> None:
    await process.stdout(b"so far")
    await process.gone()


async def breaks(process: Process) -> None:
    await process.stdout(b"so far")
    process.transport.abort()


@pytest.mark.parametrize(
    ("program", "reason", "said"),
    [
        pytest.param(hangs, "HookTimeout", "did not end within 0.2 s", id="it takes too long"),
        pytest.param(breaks, "HookFailed", "connection ended before", id="its connection breaks"),
    ],
)
async def test_a_command_whose_end_nobody_knows_has_failed(
    ground: Ground, program: Any, reason: str, said: str
) -> None:
    ground.server.programs(program)
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook("sleep", exec_seconds=0.2))
    [run] = ground.runs
    assert run.reason == reason
    assert said in run.message
    assert "may still run" in run.message
    assert ground.lines[0][1]["stdout"] == "so far"
    assert ground.server.has_run("web") == 1


async def test_a_command_that_cannot_be_run_has_failed(ground: Ground) -> None:
    async def refuses(process: Process) -> None:
        failure = "OCI runtime exec failed: executable file not found"
        await process.status(
            {"status": "Failure", "message": failure, "reason": "InternalError", "code": 500}
        )

    ground.server.programs(refuses)
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook("nothing"))
    assert ground.told() == [(0, "failed", "HookFailed")]
    assert "could not be run to its end: OCI runtime exec failed" in ground.runs[0].message


async def is_away(process: Process) -> None:
    """The kubelet does not answer the API server."""
    failure = "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused"
    await process.status(
        {"status": "Failure", "message": failure, "reason": "InternalError", "code": 500}
    )


async def test_a_command_that_did_not_get_through_is_run_when_it_does(ground: Ground) -> None:
    ground.server.programs(is_away)
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook())
        await until(lambda: ground.server.has_run("web") >= 3)
        ground.server.programs(succeed)
    assert ground.told() == [(0, "done", "")]


async def test_a_command_that_never_gets_through_is_told_in_time(ground: Ground) -> None:
    ground.server.programs(is_away)
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook(wait_seconds=0.3))
    assert ground.told() == [(0, "failed", "HookNotRun")]
    assert "the command was not run: error dialing backend" in ground.runs[0].message


async def test_a_handshake_that_breaks_is_no_second_run(ground: Ground) -> None:
    asked = 0

    async def broken(request: web.BaseRequest) -> None:
        nonlocal asked
        asked += 1
        assert request.transport is not None
        request.transport.abort()

    ground.server.containers.before = broken
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook())
    assert ground.told() == [(0, "failed", "HookFailed")]
    assert "may still run" in ground.runs[0].message
    assert asked == 1


async def vanish(ground: Ground) -> None:
    await ground.server.delete("web")


async def be_replaced(ground: Ground) -> None:
    await ground.server.delete("web")
    again = pod("shop1/web")
    again["metadata"]["labels"] = {"velero.io/restore-name": "back"}
    await ground.server.create(again, manager="kube-controller-manager")
    await ground.server.run("web")


async def end(ground: Ground) -> None:
    await ground.server.report("web", phase="Failed", reason="Evicted")


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        pytest.param(vanish, "the pod is gone", id="it vanishes"),
        pytest.param(be_replaced, "another one has its name now", id="its workload replaces it"),
        pytest.param(end, "the pod has ended (Failed: Evicted)", id="it ends"),
    ],
)
@pytest.mark.parametrize("others", [0, FEW + 3], ids=["alone", "among many"])
async def test_a_pod_that_is_lost_is_an_error_and_no_hang(
    ground: Ground, happens: Any, said: str, others: int
) -> None:
    async with ground.hooks() as hooks:
        for number in range(others):
            add(hooks, await ground.restored(f"other-{number}"), hook())
        add(hooks, await ground.restored(), hook(), hook("b"))
        await rounds(ground, 2)
        await happens(ground)
        await until(lambda: len(ground.runs) == 2)
        await ground.server.run(*(f"other-{number}" for number in range(others)))
    lost = [run for run in ground.runs if run.target[2] == "web"]
    assert [run.reason for run in lost] == ["HookNotRun", "HookNotRun"]
    assert said in lost[0].message
    assert ground.server.has_run("web") == 0
    assert sum(run.outcome == "done" for run in ground.runs) == others


@pytest.mark.parametrize("others", [0, FEW + 3], ids=["alone", "among many"])
async def test_a_wait_has_its_limit(ground: Ground, others: int) -> None:
    async with ground.hooks() as hooks:
        for number in range(others):
            add(hooks, await ground.restored(f"other-{number}"), hook())
        target = await ground.restored()
        waits = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
        await ground.server.report("web", containerStatuses=[state("main", waits)])
        add(
            hooks,
            target,
            hook("a", wait_seconds=0.2),
            hook("b", wait_seconds=0.1, on_error="Fail"),
            hook(),
        )
        await until(lambda: len(ground.runs) == 3)
        await ground.server.run(*(f"other-{number}" for number in range(others)))
    lost = [run for run in ground.runs if run.target[2] == "web"]
    assert [run.reason for run in lost] == ["HookNotRun"] * 3
    assert lost[0].message == (
        "the hook of h in container main was not run: after 0s container main does not run "
        "(ErrImagePull: no such image)"
    )
    assert "before it failed" in lost[2].message


async def test_a_hook_in_another_container_waits_for_that_one(ground: Ground) -> None:
    made = pod("shop1/web")
    made["spec"]["containers"].append({"name": "second", "image": "a"})
    async with ground.hooks() as hooks:
        target = await ground.restored(made=made)
        await ground.server.report("web", containerStatuses=[state("main", {"running": {}})])
        add(hooks, target, hook("a"), hook("b", container="second"), hook("c"))
        await until(lambda: len(ground.runs) == 1)
        await rounds(ground)
        assert len(ground.runs) == 1
        await ground.server.run("web")
    assert [container for _, container, _ in ground.server.ran] == ["main", "second", "main"]


def init_states(code: int) -> list[dict[str, Any]]:
    return [state("one", {"terminated": {"exitCode": code, "reason": "Error"}})]


async def test_init_containers_are_waited_for_before_commands(ground: Ground) -> None:
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.report("web", initContainerStatuses=init_states(1))
        add(hooks, target, InitWait("h", ("one",), 20.0), hook())
        await rounds(ground)
        assert ground.runs == []
        await ground.server.report("web", initContainerStatuses=init_states(0))
        await until(lambda: len(ground.runs) == 1)
        await ground.server.run("web")
    assert ground.told() == [(0, "done", ""), (1, "done", "")]
    assert ground.server.has_run("web") == 1


async def test_init_containers_that_do_not_end_in_time_have_failed(ground: Ground) -> None:
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.report("web", initContainerStatuses=init_states(1))
        add(hooks, target, InitWait("h", ("one",), 0.1))
    assert ground.told() == [(0, "failed", "HookTimeout")]
    assert "init container one ended with exit code 1" in ground.runs[0].message


async def test_what_an_earlier_run_is_through_with_is_not_run_again(ground: Ground) -> None:
    async with ground.hooks() as hooks:
        target = await ground.restored()
        await ground.server.run("web")
        add(hooks, target, hook("a"), hook("b"), done=2)
        assert hooks.left == 0
        add(hooks, target, hook("a"), hook("b"), done=1)
    assert ground.server.ran == [("web", "main", ["b"])]
    assert ground.told() == [(1, "done", "")]


async def test_many_pods_are_found_in_lists_and_a_bounded_number_is_served_at_once(
    ground: Ground,
) -> None:
    at_once = most = 0

    async def slow(process: Process) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        await process.exit(0)

    ground.server.programs(slow)
    names = [f"web-{number:03}" for number in range(120)]
    targets = [await ground.restored(name) for name in names]
    for number in range(40):
        await ground.restored(f"without-{number}")
    async with ground.hooks() as hooks:
        for target in targets:
            add(hooks, target, hook())
        await rounds(ground, 20)
        assert ground.client.looked == {}
        assert hooks.left == len(names)
        await ground.server.run(*names)
    assert sorted(name for name, _, _ in ground.server.ran) == names
    assert 1 < most <= AT_ONCE
    assert len(ground.runs) == len(names)
    assert set(ground.client.looked) == set(names)


async def test_without_hooks_nothing_is_asked(ground: Ground) -> None:
    async with ground.hooks():
        await asyncio.sleep(0.1)
    assert ground.client.asked == 0


async def test_what_is_cancelled_is_not_recorded(ground: Ground) -> None:
    begun = asyncio.Event()
    ended = asyncio.Event()

    async def waits(process: Process) -> None:
        begun.set()
        await process.gone()
        ended.set()

    ground.server.programs(waits)
    target = await ground.restored()
    await ground.server.run("web")

    async def whole() -> None:
        async with ground.hooks() as hooks:
            add(hooks, target, hook())

    task = asyncio.create_task(whole())
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 10)
    assert ground.runs == []


async def test_an_api_server_out_of_reach_stops_the_task_and_no_hook_is_told_failed(
    ground: Ground,
) -> None:
    ground.server.server = "http://127.0.0.1:1"
    with pytest.raises(ExceptionGroup) as raised:
        async with ground.hooks(patience=0.1) as hooks:
            add(hooks, Identity("pods", "shop1", "web"), hook())
    assert raised.group_contains(ApiUnreachable)
    assert ground.runs == []
