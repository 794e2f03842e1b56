"""Applies the rules of one kind to one object (velero.md §4.4).

A rule applies whole or not at all. One whose ``test`` fails is passed over in silence; any other
failure is recorded and the rules after it still run. Each rule sees the changes of those before it;
conditions see none of them.
"""

from collections.abc import Sequence

from kubeferry.errors import PatchFailed, PatchTestFailed
from kubeferry.kube.objects import Object, metadata
from kubeferry.transform.change import Change, Note
from kubeferry.transform.modifiers.rules import Rule
from kubeferry.transform.patch.json_patch import apply_operations


def matching_rules(obj: Object, rules: Sequence[Rule], errors: list[Note]) -> list[Rule]:
    """Those of the rules whose conditions hold; a condition that cannot be evaluated is an
    error.
    """
    meta = metadata(obj)
    matching = []
    for rule in rules:
        try:
            if rule.conditions.hold(obj, meta):
                matching.append(rule)
        except PatchFailed as error:
            errors.append(Note("ModifierFailed", f"{rule.title} matches: {error}"))
    return matching


def apply_rules(
    obj: Object, rules: Sequence[Rule], changes: list[Change], errors: list[Note]
) -> Object:
    """The object after rules that match it: the same one if none of them changed it.

    What they changed is appended to ``changes``, what failed to ``errors``.
    """
    for rule in rules:
        try:
            obj = apply_operations(obj, rule.operations, changes)
        except PatchTestFailed:
            continue
        except PatchFailed as error:
            errors.append(Note("ModifierFailed", f"{rule.title}: {error}"))
    return obj
