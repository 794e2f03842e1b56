"""The archive's objects on disk, so that they can be walked in the restore's order in flat memory.

An archive's order is not the restore's order. It is read once: bodies go to one file, an index of
them to SQLite, both in a directory of their own that is removed at the end. A second entry of the
same object replaces the first: in an archive the last one wins (velero.md §1.1).

A process that is killed leaves its directory behind. Each holds a lock while it lives, so the next
spool knows the dead ones beside it and removes them.
"""

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TextIO

from kubeferry import codec
from kubeferry.kube.names import Identity
from kubeferry.restore.room import Room
from kubeferry.restore.waves import rank

_SCHEMA = """
create table objects (
  kind integer not null, namespace text not null, name text not null,
  offset integer not null, size integer not null,
  primary key (kind, namespace, name)
) without rowid;
create table versions (
  kind integer, namespace text, name text, version text, offset integer, size integer,
  primary key (kind, namespace, name, version)
) without rowid;
create table done (
  kind text, namespace text, name text, action text not null, primary key (kind, namespace, name)
) without rowid;
create table hints (
  kind text, namespace text, name text, action text not null, primary key (kind, namespace, name)
) without rowid;
create table replaced (
  kind text, namespace text, name text, primary key (kind, namespace, name)
) without rowid;
create table hooks (
  namespace text, name text, number integer, primary key (namespace, name, number)
) without rowid;
create table kept (
  kind integer, namespace text, name text, primary key (kind, namespace, name)
) without rowid;
create table dropped (
  kind integer, namespace text, name text, offset integer not null, size integer not null,
  primary key (kind, namespace, name)
) without rowid;
create table forgotten (
  kind text, namespace text, name text, offset integer not null, size integer not null,
  action text not null, primary key (kind, namespace, name)
) without rowid;
create table live (
  kind text, namespace text, name text, offset integer not null, size integer not null,
  primary key (kind, namespace, name)
) without rowid;
create table owned (
  kind integer, namespace text, name text, primary key (kind, namespace, name)
) without rowid;
create table results (type text not null, object text not null, action text not null);
create table seen (type text, object text, primary key (type, object)) without rowid;
"""


_OWNED = b'"ownerReferences"'
_PREFIX = "kubeferry-spool-"
_LOCK = "lock"
_ROW_BYTES = 256
"""What an object's row in the index takes beside its names, generously."""


def _locked_directory(parent: Path | None) -> tuple[Path, TextIO]:
    """A new directory and its held lock; again, should another's sweep be between the two."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = (directory / _LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (directory / _LOCK).exists():
            return directory, lock
        lock.close()


def _sweep(parent: Path) -> None:
    """Removes the spools of processes that are gone; what cannot be looked at is left alone."""
    for directory in parent.glob(f"{_PREFIX}*"):
        try:
            with (directory / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)
        except OSError:
            continue


class Spooled(NamedTuple):
    """One object of the archive: which, and its JSON."""

    identity: Identity
    body: bytes


class Spool:
    """A directory of its own, below ``parent`` or the system's temporary directory."""

    def __init__(self, *, parent: Path | None = None, limit: int | None = None) -> None:
        self._directory, self._lock = _locked_directory(parent)
        self.room = Room(self._directory, limit=limit)
        _sweep(self._directory.parent)
        self._bodies = (self._directory / "bodies").open("w+b", buffering=1 << 20)
        self._index = sqlite3.connect(
            self._directory / "index", isolation_level=None, check_same_thread=False
        )
        # What the spool holds is made anew after a crash, so nothing needs to be durable.
        self._index.execute("pragma journal_mode = off")
        self._index.execute("pragma synchronous = off")
        self._index.execute("pragma cache_size = -4096")
        self._index.executescript(_SCHEMA)
        self._index.execute("begin")
        self._end = 0
        self._unflushed = False
        self._kinds: dict[str, int] = {}
        self._dropped_kinds: dict[str, int] = {}

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes everything."""
        self._index.close()
        self._bodies.close()
        self._lock.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def add(self, identity: Identity, body: bytes) -> None:
        """Keeps one object. Raises ``InvalidInput`` when there is no room for it."""
        kind = self._kinds.setdefault(identity.group_resource, len(self._kinds))
        offset = self._append(identity, body)
        self._index.execute(
            "insert or replace into objects values (?, ?, ?, ?, ?)",
            (kind, identity.namespace, identity.name, offset, len(body)),
        )
        if _OWNED in body:
            self._index.execute(
                "insert or ignore into owned values (?, ?, ?)", (kind, *identity[1:])
            )

    def add_version(self, identity: Identity, version: str, body: bytes) -> None:
        """Keeps a copy of an object in another version. Raises as ``add``."""
        kind = self._kinds.setdefault(identity.group_resource, len(self._kinds))
        offset = self._append(identity, body)
        self._index.execute(
            "insert or replace into versions values (?, ?, ?, ?, ?, ?)",
            (kind, identity.namespace, identity.name, version, offset, len(body)),
        )

    def use_version(self, group_resource: str, version: str) -> None:
        """The objects of a kind are those of its ``add_version`` copies from now on, where there
        is one.
        """
        self._index.execute(
            "insert or replace into objects select kind, namespace, name, offset, size "
            "from versions as other where kind = ? and version = ? and exists (select 1 from "
            "objects where objects.kind = other.kind and objects.namespace = other.namespace "
            "and objects.name = other.name)",
            (self._kinds.get(group_resource, -1), version),
        )

    def _append(self, identity: Identity, body: bytes) -> int:
        """Where a body begins that is written to the end."""
        names = len(identity.namespace) + len(identity.name)
        self.room.take(len(body) + names + _ROW_BYTES)
        self._bodies.write(body)
        self._unflushed = True
        self._end += len(body)
        return self._end - len(body)

    def add_live(self, identity: Identity, body: bytes) -> None:
        """Keeps an object of the target, by what it is there. Raises as ``add``."""
        offset = self._append(identity, body)
        self._index.execute(
            "insert or replace into live values (?, ?, ?, ?, ?)", (*identity, offset, len(body))
        )

    def live(self, identity: Identity) -> bytes | None:
        """The JSON of an object of the target that ``add_live`` was told, None if it was not."""
        query = "select offset, size from live where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, identity).fetchone()
        return None if row is None else self._read(*row)

    def mark_done(self, identity: Identity, action: str) -> None:
        """Notes an object that an earlier run of the same task is through with, and how.

        Raises as ``add``, like ``hint`` and ``note_hook``: anybody may have written what they note.
        """
        self.room.take(_ROW_BYTES)
        self._index.execute("insert or ignore into done values (?, ?, ?, ?)", (*identity, action))

    def done(self, identity: Identity) -> str | None:
        """What ``mark_done`` was told of it, None if nothing."""
        query = "select action from done where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, identity).fetchone()
        return None if row is None else str(row[0])

    def hint(self, identity: Identity, action: str) -> None:
        """Notes what is said, without proof, that an earlier run made of an object."""
        self.room.take(_ROW_BYTES)
        self._index.execute("insert or replace into hints values (?, ?, ?, ?)", (*identity, action))

    def hinted(self, identity: Identity) -> str | None:
        """What ``hint`` was told last of an object, None if nothing."""
        query = "select action from hints where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, identity).fetchone()
        return None if row is None else str(row[0])

    def forget_hinted(self, but: Collection[str]) -> int:
        """Forgets every object of which ``hint`` was told, but those with one of these actions, and
        all that it was told; how many of those actions there were.
        """
        marks = ", ".join("?" * len(but))
        rest = f"select namespace, name from hints where kind = ? and action not in ({marks})"
        for kind, number in self._kinds.items():
            self._index.execute(
                "insert into forgotten select hints.kind, namespace, name, offset, size, action "
                "from objects join hints using (namespace, name) where objects.kind = ? "
                f"and hints.kind = ? and action not in ({marks})",
                (number, kind, *but),
            )
            self._index.execute(
                f"delete from objects where kind = ? and (namespace, name) in ({rest})",
                (number, kind, *but),
            )
        query = f"select count(*) from hints where action in ({marks})"
        told = int(self._index.execute(query, tuple(but)).fetchone()[0])
        self._index.execute("delete from hints")
        left = {row[0] for row in self._index.execute("select distinct kind from objects")}
        self._kinds = {name: number for name, number in self._kinds.items() if number in left}
        return told

    def forgotten(self, identity: Identity) -> bytes | None:
        """The JSON of an object that ``forget_hinted`` forgot, None if it is none of them."""
        query = "select offset, size from forgotten where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, identity).fetchone()
        return None if row is None else self._read(*row)

    def forgotten_namesakes_of(
        self, group_resource: str, namespace: str, prefix: str, actions: Collection[str]
    ) -> Iterator[Spooled]:
        """As ``namesakes_of``, of what ``forget_hinted`` forgot for one of these actions."""
        marks = ", ".join("?" * len(actions))
        rows = self._index.execute(
            "select name, offset, size from forgotten where kind = ? and namespace = ? "
            f"and name >= ? and name < ? and action in ({marks}) order by name",
            (group_resource, namespace, prefix, f"{prefix}\U0010ffff", *actions),
        )
        for name, offset, size in rows:
            yield Spooled(Identity(group_resource, namespace, name), self._read(offset, size))

    def note_replaced(self, identity: Identity) -> None:
        """Notes an object in whose way an earlier run of the same task has deleted another one.

        Raises as ``add``.
        """
        self.room.take(_ROW_BYTES)
        self._index.execute("insert or ignore into replaced values (?, ?, ?)", identity)

    def is_replaced(self, identity: Identity) -> bool:
        """Whether ``note_replaced`` was told of an object."""
        query = "select 1 from replaced where kind = ? and namespace = ? and name = ?"
        return self._index.execute(query, identity).fetchone() is not None

    def note_hook(self, pod: Identity, number: int) -> bool:
        """Notes a hook that an earlier run of the same task is through with; whether it is new."""
        self.room.take(_ROW_BYTES)
        found = self._index.execute(
            "insert or ignore into hooks values (?, ?, ?)", (*pod[1:], number)
        )
        return found.rowcount > 0

    def hooks_done(self, pod: Identity) -> int:
        """How many hooks of a pod ``note_hook`` was called for."""
        query = "select count(*) from hooks where namespace = ? and name = ?"
        return int(self._index.execute(query, pod[1:]).fetchone()[0])

    def count(self) -> int:
        """How many objects there are."""
        return int(self._index.execute("select count(*) from objects").fetchone()[0])

    def kinds(self) -> list[str]:
        """The group resources there are, in the order of the restore."""
        return sorted(self._kinds, key=lambda name: (rank(name), name))

    def namespaces(self) -> set[str]:
        """The source namespaces that objects are in."""
        rows = self._index.execute("select distinct namespace from objects where namespace != ''")
        return {row[0] for row in rows}

    def names(self, group_resource: str) -> Iterator[tuple[str, str]]:
        """Namespace and name of each object of a kind, sorted."""
        kind = self._kinds.get(group_resource, -1)
        query = "select namespace, name from objects where kind = ? order by namespace, name"
        yield from self._index.execute(query, (kind,))

    def namesakes(self, namespaces: Collection[str]) -> Iterator[Identity]:
        """The objects whose kind and name are in more than one of these namespaces."""
        kinds = {number: name for name, number in self._kinds.items()}
        some = "(select value from json_each(:namespaces))"  # any number of them is one variable
        rows = self._index.execute(
            f"select kind, namespace, name from objects where namespace in {some} "
            "and (kind, name) in (select kind, name from objects "
            f"where namespace in {some} group by kind, name having count(*) > 1)",
            {"namespaces": codec.encode(sorted(namespaces)).decode()},
        )
        for kind, namespace, name in rows:
            yield Identity(kinds[kind], namespace, name)

    def get(self, identity: Identity) -> bytes | None:
        """The JSON of one object, None if the archive has none."""
        kind = self._kinds.get(identity.group_resource, -1)
        row = self._index.execute(
            "select offset, size from objects where kind = ? and namespace = ? and name = ?",
            (kind, identity.namespace, identity.name),
        ).fetchone()
        return None if row is None else self._read(*row)

    def has(self, identity: Identity) -> bool:
        """Whether the archive has an object."""
        kind = self._kinds.get(identity.group_resource, -1)
        query = "select 1 from objects where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, (kind, identity.namespace, identity.name)).fetchone()
        return row is not None

    def walk(self, group_resource: str) -> Iterator[Spooled]:
        """Each object of a kind, by namespace and name, read one at a time."""
        kind = self._kinds.get(group_resource, -1)
        rows = self._index.execute(
            "select namespace, name, offset, size from objects where kind = ? "
            "order by namespace, name",
            (kind,),
        )
        for namespace, name, offset, size in rows:
            yield Spooled(Identity(group_resource, namespace, name), self._read(offset, size))

    def namesakes_of(self, group_resource: str, namespace: str, prefix: str) -> Iterator[Spooled]:
        """Each object of a kind in a namespace whose name begins so, read one at a time."""
        kind = self._kinds.get(group_resource, -1)
        rows = self._index.execute(
            "select name, offset, size from objects where kind = ? and namespace = ? "
            "and name >= ? and name < ? order by name",
            (kind, namespace, prefix, f"{prefix}\U0010ffff"),
        )
        for name, offset, size in rows:
            yield Spooled(Identity(group_resource, namespace, name), self._read(offset, size))

    def owned(self) -> Iterator[Spooled]:
        """Each object that may have owners, in no order; it may have some by its text alone."""
        kinds = {number: name for name, number in self._kinds.items()}
        rows = self._index.execute(
            "select kind, namespace, name, offset, size from objects natural join owned"
        )
        for kind, namespace, name, offset, size in rows:
            yield Spooled(Identity(kinds[kind], namespace, name), self._read(offset, size))

    @property
    def index(self) -> sqlite3.Connection:
        """Where other indexes of the restore have tables of their own, in flat memory too."""
        return self._index

    def keep(self, identity: Identity) -> bool:
        """Marks an object for ``drop_others``; whether there is such an object, not yet marked."""
        kind = self._kinds.get(identity.group_resource, -1)
        found = self._index.execute(
            "insert or ignore into kept select kind, namespace, name from objects "
            "where kind = ? and namespace = ? and name = ?",
            (kind, identity.namespace, identity.name),
        )
        return found.rowcount > 0

    def keep_all(self, group_resource: str, namespaces: Collection[str]) -> None:
        """Marks all objects of a kind in some namespaces; the empty one has the cluster-scoped."""
        kind = self._kinds.get(group_resource, -1)
        marks = ", ".join("?" * len(namespaces))
        self._index.execute(
            "insert or ignore into kept select kind, namespace, name from objects "
            f"where kind = ? and namespace in ({marks})",
            (kind, *namespaces),
        )

    def is_kept(self, identity: Identity) -> bool:
        """Whether an object was marked by ``keep``."""
        kind = self._kinds.get(identity.group_resource, -1)
        query = "select 1 from kept where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, (kind, identity.namespace, identity.name)).fetchone()
        return row is not None

    def kept_kinds(self) -> list[str]:
        """The group resources that have marked objects."""
        rows = self._index.execute("select distinct kind from kept").fetchall()
        numbers = {row[0] for row in rows}
        return sorted(name for name, number in self._kinds.items() if number in numbers)

    def kept_namespaces(self) -> set[str]:
        """The source namespaces that marked objects are in."""
        rows = self._index.execute("select distinct namespace from kept where namespace != ''")
        return {row[0] for row in rows}

    def drop_others(self) -> None:
        """Forgets every object that was not marked by ``keep``, but for ``dropped``; none may be
        added afterwards.
        """
        left = set(self.kept_kinds())
        others = (
            "from objects where not exists (select 1 from kept where kept.kind = objects.kind "
            "and kept.namespace = objects.namespace and kept.name = objects.name)"
        )
        self._index.execute(
            f"insert into dropped select kind, namespace, name, offset, size {others}"
        )
        self._index.execute(f"delete {others}")
        self._dropped_kinds = self._kinds
        self._index.execute("delete from kept")
        self._kinds = {name: number for name, number in self._kinds.items() if name in left}

    def dropped_kinds(self) -> list[str]:
        """The group resources that ``drop_others`` found, whether it left any object of them."""
        return sorted(self._dropped_kinds)

    def count_dropped(self) -> int:
        """How many objects ``drop_others`` forgot."""
        return int(self._index.execute("select count(*) from dropped").fetchone()[0])

    def dropped(self, group_resource: str, name: str) -> Iterator[Spooled]:
        """What ``drop_others`` forgot of this kind and name, by namespace."""
        kind = self._dropped_kinds.get(group_resource, -1)
        rows = self._index.execute(
            "select namespace, offset, size from dropped where kind = ? and name = ? "
            "order by namespace",
            (kind, name),
        )
        for namespace, offset, size in rows:
            yield Spooled(Identity(group_resource, namespace, name), self._read(offset, size))

    def note_result(self, kind: str, where: str, action: str) -> None:
        """Notes what became of one: ``apps/v1/StatefulSet``, ``default1/web``, ``created``."""
        self._index.execute("insert into results values (?, ?, ?)", (kind, where, action))

    def results(self) -> Iterator[tuple[str, str, str]]:
        """What was noted, sorted by type and object."""
        yield from self._index.execute("select * from results order by type, object, action")

    def written_types(self, actions: Collection[str]) -> list[str]:
        """The types of which there are results with one of the actions."""
        marks = ", ".join("?" * len(actions))
        query = f"select distinct type from results where action in ({marks}) order by type"
        return [row[0] for row in self._index.execute(query, tuple(actions))]

    def see(self, kind: str, where: str) -> None:
        """Notes that an object is in the target now, called as ``note_result`` is."""
        self.room.take(_ROW_BYTES)
        self._index.execute("insert or ignore into seen values (?, ?)", (kind, where))

    def unseen(self, kind: str, actions: Collection[str]) -> list[tuple[str, str]]:
        """Object and action of each result of a type with one of the actions that was not told
        to ``see``, sorted.
        """
        marks = ", ".join("?" * len(actions))
        query = (
            f"select object, action from results where type = ? and action in ({marks}) and not "
            "exists (select 1 from seen where seen.type = results.type and "
            "seen.object = results.object) order by object"
        )
        return self._index.execute(query, (kind, *actions)).fetchall()

    def correct_result(self, kind: str, where: str, action: str) -> None:
        """What became of an object, after all."""
        self._index.execute("create index if not exists by_object on results (type, object)")
        self._index.execute(
            "update results set action = ? where type = ? and object = ?", (action, kind, where)
        )

    def _read(self, offset: int, size: int) -> bytes:
        if self._unflushed:
            self._bodies.flush()
            self._unflushed = False
        return os.pread(self._bodies.fileno(), size, offset)
