"""How much is under way at once: requests that write, and bytes of lists.

``Limiter`` finds the API server's speed by itself (additive increase, multiplicative decrease): a
round of successes adds one place, an answer that says "too much" (429, 503 with Retry-After)
halves them, once for all requests that were under way by then, and nobody starts before
Retry-After is over. Places are given in the order they were asked for.

``ByteBudget`` bounds bytes: of answers that are being read, of pages that wait, of objects that are
being created.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client allows itself; times in seconds.

    Attributes:
        writes_start: writes at once to begin with.
        writes_max: writes at once at most.
        connections: open connections at most; those of commands in containers do not count.
        page_bytes: a list's page that grows over this is asked for again with fewer objects.
        bytes_in_flight: bytes of pages being read at once, over all lists.
        bytes_held: bytes of pages being read, waiting or being consumed, over all backups.
        bytes_outgoing: bytes of archived objects that are being created, over all restores.
        connect_timeout: for a connection, its TLS handshake included.
        read_timeout: without a byte from the server (it gives up by itself after 60 s).
        patience: how long one request is tried again before its error is raised.
    """

    writes_start: int = 16
    writes_max: int = 64
    connections: int = 128
    page_bytes: int = 16 * MIB
    bytes_in_flight: int = 64 * MIB
    bytes_held: int = 80 * MIB
    bytes_outgoing: int = 16 * MIB
    connect_timeout: float = 10.0
    read_timeout: float = 75.0
    patience: float = 120.0


class Limiter:
    """The adaptive limit. ``acquire`` a place, then ``release`` it and tell how it went."""

    def __init__(self, *, start: int = 16, ceiling: int = 64) -> None:
        """At first ``start`` places, never more than ``ceiling``, never less than one."""
        if not 1 <= start <= ceiling:
            raise ValueError(f"start {start} must be from 1 to the ceiling {ceiling}")
        self._limit = float(start)
        self._ceiling = float(ceiling)
        self._active = 0
        self._epoch = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0
        self._wake: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """Places at present."""
        return int(self._limit)

    @property
    def active(self) -> int:
        """Places taken."""
        return self._active

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiters)

    async def acquire(self, *, first: bool = False) -> int:
        """Waits for a place; the ticket goes back with ``release``.

        ``first`` is for a request that the server sent away: it goes before those that wait.
        """
        if self._active < int(self._limit) and not self._waiters and self._wake is None:
            self._active += 1
            return self._epoch
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiters.appendleft(waiter)
        else:
            self._waiters.append(waiter)
        self._admit()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._active -= 1
                self._admit()
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise
        return self._epoch

    def release(self, ticket: int, *, succeeded: bool = True) -> None:
        """Gives a place back; a success while the places were all in use makes room for more."""
        if succeeded and self._active >= int(self._limit) and ticket == self._epoch:
            self._limit = min(self._ceiling, self._limit + 1.0 / self._limit)
        self._active -= 1
        if self._waiters:
            self._admit()

    def overloaded(self, ticket: int, retry_after: float) -> None:
        """Gives a place back after "too much": fewer places, and a pause of ``retry_after``.

        Requests that began before the last decrease say nothing new and decrease nothing.
        """
        if ticket == self._epoch:
            self._epoch += 1
            self._limit = max(1.0, self._limit / 2)
        self._active -= 1
        loop = asyncio.get_running_loop()
        until = loop.time() + retry_after
        if until > self._paused_until and retry_after > 0:
            self._paused_until = until
            if self._wake is not None:
                self._wake.cancel()
            self._wake = loop.call_at(until, self._resume)
        self._admit()

    def close(self) -> None:
        """Forgets a pause, so that no timer outlives the client."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def _resume(self) -> None:
        self._wake = None
        self._admit()

    def _admit(self) -> None:
        while self._waiters and self._wake is None and self._active < int(self._limit):
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._active += 1
                waiter.set_result(None)


class ByteBudget:
    """Bytes that may be under way at once. First come, first served."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes reserved at present."""
        return self._used

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        """Holds ``size`` bytes (all of the budget, if it is smaller) for a block."""
        size = await self.take(size)
        try:
            yield
        finally:
            self.give_back(size)

    async def take(self, size: int) -> int:
        """Waits until ``size`` bytes are free (all of the budget, if it is smaller).

        Returns the bytes to give back.
        """
        size = min(size, self._size)
        if self._waiters or self._used + size > self._size:
            await self._wait(size)
        else:
            self._used += size
        return size

    async def _wait(self, size: int) -> None:
        entry = (size, asyncio.get_running_loop().create_future())
        self._waiters.append(entry)
        try:
            await entry[1]
        except asyncio.CancelledError:
            if entry in self._waiters:
                self._waiters.remove(entry)
            elif entry[1].done() and not entry[1].cancelled():
                self.give_back(size)
            raise

    def give_back(self, size: int) -> None:
        """Frees bytes; fewer than none where more came than was reserved."""
        self._used -= size
        while self._waiters and self._used + self._waiters[0][0] <= self._size:
            wanted, waiter = self._waiters.popleft()
            if not waiter.done():
                self._used += wanted
                waiter.set_result(None)
