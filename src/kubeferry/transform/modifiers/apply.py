"""Applies the rules of one kind to one object (velero.md §4.4).

A rule applies whole or not at all. One whose ``test`` fails is passed over in silence; any other
failure is recorded and the rules after it still run. Each rule sees the changes of those before it;
conditions see none of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from kubeferry.errors import PatchFailed, PatchTestFailed
from kubeferry.kube.objects import Object, metadata
from kubeferry.transform.change import Change, Note
from kubeferry.transform.modifiers.rules import Rule
from kubeferry.transform.patch.json_patch import Edit, apply_operations
from kubeferry.transform.patch.pointer import equal


class Modified(NamedTuple):
    """The object after the rules (the same one if none changed it), what they changed, what
    failed.
    """

    object: Object
    changes: list[Change]
    errors: list[Note]


def apply_rules(obj: Object, rules: Sequence[Rule], namespace: str) -> Modified:
    """``rules`` are those of the object's kind; ``namespace`` is the source namespace."""
    result = obj
    changes: list[Change] = []
    errors: list[Note] = []
    meta = metadata(obj)
    for rule in rules:
        edits: list[Edit] = []
        try:
            if not rule.conditions.hold(obj, meta, namespace):
                continue
            result = apply_operations(result, rule.operations, edits)
        except PatchTestFailed:
            continue
        except PatchFailed as error:
            errors.append(Note("ModifierFailed", f"{rule.title}: {error}"))
            continue
        for pointer, old, new, number in edits:
            if not equal(old, new):
                changes.append(Change(pointer, old, new, rule.causes[number - 1]))
    return Modified(result, changes, errors)
