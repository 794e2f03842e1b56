"""What a restore did, written once: a line for each object, in gzipped files of JSON lines.

A file is complete when it is stored and never changed afterwards; a new one begins at least every
``MAX_AGE`` seconds. Resume, report and everything that asks "what was done, and why" read these
lines (design.md, The flow). A line that was not stored yet when the process died is not lost: the
object it speaks of is recognised in the cluster by its field manager.
"""

import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.errors import AlreadyStored, InvalidInput
from kubeferry.report import Level

MAX_AGE = 10.0
"""Seconds after which a file with lines in it is stored."""
MAX_BYTES = 8 << 20
"""Bytes of lines after which a file is stored."""

Sink = Callable[[int, bytes], Awaitable[None]]
"""Stores the file of a number, gzipped; raises ``AlreadyStored`` if there is one."""


class Item(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """One object's line: what it was, where it went, what was done and why.

    ``source`` and ``target`` are ``[group resource, namespace, name]``; ``action`` is ``created``,
    ``skipped``, ``refused`` or ``failed``; ``changes`` are ``{pointer, old?, new?, mechanism,
    rule}``; ``problems`` are ``[level, reason, message]``; ``images`` must exist for it to run.
    """

    source: tuple[str, str, str]
    target: tuple[str, str, str]
    action: str
    kind: str = ""
    reason: str = ""
    message: str = ""
    changes: list[dict[str, Any]] = []
    problems: list[tuple[Level, str, str]] = []
    images: list[str] = []


class Journal:
    """Collects lines and stores them file by file; the caller gives the time."""

    def __init__(self, sink: Sink, *, first: int, now: Callable[[], float]) -> None:
        self._sink = sink
        self._number = first
        self._now = now
        self._begin()

    def _begin(self) -> None:
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._parts: list[bytes] = []
        self._bytes = 0
        self._since = self._now()

    def add(self, item: Item) -> None:
        """Adds a line."""
        try:
            line = codec.encode(item) + b"\n"
        except InvalidInput:  # so the object could not be created either: that is what to tell
            line = codec.encode(msgspec.structs.replace(item, changes=[])) + b"\n"
        if not self._bytes:
            self._since = self._now()
        self._bytes += len(line)
        part = self._gzip.compress(line)
        if part:
            self._parts.append(part)

    def is_due(self) -> bool:
        """Whether ``flush`` should be called now."""
        if not self._bytes:
            return False
        return self._bytes >= MAX_BYTES or self._now() - self._since >= MAX_AGE

    async def flush(self) -> None:
        """Stores what was added since the last file; nothing if that is nothing."""
        if not self._bytes:
            return
        data = b"".join(self._parts) + self._gzip.flush()
        self._begin()
        while True:
            number = self._number
            self._number += 1
            try:
                await self._sink(number, data)
            except AlreadyStored:
                continue  # an earlier run of the task stored its last file late
            return


_ITEMS = codec.Decoder(Item)


def read_item(line: bytes) -> Item:
    """One line of a stored file, unpacked. Raises ``msgspec.DecodeError`` if it is none."""
    return _ITEMS.decode(line)
