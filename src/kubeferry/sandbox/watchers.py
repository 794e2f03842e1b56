"""Watches: each is told what happens to the objects it selects, in the order it happens.

A watch that begins in the past gets that part from the storage's history; one from too long ago is
refused (410). A consumer that does not keep up is cut off and starts again, as on a real server.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kubeferry import codec
from kubeferry.kube.objects import Object
from kubeferry.sandbox.answers import expired
from kubeferry.sandbox.storage import Change, Entry, Event, Storage, Stored

Selects = Callable[[Object], bool]


@dataclass(slots=True, eq=False)
class Watch:
    """One watch; ``queue`` gives (type, entry), and None when the server cuts it off."""

    table: str
    namespace: str
    selects: Selects | None
    queue: asyncio.Queue[tuple[Change, Entry] | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=20_000)
    )

    def sees(self, event: Event) -> tuple[Change, Entry] | None:
        """The event as this watch is told it: an object may come into or leave its selection."""
        if event.table != self.table or (self.namespace and event.entry.key[0] != self.namespace):
            return None
        if self.selects is None:
            return event.type, event.entry
        before = event.previous is not None and self.selects(event.previous.object)
        after = event.type != "DELETED" and self.selects(event.entry.object)
        if after:
            return ("MODIFIED" if before else "ADDED"), event.entry
        return ("DELETED", _as_it_was(event)) if before else None


def _as_it_was(event: Event) -> Entry:
    """An object that left a selection, as it last was in it, at the revision at which it left."""
    if event.type == "DELETED" or event.previous is None:
        return event.entry
    obj = event.previous.copy()
    obj["metadata"]["resourceVersion"] = str(event.entry.revision)
    return Stored(event.entry.key, obj, codec.encode(obj), event.entry.revision)


class Watchers:
    """All watches of a server."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._watches: dict[str, set[Watch]] = {}
        storage.listen(self._tell)

    def open(self, watch: Watch, *, revision: int | None) -> Iterator[tuple[Change, Entry]]:
        """Starts a watch; returns what it missed since ``revision`` (None: it begins now).

        Raises ``Refused`` (410) when that is too long ago.
        """
        missed: list[Event] = []
        if revision is not None:
            since = self._storage.since(revision)
            if since is None:
                raise expired(f"too old resource version: {revision} ({self._storage.oldest})")
            missed = since
        self._watches.setdefault(watch.table, set()).add(watch)
        return (seen for event in missed if (seen := watch.sees(event)) is not None)

    def close(self, watch: Watch) -> None:
        """Ends a watch."""
        self._watches.get(watch.table, set()).discard(watch)

    def close_table(self, table: str) -> None:
        """Cuts off all watches of a resource that is served no more."""
        for watch in list(self._watches.get(table, ())):
            self._cut(watch)

    def close_all(self) -> None:
        """Cuts off all watches: the server stops."""
        for table in list(self._watches):
            self.close_table(table)

    def _tell(self, event: Event) -> None:
        for watch in list(self._watches.get(event.table, ())):
            seen = watch.sees(event)
            if seen is None:
                continue
            if watch.queue.full():
                self._cut(watch)
            else:
                watch.queue.put_nowait(seen)

    def _cut(self, watch: Watch) -> None:
        self.close(watch)
        if watch.queue.full():
            watch.queue.get_nowait()
        watch.queue.put_nowait(None)
