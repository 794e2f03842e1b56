"""What a backup holds and what that refers to, kept on disk while it is taken, in flat memory.

Of everything archived whose kind may be referred to there is a row, and of each reference one, with
the object that was the first to make it. What is referred to and not archived is what is missing.
Not for two threads.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

from kubeferry.kube.names import Identity
from kubeferry.scratch import Scratch

_ROWS = 500


class Wanted(NamedTuple):
    """An object that another one refers to; ``needed`` as in ``related.Reference``."""

    target: Identity
    because: Identity
    needed: bool


class Ledger:
    """A temporary database; a context manager."""

    def __init__(self) -> None:
        key, by = "kind, namespace, name", "by_kind, by_namespace, by_name"
        self._rows = Scratch(
            f"archived ({key}, by_relation, primary key ({key})) without rowid",
            f"wanted ({key}, needed, {by}, primary key ({key})) without rowid",
            f"traces ({key}, {by}, primary key ({key})) without rowid",
        )
        self._kinds: dict[str, int] = {}
        self._names: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes it."""
        self._rows.close()

    def add(self, archived: Iterable[Identity], *, by_relation: bool = False) -> None:
        """Writes down what was archived, and whether only because something referred to it."""
        self._rows.add(
            "insert or ignore into archived values (?, ?, ?, ?)",
            ((*self._key(one), by_relation) for one in archived),
        )

    def want(self, references: Iterable[Wanted]) -> None:
        """Writes down references. Of several to one object the first counts; it is needed if any
        of them needs it.
        """
        self._rows.add(
            "insert into wanted values (?, ?, ?, ?, ?, ?, ?) on conflict do update"
            " set needed = excluded.needed, by_kind = excluded.by_kind,"
            " by_namespace = excluded.by_namespace, by_name = excluded.by_name"
            " where excluded.needed > needed",
            ((*self._key(one.target), one.needed, *self._key(one.because)) for one in references),
        )

    def trace(self, traces: Iterable[tuple[Identity, Identity]]) -> None:
        """Writes down traces, each with the object that left it."""
        self._rows.add(
            "insert or ignore into traces values (?, ?, ?, ?, ?, ?)",
            ((*self._key(left), *self._key(by)) for left, by in traces),
        )

    def holds(self, one: Identity) -> bool:
        """Whether it was archived and written down."""
        query = "select 1 from archived where kind = ? and namespace = ? and name = ?"
        return self._rows.first(query, self._key(one)) is not None

    def came_in(self, one: Identity) -> bool:
        """Whether it was archived because something referred to it."""
        query = "select 1 from archived where kind = ? and namespace = ? and name = ?"
        row = self._rows.first(f"{query} and by_relation", self._key(one))
        return row is not None

    def forget(self, one: Identity) -> None:
        """Strikes off what refers to an object: it is known why it is missing."""
        statement = "delete from wanted where kind = ? and namespace = ? and name = ?"
        self._rows.execute(statement, self._key(one))

    def missing(self, one: Identity) -> Wanted | None:
        """The reference to an object that was not archived; None if there is none, or it was."""
        query = f"{_MISSING} and namespace = ? and name = ?"
        row = self._rows.first(query, self._key(one))
        return None if row is None else self._wanted(row)

    def sought(self, traces: Iterable[Identity]) -> Identity | None:
        """The object that left one of these traces; None if nobody did."""
        query = (
            "select by_kind, by_namespace, by_name from traces"
            " where kind = ? and namespace = ? and name = ?"
        )
        for one in traces:
            row = self._rows.first(query, self._key(one))
            if row is not None:
                return Identity(self._names[row[0]], row[1], row[2])
        return None

    def has_traces(self, kinds: Iterable[str]) -> bool:
        """Whether any trace of these kinds was written down."""
        query = "select 1 from traces where kind = ? limit 1"
        return any(self._rows.first(query, (self._number(kind),)) for kind in kinds)

    def count_lacking(self, kind: str, other: str) -> int:
        """How many objects were archived under one kind and not under another."""
        query = (
            "select count(*) from archived as one where kind = ? and not exists (select 1 from"
            " archived as two where two.kind = ? and two.namespace = one.namespace"
            " and two.name = one.name)"
        )
        count: int = self._rows.first(query, (self._number(kind), self._number(other)))[0]
        return count

    def count_missing(self, kind: str) -> int:
        """How many objects of a kind are referred to and not archived."""
        query = f"select count(*) from ({_MISSING})"
        count: int = self._rows.first(query, (self._number(kind),))[0]
        return count

    def all_missing(self, kind: str) -> Iterator[Wanted]:
        """What of a kind is referred to and not archived, by namespace and name.

        What is archived while this is read is not left out for it.
        """
        after: Sequence[Any] = ("", "")
        while True:
            rows = self._rows.execute(
                f"{_MISSING} and (namespace, name) > (?, ?) order by namespace, name limit ?",
                (self._number(kind), *after, _ROWS),
            ).fetchall()
            yield from map(self._wanted, rows)
            if len(rows) < _ROWS:
                return
            after = rows[-1][1:3]

    def _number(self, kind: str) -> int:
        number = self._kinds.get(kind)
        if number is None:
            number = self._kinds[kind] = len(self._names)
            self._names.append(kind)
        return number

    def _key(self, one: Identity) -> tuple[int, str, str]:
        return self._number(one.group_resource), one.namespace, one.name

    def _wanted(self, row: Sequence[Any]) -> Wanted:
        kind, namespace, name, needed, by_kind, by_namespace, by_name = row
        return Wanted(
            Identity(self._names[kind], namespace, name),
            Identity(self._names[by_kind], by_namespace, by_name),
            bool(needed),
        )


_MISSING = (
    "select * from wanted where kind = ? and not exists (select 1 from archived"
    " where archived.kind = wanted.kind and archived.namespace = wanted.namespace"
    " and archived.name = wanted.name)"
)
