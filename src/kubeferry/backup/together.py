"""Several things at once, of which none cuts off another by its failure.

A hook that is cut off is one of which nobody knows whether it runs; so what was begun goes on to
its end, and the first error is raised then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(
    items: Iterable[T],
    work: Callable[[T], Awaitable[None]],
    *,
    at_once: int,
    until_failure: bool = False,
) -> None:
    """Calls ``work`` for each item, ``at_once`` at a time, in their order.

    Raises the first error when all are through; ``until_failure``: when those are that were begun
    before it, the others are left. A cancellation cuts all off.
    """
    waiting = iter(items)
    failures: list[Exception] = []

    async def worker() -> None:
        for item in waiting:
            if failures and until_failure:
                return
            try:
                await work(item)
            except Exception as error:
                failures.append(error)

    async with asyncio.TaskGroup() as workers:
        for _ in range(at_once):
            workers.create_task(worker())
    if failures:
        raise failures[0]
