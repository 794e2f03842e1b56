"""Long tasks: each runs once at a time, at most so many together, and can be cancelled.

A reconciler starts a task and returns; the task writes its object's status when it ends. A task
that does not run here although its status says it is in progress was interrupted: starting it
resumes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kubeferry import allocator
from kubeferry.errors import FerryError

RETRY_SECONDS = 5.0
"""The pause before a task goes on that could not, as when the API server was out of reach."""

Step = Callable[[], Awaitable[None]]
"""A part of a task that can be called again."""

_log = logging.getLogger("kubeferry.controller")


@dataclass(slots=True)
class _Running:
    uid: str
    task: asyncio.Task[None]
    is_leaving: bool = False

    def leave(self) -> None:
        """Cancels the task once: another time would cut its cleaning up short."""
        if not self.is_leaving:
            self.is_leaving = True
            self.task.cancel()


class Runner:
    """Runs the tasks of one controller process; an async context manager that cancels them all."""

    def __init__(self, *, limit: int) -> None:
        self._limit = asyncio.Semaphore(limit)
        self._running: dict[str, _Running] = {}

    async def __aenter__(self) -> "Runner":
        return self

    async def __aexit__(self, *_: object) -> None:
        running = list(self._running.values())
        tasks = [one.task for one in running]
        for one in running:
            one.leave()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    def is_running(self, key: str) -> bool:
        """Whether the task runs or waits for its turn."""
        return key in self._running

    def start(
        self,
        key: str,
        uid: str,
        work: Step | None,
        *,
        urgent: Step | None = None,
    ) -> bool:
        """Starts the task of an object unless it runs; False while one is leaving its place.

        An older task, whose object was deleted and made anew under the same name, is cancelled:
        ask again a moment later. ``work`` waits for its turn. It is called again after a pause when
        it raises: it must resume. What is wrong with the task itself it writes into the task's
        status. ``urgent`` comes before it, each time, and does not wait for a turn.
        """
        before = self._running.get(key)
        if before is not None:
            if before.uid != uid:
                before.leave()
            return not before.is_leaving
        task = asyncio.create_task(self._run(key, work, urgent), name=key)
        self._running[key] = _Running(uid, task)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return True

    def cancel(self, key: str) -> None:
        """Cancels a task; nothing if there is none."""
        running = self._running.get(key)
        if running is not None:
            running.leave()

    async def _run(self, key: str, work: Step | None, urgent: Step | None) -> None:
        told = ""
        while True:
            try:
                if urgent is not None:
                    await urgent()
                if work is not None:
                    async with self._limit:
                        try:
                            await work()
                        finally:
                            allocator.give_back()
                return
            except FerryError as error:
                if str(error) != told:  # what lasts for hours is told once
                    _log.warning("%s: %s; resumed every %.0f s", key, error, RETRY_SECONDS)
                told = str(error)
            except Exception:
                # A defect must not leave a task that looks as if it ran: it is tried again.
                _log.exception("%s: a defect of kubeferry; resumed in %.0f s", key, RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)
