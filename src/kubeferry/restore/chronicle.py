"""A restore's journal as it is read afterwards: one line an object, the last one counts.

A journal is read in the order in which it was written, and of an object that was told of twice (a
resumed restore, one that was found gone at the end) the later line is the true one. Lines wait in a
database of their own on disk, so a journal of a million objects is read in bounded memory.
"""

import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from kubeferry.errors import ArchiveDamaged
from kubeferry.journal import HookRun, Item, read_line
from kubeferry.vault.restores import items_files
from kubeferry.vault.store import Store

_SCHEMA = "create table lines (key text primary key, number integer, line blob) without rowid"


class Chronicle:
    """What a restore told of each object and hook; a context manager.

    ``unproven`` are the files that no key of the vault has sealed, where it has keys.
    """

    def __init__(self) -> None:
        self._lines = sqlite3.connect("", isolation_level=None)  # a file without a name
        self._lines.execute("pragma synchronous = off")
        self._lines.execute(_SCHEMA)
        self._count = 0
        self.unproven: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()

    async def read(self, store: Store, folder: str, *, uid: str) -> None:
        """Takes in the item files of the restore with this uid. Raises ``ArchiveDamaged``."""
        async for file in items_files(store, folder, uid=uid):
            if file.proof == "missing":
                self.unproven.append(file.place)
            for line in file.lines():
                try:
                    self.add(line)
                except msgspec.DecodeError as error:
                    raise ArchiveDamaged(
                        f"a line of the journal is none: {error}", place=file.place
                    ) from error

    def add(self, line: bytes) -> None:
        """Takes in a line. Raises ``msgspec.DecodeError`` for what is none."""
        found = read_line(line)
        number = f"\0{found.number}" if isinstance(found, HookRun) else ""
        self._count += 1
        self._lines.execute(
            "insert or replace into lines values (?, ?, ?)",
            ("\0".join(found.source) + number, self._count, line),
        )

    def lines(self) -> Iterator[Item | HookRun]:
        """The line that counts of each object and hook, in the order in which they were told."""
        for (line,) in self._lines.execute("select line from lines order by number"):
            yield read_line(line)

    def items(self) -> Iterator[Item]:
        """Those of objects."""
        return (one for one in self.lines() if isinstance(one, Item))
