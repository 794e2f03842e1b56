"""Resource policies: the text of a ConfigMap to rules, checked whole (velero.md §2.10). Pure.

A volume policy has conditions, all of which must hold, and an action; the first that matches a
volume decides alone. ``includeExcludePolicy`` are scoped filters that the backup's own go before.
What Velero ignores, what is no word of the format, and data asked for that is never there are
refused with their place.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from kubeferry import codec
from kubeferry.backup.filters import ResourceFilters, check_filters
from kubeferry.backup.volume_facts import VOLUME_SOURCES, Claim, Volume
from kubeferry.errors import InvalidInput
from kubeferry.kube.quantities import parse_quantity
from kubeferry.transform.modifiers.values import scalar_text

Action = Literal["skip", "fs-backup", "snapshot", "custom"]

ACTIONS: tuple[Action, ...] = ("skip", "fs-backup", "snapshot", "custom")
"""What a volume policy may do."""
_PHASES = ("Pending", "Bound", "Lost")
_POD_SOURCES = frozenset(
    {"configMap", "downwardAPI", "emptyDir", "ephemeral", "gitRepo", "image", "projected", "secret"}
)
"""Volumes of pods that no claim is behind: they may be named, and are never taken."""
_FILTERS = {
    "includedClusterScopedResources": "included_cluster",
    "excludedClusterScopedResources": "excluded_cluster",
    "includedNamespaceScopedResources": "included_namespaced",
    "excludedNamespaceScopedResources": "excluded_namespaced",
}

Condition = Callable[[Claim, Volume | None], bool]
"""Whether it holds for a claim and its volume; None where that is gone."""


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """One rule; ``title`` names it in reasons: ``volume policy 2``."""

    title: str
    action: Action
    conditions: tuple[Condition, ...] = field(default=(), compare=False, repr=False)

    def matches(self, claim: Claim, volume: Volume | None) -> bool:
        """Whether every condition holds; those of a volume that is gone do not."""
        return all(condition(claim, volume) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Policies:
    """The rules of one ConfigMap.

    Attributes:
        volumes: the first that matches decides alone.
        filters: scoped filters, which the backup's own go before; None if it has none.
    """

    volumes: tuple[VolumePolicy, ...] = ()
    filters: ResourceFilters | None = None

    def decide(self, claim: Claim, volume: Volume | None) -> VolumePolicy | None:
        """The first rule that matches."""
        return next((one for one in self.volumes if one.matches(claim, volume)), None)


def parse_policies(data: Mapping[str, str], *, place: str) -> Policies:
    """The policies in a ConfigMap's ``data``, which has exactly one key.

    ``place`` names the ConfigMap in messages. Raises ``InvalidInput``.
    """
    if len(data) != 1:
        keys = ", ".join(sorted(data)) or "none"
        raise InvalidInput(
            f"data has {len(data)} keys ({keys})",
            place=place,
            remedy="put all policies under exactly one key, such as policy",
        )
    (text,) = data.values()
    fields = _fields(
        codec.load_yaml(text, place=place),
        ("version", "volumePolicies", "includeExcludePolicy"),
        place,
    )
    version = scalar_text(fields.get("version"), place=f"{place} version")
    if version != "v1":
        raise InvalidInput(
            f"version {version!r} is not known", place=place, remedy="write version: v1"
        )
    filters = fields.get("includeExcludePolicy")
    policies = Policies(
        tuple(
            _policy(number, value, f"{place} volumePolicies[{number - 1}]")
            for number, value in enumerate(
                _items(fields.get("volumePolicies"), f"{place} volumePolicies"), 1
            )
        ),
        _filters(filters, f"{place} includeExcludePolicy") if filters is not None else None,
    )
    if not policies.volumes and policies.filters is None:
        raise InvalidInput(
            "says nothing", place=place, remedy="add volumePolicies or includeExcludePolicy"
        )
    return policies


def _policy(number: int, value: Any, place: str) -> VolumePolicy:
    fields = _fields(value, ("conditions", "action"), place)
    action = _fields(fields.get("action"), ("type", "parameters"), f"{place}.action")
    kind = scalar_text(action.get("type"), place=f"{place}.action.type")
    chosen = next((one for one in ACTIONS if one == kind), None)
    if chosen is None:
        raise InvalidInput(
            f"{kind!r} is no action" if kind else "is missing",
            place=f"{place}.action.type",
            remedy=f"use one of {', '.join(ACTIONS)}",
        )
    if action.get("parameters") and chosen != "custom":
        raise InvalidInput(
            f"{chosen} takes no parameters",
            place=f"{place}.action.parameters",
            remedy="leave them out",
        )
    given = _fields(fields.get("conditions"), tuple(CONDITIONS), f"{place}.conditions")
    conditions = tuple(
        CONDITIONS[name](inner, f"{place}.conditions.{name}")
        for name, inner in given.items()
        if inner is not None
    )
    if chosen in ("fs-backup", "snapshot"):
        _check_asked(given, chosen, f"{place}.conditions")
    return VolumePolicy(f"volume policy {number}", chosen, conditions)


def _check_asked(conditions: Mapping[str, Any], action: Action, place: str) -> None:
    """Refuses to ask for data that is never there: to skip it is what happens anyway."""
    for name, never, why in (
        ("volumeTypes", _POD_SOURCES, "is a volume of pods that no claim is behind"),
        ("pvcPhase", frozenset(_PHASES) - {"Bound"}, "claims have no data"),
    ):
        for index, text in enumerate(_items(conditions.get(name), f"{place}.{name}")):
            if text in never:
                raise InvalidInput(
                    f"{text} {why}: {action} can take nothing",
                    place=f"{place}.{name}[{index}]",
                    remedy="leave it out, or use skip",
                )


def _capacity(value: Any, place: str) -> Condition:
    """``lo,hi``, both inclusive; either side may be empty."""
    text = scalar_text(value, place=place)
    sides = [side.strip() for side in text.split(",")]
    if len(sides) != 2:
        raise InvalidInput(
            f"{text!r} is no range of sizes", place=place, remedy="write 10Gi,100Gi, 10Gi, or ,10Gi"
        )
    try:
        low, high = (parse_quantity(side) if side else None for side in sides)
    except ValueError as error:
        raise InvalidInput(str(error), place=place) from error
    if low is not None and high is not None and low > high > 0:
        raise InvalidInput(f"{text!r} runs backwards", place=place)

    def holds(claim: Claim, volume: Volume | None) -> bool:
        if volume is None or not volume.capacity:
            return False
        try:
            size = parse_quantity(volume.capacity)
        except ValueError:
            return False
        return (not low or size >= low) and (not high or size <= high)

    return holds


def _storage_class(value: Any, place: str) -> Condition:
    names = _texts(value, place)

    def holds(claim: Claim, volume: Volume | None) -> bool:
        return (claim.storage_class if volume is None else volume.storage_class) in names

    return holds


def _nfs(value: Any, place: str) -> Condition:
    wanted = _texts_by_name(_fields(value, ("server", "path"), place), place)
    return lambda claim, volume: _has(volume, "nfs", wanted)


def _csi(value: Any, place: str) -> Condition:
    fields = _fields(value, ("driver", "volumeAttributes"), place)
    driver = scalar_text(fields.get("driver"), place=f"{place}.driver")
    attributes = _text_map(fields.get("volumeAttributes"), f"{place}.volumeAttributes")
    if attributes and not driver:
        raise InvalidInput(
            "volumeAttributes belong to a driver", place=place, remedy="name the driver"
        )
    wanted = {"driver": driver} if driver else {}

    def holds(claim: Claim, volume: Volume | None) -> bool:
        if volume is None or not _has(volume, "csi", wanted):
            return False
        found = volume.details.get("volumeAttributes")
        return (isinstance(found, dict) and attributes.items() <= found.items()) or not attributes

    return holds


def _volume_types(value: Any, place: str) -> Condition:
    names = _texts(value, place, among=VOLUME_SOURCES | _POD_SOURCES)
    return lambda claim, volume: volume is not None and volume.source in names


def _claim_labels(value: Any, place: str) -> Condition:
    wanted = _text_map(value, place)
    return lambda claim, volume: wanted.items() <= dict(claim.labels).items()


def _claim_phase(value: Any, place: str) -> Condition:
    names = _texts(value, place, among=_PHASES)
    return lambda claim, volume: claim.phase in names


CONDITIONS: Mapping[str, Callable[[Any, str], Condition]] = {
    "capacity": _capacity,
    "storageClass": _storage_class,
    "nfs": _nfs,
    "csi": _csi,
    "volumeTypes": _volume_types,
    "pvcLabels": _claim_labels,
    "pvcPhase": _claim_phase,
}
"""What a volume policy may ask, each with how it is read."""


def _has(volume: Volume | None, source: str, wanted: Mapping[str, str]) -> bool:
    """Whether the volume's data is there, with these details."""
    return (
        volume is not None
        and volume.source == source
        and all(volume.details.get(key) == value for key, value in wanted.items())
    )


def _filters(value: Any, place: str) -> ResourceFilters:
    fields = _fields(value, tuple(_FILTERS), place)
    lists: dict[str, Any] = {
        name: tuple(_texts(fields.get(written), f"{place}.{written}"))
        for written, name in _FILTERS.items()
    }
    for written, name in _FILTERS.items():
        if "*" in lists[name]:
            raise InvalidInput(
                "'*' is for the backup itself to say",
                place=f"{place}.{written}",
                remedy="name the kinds",
            )
    filters = ResourceFilters(**lists, place=place)
    check_filters(filters)
    return filters


def _fields(value: Any, names: Collection[str], place: str) -> dict[str, Any]:
    """A map's fields; None is an empty map."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"must be a map with {', '.join(names)}", place=place)
    for key in value:
        if key not in names:
            close = get_close_matches(str(key), names, n=1, cutoff=0.5)
            raise InvalidInput(
                f"unknown field {key!r}",
                place=place,
                remedy=f"did you mean {close[0]}?" if close else f"it has {', '.join(names)}",
            )
    return value


def _items(value: Any, place: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidInput("must be a list", place=place)
    return value


def _texts(value: Any, place: str, *, among: Collection[str] = ()) -> list[str]:
    texts = [
        scalar_text(one, place=f"{place}[{index}]")
        for index, one in enumerate(_items(value, place))
    ]
    for index, text in enumerate(texts):
        if among and text not in among:
            raise InvalidInput(
                f"{text!r} is not known",
                place=f"{place}[{index}]",
                remedy=f"use one of {', '.join(sorted(among))}",
            )
    return texts


def _text_map(value: Any, place: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput("must be a map", place=place)
    return _texts_by_name(value, place)


def _texts_by_name(fields: Mapping[str, Any], place: str) -> dict[str, str]:
    for key, value in fields.items():
        if isinstance(value, bool):  # yes, on and true: Velero's reader keeps the word as it is
            raise InvalidInput("is no text", place=f"{place}.{key}", remedy="put it in quotes")
    return {key: scalar_text(value, place=f"{place}.{key}") for key, value in fields.items()}
