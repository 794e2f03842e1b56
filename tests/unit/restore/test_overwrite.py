"""Writing over what is there, on a cluster in memory; what comes between is put in at the client's
seam.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from kubeferry.errors import (
    ApiError,
    ApiUnreachable,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    VaultUnavailable,
)
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object
from kubeferry.restore.existing import Policy, Verdict, judge
from kubeferry.restore.overwrite import FINISH_SECONDS, Keep, Overwriter, _is_its_own
from kubeferry.restore.plan_item import PlanItem
from kubeferry.sandbox import Sandbox
from tests.builders import Built, config_map

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
MANAGER = "kubeferry-1"

Between = Callable[[Client], Awaitable[None]]


class Seam(Client):
    """A client before whose first patch, or one of its last creates, something happens; after whose
    create or delete an answer is lost.
    """

    before_patch: Between | None = None
    before_create: Between | None = None
    after_create: Between | None = None
    after_delete: Between | None = None

    async def delete(self, resource: Resource, name: str, **more: Any) -> None:
        await super().delete(resource, name, **more)
        happens, self.after_delete = self.after_delete, None
        if happens is not None:
            await happens(self)

    async def patch(self, resource: Resource, name: str, body: Any, **more: Any) -> Object:
        happens, self.before_patch = self.before_patch, None
        if happens is not None:
            await happens(self)
        return await super().patch(resource, name, body, **more)

    async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
        if not more.get("dry_run") and self.before_create is not None:
            happens, self.before_create = self.before_create, None
            await happens(self)
        made = await super().create(resource, body, **more)
        if not more.get("dry_run") and self.after_create is not None:
            happens, self.after_create = self.after_create, None
            await happens(self)
        return made


@pytest.fixture
async def client() -> AsyncIterator[Seam]:
    async with Sandbox() as sandbox, Seam(ClusterConfig(server=sandbox.server)) as opened:
        yield opened


async def planned(
    client: Client, resource: Resource, live: Built, ours: Built, policy: Policy
) -> PlanItem:
    """An item over a live object, which is created."""
    name = live["metadata"]["name"]
    await client.create(resource, live, namespace="default", field_manager="somebody")
    found = await client.get(resource, name, namespace="default")
    kind = resource.group_resource
    verdict = judge(
        ours, found, archived=ours, changes=(), group_resource=kind, policy=policy, manager=MANAGER
    )
    identity = Identity(kind, "default", name)
    assert verdict.action in ("update", "recreate")
    return PlanItem(
        identity, identity, resource, verdict.action, ours, archived=ours, present=verdict
    )


def judged(item: PlanItem, live: Object) -> Verdict:
    """What a run that takes up the same task says of an object."""
    return judge(
        item.object or {},
        live,
        archived=item.archived or {},
        changes=item.changes,
        group_resource=item.target.group_resource,
        policy="recreate",
        manager=MANAGER,
    )


async def kept(item: PlanItem, live: Object) -> str:
    return f"the vault, as {live['metadata']['name']}"


async def update(client: Client, item: PlanItem) -> bool:
    assert item.resource is not None
    assert item.present is not None
    overwriter = Overwriter(client, MANAGER, policy="update", keep=kept)
    return await overwriter.update(item, item.resource, item.present)


async def recreate(
    client: Client, item: PlanItem, *, keep: Keep = kept, gone_seconds: float = 300.0
) -> bool:
    assert item.resource is not None
    assert item.present is not None
    overwriter = Overwriter(
        client, MANAGER, policy="recreate", keep=keep, gone_seconds=gone_seconds
    )
    return await overwriter.recreate(item, item.resource, item.present)


async def data(client: Client) -> Any:
    return (await client.get(MAPS, "a", namespace="default"))["data"]


def somebody(patch: Object) -> Between:
    async def happens(client: Client) -> None:
        await client.patch(MAPS, "a", patch, kind="merge", namespace="default")

    return happens


async def vanish(client: Client) -> None:
    await client.delete(MAPS, "a", namespace="default")


OURS = config_map("default/a", a="ours")
LIVE = config_map("default/a", a="theirs")


async def test_what_changed_meanwhile_elsewhere_is_kept(client: Seam) -> None:
    item = await planned(client, MAPS, LIVE, OURS, "update")
    client.before_patch = somebody({"data": {"b": "new"}})
    assert await update(client, item)
    assert await data(client) == {"a": "ours", "b": "new"}


async def test_what_changed_meanwhile_so_that_the_plan_does_not_fit_stays(client: Seam) -> None:
    item = await planned(client, MAPS, LIVE, OURS, "update")
    client.before_patch = somebody({"data": {"a": "newer"}})
    with pytest.raises(Conflict, match="was changed after the restore had been planned"):
        await update(client, item)
    assert await data(client) == {"a": "newer"}


async def test_what_went_away_meanwhile_is_to_be_created(client: Seam) -> None:
    item = await planned(client, MAPS, LIVE, OURS, "update")
    client.before_patch = vanish
    assert not await update(client, item)


async def test_an_update_whose_answer_was_lost_is_made(client: Seam) -> None:
    item = await planned(client, MAPS, LIVE, OURS, "update")
    assert await update(client, item)
    assert await update(client, item)
    assert await data(client) == {"a": "ours"}


async def test_what_an_earlier_run_updated_is_to_be_created_if_it_is_gone(client: Seam) -> None:
    item = await planned(client, MAPS, LIVE, OURS, "update")
    assert item.present is not None
    done = replace(item, present=replace(item.present, patch=None))
    assert await update(client, done)
    await vanish(client)
    assert not await update(client, done)


async def test_a_server_that_calls_a_field_immutable_is_understood(client: Seam) -> None:
    async def refuses(client: Client) -> None:
        raise Invalid("spec.x: Invalid value: 1: field is immutable")

    item = await planned(client, MAPS, LIVE, OURS, "update")
    client.before_patch = refuses
    with pytest.raises(Invalid) as caught:
        await update(client, item)
    assert caught.value.kubernetes_reason == "ImmutableField"
    assert "delete the object" in caught.value.remedy


SEALED = config_map("default/a", a="theirs").with_(immutable=True)


async def test_what_is_made_anew_is_another_one(client: Seam) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    before = await client.get(MAPS, "a", namespace="default")
    assert await recreate(client, item)
    after = await client.get(MAPS, "a", namespace="default")
    assert after["data"] == {"a": "ours"}
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def test_nothing_is_deleted_that_could_not_be_made_anew(client: Seam) -> None:
    bad = config_map("default/a").with_(data={"no/key": "x"})
    item = await planned(client, MAPS, SEALED, bad, "recreate")
    before = await client.get(MAPS, "a", namespace="default")
    with pytest.raises(Invalid):
        await recreate(client, item)
    assert await client.get(MAPS, "a", namespace="default") == before


async def test_what_is_another_one_by_now_is_not_deleted(client: Seam) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    await vanish(client)
    await client.create(MAPS, config_map("default/a", a="newest"), namespace="default")
    with pytest.raises(Conflict):
        await recreate(client, item)
    assert await data(client) == {"a": "newest"}


async def test_what_went_away_by_itself_is_to_be_created(client: Seam) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    await vanish(client)
    assert not await recreate(client, item)


async def test_the_old_one_is_put_back_if_the_new_one_is_refused_after_all(client: Seam) -> None:
    async def refuses(client: Client) -> None:
        raise Forbidden("exceeded quota")

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = refuses
    with pytest.raises(Forbidden, match="exceeded quota; what was there was put back"):
        await recreate(client, item)
    assert await data(client) == {"a": "theirs"}


async def test_what_does_not_go_is_told(client: Seam) -> None:
    held = config_map("default/a", a="theirs").with_(immutable=True).meta(finalizers=["x.io/hold"])
    item = await planned(client, MAPS, held, OURS, "recreate")
    with pytest.raises(ApiError, match="did not go away in 0 s: nothing was created") as caught:
        await recreate(client, item, gone_seconds=0.3)
    assert caught.value.kubernetes_reason == "Terminating"


async def test_somebody_who_is_faster_is_found_by_the_create(client: Seam) -> None:
    async def comes(client: Client) -> None:
        await client.create(MAPS, config_map("default/a", a="faster"), namespace="default")

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = comes
    with pytest.raises(Conflict, match="deleted what was there, and somebody else"):
        await recreate(client, item)
    assert await data(client) == {"a": "faster"}


async def test_what_was_adopted_since_is_not_deleted(client: Seam) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    owner = {"apiVersion": "x.io/v1", "kind": "App", "name": "a", "uid": "1", "controller": True}
    patch = {"metadata": {"ownerReferences": [owner]}}
    await client.patch(MAPS, "a", patch, kind="merge", namespace="default", field_manager="x")
    with pytest.raises(Conflict, match="was changed after"):
        await recreate(client, item)
    assert await data(client) == {"a": "theirs"}


async def test_what_is_put_back_is_as_it_was_last(client: Seam) -> None:
    async def refuses(client: Client) -> None:
        raise Forbidden("exceeded quota")

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    patch = {"metadata": {"labels": {"since": "yes"}}}
    await client.patch(MAPS, "a", patch, kind="merge", namespace="default", field_manager="x")
    client.before_create = refuses
    with pytest.raises(Forbidden, match="was put back"):
        await recreate(client, item)
    found = await client.get(MAPS, "a", namespace="default")
    assert found["metadata"]["labels"]["since"] == "yes"
    managers = [one["manager"] for one in found["metadata"]["managedFields"]]
    assert f"putback-by-{MANAGER}" in managers
    assert judged(item, found).action == "recreate"  # by no means done


async def test_what_goes_by_itself_is_not_put_back(client: Seam) -> None:
    async def refuses(client: Client) -> None:
        raise Forbidden("exceeded quota")

    async def let_go() -> None:
        await asyncio.sleep(0.3)
        release = {"metadata": {"finalizers": []}}
        await client.patch(MAPS, "a", release, kind="merge", namespace="default")

    going = config_map("default/a", a="theirs").with_(immutable=True).meta(finalizers=["x.io/hold"])
    item = await planned(client, MAPS, going, OURS, "recreate")
    await client.delete(MAPS, "a", namespace="default")
    client.before_create = refuses
    async with asyncio.TaskGroup() as group:
        group.create_task(let_go())
        with pytest.raises(Forbidden) as caught:
            await recreate(client, item, gone_seconds=10)
    assert "put back" not in str(caught.value)
    with pytest.raises(NotFound):
        await client.get(MAPS, "a", namespace="default")


REFUSAL = Forbidden("no")


def raising(error: Exception) -> Between:
    async def happens(client: Client) -> None:
        raise error

    return happens


async def test_a_copy_is_kept_before_anything_is_deleted(client: Seam) -> None:
    copies: list[Object] = []

    async def keep(item: PlanItem, live: Object) -> str:
        assert await client.get(MAPS, "a", namespace="default") == live
        copies.append(live)
        return "there"

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    assert await recreate(client, item, keep=keep)
    assert [one["data"] for one in copies] == [{"a": "theirs"}]


async def test_without_a_copy_nothing_is_deleted(client: Seam) -> None:
    async def keep(item: PlanItem, live: Object) -> str:
        raise VaultUnavailable("away")

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    with pytest.raises(VaultUnavailable):
        await recreate(client, item, keep=keep)
    assert await data(client) == {"a": "theirs"}


async def test_whoever_is_told_of_a_deletion_is_told_of_the_copy(client: Seam) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = raising(REFUSAL)
    with pytest.raises(Forbidden) as caught:
        await recreate(client, item)
    assert caught.value.problem.endswith("its copy is in the vault, as a")


async def test_a_quota_that_others_count_at_the_same_time_is_no_conflict_of_names(
    client: Seam,
) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = raising(Conflict("on resourcequotas", kubernetes_reason="Conflict"))
    with pytest.raises(Conflict, match="what was there was put back"):
        await recreate(client, item)
    assert await data(client) == {"a": "theirs"}


async def test_what_is_put_back_is_held_by_nobody(client: Seam) -> None:
    async def let_go() -> None:
        await asyncio.sleep(0.3)
        release = {"metadata": {"finalizers": []}}
        await client.patch(MAPS, "a", release, kind="merge", namespace="default")

    held = config_map("default/a", a="theirs").with_(immutable=True).meta(finalizers=["x.io/hold"])
    item = await planned(client, MAPS, held, OURS, "recreate")
    client.before_create = raising(REFUSAL)
    async with asyncio.TaskGroup() as group:
        group.create_task(let_go())
        with pytest.raises(Forbidden, match="put back"):
            await recreate(client, item)
    found = await client.get(MAPS, "a", namespace="default")
    assert "finalizers" not in found["metadata"]


async def test_an_api_server_that_is_lost_for_a_moment_gets_the_old_one_back(
    client: Seam,
) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = raising(ApiUnreachable("no answer"))
    with pytest.raises(ApiUnreachable, match="no answer; configmaps default/a was put back"):
        await recreate(client, item)
    assert await data(client) == {"a": "theirs"}


async def test_an_api_server_that_stays_lost_is_told_with_what_is_deleted(client: Seam) -> None:
    async def lost(client: Client) -> None:
        assert isinstance(client, Seam)
        client.before_create = raising(ApiUnreachable("no answer"))
        raise ApiUnreachable("no answer")

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = lost
    with pytest.raises(ApiUnreachable) as caught:
        await recreate(client, item)
    told = str(caught.value)
    assert "configmaps default/a is deleted and could not be put back" in told
    assert "its copy is in the vault, as a" in told


async def test_a_deletion_whose_answer_is_lost_is_told(client: Seam) -> None:
    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.after_delete = raising(ApiUnreachable("no answer"))
    with pytest.raises(ApiUnreachable, match="default/a may have been deleted; its copy is in"):
        await recreate(client, item)


async def test_a_create_whose_answer_is_lost_is_made(client: Seam) -> None:
    async def comes(client: Client) -> None:  # what a client that sends it again meets
        await client.create(MAPS, OURS, namespace="default", field_manager=MANAGER)

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = comes
    assert await recreate(client, item)
    assert await data(client) == {"a": "ours"}


async def test_a_cancellation_lets_what_begins_with_a_deletion_end(client: Seam) -> None:
    is_deleted = asyncio.Event()

    async def waits(client: Client) -> None:
        is_deleted.set()
        await asyncio.sleep(FINISH_SECONDS / 3)

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = waits
    task = asyncio.create_task(recreate(client, item))
    await is_deleted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await data(client) == {"a": "ours"}


async def test_a_cancellation_does_not_wait_for_ever(client: Seam) -> None:
    is_deleted = asyncio.Event()

    async def waits(client: Client) -> None:
        is_deleted.set()
        await asyncio.sleep(300)

    item = await planned(client, MAPS, SEALED, OURS, "recreate")
    client.before_create = waits
    task = asyncio.create_task(recreate(client, item))
    await is_deleted.wait()
    task.cancel()
    async with asyncio.timeout(FINISH_SECONDS + 2):
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("problem", "own"),
    [
        (
            'spec.clusterIPs: Invalid value: ["10.0.0.1"]: failed to allocate IP 10.0.0.1: '
            "provided IP is already allocated",
            True,
        ),
        (
            'spec.clusterIPs: Invalid value: ["10.0.0.2"]: failed to allocate IP 10.0.0.2: '
            "provided IP is already allocated",
            False,
        ),
        ("spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated", True),
        ("spec.ports[0].nodePort: Invalid value: 30081: provided port is already allocated", False),
        (
            'spec.clusterIPs: Invalid value: []string{"10.0.0.1"}: failed to allocate IP 10.0.0.1: '
            "provided IP is already allocated",
            True,
        ),
        ("spec.type: Unsupported value", False),
    ],
)
def test_an_address_is_its_own_only_if_it_has_it(problem: str, own: bool) -> None:
    service = {"spec": {"clusterIPs": ["10.0.0.1"], "ports": [{"nodePort": 30080}]}}
    assert _is_its_own(problem, service) is own
