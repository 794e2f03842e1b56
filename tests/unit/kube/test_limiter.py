import asyncio

import pytest

from kubeferry.kube.limiter import ByteBudget, Limiter


async def test_a_round_of_successes_adds_one_place() -> None:
    limiter = Limiter(start=4, ceiling=8)
    tickets = [await limiter.acquire() for _ in range(4)]
    for ticket in tickets:
        limiter.release(ticket)
        await limiter.acquire()
    assert 4.8 < limiter._limit < 5.1


async def test_idle_places_do_not_grow() -> None:
    limiter = Limiter(start=4)
    for _ in range(100):
        limiter.release(await limiter.acquire())
    assert limiter.limit == 4


async def test_many_refusals_of_one_moment_halve_once() -> None:
    limiter = Limiter(start=16)
    tickets = [await limiter.acquire() for _ in range(16)]
    for ticket in tickets:
        limiter.overloaded(ticket, 0)
    assert (limiter.limit, limiter.active) == (8, 0)


async def test_places_are_given_in_order_and_a_refused_request_goes_first() -> None:
    limiter = Limiter(start=1)
    order: list[str] = []

    async def one(name: str, first: bool = False) -> None:
        ticket = await limiter.acquire(first=first)
        order.append(name)
        limiter.release(ticket)

    held = await limiter.acquire()
    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b", "c"):
            tasks.create_task(one(name))
        await asyncio.sleep(0)
        tasks.create_task(one("refused", first=True))
        await asyncio.sleep(0)
        assert limiter.waiting == 4
        limiter.release(held)
    assert order == ["refused", "a", "b", "c"]


async def test_nobody_starts_during_retry_after() -> None:
    limiter = Limiter(start=4)
    loop = asyncio.get_running_loop()
    began = loop.time()
    limiter.overloaded(await limiter.acquire(), 0.1)
    await limiter.acquire()
    assert loop.time() - began >= 0.1


async def test_a_cancelled_wait_loses_no_place() -> None:
    limiter = Limiter(start=1)
    held = await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    granted = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    limiter.release(held)  # grants the second, which is cancelled before it runs
    granted.cancel()
    await asyncio.gather(waiting, granted, return_exceptions=True)
    assert (limiter.active, limiter.waiting) == (0, 0)


@pytest.mark.parametrize(("start", "ceiling"), [(0, 4), (5, 4)])
def test_limits_that_make_no_sense_are_refused(start: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match="start"):
        Limiter(start=start, ceiling=ceiling)


async def test_bytes_wait_for_bytes() -> None:
    budget = ByteBudget(10)
    order: list[str] = []

    async def one(name: str, size: int) -> None:
        async with budget.reserve(size):
            order.append(name)
            await asyncio.sleep(0)
            assert budget.used <= 10

    async with asyncio.TaskGroup() as tasks:
        for name, size in (("a", 6), ("b", 99), ("c", 1)):
            tasks.create_task(one(name, size))
    assert (order, budget.used) == (["a", "b", "c"], 0)
