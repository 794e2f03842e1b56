"""Which restores can be retried, and what of their backup is left to be done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api import crd
from kubeferry.api.definition import API_VERSION
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import InvalidInput
from kubeferry.journal import Item, Journal
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity
from kubeferry.restore.retrying import Retried, find_retried, keep_undone
from kubeferry.restore.spool import Spool
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.restores import claim_restore_folder, items_sink
from kubeferry.vault.store import Store
from tests.builders import config_map, namespace

BEGUN = datetime(2026, 1, 2, tzinfo=UTC)
BACKUP = BackupFacts(name="nightly", started=datetime(2026, 1, 1, tzinfo=UTC))
EARLIER = Retried(name="back", uid="uid-back", family="back", begun=BEGUN, undone=None)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    location = Location("disk", "local", "bucket", "", "cn-beijing")
    (tmp_path / "bucket").mkdir()
    opened = open_store(location, credentials=None, settings=Settings(local_root=tmp_path))
    yield opened
    await opened.aclose()


def which(name: str) -> Identity:
    return Identity("configmaps", "shop", name)


async def wrote(store: Store, **ends: str) -> None:
    """The earlier restore's journal: what became of each object, in files of one line each."""
    folder = await claim_restore_folder(store, "back", "uid-back")
    journal = Journal(items_sink(store, folder, uid="uid-back"), first=1, now=lambda: 0.0)
    for name, action in ends.items():
        journal.add(Item(which(name.removesuffix("_")), which(name.removesuffix("_")), action))
        await journal.flush()


async def left(store: Store, folder: Path, *names: str, **changed: Any) -> tuple[list[str], Any]:
    with Spool(parent=folder) as spool:
        for name in names:
            spool.add(which(name), config_map(f"shop/{name}").json)
        notes = await keep_undone(spool, replace(EARLIER, **changed), store=store, backup=BACKUP)
        return [name for _, name in spool.names("configmaps")], notes


async def test_what_was_not_written_is_left(store: Store, tmp_path: Path) -> None:
    await wrote(store, a="created", b="failed", c="refused", d="skipped", e="updated")
    assert await left(store, tmp_path, *"abcdef", undone=2) == (["b", "c", "f"], ())


async def test_the_last_line_of_an_object_counts(store: Store, tmp_path: Path) -> None:
    await wrote(store, a="created", a_="failed", b="failed", b_="created")
    assert (await left(store, tmp_path, "a", "b"))[0] == ["a"]


async def test_a_restore_that_wrote_nothing_is_done_again_whole(
    store: Store, tmp_path: Path
) -> None:
    assert await left(store, tmp_path, "a", "b") == (["a", "b"], ())


async def test_that_the_journal_is_gone_is_told(store: Store, tmp_path: Path) -> None:
    names, notes = await left(store, tmp_path, "a", "b", undone=1)
    assert names == ["a", "b"]
    assert [one.reason for one in notes] == ["JournalUnproven"]


async def test_a_retry_s_retry_knows_what_the_first_one_wrote(store: Store, tmp_path: Path) -> None:
    await wrote(store, a="created", b="failed", c="failed")
    folder = await claim_restore_folder(store, "back-retry-1", "uid-1")
    journal = Journal(items_sink(store, folder, uid="uid-1"), first=1, now=lambda: 0.0)
    journal.add(Item(which("b"), which("b"), "created"))
    journal.add(Item(which("c"), which("c"), "failed"))
    await journal.flush()
    second = {"name": "back-retry-1", "uid": "uid-1", "before": (("back", "uid-back"),)}
    assert await left(store, tmp_path, *"abc", undone=1, **second) == (["c"], ())


async def test_nothing_to_be_done_again_is_no_success(store: Store, tmp_path: Path) -> None:
    await wrote(store, a="created")
    with pytest.raises(InvalidInput, match="wrote every object"):
        await left(store, tmp_path, "a")


async def test_a_journal_that_tells_of_less_than_the_status_is_told(
    store: Store, tmp_path: Path
) -> None:
    await wrote(store, a="failed", b="created")
    names, [note] = await left(store, tmp_path, "a", "b", undone=2)
    assert names == ["a"]
    assert note.reason == "JournalUnproven"


async def test_another_backup_of_the_name_is_refused(store: Store, tmp_path: Path) -> None:
    await wrote(store, a="failed")
    with pytest.raises(InvalidInput, match="it is another one"):
        await left(store, tmp_path, "a", begun=datetime(2025, 12, 31, tzinfo=UTC))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a cluster with our definitions."""
    async with Sandbox() as sandbox, Client(ClusterConfig(server=sandbox.server)) as opened:
        discovery = await opened.discover()
        for manifest in (*crd.manifests(), namespace("csdr")):
            resource = discovery.for_kind(manifest["apiVersion"], manifest["kind"])
            assert resource is not None
            await opened.create(resource, manifest, field_manager="test")
        yield opened


def task(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "ApplicationRestore",
        "metadata": {"name": name, "namespace": "csdr"},
        "spec": {"backupName": "nightly", **spec},
    }


async def ended(client: Client, body: dict[str, Any], phase: str, **status: Any) -> None:
    name = body["metadata"]["name"]
    where = {"namespace": "csdr", "field_manager": "test"}
    await client.create(RESTORES, body, **where)
    patch = {"status": {"phase": phase, **status}}
    await client.patch(RESTORES, name, patch, kind="merge", subresource="status", **where)


async def found(client: Client, digest: str = "", **spec: Any) -> Retried | None:
    restore = read(task("again", **spec), ApplicationRestore)
    return await find_retried(restore, client=client, namespace="csdr", modifier_digest=digest)


async def test_a_restore_that_is_no_retry_has_no_earlier_one(client: Client) -> None:
    assert await found(client) is None


async def test_what_is_known_of_the_earlier_restore(client: Client) -> None:
    status = {"startTimestamp": "2026-01-02T00:00:00Z", "counts": {"failed": 2, "refused": 1}}
    await ended(client, task("back"), "PartiallyFailed", **status)
    earlier = await found(client, retryOf="back")
    assert earlier is not None
    assert (earlier.name, earlier.family, earlier.begun) == ("back", "back", BEGUN)
    assert earlier.undone == 3
    assert earlier.uid


async def test_a_retry_s_retry_is_of_the_first_one_s_family(client: Client) -> None:
    await ended(client, task("back"), "PartiallyFailed")
    await ended(client, task("back-retry-1", retryOf="back"), "Failed")
    earlier = await found(client, retryOf="back-retry-1")
    assert earlier is not None
    assert (earlier.name, earlier.family) == ("back-retry-1", "back")
    assert [name for name, _ in earlier.before] == ["back"]


@pytest.mark.parametrize("phase", ["Completed", "InProgress"])
async def test_only_what_ended_badly_is_retried(client: Client, phase: str) -> None:
    await ended(client, task("back"), phase)
    with pytest.raises(InvalidInput, match=f"'back' is {phase}"):
        await found(client, retryOf="back")


async def test_a_restore_that_is_not_there_is_told(client: Client) -> None:
    with pytest.raises(InvalidInput, match="there is no restore 'back'"):
        await found(client, retryOf="back")


async def test_the_spec_must_be_the_same(client: Client) -> None:
    await ended(client, task("back", namespaceMapping={"shop": "a"}), "PartiallyFailed")
    with pytest.raises(InvalidInput) as caught:
        await found(client, retryOf="back", namespaceMapping={"shop": "b"})
    assert caught.value.place == "spec.namespaceMapping"


async def test_the_rules_must_be_the_same(client: Client) -> None:
    await ended(client, task("back"), "PartiallyFailed", resourceModifierDigest="old")
    with pytest.raises(InvalidInput, match="the modifier was changed"):
        await found(client, digest="new", retryOf="back")
    assert await found(client, digest="old", retryOf="back") is not None
