"""What of a Secret may be shown: everything but its values (design.md, Secrets). Pure.

A masked value is no base64, so that no API server takes it for a Secret's.
"""

from typing import Any

from kubeferry.errors import PatchFailed
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, annotations, metadata
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.report import MASKED, without_keys
from kubeferry.transform.change import Change, apply_changes
from kubeferry.transform.patch.differences import Difference
from kubeferry.transform.patch.pointer import MISSING, lookup, pointer_of

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation that repeats the values."""
_VALUES = ("data", "stringData")
CHANGED = "(masked, changed)"
"""Stands for a value that is another one than before."""


def is_secret(identity: Identity, obj: Object) -> bool:
    """Whether values of it must not be shown: a Secret, by what either of the two says."""
    return identity.group_resource == "secrets" or (
        obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"
    )


def masked(identity: Identity, obj: Object) -> Object:
    """The object as it may be shown; one that is no Secret is the same."""
    if not is_secret(identity, obj):
        return obj
    shown = obj.copy()
    for field in _VALUES:
        values = shown.get(field)
        if values is not None:
            shown[field] = dict.fromkeys(values, MASKED) if isinstance(values, dict) else MASKED
    if LAST_APPLIED in annotations(obj):
        kept = {**annotations(obj), LAST_APPLIED: MASKED}
        shown["metadata"] = {**metadata(obj), "annotations": kept}
    return shown


def masked_planned(item: PlanItem, obj: Object, *, before: Object | None = None) -> Object:
    """What is planned to be written, as it may be shown; without keys of object storages, which
    volumes hold.

    A value that is not what ``before`` has says so.
    """
    shown = masked(item.source, obj)
    if shown is not obj:
        shown = _told_apart(shown, obj, before or {})
        for change in item.changes:
            if change.cause.mechanism == "modifier":  # it may have taken a value anywhere
                shown = _masked_at(shown, change)
    return {key: without_keys(value) for key, value in shown.items()}


def masked_saved(identity: Identity, obj: Object) -> Object:
    """An object as it is, as it may be shown: without keys of object storages, too."""
    return {key: without_keys(value) for key, value in masked(identity, obj).items()}


def holds_keys(obj: Object) -> bool:
    """Whether it has keys of an object storage in it, as volumes may."""
    return bool(without_keys(obj) != obj)


def _told_apart(shown: Object, obj: Object, before: Object) -> Object:
    told = shown.copy()
    for field in _VALUES:
        old, new = before.get(field), obj.get(field)
        if isinstance(old, dict) and isinstance(new, dict):
            told[field] = {
                key: CHANGED if key in old and old[key] != value else MASKED
                for key, value in new.items()
            }
    return told


def _masked_at(shown: Object, change: Change) -> Object:
    pointer = pointer_of(change.pointer)
    if pointer.tokens[:1] and pointer.tokens[0] in _VALUES:
        return shown
    if not pointer.text:
        about = {key: metadata(shown).get(key) for key in ("name", "namespace")}
        known = {"apiVersion": shown.get("apiVersion"), "kind": shown.get("kind")}
        return {**known, "metadata": about, "data": MASKED}
    try:
        old = lookup(shown, pointer.tokens)
    except PatchFailed:  # a later change took it out
        return shown
    return apply_changes(shown, [Change(change.pointer, old, MASKED, change.cause)])


def masked_difference(one: Difference) -> Difference:
    """A difference between two Secrets as it may be shown."""
    tokens = pointer_of(one.pointer).tokens
    old, new = (_masked_part(tokens, value) for value in (one.old, one.new))
    return Difference(one.pointer, old, new)


def _masked_part(tokens: tuple[str, ...], value: Any) -> Any:
    """What is at a pointer of a Secret, as it may be shown."""
    if value is MISSING or (tokens and tokens[0] not in (*_VALUES, "metadata")):
        return value
    if tokens[:1] == ("metadata",):
        inside = ("metadata", "annotations", LAST_APPLIED)
        return MASKED if tokens == inside[: len(tokens)] else value
    return MASKED
