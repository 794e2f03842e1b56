"""convertedarg: one claim gets another storage class, access modes, capacity (ack-backup-center.md
§2.2.3).

An entry names its claim by the source namespace, and wins over ``storageClassMapping``. A claim
whose own volume is restored as it is cannot be converted: it keeps that volume, with an error.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import is_dns_subdomain
from kubeferry.kube.objects import OLD_CLASS_ANNOTATION, Object, at, metadata
from kubeferry.transform.change import MISSING, Cause, Change, Note
from kubeferry.transform.facts import Facts

NAME = "convertedarg"
PLACE = f"spec.{NAME}"

ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
QUANTITY = r"^[0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$"
"""A capacity: no sign, no exponent, no thousandths."""
_QUANTITY = re.compile(QUANTITY)

Claim = tuple[str, str]
"""Source namespace and name."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one claim becomes; what is empty stays."""

    namespace: str
    claim: str
    storage_class: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: str = ""


Conversions = Mapping[Claim, Conversion]


def compile_conversions(listed: Iterable[Conversion], *, place: str = PLACE) -> Conversions:
    """The conversions by claim. Raises ``InvalidInput`` naming the entry."""
    compiled: dict[Claim, Conversion] = {}
    for index, one in enumerate(listed):
        where = f"{place}[{index}]"
        if (one.namespace, one.claim) in compiled:
            text = f"the claim {one.namespace}/{one.claim} is converted twice"
            raise InvalidInput(text, place=where, remedy="keep one entry")
        if not (one.storage_class or one.access_modes or one.capacity):
            raise InvalidInput(
                "converts nothing",
                place=where,
                remedy="write convertToStorageClassType, convertToAccessModes or convertToCapacity",
            )
        if one.storage_class and not is_dns_subdomain(one.storage_class):
            raise InvalidInput(
                f"{one.storage_class!r} cannot be a storage class's name",
                place=f"{where}.convertToStorageClassType",
                remedy="see kubectl get storageclass",
            )
        for mode in one.access_modes:
            if mode not in ACCESS_MODES:
                raise InvalidInput(
                    f"{mode!r} is no access mode",
                    place=f"{where}.convertToAccessModes",
                    remedy=f"one of {', '.join(ACCESS_MODES)}",
                )
        if one.capacity and _QUANTITY.fullmatch(one.capacity) is None:
            raise InvalidInput(
                f"{one.capacity!r} is no capacity",
                place=f"{where}.convertToCapacity",
                remedy="write a number with a unit: 20Gi",
            )
        compiled[one.namespace, one.claim] = one
    return compiled


def check_claims(conversions: Conversions, present: Iterable[Claim], *, place: str = PLACE) -> None:
    """Raises ``InvalidInput`` for a claim that is not among those restored."""
    there = set(present)
    for namespace, name in conversions:
        if (namespace, name) not in there:
            some = ", ".join(f"{where}/{claim}" for where, claim in sorted(there)[:10])
            raise InvalidInput(
                f"no claim {namespace}/{name} is restored",
                place=place,
                remedy=f"name one by its source namespace: {some or 'there are none'}",
            )


def conversion_changes(
    group_resource: str, conversions: Conversions, facts: Facts
) -> Callable[[Object], list[Change]] | None:
    """The step for claims, None for other kinds."""
    if group_resource != "persistentvolumeclaims" or not conversions:
        return None

    def converted(obj: Object) -> list[Change]:
        one = _of(obj, conversions)
        if one is None or _keeps_volume(obj, facts):
            return []
        return list(_changes(obj, one))

    return converted


def conversion_errors(
    group_resource: str, conversions: Conversions, facts: Facts
) -> Callable[[Object], list[Note]] | None:
    """What is to be recorded against claims that cannot be converted, None for other kinds."""
    if group_resource != "persistentvolumeclaims" or not conversions:
        return None

    def told(obj: Object) -> list[Note]:
        if _of(obj, conversions) is None or not _keeps_volume(obj, facts):
            return []
        volume = at(obj, ("spec", "volumeName"))
        text = f"is not converted: its volume {volume} is restored as it is, and it with that"
        return [Note("ClaimKeepsVolume", text)]

    return told


def _of(obj: Object, conversions: Conversions) -> Conversion | None:
    meta = metadata(obj)
    return conversions.get((str(meta.get("namespace")), str(meta.get("name"))))


def _keeps_volume(obj: Object, facts: Facts) -> bool:
    volume = at(obj, ("spec", "volumeName"))
    return isinstance(volume, str) and volume in facts.restored_volumes


def _changes(obj: Object, one: Conversion) -> Iterable[Change]:
    cause = Cause("parameter", f"{NAME} {one.namespace}/{one.claim}")
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return

    def become(parent: Any, pointer: str, key: str, new: Any) -> Iterable[Change]:
        old = parent.get(key, MISSING)
        if old != new:
            yield Change(f"{pointer}/{key}", old, new, cause)

    if one.storage_class:
        yield from become(spec, "/spec", "storageClassName", one.storage_class)
        named = at(obj, ("metadata", "annotations", OLD_CLASS_ANNOTATION))
        if named is not None and named != one.storage_class:
            pointer = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class"
            yield Change(pointer, named, one.storage_class, cause)
    if one.access_modes:
        yield from become(spec, "/spec", "accessModes", list(one.access_modes))
    requests = at(spec, ("resources", "requests"))
    if one.capacity and isinstance(requests, dict):
        yield from become(requests, "/spec/resources/requests", "storage", one.capacity)
