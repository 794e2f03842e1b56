"""Objects in memory, one revision for each write, and the recent past for watchers.

An object is kept decoded and as the JSON it is answered with; both are never changed, a write puts
new ones in their place. Whoever wants to change an object decodes its JSON: that is its copy.
"""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, Protocol

from kubeferry import codec
from kubeferry.kube.objects import Object

Key = tuple[str, str]
"""Namespace (empty for a cluster-scoped object) and name."""

Change = Literal["ADDED", "MODIFIED", "DELETED"]


class Entry(Protocol):
    """One object at one revision; ``raw`` is its JSON."""

    @property
    def key(self) -> Key:
        """Namespace and name."""

    @property
    def object(self) -> Object:
        """The object, not to be changed."""

    @property
    def raw(self) -> bytes:
        """The object's JSON."""

    @property
    def revision(self) -> int:
        """Of the write that made it."""

    def copy(self) -> Object:
        """The object, to be changed."""


class Stored(NamedTuple):
    """An entry in memory."""

    key: Key
    object: Object
    raw: bytes
    revision: int

    def copy(self) -> Object:
        """The object, to be changed."""
        copied: Object = codec.decode(self.raw)
        return copied


class Shelved(NamedTuple):
    """An entry that lies elsewhere and is read each time somebody asks for it."""

    key: Key
    load: Callable[[], bytes]
    revision: int

    @property
    def raw(self) -> bytes:
        """The object's JSON, read."""
        return self.load()

    @property
    def object(self) -> Object:
        """The object, read."""
        return self.copy()

    def copy(self) -> Object:
        """The object, read."""
        copied: Object = codec.decode(self.load())
        return copied


class Event(NamedTuple):
    """What happened to one object; ``previous`` is what it was before."""

    type: Change
    table: str
    entry: Entry
    previous: Entry | None


class _Table:
    """The objects of one resource, found by key and in the order of keys."""

    __slots__ = ("entries", "keys")

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.keys: list[Key] = []


class Storage:
    """All objects of a server. ``listen`` is told of each write, in order, before the next one."""

    def __init__(self, *, history: int = 10_000, snapshots: int = 32) -> None:
        self._tables: dict[str, _Table] = {}
        self._history: deque[Event] = deque(maxlen=history)
        self._snapshots: OrderedDict[str, tuple[int, list[Entry]]] = OrderedDict()
        self._most_snapshots = snapshots
        self._listeners: list[Callable[[Event], None]] = []
        self.revision = 1

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Calls ``listener`` after each write; it must not fail and must not write."""
        self._listeners.append(listener)

    def get(self, table: str, namespace: str, name: str) -> Entry | None:
        """One object."""
        found = self._tables.get(table)
        return found.entries.get((namespace, name)) if found else None

    def entries(self, table: str, namespace: str = "") -> Iterator[Entry]:
        """The objects of a resource by namespace and name; without namespace those of all."""
        found = self._tables.get(table)
        if found is None:
            return
        keys, start = found.keys, 0
        if namespace:
            start = bisect_left(keys, (namespace, ""))
        for index in range(start, len(keys)):
            key = keys[index]
            if namespace and key[0] != namespace:
                return
            yield found.entries[key]

    def put(self, table: str, key: Key, obj: Object) -> Entry:
        """Writes an object, whose ``metadata.resourceVersion`` is set to the new revision."""
        found = self._tables.setdefault(table, _Table())
        previous = found.entries.get(key)
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        entry = Stored(key, obj, codec.encode(obj), self.revision)
        if previous is None:
            insort(found.keys, key)
        found.entries[key] = entry
        change: Change = "MODIFIED" if previous else "ADDED"
        self._tell(Event(change, table, entry, previous))
        return entry

    def shelve(self, table: str, key: Key, load: Callable[[], bytes]) -> None:
        """Puts an object there that is read from elsewhere; nobody is told."""
        found = self._tables.setdefault(table, _Table())
        if key not in found.entries:
            insort(found.keys, key)
        found.entries[key] = Shelved(key, load, self.revision)

    def remove(self, table: str, key: Key) -> Entry:
        """Removes an object; what is returned, and told, carries the revision of the removal."""
        found = self._tables[table]
        previous = found.entries.pop(key)
        del found.keys[bisect_left(found.keys, key)]
        self.revision += 1
        last = previous.copy()
        last["metadata"]["resourceVersion"] = str(self.revision)
        entry = Stored(key, last, codec.encode(last), self.revision)
        self._tell(Event("DELETED", table, entry, previous))
        return entry

    def drop(self, table: str) -> None:
        """Forgets a resource that is served no more; its objects are gone already."""
        self._tables.pop(table, None)

    def since(self, revision: int) -> list[Event] | None:
        """What happened after a revision; None if that is too long ago to know."""
        if self._history.maxlen == len(self._history) and revision < self.oldest:
            return None
        return [event for event in self._history if event.entry.revision > revision]

    def entries_at(self, table: str, namespace: str, revision: int) -> list[Entry] | None:
        """``entries`` as they were at a revision; None if that is too long ago to know."""
        since = self.since(revision)
        if since is None:
            return None
        entries = {entry.key: entry for entry in self.entries(table, namespace)}
        for event in reversed(since):
            if event.table != table or (namespace and event.entry.key[0] != namespace):
                continue
            if event.previous is None:
                entries.pop(event.entry.key, None)
            else:
                entries[event.entry.key] = event.previous
        return [entries[key] for key in sorted(entries)]

    @property
    def oldest(self) -> int:
        """The revision after which everything is known."""
        if self._history.maxlen != len(self._history):
            return 1
        return self._history[0].entry.revision - 1

    def keep_snapshot(self, token: str, entries: list[Entry], revision: int) -> None:
        """Keeps the rest of a list for the next page; the oldest rest is forgotten for it."""
        self._snapshots[token] = (revision, entries)
        while len(self._snapshots) > self._most_snapshots:
            self._snapshots.popitem(last=False)

    def take_snapshot(self, token: str) -> tuple[int, list[Entry]] | None:
        """A rest that was kept, and its list's revision; None when it is forgotten."""
        return self._snapshots.get(token)

    def _tell(self, event: Event) -> None:
        self._history.append(event)
        for listener in self._listeners:
            listener(event)
