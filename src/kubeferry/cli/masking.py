"""What of a Secret may be shown: everything but its values (design.md, Secrets). Pure.

A masked value is no base64, so that no API server takes it for a Secret's.
"""

from typing import Any

from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, annotations, metadata
from kubeferry.restore.report import MASKED
from kubeferry.transform.patch.differences import Difference
from kubeferry.transform.patch.pointer import MISSING, pointer_of

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation that repeats the values."""
_VALUES = ("data", "stringData")


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
