"""The reconcile loop: names from the queue to one reconciler, level-based.

A reconciler gets a name and nothing else. It looks at the object as it is, does what is missing,
and may be called twice for the same state. It says when to come back by returning seconds; an error
means again after a growing pause.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kubeferry.controller.loop.informer import Informer
from kubeferry.controller.loop.queue import WorkQueue
from kubeferry.errors import FerryError

Reconcile = Callable[[str], Awaitable[float | None]]
"""Brings the object of a name to what it should be; returns seconds until it looks again."""

_log = logging.getLogger("kubeferry.controller")


class Controller:
    """Runs one reconciler on the names of one informer."""

    def __init__(
        self, kind: str, informer: Informer, reconcile: Reconcile, *, workers: int = 4
    ) -> None:
        self.kind = kind
        self.queue = WorkQueue()
        self._informer = informer
        self._reconcile = reconcile
        self._workers = workers
        informer.on_change(self.queue.add)

    async def run(self) -> None:
        """Works until it is cancelled."""
        await self._informer.synced.wait()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work())
        finally:
            self.queue.close()

    async def _work(self) -> None:
        while True:
            name = await self.queue.get()
            try:
                again = await self._reconcile(name)
            except FerryError as error:
                delay = self.queue.add_failed(name)
                _log.warning("%s %s: %s; again in %.1f s", self.kind, name, error, delay)
            except Exception:
                # One object's fault must not end the controller for all others.
                delay = self.queue.add_failed(name)
                _log.exception(
                    "%s %s: a defect of kubeferry; again in %.1f s", self.kind, name, delay
                )
            else:
                self.queue.forget(name)
                if again is not None:
                    self.queue.add_after(name, again)
            finally:
                self.queue.done(name)
