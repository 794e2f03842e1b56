"""A change: one field's edit and its cause. Every step of the pipeline returns these."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from kubeferry.kube.objects import Object
from kubeferry.transform.automatic.metadata import strip_server_fields
from kubeferry.transform.patch.edits import Cause, Change, Mechanism
from kubeferry.transform.patch.pointer import MISSING, Tokens, escape, open_path, pointer_of

__all__ = [
    "MISSING",
    "STRIPPED",
    "Cause",
    "Change",
    "Mechanism",
    "Note",
    "Outcome",
    "RuleRun",
    "apply_changes",
    "removals",
]


class Note(NamedTuple):
    """Something to tell about an object: a reason code and a sentence."""

    reason: str
    message: str


class RuleRun(NamedTuple):
    """A modifier's rule, by its number, whose conditions held for an object, or could not be
    evaluated (it ``failed``).

    ``skipped``: a ``test`` of it did not hold. ``operations`` is how many were applied.
    """

    rule: int
    ended: Literal["applied", "failed", "skipped"]
    operations: int


class Outcome(msgspec.Struct):
    """What the pipeline made of one object.

    ``object`` is the object to create, None when it is skipped or refused. ``skipped`` and
    ``refused`` say why it is not created; ``errors`` are recorded against it although it is created
    (velero.md §3.12). ``runs`` are the modifier rules that met it, each with what came of it. It
    shares what did not change with the object that went in: read-only.
    """

    object: Object | None
    changes: list[Change]
    warnings: list[Note]
    errors: list[Note]
    skipped: Note | None = None
    refused: Note | None = None
    runs: Sequence[RuleRun] = ()


STRIPPED = Change("", MISSING, MISSING, Cause("automatic", "server-fields"))
"""The one change for all that the server wrote: no old values, or the record would weigh as much as
the object. Applying it is ``strip_server_fields``."""


def removals(container: Any, pointer: str, keys: Iterable[str], cause: Cause) -> list[Change]:
    """The changes that take out those of the keys that a map at ``pointer`` has; none if it is no
    map.
    """
    changes: list[Change] = []
    if isinstance(container, dict):
        for key in keys:
            if key in container:
                changes.append(Change(f"{pointer}/{escape(key)}", container[key], MISSING, cause))
    return changes


def apply_changes(obj: Object, changes: Iterable[Change]) -> Object:
    """The object after the changes, in their order; what they do not touch is shared with the
    input.

    Raises ``PatchFailed`` for changes that were not made for this object.
    """
    parents: Tokens | None = None
    container: Any = None
    for change in changes:
        if change is STRIPPED:
            obj = strip_server_fields(obj)
            parents = None
            continue
        pointer = pointer_of(change.pointer)
        if not pointer.text:
            obj = change.new
            parents = None
            continue
        if pointer.parents != parents:
            parents = pointer.parents
            obj, container = open_path(obj, parents)
        if isinstance(container, dict):
            if change.new is MISSING:
                del container[pointer.last]
            else:
                container[pointer.last] = change.new
        else:
            _edit_list(container, int(pointer.last), change)
    return obj


def _edit_list(container: list[Any], index: int, change: Change) -> None:
    if change.new is MISSING:
        del container[index]
    elif change.old is MISSING:
        container.insert(index, change.new)
    else:
        container[index] = change.new
