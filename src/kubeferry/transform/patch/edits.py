"""What an edit did to a document, and why."""

from typing import Any, Literal, NamedTuple

import msgspec

Mechanism = Literal["automatic", "parameter", "modifier"]


class Cause(NamedTuple):
    """Why: the mechanism and its rule, e.g. ``modifier``, ``rule 1 (pods): patch 2 replace``."""

    mechanism: Mechanism
    rule: str


class Change(msgspec.Struct, frozen=True):
    """One edit: an RFC 6901 pointer, the values before and after (or ``MISSING``), and why.

    In a list, a change without an old value inserts an element, one without a new value takes it
    out.
    """

    pointer: str
    old: Any
    new: Any
    cause: Cause
