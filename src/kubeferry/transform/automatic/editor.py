"""Edits an object field by field and keeps the changes: for fixes that change many fields.

The object that is given stays as it was; what an edit does not touch is shared. A place that cannot
be (a field of a text, say) is left alone: what is wrong there is the API server's to tell.
"""

from typing import Any

from kubeferry.kube.objects import Object
from kubeferry.transform.change import MISSING, Cause, Change, Note, apply_changes
from kubeferry.transform.patch.pointer import equal, escape

Path = tuple[str | int, ...]
"""Keys of maps and indexes of lists, from the root."""


class Editor:
    """``object`` is the object as it is now, ``changes`` led there, ``warnings`` come with them."""

    def __init__(self, obj: Object, cause: Cause) -> None:
        self.object = obj
        self.changes: list[Change] = []
        self.warnings: list[Note] = []
        self._cause = cause

    def get(self, path: Path) -> Any:
        """What is at a path, None if there is nothing."""
        return _at(self.object, path)

    def items(self, path: Path) -> list[tuple[Path, Any]]:
        """The elements of a list, each with its path; none where there is no list."""
        found = self.get(path)
        return (
            [((*path, index), one) for index, one in enumerate(found)]
            if isinstance(found, list)
            else []
        )

    def set(self, path: Path, value: Any, *, cause: Cause | None = None) -> None:
        """Puts a value there, with the maps around it that are missing (or null)."""
        present = self.get(path[:-1])
        if present is None and len(path) > 1:
            key = path[-1]
            if isinstance(key, str):
                self.set(path[:-1], {key: value}, cause=cause)
            return
        old = _child(present, path[-1])
        if isinstance(present, list) and old is MISSING:
            return
        if isinstance(present, (dict, list)) and not equal(old, value):
            self._edit(path, old, value, cause)

    def default(self, path: Path, value: Any, *, cause: Cause | None = None) -> None:
        """Puts a value there if there is none (or null)."""
        if self.get(path) is None:
            self.set(path, value, cause=cause)

    def remove(self, path: Path) -> Any:
        """Takes a field out; returns what was there, None if nothing."""
        old = _child(self.get(path[:-1]), path[-1])
        if old is MISSING:
            return None
        self._edit(path, old, MISSING, None)
        return old

    def move(self, path: Path, to: Path) -> None:
        """Takes a field out and puts what it held elsewhere; null is taken out only."""
        value = self.remove(path)
        if value is not None:
            self.set(to, value)

    def warn(self, note: Note) -> None:
        """Something to tell about the object although it is created."""
        self.warnings.append(note)

    def _edit(self, path: Path, old: Any, new: Any, cause: Cause | None) -> None:
        pointer = "".join(f"/{escape(str(key))}" for key in path)
        change = Change(pointer, old, new, cause or self._cause)
        self.object = apply_changes(self.object, [change])
        self.changes.append(change)


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = _child(value, key)
        if value is MISSING:
            return None
    return value


def _child(value: Any, key: str | int) -> Any:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key, MISSING)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return MISSING
