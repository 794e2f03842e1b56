"""A queue of keys and one task that handles them: what every stand-in for a controller runs on."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from contextlib import suppress

from kubeferry.sandbox.answers import Refused

_log = logging.getLogger(__name__)


class Worker:
    """Handles each key once for any number of times it was added meanwhile.

    ``handle`` works on memory only, so it does not wait. What it is refused is logged and dropped:
    the next change of the object brings the key again.
    """

    def __init__(self, handle: Callable[[Hashable], None]) -> None:
        self._handle = handle
        self._keys: dict[Hashable, None] = {}
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def add(self, key: Hashable) -> None:
        """Has a key handled soon."""
        self._keys[key] = None
        self._idle.clear()
        self._more.set()

    def start(self) -> None:
        """Begins to handle keys."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ends; keys that are left are forgotten."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def idle(self) -> None:
        """Returns when no key is left."""
        await self._idle.wait()

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            while self._keys:
                key = next(iter(self._keys))
                del self._keys[key]
                try:
                    self._handle(key)
                except Refused as refused:
                    _log.warning("sandbox: %s: %s", key, refused.message)
                await asyncio.sleep(0)
            self._more.clear()
            self._idle.set()
