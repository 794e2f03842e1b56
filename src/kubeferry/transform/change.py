"""A change: one field's edit and its cause. Every step of the pipeline returns these; none mutates its input."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from kubeferry.kube.objects import Object

Mechanism = Literal["automatic", "parameter", "modifier"]


class _Missing:
    """No value at all, which is not null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()
"""Stands for "there was no such field" (old) or "the field is gone" (new)."""


class Cause(NamedTuple):
    """Why: the mechanism and the rule in it, e.g. ``modifier``, ``rule 1 (statefulsets.apps): patch 2 replace``."""

    mechanism: Mechanism
    rule: str


class Change(NamedTuple):
    """One edit: an RFC 6901 pointer, the value before and after (``MISSING`` where there is none), and why."""

    pointer: str
    old: Any
    new: Any
    cause: Cause


class Note(NamedTuple):
    """Something to tell about an object: a reason code and a sentence."""

    reason: str
    message: str


@dataclass(slots=True)
class Outcome:
    """What the pipeline made of one object.

    ``object`` is the object to create, None when it is skipped or refused. ``skipped`` and ``refused`` say why it is
    not created; ``errors`` are recorded against it although it is created (velero.md §3.12).
    """

    object: Object | None
    changes: list[Change]
    warnings: list[Note]
    errors: list[Note]
    skipped: Note | None = None
    refused: Note | None = None
