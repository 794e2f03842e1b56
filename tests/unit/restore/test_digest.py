"""A plan that was reviewed is done just so, or not at all; on a cluster in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from kubeferry.api.restore import PlanDigest
from kubeferry.errors import ApiUnreachable, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.report import Silent
from kubeferry.restore.digest import plan_digest
from kubeferry.restore.opening import open_plan
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.retrying import Retried
from kubeferry.restore.target import LiveTarget
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from tests.builders import config_map, namespace, obj
from tests.unit.restore.test_run import MAPS, NOW, Ground, stored

RULES = "a" * 64
REQUEST = RestoreRequest(
    name="back",
    uid="task-1",
    backup="nightly",
    namespaces={"shop": "shop1"},
    policy="update",
    rules_digest=RULES,
)
OBJECTS = (
    namespace("shop"),
    config_map("shop/a", key="1"),
    config_map("shop/b", key="2"),
    obj("v1/Secret", "shop/s").with_(data={"word": "aHVudGVyMg=="}),
)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with Sandbox() as sandbox:
        store = open_store(location, credentials=None, settings=settings)
        await stored(store, *OBJECTS)
        yield Ground(sandbox, store, tmp_path, settings)


async def planned(ground: Ground, request: RestoreRequest = REQUEST) -> PlanDigest:
    async with (
        Client(ClusterConfig(server=ground.sandbox.server)) as client,
        open_plan(
            request,
            target=LiveTarget(client),
            store=ground.store,
            settings=ground.settings,
            reporter=Silent(),
            clock=lambda: NOW,
        ) as planner,
    ):
        return await plan_digest(planner)


async def write(ground: Ground, made: Any) -> None:
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop1"}}
        spaces = replace(MAPS, plural="namespaces", kind="Namespace", namespaced=False)
        await client.create(spaces, body, field_manager="person")
        await client.create(MAPS, made, namespace="shop1", field_manager="person")


async def test_a_plan_has_the_same_digest_for_another_task_of_another_name(ground: Ground) -> None:
    digest = await planned(ground)
    assert digest == await planned(ground, replace(REQUEST, name="plan", uid=""))
    counts = {kind: told.partition(":")[0] for kind, told in digest.items.items()}
    assert counts == {"namespaces": "1", "configmaps": "2", "secrets": "1"}


async def test_what_was_reviewed_is_done(ground: Ground) -> None:
    digest = await planned(ground)
    result = await ground.run(replace(REQUEST, plan=digest))
    assert (result.phase, result.counts) == ("Completed", {"created": 4})


async def test_what_would_be_done_otherwise_is_not_done_at_all(ground: Ground) -> None:
    digest = await planned(ground)
    await write(ground, config_map("shop1/a", key="another"))
    with pytest.raises(InvalidInput) as refused:
        await ground.run(replace(REQUEST, plan=digest))
    assert refused.value.problem == (
        "what would be done is not what was planned: an action or change of configmaps (2 of them);"
        " an action or change of namespaces (1 of them)"
    )
    assert set(await ground.maps()) == set()
    assert not (ground.root / "bucket" / "restores").exists()


async def test_a_live_object_that_changed_in_between_is_another_plan(ground: Ground) -> None:
    await write(ground, config_map("shop1/a", key="another"))
    digest = await planned(ground)
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        found = await client.get(MAPS, "a", namespace="shop1")
        assert (await planned(ground)).items == digest.items
        other = {**found, "data": {"key": "a third"}}
        await client.replace(MAPS, "a", other, namespace="shop1", field_manager="person")
    now = await planned(ground)
    assert {kind for kind in now.items if now.items[kind] != digest.items[kind]} == {"configmaps"}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("archive", "the archive is another one"),
        ("rules", "the rules are not the plan's"),
        ("target", "the target's API is not the plan's"),
    ],
)
async def test_the_part_that_differs_is_told(ground: Ground, part: str, told: str) -> None:
    digest = changed(await planned(ground), **{part: "b" * 64})
    with pytest.raises(InvalidInput, match=told):
        await ground.run(replace(REQUEST, plan=digest))
    assert not (ground.root / "bucket" / "restores").exists()


async def test_a_retry_of_what_was_refused_for_its_plan_is_refused_too(ground: Ground) -> None:
    digest = await planned(ground)
    await write(ground, config_map("shop1/a", key="another"))
    first = replace(REQUEST, plan=digest)
    with pytest.raises(InvalidInput):
        await ground.run(first)
    earlier = Retried(name="back", uid="task-1", family="back", begun=NOW, undone=None)
    again = replace(first, name="back-retry-1", uid="task-2", retried=earlier)
    with pytest.raises(InvalidInput, match="what would be done is not what was planned"):
        await ground.run(again)
    assert not (ground.root / "bucket" / "restores").exists()


@pytest.mark.parametrize("is_done", [False, True])
async def test_an_interrupted_restore_goes_on_among_its_own_objects(
    ground: Ground, is_done: bool
) -> None:
    request = replace(REQUEST, plan=await planned(ground))
    with pytest.raises(ApiUnreachable):
        await ground.run(request, dies_at=2, is_done=is_done)
    result = await ground.run(request)
    assert (result.phase, sum(result.counts.values())) == ("Completed", 4)


async def test_no_value_of_a_secret_decides_a_digest(ground: Ground) -> None:
    digest = await planned(ground)
    assert digest.items["secrets"] == (await planned(ground)).items["secrets"]
    assert "hunter2" not in str(digest)
