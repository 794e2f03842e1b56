import asyncio

import pytest

from kubeferry.controller.loop.queue import BASE_DELAY, MAX_DELAY, WorkQueue

pytestmark = pytest.mark.looptime


async def taken(queue: WorkQueue) -> list[str]:
    """What is to be had at once, each done with."""
    names = []
    while True:
        try:
            async with asyncio.timeout(0.001):
                name = await queue.get()
        except TimeoutError:
            return names
        names.append(name)
        queue.done(name)


async def test_a_name_waits_once_however_often_it_is_added() -> None:
    queue = WorkQueue()
    for name in ("a", "b", "a"):
        queue.add(name)
    assert await taken(queue) == ["a", "b"]


async def test_a_name_is_never_worked_on_twice_at_once_and_comes_back_after() -> None:
    queue = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert await taken(queue) == []
    queue.done("a")
    assert await taken(queue) == ["a"]


async def test_who_waits_is_woken() -> None:
    queue = WorkQueue()
    waiting = [asyncio.create_task(queue.get()) for _ in range(2)]
    await asyncio.sleep(1)
    queue.add("a")
    queue.add("b")
    assert sorted(await asyncio.gather(*waiting)) == ["a", "b"]


async def test_a_name_can_be_added_for_later() -> None:
    queue = WorkQueue()
    loop = asyncio.get_running_loop()
    queue.add_after("a", 30)
    began = loop.time()
    assert await queue.get() == "a"
    assert loop.time() - began == pytest.approx(30, abs=0.01)


async def test_of_two_appointments_the_earlier_one_stands() -> None:
    queue = WorkQueue()
    loop = asyncio.get_running_loop()
    queue.add_after("a", 30)
    queue.add_after("a", 10)
    queue.add_after("a", 20)
    began = loop.time()
    queue.done(await queue.get())
    assert loop.time() - began == pytest.approx(10, abs=0.01)
    await asyncio.sleep(60)
    assert await taken(queue) == []


async def test_a_change_goes_before_an_appointment() -> None:
    queue = WorkQueue()
    queue.add_after("a", 30)
    queue.add("a")
    assert await taken(queue) == ["a"]
    await asyncio.sleep(60)
    assert await taken(queue) == []


async def test_what_fails_comes_back_after_a_growing_pause() -> None:
    queue = WorkQueue()
    pauses = []
    for _ in range(20):
        pauses.append(queue.add_failed("a"))
        queue.done(await queue.get())
    assert pauses[:4] == pytest.approx([BASE_DELAY * 2**power for power in range(4)])
    assert pauses[-1] == MAX_DELAY
    queue.forget("a")
    assert queue.add_failed("a") == BASE_DELAY


async def test_a_closed_queue_keeps_no_appointment() -> None:
    queue = WorkQueue()
    queue.add_after("a", 1)
    queue.close()
    await asyncio.sleep(5)
    assert await taken(queue) == []
