"""The engine on a cluster in memory; what goes wrong is put in at the client's seam."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.errors import (
    AlreadyExists,
    ApiError,
    ApiLost,
    ApiUnreachable,
    Forbidden,
    Invalid,
    Unauthorized,
    VaultUnavailable,
)
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.limiter import Limits
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object
from kubeferry.restore.apply import Applier, Result
from kubeferry.restore.heirs import Owner
from kubeferry.restore.owners import Owners, Pending, find_owners
from kubeferry.restore.plan_item import Action, PlanItem, judge_item
from kubeferry.restore.spool import Spool
from kubeferry.restore.untouched import OURS
from kubeferry.sandbox import Sandbox
from kubeferry.transform.change import Note
from tests.builders import Built, config_map, namespace, obj, pod

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
PODS = Resource("", "v1", "pods", "Pod", True)
SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", True)
SERVICES = Resource("", "v1", "services", "Service", True)
CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
)
MANAGER = "kubeferry-task-1"

Before = Callable[[Resource, Object], Awaitable[None]]


class Seam(Client):
    """A client that does something before each create; it may raise."""

    before: Before | None = None
    creates = 0
    gets = 0

    async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
        self.creates += 1
        if self.before is not None:
            await self.before(resource, body if isinstance(body, dict) else {})
        return await super().create(resource, body, **more)

    async def get(self, resource: Resource, name: str, **more: Any) -> Object:
        self.gets += 1
        return await super().get(resource, name, **more)


@pytest.fixture
async def client() -> AsyncIterator[Seam]:
    async with Sandbox() as sandbox, Seam(ClusterConfig(server=sandbox.server)) as opened:
        yield opened


def item(resource: Resource, made: Built, action: Action = "create") -> PlanItem:
    meta = made["metadata"]
    identity = Identity(resource.group_resource, meta.get("namespace", ""), meta["name"])
    if action == "create":
        return PlanItem(identity, identity, resource, action, made)
    return PlanItem(identity, identity, None, action, why=Note("Why", "because"))


def map_item(name: str) -> PlanItem:
    return item(MAPS, config_map(f"default/{name}", k="v").label(velero_io__restore_name="r"))


async def no_copy(item: PlanItem, live: Object) -> str:
    raise AssertionError(f"{item.target} is to be deleted")


class Results:
    def __init__(self) -> None:
        self.by_name: dict[str, tuple[str, str]] = {}

    async def __call__(self, result: Result) -> None:
        reason = result.why.reason if result.why else ""
        assert result.item.target.name not in self.by_name
        self.by_name[result.item.target.name] = (result.action, reason)


async def applied(
    client: Client, *items: PlanItem, manager: str = MANAGER
) -> dict[str, tuple[str, str]]:
    results = Results()
    applier = Applier(client, field_manager=manager, on_result=results, keep=no_copy, workers=8)
    await applier.run(items)
    return results.by_name


def raising(error: Exception, *, times: int) -> Before:
    left = [times]

    async def before(resource: Resource, body: Object) -> None:
        if left[0]:
            left[0] -= 1
            raise error

    return before


async def test_one_write_for_each_object_and_nothing_is_asked_first(client: Seam) -> None:
    names = [f"m-{number}" for number in range(50)]
    results = await applied(client, *map(map_item, names))
    assert results == {name: ("created", "") for name in names}
    assert (client.creates, client.gets) == (50, 0)
    made = await client.get(MAPS, "m-7", namespace="default")
    assert made["metadata"]["managedFields"][0]["manager"] == MANAGER


async def test_what_is_not_to_be_created_is_told_and_not_done(client: Seam) -> None:
    actions: tuple[Action, ...] = ("skip", "refuse", "fail")
    items = [item(MAPS, config_map(f"default/{action}"), action) for action in actions]
    assert await applied(client, *items) == {
        "skip": ("skipped", "Why"),
        "refuse": ("refused", "Why"),
        "fail": ("failed", "Why"),
    }
    assert client.creates == 0


async def test_what_is_there_already_is_not_overwritten(client: Seam) -> None:
    await client.create(MAPS, config_map("default/a", k="mine"), namespace="default")
    assert await applied(client, map_item("a")) == {"a": ("skipped", "Differs")}
    found = await client.get(MAPS, "a", namespace="default")
    assert found["data"] == {"k": "mine"}


@pytest.mark.parametrize(
    ("manager", "result"),
    [
        pytest.param(MANAGER, ("created", ""), id="its own counts as created"),
        pytest.param("kubeferry-task-0", ("skipped", "Identical"), id="another task's does not"),
    ],
)
async def test_a_resumed_task_knows_what_it_created(
    client: Seam, manager: str, result: tuple[str, str]
) -> None:
    await applied(client, map_item("a"), manager=manager)
    before = await client.get(MAPS, "a", namespace="default")
    assert await applied(client, map_item("a"), map_item("b")) == {
        "a": result,
        "b": ("created", ""),
    }
    assert await client.get(MAPS, "a", namespace="default") == before


@pytest.mark.parametrize(
    ("manager", "result"),
    [
        pytest.param(MANAGER, ("created", ""), id="of a workload of the restore"),
        pytest.param("somebody", ("skipped", "Identical"), id="of one that was there before"),
    ],
)
async def test_a_pod_that_was_made_anew_since_counts_as_created(
    client: Seam, manager: str, result: tuple[str, str]
) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod("a/b")["spec"]}
    spec = {"serviceName": "w", "selector": {"matchLabels": labels}, "template": template}
    owner = obj("apps/v1/StatefulSet", "default/web").with_(spec=spec)
    await client.create(SETS, owner, namespace="default", field_manager=manager)
    uid = (await client.get(SETS, "web", namespace="default"))["metadata"]["uid"]
    named = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": uid}
    heir = pod("default/web-0").meta(ownerReferences=[{**named, "controller": True}])
    await client.create(PODS, heir, namespace="default", field_manager="controllers")
    planned = replace(item(PODS, pod("default/web-0")), owner=Owner(SETS, "web"))
    assert await applied(client, planned) == {"web-0": result}


async def test_a_create_whose_answer_was_lost_counts_as_created(client: Seam) -> None:
    await applied(client, map_item("a"))
    lost = AlreadyExists("is there")
    lost.after_retry = True
    client.before = raising(lost, times=1)
    assert await applied(client, map_item("a")) == {"a": ("created", "")}


async def test_a_service_whose_port_is_its_own_is_there_already(client: Seam) -> None:
    spec = {"ports": [{"port": 80}], "selector": {"app": "x"}}
    service = item(SERVICES, obj("v1/Service", "default/web").with_(spec=spec))
    await applied(client, service)
    client.before = raising(Invalid("provided port is already allocated"), times=1)
    results = await applied(client, service, manager="kubeferry-other")
    assert results == {"web": ("skipped", "Identical")}
    client.before = raising(Invalid("provided port is already allocated"), times=1)
    assert await applied(client, service) == {"web": ("created", "")}


async def test_a_service_whose_ports_others_have_gets_new_ones_and_that_is_told(
    client: Seam,
) -> None:
    """An API server names one port at a time."""
    ports = [{"name": f"p{one}", "port": one, "nodePort": 30000 + one} for one in (1, 2, 3)]
    service = item(SERVICES, obj("v1/Service", "default/web").with_(spec={"ports": ports}))
    taken = [30001, 30003]

    async def before(resource: Resource, body: Object) -> None:
        if taken:
            port = taken.pop(0)
            said = f"Invalid value: {port}: provided port is already allocated"
            raise Invalid(f"spec.ports[0].nodePort: {said}")

    client.before = before
    results: list[Result] = []

    async def note(result: Result) -> None:
        results.append(result)

    await Applier(client, field_manager=MANAGER, on_result=note, keep=no_copy).run([service])
    [result] = results
    assert result.action == "created"
    assert [one.reason for one in result.warnings] == ["NodePortTaken", "NodePortTaken"]
    live = await client.get(SERVICES, "web", namespace="default")
    given = {one["name"]: one.get("nodePort") for one in live["spec"]["ports"]}
    assert given["p2"] == 30002
    assert given["p1"] != 30001
    assert given["p3"] != 30003


async def test_what_the_server_refuses_fails_by_itself(client: Seam) -> None:
    bad = item(MAPS, config_map("default/bad").with_(data={"no/key": "x"}))
    nowhere = item(MAPS, config_map("nowhere/a"))
    results = await applied(client, bad, nowhere, map_item("good"))
    assert results == {
        "bad": ("failed", "Invalid"),
        "a": ("failed", "NotFound"),
        "good": ("created", ""),
    }


async def test_what_cannot_be_encoded_fails_by_itself(client: Seam) -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    odd = item(MAPS, config_map("default/odd").with_(data=deep))
    results = await applied(client, odd, map_item("b"))
    assert results == {"odd": ("failed", "Malformed"), "b": ("created", "")}


async def test_an_account_that_is_just_being_made_is_waited_for(client: Seam) -> None:
    error = Forbidden('error looking up service account shop/default: "default" not found')
    client.before = raising(error, times=2)
    assert await applied(client, map_item("a")) == {"a": ("created", "")}
    assert client.creates == 3


async def test_what_is_forbidden_is_not_tried_again(client: Seam) -> None:
    client.before = raising(Forbidden("not allowed"), times=1)
    assert await applied(client, map_item("a")) == {"a": ("failed", "Forbidden")}
    assert client.creates == 1


async def test_a_conflict_over_what_is_not_there_is_tried_once_more(client: Seam) -> None:
    client.before = raising(AlreadyExists("is there"), times=100)
    results = await applied(client, map_item("a"))
    assert results == {"a": ("failed", "AlreadyExists")}
    assert client.creates == 2


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiUnreachable("no answer"), id="the API server is out of reach"),
        pytest.param(Unauthorized("Unauthorized"), id="its token is worth nothing any more"),
        pytest.param(VaultUnavailable("no space"), id="what was done cannot be told"),
    ],
)
async def test_what_stops_the_task_is_raised_by_itself(client: Seam, error: Exception) -> None:
    async def told(result: Result) -> None:
        if isinstance(error, VaultUnavailable):
            raise error

    if isinstance(error, ApiLost):
        client.before = raising(error, times=10)
    applier = Applier(client, field_manager=MANAGER, on_result=told, keep=no_copy, workers=4)
    with pytest.raises(type(error)) as raised:
        await applier.run(map_item(f"m-{number}") for number in range(20))
    assert raised.value is error


async def test_where_there_is_none_others_have_their_turn(client: Seam) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    seen: list[int] = []

    def items() -> Iterator[PlanItem | None]:
        for _ in range(10):
            seen.append(turns)
            yield None
        yield map_item("a")

    results = Results()
    applier = Applier(client, field_manager=MANAGER, on_result=results, keep=no_copy)
    async with asyncio.TaskGroup() as group:
        other = group.create_task(others())
        await applier.run(items())
        other.cancel()
    assert results.by_name == {"a": ("created", "")}
    assert len(set(seen)) == len(seen)


async def test_a_namespace_that_is_there_is_used(client: Seam) -> None:
    assert await applied(client, item(NAMESPACES, namespace("default"))) == {
        "default": ("skipped", "Identical")
    }


async def test_a_namespace_that_is_going_is_waited_for(client: Seam) -> None:
    await client.create(NAMESPACES, namespace("shop"))
    held = config_map("shop/held").meta(finalizers=["x.io/hold"])
    await client.create(MAPS, held, namespace="shop")
    await client.delete(NAMESPACES, "shop")
    before = await client.get(NAMESPACES, "shop")
    assert before["metadata"]["deletionTimestamp"]

    task = asyncio.create_task(applied(client, item(NAMESPACES, namespace("shop"))))
    free = {"metadata": {"finalizers": None}}
    await client.patch(MAPS, "held", free, kind="merge", namespace="shop")
    assert await task == {"shop": ("created", "")}
    after = await client.get(NAMESPACES, "shop")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def definition() -> Built:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    return obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.x.io").with_(
        spec={
            "group": "x.io",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version],
        }
    )


async def test_a_definition_is_through_when_its_kind_is_served(client: Seam) -> None:
    made = item(CRDS, definition())
    assert await applied(client, made) == {"things.x.io": ("created", "")}
    things = Resource("x.io", "v1", "things", "Thing", True)
    thing = item(things, obj("x.io/v1/Thing", "default/a"))
    assert await applied(client, thing) == {"a": ("created", "")}


class Slow(Seam):
    """A server that needs a moment to establish a definition, and stumbles meanwhile."""

    asked = 0
    error: ApiError | None = None

    async def get(self, resource: Resource, name: str, **more: Any) -> Object:
        found = await super().get(resource, name, **more)
        if resource == CRDS:
            self.asked += 1
            if self.asked == 2 and self.error is not None:
                raise self.error
            if self.asked < 4:
                found["status"] = {}
        return found


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(None, id="it takes a while"),
        pytest.param(ApiError("etcdserver: leader changed", status=500), id="a passing failure"),
    ],
)
@pytest.mark.parametrize("resumed", [False, True])
async def test_a_definition_is_waited_for_whoever_created_it(
    error: ApiError | None, resumed: bool
) -> None:
    async with Sandbox() as sandbox, Slow(ClusterConfig(server=sandbox.server)) as client:
        client.error = error
        made = item(CRDS, definition())
        if resumed:
            await client.create(CRDS, definition(), field_manager=MANAGER)
        results = await applied(client, made)
        assert results == {"things.x.io": ("created", "")}
        assert client.asked >= 4


async def test_what_is_in_flight_is_bounded_by_its_bytes() -> None:
    size, in_flight, most = Limits().bytes_outgoing // 4, 0, 0

    class Held(Seam):
        async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
            await asyncio.sleep(0.001)
            return b""

    async def told(result: Result) -> None:
        nonlocal in_flight
        in_flight -= 1

    def items() -> Iterator[PlanItem]:
        nonlocal in_flight, most
        for number in range(40):
            in_flight += 1
            most = max(most, in_flight)
            yield replace(map_item(f"m-{number}"), size=size if number else 9 * size)

    async with Held(ClusterConfig(server="http://127.0.0.1:1")) as client:
        applier = Applier(client, field_manager=MANAGER, on_result=told, keep=no_copy)
        async with asyncio.timeout(10):
            await applier.run(items())
    assert in_flight == 0
    assert most == 5  # the one that waits for its turn is there already


QUOTA = Forbidden("exceeded quota: all, requested: configmaps=1")
DOWN = ApiError(
    'failed calling webhook "v": Post "https://hook.default.svc:443/": refused', status=500
)


@pytest.mark.parametrize(
    ("times", "result"),
    [
        pytest.param(1, ("created", ""), id="and it has room then"),
        pytest.param(2, ("failed", "QuotaExceeded"), id="and it has none"),
    ],
)
async def test_what_exceeds_a_quota_is_tried_again_at_the_end_of_its_round(
    client: Seam, times: int, result: tuple[str, str]
) -> None:
    client.before = raising(QUOTA, times=times)
    assert await applied(client, map_item("a")) == {"a": result}


@pytest.mark.parametrize(
    ("times", "result"),
    [
        pytest.param(2, ("created", ""), id="and answers then"),
        pytest.param(99, ("failed", "WebhookUnreachable"), id="for some time only"),
    ],
)
async def test_a_webhook_whose_service_is_restored_too_is_waited_for(
    client: Seam, times: int, result: tuple[str, str]
) -> None:
    results = Results()
    applier = Applier(
        client,
        field_manager=MANAGER,
        on_result=results,
        keep=no_copy,
        brings=lambda backend: backend == ("default", "hook"),
        webhook_seconds=2.0,
    )
    client.before = raising(DOWN, times=times)
    await applier.run([map_item("a"), map_item("b")])
    assert len(results.by_name) < 2
    assert applier.is_waiting
    await applier.finish()
    assert not applier.is_waiting
    assert results.by_name["a"] == result


async def test_a_webhook_that_the_restore_does_not_bring_is_told_at_once(client: Seam) -> None:
    client.before = raising(DOWN, times=1)
    assert await applied(client, map_item("a")) == {"a": ("failed", "WebhookUnreachable")}


async def owner_made_anew(client: Seam, spool: Spool) -> tuple[Owners, Identity, PlanItem, str]:
    """A sealed ConfigMap that owns another one, to be made anew over what is there; its uid."""
    old = config_map("default/above", k="old").with_(immutable=True)
    await client.create(MAPS, old, namespace="default", field_manager="somebody")
    live = await client.get(MAPS, "above", namespace="default")
    above = Identity("configmaps", "default", "above")
    archived = config_map("default/above", k="new").with_(immutable=True).meta(uid="1")
    named = {"apiVersion": "v1", "kind": "ConfigMap", "name": "above", "uid": "1"}
    below = config_map("default/below").meta(ownerReferences=[named])
    spool.add(above, archived.json)
    spool.add(Identity("configmaps", "default", "below"), below.json)
    spool.add_live(above, codec.encode(live))
    owners = find_owners(spool, namespaces={}, defined=lambda *key: MAPS)
    ours = config_map("default/above", k="new").with_(immutable=True)
    planned = replace(item(MAPS, ours), archived=archived)
    verdict = judge_item(planned, live, policy="recreate", manager=MANAGER, homes=OURS)
    assert verdict.action == "recreate"
    planned = replace(planned, action="recreate", present=verdict)
    return owners, above, planned, str(live["metadata"]["uid"])


@pytest.mark.parametrize("is_taken", [True, False], ids=["made anew", "put back"])
async def test_an_owner_in_another_s_place_owns_by_its_own_uid(
    client: Seam, tmp_path: Path, is_taken: bool
) -> None:
    with Spool(parent=tmp_path) as spool:
        owners, above, planned, before = await owner_made_anew(client, spool)
        assert owners.uid(above) == before
        begun = client.creates

        async def refuse(resource: Resource, body: Object) -> None:
            if not is_taken and client.creates == begun + 2:  # after the dry run
                raise Invalid("no")

        async def keep(item: PlanItem, live: Object) -> str:
            return "a copy"

        client.before, results = refuse, Results()
        applier = Applier(
            client,
            field_manager=MANAGER,
            on_result=results,
            keep=keep,
            policy="recreate",
            owners=owners,
        )
        await applier.run([planned])
        assert results.by_name["above"][0] == ("recreated" if is_taken else "failed")
        live = await client.get(MAPS, "above", namespace="default")
        assert live["metadata"]["uid"] != before
        assert owners.uid(above) == live["metadata"]["uid"]


async def test_an_owner_that_is_not_there_is_asked_for_once(client: Seam, tmp_path: Path) -> None:
    with Spool(parent=tmp_path) as spool:
        owners = find_owners(spool, namespaces={}, defined=lambda *key: MAPS)
        gone = Pending({}, Identity("configmaps", "default", "gone"), MAPS)
        items = [replace(map_item(name), pending=(gone,)) for name in ("a", "b", "c")]
        told: list[Result] = []

        async def record(result: Result) -> None:
            told.append(result)

        applier = Applier(
            client, field_manager=MANAGER, on_result=record, keep=no_copy, owners=owners, workers=1
        )
        await applier.run(items)
    assert client.gets == 1
    assert [[one.reason for one in result.warnings] for result in told] == [
        ["OwnerNotRestored"]
    ] * 3
