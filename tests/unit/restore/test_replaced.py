"""What is in the vault of what a restore deletes, and what the next run of the task makes of it."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.clock import utc_now
from kubeferry.errors import ApiUnreachable, ArchiveDamaged
from kubeferry.kube.names import Identity
from kubeferry.report import Findings
from kubeferry.restore.apply import Result
from kubeferry.restore.plan_item import Action, PlanItem
from kubeferry.restore.replaced import Copies
from kubeferry.restore.spool import Spool
from kubeferry.settings import Settings
from kubeferry.transform.change import Note
from kubeferry.vault.keys import KeyRing, Trust, new_key
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.restores import items_files
from kubeferry.vault.store import Store
from tests.builders import config_map
from tests.unit.restore import test_run_existing
from tests.unit.restore.test_run_existing import MAPS, Cluster, again, stuck

cluster = test_run_existing.cluster
LIVE = config_map("shop1/a", a="theirs")
WITH_KEY = Trust(KeyRing((new_key(clock=utc_now),)))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Store:
    location = Location(name="vault", provider="local", bucket="bucket")
    return open_store(location, credentials=None, settings=Settings(local_root=tmp_path))


def item(name: str, action: Action = "create") -> PlanItem:
    source, target = Identity("configmaps", "shop", name), Identity("configmaps", "shop1", name)
    return PlanItem(source, target, MAPS, action, LIVE)


async def resumed(store: Store, spool: Spool, *, uid: str = "u") -> tuple[Copies, Findings]:
    copies, findings = Copies(store, "r", uid=uid, spool=spool), Findings()
    await copies.resume(reporter=findings)
    return copies, findings


def copies_in(cluster: Cluster) -> list[dict[str, Any]]:
    folder = cluster.root / "bucket/restores/again"
    return [
        json.loads(line)
        for path in sorted(folder.glob("again-replaced-*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


async def test_a_copy_of_what_is_made_anew_is_in_the_vault(cluster: Cluster) -> None:
    before = await stuck(cluster)
    result, _ = await cluster.restore(again("recreate"))
    assert result.counts["recreated"] == 1
    [copy] = copies_in(cluster)
    assert copy["source"] == ["statefulsets.apps", "shop", "web"]
    assert copy["target"] == ["statefulsets.apps", "shop1", "web"]
    assert copy["object"] == before


async def test_of_what_is_updated_no_copy_is_made(cluster: Cluster) -> None:
    await cluster.change(MAPS, "m-1", {"data": {"a": "2"}})
    await cluster.restore(again("recreate"))
    assert copies_in(cluster) == []


async def test_of_many_that_come_at_once_each_has_a_copy(store: Store, spool: Spool) -> None:
    copies = Copies(store, "r", uid="u", spool=spool)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(copies.keep(item(f"m-{number}"), LIVE))
    later, _ = await resumed(store, spool)
    done = [later.explained(Result(item(f"m-{number}"), "created")) for number in range(20)]
    assert {one.action for one in done} == {"recreated"}


async def test_a_run_that_goes_on_overwrites_no_copy(store: Store, spool: Spool) -> None:
    for name in ("a", "b"):
        await Copies(store, "r", uid="u", spool=spool).keep(item(name), LIVE)
    later, _ = await resumed(store, spool)
    for name in ("a", "b"):
        assert later.explained(Result(item(name), "created")).action == "recreated"


async def test_what_is_created_where_an_earlier_run_deleted_counts_as_made_anew(
    cluster: Cluster,
) -> None:
    await stuck(cluster)
    with pytest.raises(ApiUnreachable, match="may have been deleted; its copy is in"):
        await cluster.restore(again("recreate"), dies_at=2)
    result, _ = await cluster.restore(again("recreate"))
    assert result.counts["recreated"] == 1
    assert cluster.told()["statefulsets.apps/web"] == ("recreated", "")


async def test_what_cannot_be_created_there_is_told_with_what_was_deleted(
    store: Store, spool: Spool
) -> None:
    place = await Copies(store, "r", uid="u", spool=spool).keep(item("a"), LIVE)
    later, _ = await resumed(store, spool)
    found = later.explained(Result(item("a"), "failed", Note("QuotaExceeded", "no room")))
    assert (found.action, found.why) == (
        "failed",
        Note(
            "QuotaExceeded",
            "no room; this restore had deleted what was there; its copy is in " + place,
        ),
    )


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(Result(item("b"), "created"), id="another object"),
        pytest.param(Result(item("a"), "skipped", Note("Exists", "")), id="not written"),
        pytest.param(Result(item("a", "recreate"), "recreated"), id="it was there after all"),
    ],
)
async def test_of_anything_else_nothing_more_is_told(
    store: Store, spool: Spool, result: Result
) -> None:
    await Copies(store, "r", uid="u", spool=spool).keep(item("a"), LIVE)
    later, _ = await resumed(store, spool)
    assert later.explained(result) is result


async def test_with_a_key_only_what_is_sealed_as_a_copy_counts(store: Store, spool: Spool) -> None:
    await Copies(store, "r", uid="u", spool=spool).keep(item("a"), LIVE)
    store.trust = WITH_KEY
    await Copies(store, "r", uid="u", spool=spool).keep(item("b"), LIVE)
    later, findings = await resumed(store, spool)
    assert [one.reason for one in findings.problems] == ["JournalUnproven"]
    assert later.explained(Result(item("a"), "created")).action == "created"
    assert later.explained(Result(item("b"), "created")).action == "recreated"


async def test_a_copy_is_no_journal_and_no_copy_of_another_restore(
    store: Store, spool: Spool, tmp_path: Path
) -> None:
    store.trust = WITH_KEY
    await Copies(store, "r", uid="u", spool=spool).keep(item("a"), LIVE)
    folder = tmp_path / "bucket/restores/r"
    [copy] = folder.iterdir()
    (folder / "r-items-000001.jsonl.gz").write_bytes(copy.read_bytes())
    assert [one.proof async for one in items_files(store, "r", uid="u")] == ["missing"]
    _, findings = await resumed(store, spool, uid="another")
    assert findings.warnings == 1


async def test_what_is_no_copy_stops_a_restore_that_has_nothing_better(
    store: Store, spool: Spool
) -> None:
    await store.put("restores/r/r-replaced-000001.jsonl.gz", gzip.compress(b"{}\n"))
    with pytest.raises(ArchiveDamaged, match="r-replaced-000001"):
        await resumed(store, spool)
