import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kubeferry.backup.together import each

pytestmark = pytest.mark.looptime


def failing(*numbers: int, done: list[int]) -> Callable[[int], Awaitable[None]]:
    async def work(number: int) -> None:
        await asyncio.sleep(1 + number)
        if number in numbers:
            raise KeyError(number)
        done.append(number)

    return work


async def test_a_failure_cuts_nobody_off_and_is_raised_at_the_end() -> None:
    done: list[int] = []
    with pytest.raises(KeyError, match="1"):
        await each(range(6), failing(1, 4, done=done), at_once=3)
    assert done == [0, 2, 3, 5]


async def test_after_a_failure_nothing_more_is_begun_if_so_wanted() -> None:
    done: list[int] = []
    with pytest.raises(KeyError, match="0"):
        await each(range(6), failing(0, done=done), at_once=3, until_failure=True)
    assert done == [1, 2], "what was begun goes on to its end"


async def test_no_more_than_so_many_at_once() -> None:
    running = most = 0

    async def work(number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    await each(range(10), work, at_once=4)
    assert most == 4


async def test_a_cancellation_cuts_all_off() -> None:
    done: list[int] = []
    task = asyncio.create_task(each(range(3), failing(done=done), at_once=3))
    await asyncio.sleep(1.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(10)
    assert done == [0]
