"""overwriteServiceAnnotations, overwriteIngressAnnotations: annotations that every Service, or
every Ingress, gets (ack-backup-center.md §2.2.4).

A key is set to its value whether or not the object has it; null takes it out. ``kubectl apply``
drops a null before it sends anything, so ``KEY-: ""`` says the same; no annotation's key ends like
that. What an ingress controller copies into its own configuration is refused: who may write a task
could otherwise take over the controller, and read every Secret that it serves.
"""

import re
from collections.abc import Callable, Mapping

from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object, annotations
from kubeferry.kube.selectors import is_label_key
from kubeferry.transform.change import MISSING, Cause, Change
from kubeferry.transform.patch.pointer import escape

SERVICES = "overwriteServiceAnnotations"
INGRESSES = "overwriteIngressAnnotations"

Overwrites = Mapping[str, str | None]
"""Annotation to its new value, None to take it out."""

TAKEN_OUT = "-"
"""What a key ends with that is to be taken out, as in ``kubectl annotate``."""

_KINDS: Mapping[str, str] = {
    "services": SERVICES,
    "ingresses.networking.k8s.io": INGRESSES,
    "ingresses.extensions": INGRESSES,
}

REFUSED: tuple[tuple[str, str], ...] = (
    (r".*/[a-z0-9-]*snippets?", "a snippet of an ingress controller's configuration"),
    (
        r"(haproxy-ingress\.github\.io|ingress\.kubernetes\.io)/config-[a-z-]+",
        "a part of HAProxy's configuration",
    ),
    (r"getambassador\.io/config", "a part of Ambassador's configuration"),
)
"""Annotations that nobody may set by a parameter: a pattern for the whole key, and what it is.
Taking one out is free."""


def compile_overwrites(written: Overwrites, *, place: str) -> Overwrites:
    """What is written, with ``KEY-`` as null.

    Raises ``InvalidInput`` for what is no annotation's key, what is said twice, what is refused.
    """
    compiled: dict[str, str | None] = {}
    for text, said in written.items():
        where = f"{place}.{text}"
        key, value = (text[:-1], None) if text.endswith(TAKEN_OUT) else (text, said)
        if not is_label_key(key.lower()) or (key != text and said):
            raise InvalidInput(
                f"{text!r} cannot be an annotation's key",
                place=where,
                remedy='write name or prefix/name, and KEY-: "" to take one out',
            )
        if key in compiled:
            raise InvalidInput(f"{key!r} is both set and taken out", place=where, remedy="keep one")
        compiled[key] = value
        if value is not None:
            _refuse_configuration(key, where)
    return compiled


def _refuse_configuration(key: str, place: str) -> None:
    for pattern, what in REFUSED:
        if re.fullmatch(pattern, key, re.IGNORECASE):
            raise InvalidInput(
                f"the annotation {key!r} cannot be overwritten ({what})",
                place=place,
                remedy="set it by hand after the restore, if it must be",
            )


def overwrite_changes(
    group_resource: str, services: Overwrites, ingresses: Overwrites
) -> Callable[[Object], list[Change]] | None:
    """The step for one kind, None if nothing is overwritten in it."""
    name = _KINDS.get(group_resource)
    overwrites = services if name == SERVICES else ingresses
    if name is None or not overwrites:
        return None
    wanted = [
        (key, value, f"/metadata/annotations/{escape(key)}", Cause("parameter", f"{name} {key}"))
        for key, value in overwrites.items()
    ]

    def overwritten(obj: Object) -> list[Change]:
        own = annotations(obj)
        changes: list[Change] = []
        if not own and any(value is not None for _, value, _, _ in wanted):
            old = obj["metadata"].get("annotations", MISSING)
            made = {key: value for key, value, _, _ in wanted if value is not None}
            return [Change("/metadata/annotations", old, made, Cause("parameter", name))]
        for key, value, pointer, cause in wanted:
            old = own.get(key, MISSING)
            if value is None:
                if old is not MISSING:
                    changes.append(Change(pointer, old, MISSING, cause))
            elif old != value:
                changes.append(Change(pointer, old, value, cause))
        return changes

    return overwritten
