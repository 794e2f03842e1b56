import asyncio
from typing import Any

import pytest

from kubeferry.controller.events import (
    MAX_EVENTS,
    MAX_MESSAGE,
    MAX_PROBLEMS,
    TaskEvents,
)
from kubeferry.controller.resources import BACKUPS, EVENTS
from kubeferry.controller.task import MAX_ATTEMPTS, Tries, run_task
from kubeferry.errors import ApiUnreachable, Forbidden, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.report import Problem, Reporter
from tests.unit.controller.conftest import Ground


async def told(ground: Ground) -> list[tuple[str, str, str]]:
    """Type, reason and message of the events there are, in the order of their writing."""
    found = await ground.client.list(EVENTS, namespace="csdr")
    found.sort(key=lambda one: int(one["metadata"]["resourceVersion"]))
    return [(one["type"], one["reason"], one["message"]) for one in found]


async def run(
    ground: Ground,
    final: dict[str, Any] | Exception,
    *problems: Problem,
    tries: Tries | None = None,
) -> None:
    async def body(obj: Object, reporter: Reporter) -> dict[str, Any]:
        reporter.phase("wave 1: definitions")
        for one in problems:
            reporter.problem(one)
        if isinstance(final, Exception):
            raise final
        return final

    uid = (await ground.see(BACKUPS, "b"))["metadata"]["uid"]
    await run_task(ground.context, BACKUPS, "b", body, uid=uid, tries=tries or Tries())


async def test_a_task_that_ends_well_tells_its_start_its_parts_and_its_end(ground: Ground) -> None:
    made = await ground.create(BACKUPS, "b", storageLocation="vault")
    await run(ground, {"phase": "Completed", "progress": {"itemsDone": 7}})
    assert await told(ground) == [
        ("Normal", "Started", "begun"),
        ("Normal", "Progress", "wave 1: definitions"),
        ("Normal", "Completed", "7 objects"),
    ]
    [first, *_] = await ground.client.list(EVENTS, namespace="csdr")
    about = first["involvedObject"]
    assert (about["kind"], about["name"]) == ("ApplicationBackup", "b")
    assert about["uid"] == made["metadata"]["uid"]
    assert first["firstTimestamp"] == "2026-01-02T03:04:05Z"


async def test_one_that_fails_in_part_tells_the_first_errors_and_a_warning_at_its_end(
    ground: Ground,
) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    errors = [
        Problem("error", "Forbidden", f"no {number}", "shop", f"secrets shop/{number}")
        for number in range(MAX_PROBLEMS + 3)
    ]
    final = {"phase": "PartiallyFailed", "message": "8 errors", "counts": {"failed": 8}}
    await run(ground, final, Problem("warning", "Differs", "is other"), *errors)
    found = await told(ground)
    assert found[2:-1] == [
        ("Warning", "Forbidden", f"secrets shop/{number}: no {number}")
        for number in range(MAX_PROBLEMS)
    ]
    assert found[-1] == ("Warning", "PartiallyFailed", "8 failed; 8 errors")


async def test_one_that_fails_tells_why(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    await run(ground, InvalidInput("is wrong", place="spec.x", remedy="write y"))
    assert (await told(ground))[-1] == (
        "Warning",
        "Failed",
        "InvalidInput: spec.x: is wrong; write y",
    )


async def test_a_process_that_tries_again_says_nothing_twice(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    tries = Tries()
    for _ in range(3):
        with pytest.raises(ApiUnreachable):
            await run(ground, ApiUnreachable("no answer"), tries=tries)
    await run(ground, {"phase": "Completed", "progress": {"itemsDone": 1}}, tries=tries)
    found = await told(ground)
    assert len(found) == len(set(found))
    assert {reason for _, reason, _ in found} <= {"Started", "Progress", "Completed"}


async def test_another_process_says_that_it_goes_on(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    with pytest.raises(ApiUnreachable):
        await run(ground, ApiUnreachable("no answer"))
    ground.time.pass_(1.0)
    await run(ground, {"phase": "Completed", "progress": {"itemsDone": 1}})
    assert ("Normal", "Started", "goes on, attempt 2") in await told(ground)


async def test_events_of_one_second_are_in_order_by_their_names(ground: Ground) -> None:
    made = await ground.create(BACKUPS, "b", storageLocation="vault")
    async with TaskEvents(ground.client, BACKUPS, made, clock=ground.time, said=set()) as events:
        for number in range(20):
            events.phase(f"part {number}")
    found = await ground.client.list(EVENTS, namespace="csdr")
    found.sort(key=lambda one: str(one["metadata"]["name"]))
    assert [one["message"] for one in found] == [f"part {number}" for number in range(20)]


async def test_one_that_kills_its_controllers_has_an_event_at_last(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    status = {"status": {"phase": "InProgress", "attempts": MAX_ATTEMPTS}}
    await ground.client.patch(
        BACKUPS, "b", status, kind="merge", namespace="csdr", subresource="status"
    )
    await run(ground, {"phase": "Completed"})
    [(level, reason, message)] = await told(ground)
    assert (level, reason) == ("Warning", "Failed")
    assert message.startswith("addon status is abnormal: TaskFailed: 5 controllers began it")


class Refusing(Client):
    """A cluster that takes no events, by an error or by not answering."""

    hangs = False

    async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
        if resource == EVENTS:
            if self.hangs:
                await asyncio.sleep(3600)
            raise Forbidden("no events")
        return await super().create(resource, body, **more)


@pytest.mark.parametrize("hangs", [False, True], ids=["refused", "no answer"])
async def test_a_task_ends_as_well_where_no_event_is_taken(ground: Ground, hangs: bool) -> None:
    made = await ground.create(BACKUPS, "b", storageLocation="vault")
    async with Refusing(ClusterConfig(server=ground.client.config.server)) as client:
        client.hangs = hangs
        about = TaskEvents(client, BACKUPS, made, clock=ground.time, said=set(), close_seconds=0.1)
        async with about as events:
            events.say("Started", "begun")
            events.phase("wave 1")
    assert await told(ground) == []


async def test_events_are_bounded_in_number_and_length(ground: Ground) -> None:
    made = await ground.create(BACKUPS, "b", storageLocation="vault")
    async with TaskEvents(ground.client, BACKUPS, made, clock=ground.time, said=set()) as events:
        events.say("Long", "é" * MAX_MESSAGE)
        for number in range(MAX_EVENTS):
            events.phase(f"part {number}")
    found = await told(ground)
    assert len(found) == MAX_EVENTS
    assert len(found[0][2].encode()) == MAX_MESSAGE
