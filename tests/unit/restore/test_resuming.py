"""What a journal in the vault can make a resumed restore believe."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.clock import utc_now
from kubeferry.errors import ApiUnreachable, ArchiveDamaged
from kubeferry.journal import Journal
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity
from kubeferry.report import Silent
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.report import Recorder
from kubeferry.restore.resuming import TURN, left_to_do
from kubeferry.restore.spool import Spool
from kubeferry.transform.pipeline import Pipeline, Rules
from kubeferry.vault.keys import KeyRing, Trust, new_key
from tests.unit.restore import test_run
from tests.unit.restore.test_run import COUNT, MAPS, OBJECTS, REQUEST, Ground, stored

ground = test_run.ground

WITH_KEY = Trust(KeyRing((new_key(clock=utc_now),)))


async def nowhere(number: int, data: bytes) -> None:
    raise AssertionError("nothing is told")


def item(number: int, action: str = "created") -> dict[str, Any]:
    name = f"m-{number:02}"
    return {
        "source": ["configmaps", "shop", name],
        "target": ["configmaps", "shop1", name],
        "action": action,
        "kind": "v1/ConfigMap",
    }


def forge(ground: Ground, *lines: dict[str, Any], number: int = 99) -> Path:
    path = ground.root / f"bucket/restores/back/back-items-{number:06}.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))
    return path


async def interrupted(ground: Ground, trust: Trust) -> None:
    """A restore of everything that died after a few of its creates."""
    ground.store.trust = trust
    await stored(ground.store, *OBJECTS)
    with pytest.raises(ApiUnreachable):
        await ground.run(dies_at=6)


@pytest.mark.parametrize("trust", [Trust(), WITH_KEY], ids=["without a key", "with a key"])
@pytest.mark.parametrize("action", ["created", "recreated", "updated", "skipped", "failed"])
async def test_what_a_forged_journal_says_is_done_is_done_all_the_same(
    ground: Ground, trust: Trust, action: str
) -> None:
    await interrupted(ground, trust)
    forge(ground, *(item(number, action) for number in range(COUNT)))
    result = await ground.run()
    assert len(await ground.maps()) == COUNT
    assert result.phase == "Completed"
    # What is this task's is there; that it was made in another's place is what nobody can see.
    assert result.counts["created"] + result.counts.get("recreated", 0) == COUNT + 1
    assert result.warnings == (1 if trust is WITH_KEY else 0)


async def test_with_a_key_each_line_of_the_journal_is_written_once(ground: Ground) -> None:
    await interrupted(ground, WITH_KEY)
    result = await ground.run()
    assert (result.counts, result.warnings) == ({"created": COUNT + 1}, 0)
    told = Counter(tuple(line["source"]) for line in ground.lines())
    assert set(told.values()) == {1}
    assert len(told) == COUNT + 1


async def test_a_file_of_another_restore_proves_nothing(ground: Ground) -> None:
    ground.store.trust = WITH_KEY
    await stored(ground.store, *OBJECTS)
    await ground.run(replace(REQUEST, name="other", uid="task-2", namespaces={"shop": "shop2"}))
    [theirs] = (ground.root / "bucket/restores/other").glob("other-items-*")
    with pytest.raises(ApiUnreachable):
        await ground.run(dies_at=6)
    forge(ground).write_bytes(theirs.read_bytes())
    result = await ground.run()
    assert len(await ground.maps()) == COUNT
    assert result.warnings == 1


async def test_what_is_there_already_is_not_asked_for_again(ground: Ground) -> None:
    await stored(ground.store, *OBJECTS)
    await ground.run()
    result = await ground.run(dies_at=3)  # the namespace and nothing else is sent again
    assert result.counts == {"created": COUNT + 1}


async def test_what_the_key_has_proven_is_not_made_again(ground: Ground) -> None:
    ground.store.trust = WITH_KEY
    await stored(ground.store, *OBJECTS)
    await ground.run()
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        await client.delete(MAPS, "m-00", namespace="shop1")
    result = await ground.run()
    assert result.counts == {"created": COUNT, "failed": 1}  # it is gone, which is told
    assert len(await ground.maps()) == COUNT - 1


def test_what_is_passed_over_leaves_others_their_turn(tmp_path: Path) -> None:
    passed: list[int] = []

    def items() -> Iterator[PlanItem]:
        for number in range(3 * TURN):
            passed.append(number)
            yield PlanItem(Identity("configmaps", "shop", f"m-{number}"), *rest)

    rest = (Identity("configmaps", "shop", "m"), MAPS, "create", {})
    with Spool(parent=tmp_path) as spool:
        for number in range(3 * TURN):
            spool.mark_done(Identity("configmaps", "shop", f"m-{number}"), "skipped")
        planner = Planner(spool, Pipeline(Rules()), Discovery(()), {}, {})
        recorder = Recorder(
            journal=Journal(nowhere, first=1, now=lambda: 0.0),
            spool=spool,
            reporter=Silent(),
            total=0,
        )
        turns = [len(passed) for one in left_to_do(items(), planner, recorder, print) if not one]
    assert turns == [1, TURN + 1, 2 * TURN + 1]


async def test_what_is_no_journal_stops_a_restore_that_has_nothing_better(ground: Ground) -> None:
    await interrupted(ground, Trust())
    forge(ground).write_bytes(b"no gzip")
    with pytest.raises(ArchiveDamaged, match=r"back-items-000099\.jsonl\.gz"):
        await ground.run()


async def test_with_a_key_it_is_only_told(ground: Ground) -> None:
    await interrupted(ground, WITH_KEY)
    forge(ground).write_bytes(b"no gzip")
    result = await ground.run()
    assert (result.counts, result.warnings) == ({"created": COUNT + 1}, 1)
