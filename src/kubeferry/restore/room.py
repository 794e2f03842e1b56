"""How much a restore's spool may take: by its setting, and by what its file system has left.

An archive says nothing reliable about what it unpacks to, and other restores fill the same disk. So
what is free is asked again for every ``STEP``, and ``RESERVE`` of it is left to everybody else.
"""

import shutil
from pathlib import Path

from kubeferry.errors import InvalidInput

STEP = 64 << 20
"""Bytes that are taken between two looks at what is free."""
RESERVE = 256 << 20
"""Bytes of the file system that stay free."""


class Room:
    """The bytes that one directory may take."""

    def __init__(
        self, directory: Path, *, limit: int | None = None, reserve: int = RESERVE
    ) -> None:
        self._directory = directory
        self._limit = limit
        self._reserve = reserve
        self._taken = 0
        self._granted = 0

    def left(self) -> int:
        """How many bytes it can still take, as far as is known now."""
        free = max(0, shutil.disk_usage(self._directory).free - self._reserve)
        return free if self._limit is None else max(0, min(free, self._limit - self._taken))

    def take(self, size: int) -> None:
        """Takes so many bytes. Raises ``InvalidInput`` when there is no room for them."""
        if self._taken + size > self._granted:
            self._check(size)
            self._granted = self._taken + min(self.left(), size + STEP)
        self._taken += size

    def _check(self, size: int) -> None:
        if size <= self.left():
            return
        if self._limit is not None and self._taken + size > self._limit:
            raise InvalidInput(
                f"the archive's objects need more than {self._limit} bytes of disk",
                place=str(self._directory.parent),
                remedy="the administrator sets the limit by KUBEFERRY_SPOOL_LIMIT",
            )
        raise InvalidInput(
            f"the archive's objects need more disk than is free: {self._taken} bytes are taken, "
            f"{self._reserve} must stay free",
            place=str(self._directory.parent),
            remedy="make room there, or name a larger file system by KUBEFERRY_SPOOL_DIR",
        )
