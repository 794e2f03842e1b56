"""A private SQLite file for what a task must remember and memory must not hold.

SQLite deletes the file itself, whatever becomes of the process, and keeps a small part of it in
memory. It lies below ``TMPDIR``.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from kubeferry.errors import InvalidInput

_ROWS = 500


class Scratch:
    """Some tables; a context manager.

    ``cache`` is what SQLite keeps in memory, in KiB; ``shared`` lets several threads use it, one at
    a time. Every method raises ``InvalidInput`` when the file has no room to grow.
    """

    def __init__(self, *tables: str, cache: int = 4096, shared: bool = False) -> None:
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=not shared)
        for statement in (
            "pragma journal_mode = off",
            "pragma synchronous = off",
            f"pragma cache_size = -{cache}",
            "pragma temp_store = file",
            *(f"create table {table}" for table in tables),
            "begin",
        ):
            self._rows.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes it."""
        self._rows.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Runs a statement."""
        with _room():
            return self._rows.execute(statement, values)

    def add(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs a statement for each row."""
        with _room():
            self._rows.executemany(statement, rows)

    def first(self, query: str, values: Sequence[Any] = ()) -> Any:
        """The first row of a query, None if it has none."""
        with _room():
            return self._rows.execute(query, values).fetchone()

    def parts(self, query: str, values: Sequence[Any] = ()) -> Iterator[list[Any]]:
        """The rows of a query, some at a time."""
        cursor = self.execute(query, values)
        while True:
            with _room():
                rows = cursor.fetchmany(_ROWS)
            if not rows:
                return
            yield rows


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise no_room() from error


def no_room() -> InvalidInput:
    """What is told when temporary files have no room to grow."""
    return InvalidInput(
        "what the task must remember needs more disk than is free",
        place="temporary files",
        remedy="make room there, or name a larger file system by TMPDIR",
    )
