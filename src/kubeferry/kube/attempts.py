"""The attempts of one request: waits before the next one, or lets the error out.

Whether another one may be made, and when, ``retry`` decides.
"""

import asyncio

from kubeferry.errors import ApiError
from kubeferry.kube.retry import Attempt, Repeat, seconds_to_retry
from kubeferry.kube.transport import Transport


class Attempts:
    """Counts what failed, for ``patience`` seconds from the first failure on."""

    def __init__(self, transport: Transport, repeat: Repeat, *, patience: float) -> None:
        self._transport = transport
        self._repeat = repeat
        self._patience = patience
        self._began: float | None = None
        self.count = 0

    async def failed(self, error: ApiError) -> None:
        """Waits before the next attempt; raises ``error`` when there is none."""
        await asyncio.sleep(self.pause(error))

    def pause(self, error: ApiError) -> float:
        """Seconds until the next attempt; raises ``error`` when there is none."""
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        self.count += 1
        attempt = Attempt(
            count=self.count,
            elapsed=now - self._began,
            answered=self._transport.answered,
            lost=self._transport.lost,
        )
        seconds = seconds_to_retry(error, attempt, repeat=self._repeat, patience=self._patience)
        if seconds is None:
            raise error
        return seconds
