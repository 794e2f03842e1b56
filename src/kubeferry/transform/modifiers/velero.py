"""What rules mean here and not in Velero (velero.md §4). Pure."""

from collections.abc import Iterator

from kubeferry.kube.names import split_group_resource
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.kinds import BUILT_IN
from kubeferry.transform.modifiers.rule import Modifiers

_SCHEME = frozenset({"", "apps", "batch"})
"""Groups whose types Velero's strategic patches know."""


def differences_from_velero(modifiers: Modifiers) -> Iterator[Note]:
    """What behaves differently there, rule by rule."""
    if modifiers.version != "v1":
        yield Note("NotForVelero", f"version {modifiers.version} is kubeferry's own")
    for rule in modifiers.rules:
        glob = rule.conditions.group_resource
        strategic = any(one.name == "strategic" for one in rule.operations)
        others = [
            kind
            for kind in BUILT_IN
            if glob.matches(kind) and split_group_resource(kind)[1] not in _SCHEME
        ]
        if strategic and others:
            yield Note(
                "StrategicNotForVelero",
                f"{rule.title}: Velero has no strategic patches for {others[0]}",
            )
