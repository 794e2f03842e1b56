"""What a restore's journal tells is what was planned, item by item; on a cluster in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.objects import Object
from kubeferry.report import Silent
from kubeferry.restore.opening import open_plan
from kubeferry.restore.prepare import compile_modifier
from kubeferry.restore.report import change_line, is_secret
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.target import LiveTarget
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from tests.builders import config_map, namespace, obj
from tests.unit.restore.test_run import MAPS, NOW, Ground, stored

RULES = """
version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps, resourceNameRegex: "^b$"}
  patches: [{operation: add, path: /data/added, value: '"yes"'}]
- conditions: {groupResource: configmaps, resourceNameRegex: "^c$"}
  patches: [{operation: copy, from: /data/key, path: /metadata}]
"""
REQUEST = RestoreRequest(
    name="back",
    uid="task-1",
    backup="nightly",
    namespaces={"shop": "shop1"},
    modifiers=compile_modifier({"rules": RULES}, place="rules")[0],
)
OBJECTS = (
    namespace("shop"),
    *(config_map(f"shop/{name}", key=name) for name in "abcd"),
    obj("v1/Secret", "shop/s").with_(data={"word": "aHVudGVyMg=="}, type="Opaque"),
    obj("example.com/v1/Widget", "shop/w"),
)
DONE = {
    "create": "created",
    "update": "updated",
    "skip": "skipped",
    "refuse": "refused",
    "fail": "failed",
}


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with Sandbox() as sandbox:
        store = open_store(location, credentials=None, settings=settings)
        await stored(store, *OBJECTS)
        yield Ground(sandbox, store, tmp_path, settings)


async def planned(ground: Ground, request: RestoreRequest) -> dict[tuple[str, ...], Any]:
    """Of each source what is to be done, why, and by which changes."""
    found = {}
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
        for _, items in planner.steps():
            for item in items:
                found[tuple(item.source)] = (
                    tuple(item.target),
                    DONE[item.action],
                    item.why.reason if item.why is not None else "",
                    [change_line(one, secret=is_secret(item)) for one in item.changes],
                )
    return found


def told(ground: Ground) -> dict[tuple[str, ...], Any]:
    """The same from the journal."""
    lines: list[Object] = [one for one in ground.lines() if "type" not in one]
    assert len({tuple(one["source"]) for one in lines}) == len(lines)
    return {
        tuple(one["source"]): (
            tuple(one["target"]),
            one["action"],
            one.get("reason", ""),
            one.get("changes", []),
        )
        for one in lines
    }


@pytest.mark.parametrize("policy", ["none", "update"])
async def test_each_line_of_the_journal_is_an_item_of_the_plan(ground: Ground, policy: Any) -> None:
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        spaces = replace(MAPS, plural="namespaces", kind="Namespace", namespaced=False)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop1"}}
        await client.create(spaces, body, field_manager="person")
        there = config_map("shop1/a", key="another")
        await client.create(MAPS, there, namespace="shop1", field_manager="person")
    request = replace(REQUEST, policy=policy)
    plan = await planned(ground, request)
    await ground.run(request)
    assert told(ground) == plan
    actions = {source[2]: action for source, (_, action, _, _) in plan.items()}
    assert actions == {
        "shop": "skipped",
        "a": "updated" if policy == "update" else "skipped",
        "b": "created",
        "c": "refused",
        "d": "created",
        "s": "created",
        "w": "failed",
    }
