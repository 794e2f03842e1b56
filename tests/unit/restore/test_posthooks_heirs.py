"""Hooks of pods that a StatefulSet may make anew; the tests play its controller."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubeferry.kube.names import Identity
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import InitWait, PodHook
from kubeferry.restore.posthooks import FEW, PostHooks
from tests.builders import Built, namespace, obj, pod
from tests.unit.restore.podserver import PODS, SETS, pod_server, state
from tests.unit.restore.test_posthooks import (
    MANAGER,
    NAMESPACES,
    Ground,
    hook,
    init_states,
    rounds,
    until,
)

OWNER = Owner(SETS, "web")
CONTROLLER = "kube-controller-manager"


class Play(Ground):
    """A ground with a StatefulSet ``web``."""

    async def stateful_set(self, *, manager: str = MANAGER, replicas: int = 2) -> None:
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": pod("a/b")["spec"]}
        spec = {
            "replicas": replicas,
            "serviceName": "web",
            "selector": {"matchLabels": labels},
            "template": template,
        }
        made = obj("apps/v1/StatefulSet", "shop1/web").with_(spec=spec)
        client = self.server.client
        await client.create(SETS, made, namespace="shop1", field_manager=manager)

    async def look(self, revision: str = "web-new") -> None:
        """Its controller has looked at it; pods that are not of the revision are replaced."""
        status = {"replicas": 2, "observedGeneration": 1, "updateRevision": revision}
        await self.server.client.patch(
            SETS,
            "web",
            {"status": status},
            kind="merge",
            namespace="shop1",
            subresource="status",
            field_manager=CONTROLLER,
        )

    async def reference(self) -> dict[str, Any]:
        found = await self.server.client.get(SETS, "web", namespace="shop1")
        uid = found["metadata"]["uid"]
        named = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}
        return {**named, "uid": uid, "controller": True}

    async def adopt(self, *names: str) -> None:
        body = {"metadata": {"ownerReferences": [await self.reference()]}}
        for name in names:
            await self.server.client.patch(
                PODS, name, body, kind="merge", namespace="shop1", field_manager=CONTROLLER
            )

    async def pod(self, name: str, *, revision: str = "web-old") -> Identity:
        """A restored pod; its archived labels are those of the source's template."""
        await self.server.create(labelled(name, revision), manager=MANAGER)
        return Identity("pods", "shop1", name)

    async def make_anew(self, *names: str, revision: str = "web-new") -> None:
        for name in names:
            await self.server.delete(name)
            made = labelled(name, revision).meta(ownerReferences=[await self.reference()])
            await self.server.create(made, manager=CONTROLLER)


def labelled(name: str, revision: str) -> Built:
    labels = {"app": "web", "controller-revision-hash": revision}
    return pod(f"shop1/{name}").meta(labels=labels)


def add(hooks: PostHooks, target: Identity, *wanted: PodHook, done: int = 0) -> None:
    source = target._replace(namespace="shop")
    hooks.add(source, target, wanted, owner=OWNER, done=done)


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    async with pod_server() as server:
        await server.client.create(NAMESPACES, namespace("shop1"))
        yield Play(server)


async def test_a_command_waits_until_all_is_created(play: Play) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), hook())
        free = await play.restored("free")
        hooks.add(free, free, [hook()])
        await play.server.run("web-0", "free")
        await until(lambda: hooks.left == 1)
        assert play.server.has_run("free") == 1
        assert play.client.looked["web-0"] == 0
    assert play.server.has_run("web-0") == 1


async def test_its_wait_begins_when_all_is_created(play: Play) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), hook(wait_seconds=1.0))
        await asyncio.sleep(1.2)
        hooks.finish()
        await rounds(play, 2)
        await play.server.run("web-0")
    assert play.told() == [(0, "done", "")]


async def test_a_pod_that_its_template_made_stays(play: Play) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0", revision="web-new"), hook())
        await play.server.run("web-0")
        await play.stateful_set()
        hooks.finish()
        await rounds(play)
        assert play.server.ran == []
        await play.look()
        await rounds(play)
        assert play.server.ran == []
        await play.adopt("web-0")
    assert play.server.has_run("web-0") == 1
    assert play.told() == [(0, "done", "")]


@pytest.mark.parametrize("count", [1, FEW + 4], ids=["alone", "among many"])
async def test_a_pod_that_is_replaced_gets_its_hooks_in_the_pod_that_follows_it(
    play: Play, count: int
) -> None:
    names = [f"web-{number}" for number in range(count)]
    async with play.hooks() as hooks:
        for name in names:
            add(hooks, await play.pod(name), hook("a"), hook("b"))
        await play.server.run(*names)
        await play.stateful_set(replicas=count)
        await play.look()
        await play.adopt(*names)
        hooks.finish()
        await rounds(play)
        assert play.server.ran == []
        await play.make_anew(*names)
        await rounds(play)
        assert play.server.ran == []
        await play.server.run(*names)
    assert [play.server.has_run(name) for name in names] == [2] * count
    assert sorted(play.told()) == [(0, "done", "")] * count + [(1, "done", "")] * count


async def test_many_pods_of_one_stateful_set_cost_a_list_and_one_read_a_round(play: Play) -> None:
    names = [f"web-{number}" for number in range(FEW + 4)]
    async with play.hooks() as hooks:
        for name in names:
            add(hooks, await play.pod(name), hook())
        await play.server.run(*names)
        await play.stateful_set(replicas=len(names))
        await play.look()
        await play.adopt(*names)
        hooks.finish()
        await rounds(play, 20)
        assert set(play.client.looked) == {"web"}
        assert play.client.looked["web"] <= play.client.asked / 2 + 1
        await play.look("web-old")
    assert len(play.server.ran) == len(names)


async def test_a_pod_that_is_gone_for_a_while_is_waited_for(play: Play) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), hook())
        await play.stateful_set()
        await play.look()
        await play.server.delete("web-0")
        hooks.finish()
        await rounds(play)
        made = labelled("web-0", "web-new").meta(ownerReferences=[await play.reference()])
        await play.server.create(made, manager=CONTROLLER)
        await play.server.run("web-0")
    assert play.told() == [(0, "done", "")]


async def test_a_pod_that_is_never_replaced_is_an_error_in_time(play: Play) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), hook(wait_seconds=0.2))
        await play.server.run("web-0")
        await play.stateful_set()
        await play.look()
        await play.adopt("web-0")
    assert play.told() == [(0, "failed", "HookNotRun")]
    assert "StatefulSet web has another template than the pod" in play.runs[0].message
    assert play.server.ran == []


async def test_pods_of_a_stateful_set_that_was_there_before_get_no_hooks(play: Play) -> None:
    await play.stateful_set(manager="somebody")
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), hook(), hook())
        await play.look()
        await play.make_anew("web-0")
        await play.server.run("web-0")
    assert play.told() == [(0, "failed", "HookNotRun"), (1, "failed", "HookNotRun")]
    assert "StatefulSet web was there before" in play.runs[0].message
    assert play.server.ran == []


async def test_init_containers_do_their_work_in_the_pod_that_is_replaced(play: Play) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), InitWait("h", ("one",), 20.0), hook())
        await play.server.report("web-0", initContainerStatuses=init_states(0))
        await until(lambda: play.told() == [(0, "done", "")])
        await play.stateful_set()
        await play.look()
        await play.make_anew("web-0")
        await play.server.run("web-0")
    assert play.told() == [(0, "done", ""), (1, "done", "")]
    assert play.server.has_run("web-0") == 1


async def test_init_containers_that_nobody_saw_end_are_an_error_and_the_command_is_run(
    play: Play,
) -> None:
    async with play.hooks() as hooks:
        add(hooks, await play.pod("web-0"), InitWait("h", ("one",), 20.0), hook())
        waits = {"waiting": {"reason": "PodInitializing"}}
        await play.server.report("web-0", initContainerStatuses=[state("one", waits)])
        await play.stateful_set()
        await play.look()
        await rounds(play)
        await play.make_anew("web-0")
        await play.server.run("web-0")
        await rounds(play)
        assert play.runs == []
    assert play.told() == [(0, "failed", "HookNotRun"), (1, "done", "")]
    assert play.runs[0].message == (
        "the init containers of h were not seen to end: StatefulSet web made the pod anew, "
        "without one"
    )


async def test_what_was_run_before_an_interruption_is_not_run_in_the_pod_that_follows(
    play: Play,
) -> None:
    await play.stateful_set()
    await play.look()
    target = await play.pod("web-0")
    await play.make_anew("web-0")
    await play.server.run("web-0")
    async with play.hooks() as hooks:
        add(hooks, target, hook("a"), hook("b"), done=1)
    assert play.server.ran == [("web-0", "main", ["b"])]


async def test_a_stateful_set_that_may_not_be_looked_at_is_an_error_and_no_hang(play: Play) -> None:
    async with play.hooks() as hooks:
        play.client.forbidden = "StatefulSet"
        add(hooks, await play.pod("web-0"), hook())
        await play.server.run("web-0")
    assert play.told() == [(0, "failed", "HookNotRun")]
    assert "may not get statefulsets" in play.runs[0].message
