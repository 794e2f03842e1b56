"""A restore with hooks, whole and interrupted."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api.metadata import convert
from kubeferry.api.restore_hooks import RestoreHooks
from kubeferry.restore.hooks import compile_hooks
from kubeferry.restore.request import RestoreRequest, RestoreResult
from kubeferry.settings import Settings
from kubeferry.vault import gzips
from kubeferry.vault.locations import Location, open_store
from tests.builders import Built, config_map, namespace, obj, pod
from tests.execserver import Process
from tests.unit.restore.podserver import PODS, SETS, PodServer, pod_server, succeed
from tests.unit.restore.test_posthooks import NAMESPACES
from tests.unit.restore.test_posthooks_heirs import Play
from tests.unit.restore.test_run import Ground, stored
from tests.unit.vault.faulty import FaultyStore, Request

POST = "post.hook.restore.velero.io/"


def request(*hooks: dict[str, Any], **more: Any) -> RestoreRequest:
    group = {"name": "migrate", "includedNamespaces": ["shop1"], "postHooks": list(hooks)}
    given = convert({"resources": [group]}, RestoreHooks, place="spec.hooks")
    return RestoreRequest(
        name="back",
        uid="task-1",
        backup="nightly",
        namespaces={"shop": "shop1"},
        hooks=compile_hooks(given),
        **more,
    )


def command(*words: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"command": list(words), **more}}


def annotated(made: Built, **given: str) -> Built:
    made["metadata"]["annotations"] = {f"{POST}{key}": value for key, value in given.items()}
    return made


@dataclass
class Cluster:
    """The ground of a restore whose pods run as soon as they are there."""

    ground: Ground
    server: PodServer
    kubelet: bool = True
    _seen: set[str] = field(default_factory=set)

    async def restore(self, asked: RestoreRequest, **more: Any) -> RestoreResult:
        task = asyncio.create_task(self.ground.run(asked, server=self.server.server, **more))
        try:
            while not task.done():
                await self._run_pods()
                await asyncio.sleep(0.02)
        finally:
            task.cancel()
            await asyncio.wait({task})
        return await task

    async def _run_pods(self) -> None:
        found = await self.server.client.list(PODS, namespace="shop1") if self.kubelet else []
        for one in found:
            if one["metadata"]["uid"] not in self._seen:
                self._seen.add(one["metadata"]["uid"])
                await self.server.run(one["metadata"]["name"])

    def hooks(self) -> list[dict[str, Any]]:
        return [line for line in self.ground.lines() if line.get("type") == "hook"]

    def log(self) -> str:
        folder = self.ground.root / "bucket/restores/back"
        data = (folder / "restore-back-logs.gz").read_bytes()
        return gzips.unpack(data, limit=1 << 20).decode()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with pod_server() as server:
        store = open_store(location, credentials=None, settings=settings)
        yield Cluster(Ground(server.sandbox, store, tmp_path, settings), server)


async def archive(cluster: Cluster, *pods: Built) -> None:
    await stored(cluster.ground.store, namespace("shop"), config_map("shop/m-0"), *pods)


async def test_hooks_of_created_pods_are_run_recorded_and_counted(cluster: Cluster) -> None:
    await archive(cluster, pod("shop/a"), annotated(pod("shop/b"), command="mine"))
    result = await cluster.restore(request(command("sh", "-c", "x"), command("second")))
    assert (result.phase, result.hooks, result.failed_hooks) == ("Completed", 3, 0)
    assert result.counts == {"created": 4}
    assert sorted(cluster.server.ran) == [
        ("a", "main", ["second"]),
        ("a", "main", ["sh", "-c", "x"]),
        ("b", "main", ["mine"]),
    ]
    told = {(line["target"][2], line["number"]): line["hook"] for line in cluster.hooks()}
    assert told == {("a", 0): "migrate", ("a", 1): "migrate", ("b", 0): "its annotations"}
    assert "the hook of migrate in container main: exit code 0" in cluster.log()


async def test_a_hook_that_failed_makes_the_restore_partially_failed(cluster: Cluster) -> None:
    async def fails(process: Process) -> None:
        await process.stderr(b"no such table")
        await process.exit(1)

    cluster.server.programs(fails)
    await archive(cluster, pod("shop/a"))
    result = await cluster.restore(request(command("x", onError="Fail"), command("y")))
    assert (result.phase, result.errors) == ("PartiallyFailed", 2)
    assert (result.hooks, result.failed_hooks) == (2, 2)
    assert str(result.first_problem) == (
        "pods shop1/a: HookFailed: the hook of migrate in container main: exit code 1; its output "
        "is in the restore's log"
    )
    assert "no such table" in cluster.log()


async def test_a_wrong_annotation_makes_the_restore_partially_failed(cluster: Cluster) -> None:
    await archive(cluster, annotated(pod("shop/a"), command="x", container="none"))
    result = await cluster.restore(request())
    assert (result.phase, result.errors, result.hooks) == ("PartiallyFailed", 1, 0)
    assert result.first_problem is not None
    assert result.first_problem.reason == "HookInvalid"
    assert result.counts == {"created": 3}


async def test_the_hooks_of_a_pod_that_was_there_already_are_not_run(cluster: Cluster) -> None:
    await archive(cluster, pod("shop/a"))
    await cluster.server.client.create(NAMESPACES, namespace("shop1"))
    await cluster.server.create(pod("shop1/a"), manager="somebody")
    result = await cluster.restore(request(command("x")))
    assert (result.phase, result.hooks) == ("Completed", 0)
    assert cluster.server.ran == []


async def test_an_interrupted_restore_runs_the_hooks_that_are_left_and_no_other(
    cluster: Cluster,
) -> None:
    begun = asyncio.Event()

    async def second_hangs(process: Process) -> None:
        if process.command == ["second"]:
            begun.set()
            await process.gone()
        await process.exit(0)

    cluster.server.programs(second_hangs)
    await archive(cluster, pod("shop/a"), pod("shop/b"), pod("shop/c"))
    asked = request(command("first"), command("second"), command("third"))
    task = asyncio.create_task(cluster.restore(asked))
    await asyncio.wait_for(begun.wait(), 20)
    async with asyncio.timeout(20):
        # They are stored a second after they ended.
        while len(cluster.hooks()) < 3:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    cluster.server.programs(succeed)
    result = await cluster.restore(asked)
    assert (result.phase, result.hooks, result.failed_hooks) == ("Completed", 9, 0)
    assert result.counts == {"created": 5}
    ran = [(name, words[0]) for name, _, words in cluster.server.ran]
    assert ran.count(("a", "first")) == 1
    assert ran.count(("a", "third")) == 1
    assert ran.count(("a", "second")) == 2  # it was running when the restore stopped
    keys = [(line["target"][2], line["number"]) for line in cluster.hooks()]
    assert len(keys) == len(set(keys)) == 9
    objects = [tuple(line["source"]) for line in cluster.ground.lines() if "action" in line]
    assert len(set(objects)) == 5
    # Without a key the line of what is done again does not stand for it.
    assert {one[0] for one in objects if objects.count(one) > 1} <= {"namespaces"}


def slow_journal(cluster: Cluster) -> tuple[asyncio.Event, asyncio.Event]:
    """Makes the first file of the journal wait; it is being stored, it may be stored."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def around(verb: str, key: str, request: Request) -> Any:
        if verb == "put" and "-items-" in key and not begun.is_set():
            begun.set()
            await may_end.wait()
        return await request()

    cluster.ground.store = faulty = FaultyStore(cluster.ground.root / "bucket")
    faulty.around = around
    return begun, may_end


async def test_a_file_that_is_being_stored_at_the_end_of_a_restore_is_stored(
    cluster: Cluster,
) -> None:
    begun, may_end = slow_journal(cluster)

    async def program(process: Process) -> None:
        if "/pods/b/" in process.request.path:
            await begun.wait()
            asyncio.get_running_loop().call_later(0.5, may_end.set)
        await process.exit(0)

    cluster.server.programs(program)
    await archive(cluster, pod("shop/a"), pod("shop/b"))
    result = await cluster.restore(request(command("x")))
    assert (result.phase, result.hooks) == ("Completed", 2)
    assert [line["target"][2] for line in cluster.hooks()] == ["a", "b"]
    assert len(cluster.ground.lines()) == 4 + 2


async def test_a_hook_whose_line_was_being_stored_when_the_restore_stopped_is_not_run_again(
    cluster: Cluster,
) -> None:
    begun, _ = slow_journal(cluster)
    await archive(cluster, pod("shop/a"), pod("shop/b"))

    async def b_hangs(process: Process) -> None:
        if "/pods/b/" in process.request.path:
            await process.gone()
        else:
            await process.exit(0)

    cluster.server.programs(b_hangs)
    task = asyncio.create_task(cluster.restore(request(command("x"))))
    await asyncio.wait_for(begun.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [line["target"][2] for line in cluster.hooks()] == ["a"]

    cluster.server.programs(succeed)
    result = await cluster.restore(request(command("x")))
    assert (result.phase, result.hooks) == ("Completed", 2)
    assert [name for name, _, _ in cluster.server.ran].count("a") == 1


async def test_hooks_of_pods_that_a_killed_run_made_and_did_not_tell_are_run(
    cluster: Cluster,
) -> None:
    cluster.kubelet = False
    await archive(cluster, pod("shop/a"))
    asked = request(command("x"))
    task = asyncio.create_task(cluster.restore(asked))
    async with asyncio.timeout(20):
        while not await cluster.server.client.list(PODS, namespace="shop1"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for path in (cluster.ground.root / "bucket/restores/back").glob("back-items-*"):
        path.unlink()  # as if it had been killed before it stored anything

    cluster.kubelet = True
    result = await cluster.restore(asked)
    assert (result.phase, result.hooks) == ("Completed", 1)
    assert cluster.server.ran == [("a", "main", ["x"])]


async def test_init_containers_are_added_and_waited_for(cluster: Cluster) -> None:
    unpack = {"name": "unpack", "image": "tools", "command": ["unpack"]}
    await archive(cluster, pod("shop/a"))
    hook = {"init": {"initContainers": [unpack], "timeout": "100ms"}}
    result = await cluster.restore(request(hook))
    made = await cluster.server.client.get(PODS, "a", namespace="shop1")
    assert [one["name"] for one in made["spec"]["initContainers"]] == ["unpack"]
    assert (result.phase, result.failed_hooks) == ("PartiallyFailed", 1)
    assert result.first_problem is not None
    assert result.first_problem.reason == "HookTimeout"
    [line] = [one for one in cluster.ground.lines() if one["source"][2] == "a" and "changes" in one]
    assert json.dumps(line["changes"]).count("hooks migrate") == 1


async def test_hooks_of_a_pod_that_its_stateful_set_replaces_are_run_in_the_next_one(
    cluster: Cluster,
) -> None:
    play = Play(cluster.server)
    spec = {"serviceName": "web", "selector": {"matchLabels": {"app": "web"}}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod("a/b")["spec"]}
    owner = obj("apps/v1/StatefulSet", "shop/web").with_(spec={**spec, "template": template})
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "source"}
    restored = pod("shop/web-0").meta(ownerReferences=[{**reference, "controller": True}])
    labels = {"app": "web", "controller-revision-hash": "web-old"}
    await archive(cluster, owner, restored.meta(labels=labels))
    task = asyncio.create_task(cluster.restore(request(command("x"))))
    async with asyncio.timeout(20):
        while not await play.server.client.list(SETS, namespace="shop1"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await play.look()
    await play.adopt("web-0")
    await asyncio.sleep(0.5)
    assert cluster.server.ran == []
    await play.make_anew("web-0")
    result = await task
    assert (result.phase, result.hooks, result.failed_hooks) == ("Completed", 1, 0)
    assert cluster.server.ran == [("web-0", "main", ["x"])]
