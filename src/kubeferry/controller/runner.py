"""Long tasks: each runs once at a time, at most so many together, and can be cancelled.

A reconciler starts a task and returns; the task writes its object's status when it ends. A task
that does not run here although its status says it is in progress was interrupted: starting it
resumes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kubeferry.errors import FerryError

RETRY_SECONDS = 5.0
"""The pause before a task goes on that could not, as when the API server was out of reach."""

_log = logging.getLogger("kubeferry.controller")


class Runner:
    """Runs the tasks of one controller process; an async context manager that cancels them all."""

    def __init__(self, *, limit: int) -> None:
        self._limit = asyncio.Semaphore(limit)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "Runner":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def is_running(self, key: str) -> bool:
        """Whether the task runs or waits for its turn."""
        return key in self._tasks

    def start(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Starts a task unless it runs.

        ``work`` is called again after a pause when it raises: it must resume. What is wrong with
        the task itself it writes into the task's status.
        """
        if key in self._tasks:
            return
        task = asyncio.create_task(self._run(key, work), name=key)
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    def cancel(self, key: str) -> None:
        """Cancels a task; nothing if there is none."""
        task = self._tasks.get(key)
        if task is not None:
            task.cancel()

    async def _run(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with self._limit:
                    await work()
                return
            except FerryError as error:
                _log.warning("%s: %s; resumed in %.0f s", key, error, RETRY_SECONDS)
            except Exception:
                # A defect must not leave a task that looks as if it ran: it is tried again.
                _log.exception("%s: a defect of kubeferry; resumed in %.0f s", key, RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)
