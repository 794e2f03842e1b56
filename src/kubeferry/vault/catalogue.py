"""What an archive holds, kept on disk while it is written, in flat memory.

From it come ``metadata/resources.json`` inside the archive (every object with name, type, size and
creation date, in the order written) and Velero's ``<backup>-resource-list.json.gz`` (type to sorted
names).
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kubeferry import codec
from kubeferry.scratch import Scratch
from kubeferry.vault.resource_list import resource_list


class Line(NamedTuple):
    """One object: its type as Velero writes it (``apps/v1/StatefulSet``) and its group resource."""

    type_key: str
    group_resource: str
    namespace: str
    name: str
    size: int
    created: str


class Catalogue:
    """A temporary table.

    A thread that fills or reads it may outlive a task that was cancelled: closing waits for what it
    does at the moment, and then the thread meets ``sqlite3.ProgrammingError``. SQLite itself would
    bring the process down.
    """

    def __init__(self) -> None:
        self._using = threading.Lock()
        self._rows = Scratch("lines (type, resource, namespace, name, size, created)", shared=True)

    def close(self) -> None:
        """Deletes it."""
        with self._using:
            self._rows.close()

    def add(self, lines: Sequence[Line]) -> None:
        """Adds lines at the end."""
        with self._using:
            self._rows.add("insert into lines values (?, ?, ?, ?, ?, ?)", lines)

    def resources(self) -> Iterator[bytes]:
        """``metadata/resources.json``: a JSON array with one object a line."""
        yield b"["
        found = self._select(
            "select type, resource, namespace, name, size, created from lines order by rowid"
        )
        before = b"\n"
        for rows in found:
            yield before + b",\n".join(codec.encode(_described(*row)) for row in rows)
            before = b",\n"
        yield b"\n]\n"

    def resource_list(self) -> Iterator[bytes]:
        """``<backup>-resource-list.json``: type to sorted names (velero.md §1.2)."""
        found = self._select(
            "select type, case namespace when '' then name else namespace || '/' || name end as n "
            "from lines order by type, n"
        )
        yield from resource_list(row for rows in found for row in rows)

    def _select(self, query: str) -> Iterator[list[Any]]:
        """The rows of a query, some at a time."""
        parts = self._rows.parts(query)
        while True:
            with self._using:
                rows = next(parts, None)
            if rows is None:
                return
            yield rows


def _described(
    type_key: str, resource: str, namespace: str, name: str, size: int, created: str
) -> dict[str, object]:
    api_version, _, kind = type_key.rpartition("/")
    return {
        "name": name,
        "namespace": namespace,
        "type": resource,
        "apiVersion": api_version,
        "kind": kind,
        "size": size,
        "creationTimestamp": created,
    }
