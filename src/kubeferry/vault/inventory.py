"""What an archive holds, kept on disk while somebody looks at it, in flat memory.

The archive is read once, as a restore reads it: verified, ours or Velero's. Of each object only
what a list shows is kept: kind, size, creation date. Of two entries of one object the last one
counts (velero.md §1.1).
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.kube.names import Identity
from kubeferry.vault.reader import EntryPath

_ROWS = 500
_SCHEMA = """
create table kinds (resource text primary key, version text, kind text) without rowid;
create table versions (resource text, version text, primary key (resource, version)) without rowid;
create table others (
  namespace text, resource text, version text, size integer,
  primary key (namespace, resource, version)
) without rowid;
create table objects (
  is_cluster integer, namespace text, resource text, name text, size integer, created text,
  primary key (is_cluster, namespace, resource, name)
) without rowid;
"""
_ORDER = "order by is_cluster, namespace, kind, resource, name"


class Kind(NamedTuple):
    """Objects of one kind: all of them, or those of one namespace.

    ``resource`` is the group resource; ``api_version`` and ``kind`` are as the objects have them,
    empty where none of them decodes; ``size`` are the bytes of their JSON.
    """

    resource: str
    api_version: str
    kind: str
    objects: int
    size: int

    @property
    def label(self) -> str:
        """``Deployment (apps/v1)``, as people know it."""
        return f"{self.kind} ({self.api_version})" if self.kind else self.resource


class Held(NamedTuple):
    """One object: its JSON's size in bytes and its creation date, empty if it has none."""

    identity: Identity
    api_version: str
    kind: str
    size: int
    created: str


class _Metadata(msgspec.Struct, rename="camel"):
    creation_timestamp: str | None = None


class _Head(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_HEADS = codec.Decoder(_Head)


class Inventory:
    """A temporary table, cluster-scoped objects last in every order.

    A thread that fills it may outlive a task that was cancelled: closing waits for what it does at
    the moment, and then the thread meets ``sqlite3.ProgrammingError``.
    """

    def __init__(self) -> None:
        self._using = threading.Lock()
        # The empty name is a private file that SQLite deletes itself and keeps in a small cache.
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.execute("pragma journal_mode = off")
        self._rows.execute("pragma synchronous = off")
        self._rows.execute("pragma cache_size = -4096")
        self._rows.execute("pragma temp_store = file")
        self._rows.executescript(_SCHEMA)
        self._rows.execute("begin")
        self._kinds: set[str] = set()
        self._versions: set[tuple[str, str]] = set()

    def __enter__(self) -> "Inventory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes it."""
        with self._using:
            self._rows.close()

    def add(self, identity: Identity, body: bytes) -> None:
        """Adds an object; what does not decode has no kind and no date."""
        try:
            head = _HEADS.decode(body)
        except msgspec.DecodeError:
            head = _Head()
        resource, namespace, name = identity
        row = (not namespace, namespace, resource, name, len(body))
        with self._using:
            if resource not in self._kinds:
                self._note_kind(resource, head)
            self._rows.execute(
                "insert or replace into objects values (?, ?, ?, ?, ?, ?)",
                (*row, head.metadata.creation_timestamp or ""),
            )

    def _note_kind(self, resource: str, head: _Head) -> None:
        if head.kind:
            self._kinds.add(resource)
        self._rows.execute(
            "insert or replace into kinds values (?, ?, ?)", (resource, head.api_version, head.kind)
        )

    def add_version(self, entry: EntryPath, body: bytes) -> None:
        """Notes that a kind is there in a version, and the bytes of those beside the preferred."""
        one = (entry.identity.group_resource, entry.version)
        if one not in self._versions:
            self._versions.add(one)
            with self._using:
                self._rows.execute("insert into versions values (?, ?)", one)
        if not entry.is_preferred:
            with self._using:
                self._rows.execute(
                    "insert into others values (?, ?, ?, ?) "
                    "on conflict do update set size = size + excluded.size",
                    (entry.identity.namespace, *one, len(body)),
                )

    def keep(
        self, *, namespaces: Iterable[str] | None = None, resources: Iterable[str] | None = None
    ) -> None:
        """Forgets what is in other namespaces, or of other group resources; None keeps all."""
        wanted = {"namespace": namespaces, "resource": resources}
        with self._using:
            for column, values in wanted.items():
                if values is not None:
                    self._rows.execute("create temp table wanted (value text primary key)")
                    self._rows.executemany(
                        "insert or ignore into wanted values (?)", [(one,) for one in values]
                    )
                    for table in ("objects", "others"):
                        self._rows.execute(
                            f"delete from {table} where {column} not in (select value from wanted)"
                        )
                    self._rows.execute("drop table wanted")

    def total(self) -> tuple[int, int]:
        """How many objects, and the bytes of their JSON."""
        [(objects, size)] = next(
            self._select("select count(*), coalesce(sum(size), 0) from objects", ())
        )
        return objects, size

    def kinds(self) -> list[Kind]:
        """The kinds there are, sorted."""
        query = (
            "select resource, version, kind, count(*), sum(size) from objects "
            "join kinds using (resource) group by resource order by kind, resource"
        )
        return [Kind(*row) for rows in self._select(query, ()) for row in rows]

    def versions(self, resource: str) -> list[str]:
        """The versions that a kind is there in beside its bare copies, sorted."""
        query = "select version from versions where resource = ? order by version"
        return [version for rows in self._select(query, (resource,)) for (version,) in rows]

    def others(self) -> dict[str, list[str]]:
        """The versions of each group resource that are there beside the preferred one, sorted."""
        found: dict[str, list[str]] = {}
        query = "select distinct resource, version from others order by resource, version"
        for rows in self._select(query, ()):
            for resource, version in rows:
                found.setdefault(resource, []).append(version)
        return found

    def other_size(self) -> int:
        """The bytes of what is there in those versions."""
        [(size,)] = next(self._select("select coalesce(sum(size), 0) from others", ()))
        return int(size)

    def groups(self) -> Iterator[tuple[str, Kind]]:
        """Each namespace's kinds, by namespace and kind."""
        query = (
            "select namespace, resource, version, kind, count(*), sum(size) from objects "
            "join kinds using (resource) group by is_cluster, namespace, resource "
            "order by is_cluster, namespace, kind, resource"
        )
        for rows in self._select(query, ()):
            for namespace, *rest in rows:
                yield namespace, Kind(*rest)

    def objects(self, *, namespace: str | None = None, resource: str = "") -> Iterator[Held]:
        """Each object by namespace, kind and name: all, or those of a kind in a namespace."""
        where, values = "", tuple[object, ...]()
        if namespace is not None:
            where = "where is_cluster = ? and namespace = ? and resource = ? "
            values = (not namespace, namespace, resource)
        query = (
            "select resource, namespace, name, version, kind, size, created from objects "
            f"join kinds using (resource) {where}{_ORDER}"
        )
        for rows in self._select(query, values):
            for group_resource, inside, name, *rest in rows:
                yield Held(Identity(group_resource, inside, name), *rest)

    def widths(self) -> tuple[int, int]:
        """Characters of the longest namespace and name."""
        query = (
            "select coalesce(max(length(namespace)), 0), coalesce(max(length(name)), 0) "
            "from objects"
        )
        [(namespace, name)] = next(self._select(query, ()))
        return namespace, name

    def _select(self, query: str, values: tuple[object, ...]) -> Iterator[list[Any]]:
        """The rows of a query, some at a time."""
        with self._using:
            cursor = self._rows.execute(query, values)
        while True:
            with self._using:
                rows = cursor.fetchmany(_ROWS)
            if not rows:
                return
            yield rows
