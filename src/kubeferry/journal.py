"""What a restore did, written once: a line for each object, in gzipped files of JSON lines.

A file is complete when it is stored and never changed afterwards; a new one begins at least every
``MAX_AGE`` seconds. Resume, report and everything that asks "what was done, and why" read these
lines (design.md, The flow). A line that was not stored yet when the process died is not lost: the
object it speaks of is recognised in the cluster by its field manager. A file whose storing was
broken off may be there all the same, its lines then come again in the next one; a line that a
resumed task did not believe is followed by a true one: the last line of an object, or of a hook,
counts.

A hook leaves no such trace, so its line, of a type of its own, is due after ``HOOK_AGE`` seconds.
"""

import asyncio
import math
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from kubeferry import codec
from kubeferry.errors import AlreadyStored, InvalidInput
from kubeferry.report import Level

MAX_AGE = 10.0
"""Seconds after which a file with lines in it is stored."""
HOOK_AGE = 1.0
"""Seconds after which a file with a hook's line in it is stored."""
MAX_BYTES = 8 << 20
"""Bytes of lines after which a file is stored."""

Sink = Callable[[int, bytes], Awaitable[None]]
"""Stores the file of a number, gzipped; raises ``AlreadyStored`` if there is one."""


class Item(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """One object's line: what it was, where it went, what was done and why.

    ``source`` and ``target`` are ``[group resource, namespace, name]``; ``action`` is ``created``,
    ``updated``, ``recreated``, ``skipped``, ``refused`` or ``failed``; ``changes`` are ``{pointer,
    old?, new?, mechanism, rule}``; ``differences``, in the same form, lead from the object that was
    there to what was to be written; ``problems`` are ``[level, reason, message]``; ``images`` must
    exist for it to run; ``grants`` are what it grants, ``[what, text]``; ``notes`` are to be known
    and no problems, ``[reason, message]``; ``rules`` are
    the modifier rules that met it, ``[number, applied | failed | skipped, operations applied]``.
    """

    source: tuple[str, str, str]
    target: tuple[str, str, str]
    action: str
    kind: str = ""
    reason: str = ""
    message: str = ""
    changes: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    problems: list[tuple[Level, str, str]] = []
    images: list[str] = []
    grants: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []
    rules: list[tuple[int, str, int]] = []


class HookRun(
    msgspec.Struct, rename="camel", omit_defaults=True, frozen=True, tag_field="type", tag="hook"
):
    """A hook's line: which pod's, what became of it.

    ``source`` and ``target`` are the pod's, as an ``Item`` has them; ``number`` counts the pod's
    hooks from 0, in the order in which they are run; ``hook`` names who asked for it, ``container``
    where it is run. ``reason`` and ``message`` are those of a failure.
    """

    source: tuple[str, str, str]
    target: tuple[str, str, str]
    number: int
    hook: str
    container: str = ""
    outcome: Literal["done", "failed"] = "done"
    reason: str = ""
    message: str = ""


class Replaced(msgspec.Struct, rename="camel", frozen=True, tag_field="type", tag="replaced"):
    """What a restore is about to delete, to make it anew: identities as an ``Item`` has them, and
    the whole object. It is in files of its own: ``Item`` lines hold no values of Secrets.
    """

    source: tuple[str, str, str]
    target: tuple[str, str, str]
    object: dict[str, Any]


class Journal:
    """Collects lines and stores them file by file, one after the other; the caller gives the time.

    No line is let go before its file is stored: when that fails or is cancelled, the lines are back
    at their place, for the next try.
    """

    def __init__(self, sink: Sink, *, first: int, now: Callable[[], float]) -> None:
        self._sink = sink
        self._number = first
        self._now = now
        self._storing = asyncio.Lock()
        self._begin()

    def _begin(self) -> None:
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._parts: list[bytes] = []
        self._bytes = 0
        self._due = math.inf

    def add(self, item: Item | HookRun | Replaced) -> None:
        """Adds a line."""
        line = _line(item)
        age = HOOK_AGE if isinstance(item, HookRun) else MAX_AGE
        self._due = min(self._due, self._now() + age)
        self._bytes += len(line)
        part = self._gzip.compress(line)
        if part:
            self._parts.append(part)

    def is_due(self) -> bool:
        """Whether ``store_due`` would store a file."""
        if not self._bytes:
            return False
        return self._bytes >= MAX_BYTES or self._now() >= self._due

    async def store_due(self) -> None:
        """Stores a file if one is due."""
        if self.is_due():
            async with self._storing:
                if self.is_due():  # or whoever was before had these lines too
                    await self._store()

    async def flush(self) -> None:
        """Stores what was added since the last file; nothing if that is nothing.

        Raises what the sink raises.
        """
        async with self._storing:
            if self._bytes:
                await self._store()

    async def _store(self) -> None:
        data, size = b"".join(self._parts) + self._gzip.flush(), self._bytes
        self._begin()
        try:
            await self._put(data)
        except BaseException:
            # A gzip file may have several members: what was added meanwhile comes behind it.
            self._parts.insert(0, data)
            self._bytes += size
            self._due = self._now()
            raise

    async def _put(self, data: bytes) -> None:
        while True:
            try:
                await self._sink(self._number, data)
            except AlreadyStored:
                # An earlier run of the task, or a try that was broken off, stored it late.
                self._number += 1
                continue
            self._number += 1
            return


def _line(item: Item | HookRun | Replaced) -> bytes:
    try:
        return codec.encode(item) + b"\n"
    except InvalidInput:
        if not isinstance(item, Item):
            raise
        # So the object could not be created either: that is what to tell.
        bare = msgspec.structs.replace(item, changes=[], differences=[])
        return codec.encode(bare) + b"\n"


_ITEMS = codec.Decoder(Item)
_HOOKS = codec.Decoder(HookRun)
_IS_HOOK = b'{"type":"hook",'
"""How the line of a hook begins: msgspec writes the tag first."""


def read_line(line: bytes) -> Item | HookRun:
    """One line of a stored file, unpacked. Raises ``msgspec.DecodeError`` if it is none."""
    return _HOOKS.decode(line) if line.startswith(_IS_HOOK) else _ITEMS.decode(line)


class _Subject(msgspec.Struct, tag_field="type", tag="replaced"):
    source: tuple[str, str, str]


_SUBJECTS = codec.Decoder(_Subject)


def read_replaced(line: bytes) -> tuple[str, str, str]:
    """Whose place a ``Replaced`` line is about: its ``source``. Raises ``msgspec.DecodeError``."""
    return _SUBJECTS.decode(line).source
