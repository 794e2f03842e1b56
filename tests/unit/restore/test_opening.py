"""What the plan of a retry takes from the whole backup, not from what is left of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kubeferry.journal import Item, Journal
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity
from kubeferry.report import Silent
from kubeferry.restore.opening import open_plan
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.retrying import Retried
from kubeferry.restore.served_later import ServedLater
from kubeferry.restore.target import LiveTarget
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.restores import claim_restore_folder, items_sink
from kubeferry.vault.store import Store
from tests.builders import obj
from tests.unit.restore.test_run import NOW, stored
from tests.unit.restore.test_served_later import BEHIND, GADGET, SERVICE, api_service, definition

THING = obj("y.example.com/v1/Thing", "shop/one")
RETRIED = Retried("back", "uid-back", "back", NOW + timedelta(hours=1), undone=None)


async def wrote(store: Store, *sources: Identity, action: str) -> None:
    folder = await claim_restore_folder(store, "back", "uid-back")
    journal = Journal(items_sink(store, folder, uid="uid-back"), first=1, now=lambda: 0.0)
    for source in sources:
        journal.add(Item(source, source, action))
    await journal.flush()


async def later(store: Store, settings: Settings, **more: Any) -> ServedLater:
    request = RestoreRequest(name="again", uid="task-2", backup="nightly", **more)
    async with (
        Sandbox() as sandbox,
        Client(ClusterConfig(server=sandbox.server)) as client,
        open_plan(
            request,
            target=LiveTarget(client),
            store=store,
            settings=settings,
            reporter=Silent(),
            clock=lambda: NOW,
        ) as planner,
    ):
        return planner.later


@pytest.mark.parametrize(
    ("extension", "kind"),
    [
        pytest.param(api_service(service=BEHIND), "gadgets.x.example.com", id="an APIService's"),
        pytest.param(
            definition("Webhook", service=BEHIND), "things.y.example.com", id="a webhook converts"
        ),
    ],
)
async def test_a_retry_waits_for_what_serves_its_kinds_and_was_restored(
    tmp_path: Path, extension: tuple[str, Any], kind: str
) -> None:
    location = Location(name="vault", provider="local", bucket="bucket")
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path)
    store = open_store(location, credentials=None, settings=settings)
    group, made = extension
    await stored(store, SERVICE, GADGET, THING, made)
    first = await later(store, settings)
    assert first.kinds == {kind}
    about = Identity(group, "", made["metadata"]["name"])
    await wrote(store, about, Identity("services", "shop", "hook"), action="created")
    assert await later(store, settings, retried=RETRIED) == first
    await wrote(store, Identity(kind, "shop", "one"), action="created")
    assert (await later(store, settings, retried=RETRIED)).kinds == set(), "none is left"
