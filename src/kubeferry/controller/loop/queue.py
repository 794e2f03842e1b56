"""A work queue of names: a name waits in it once, however often it is added, and is never worked on
twice at the same time; what failed comes back after a growing pause.

The shape is controller-runtime's: adding a name that is being worked on marks it, and it is queued
again when that work is done.
"""

import asyncio
from collections import deque

BASE_DELAY = 0.2
MAX_DELAY = 60.0


class WorkQueue:
    """Names to reconcile, first come first served; for one event loop."""

    def __init__(self) -> None:
        self._ready: deque[str] = deque()
        self._waiting: set[str] = set()
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()

    def add(self, name: str) -> None:
        """Queues a name now."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        if name in self._active:
            self._again.add(name)
        elif name not in self._waiting:
            self._waiting.add(name)
            self._ready.append(name)
            self._wakeup.set()

    def add_after(self, name: str, seconds: float) -> None:
        """Queues a name in so many seconds; an earlier appointment stands."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(name)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[name] = loop.call_later(seconds, self.add, name)

    def add_failed(self, name: str) -> float:
        """Queues a name that failed after a pause that doubles each time; returns the pause."""
        failures = self._failures.get(name, 0)
        self._failures[name] = failures + 1
        delay = min(BASE_DELAY * 2.0 ** min(failures, 16), MAX_DELAY)
        self.add_after(name, delay)
        return delay

    def forget(self, name: str) -> None:
        """The name's work succeeded: its next failure starts at the shortest pause."""
        self._failures.pop(name, None)

    async def get(self) -> str:
        """The next name; ``done`` must be called when its work is over."""
        while not self._ready:
            self._wakeup.clear()
            await self._wakeup.wait()
        name = self._ready.popleft()
        self._waiting.discard(name)
        self._active.add(name)
        return name

    def done(self, name: str) -> None:
        """The work on a name is over; if it was added meanwhile it is queued again."""
        self._active.discard(name)
        if name in self._again:
            self._again.discard(name)
            self.add(name)

    def close(self) -> None:
        """Cancels every appointment."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
