"""Which objects a rule is for (velero.md §4.3): all conditions that are given must hold.

They see the source namespace and the object as it entered the modifiers, before any rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeferry.errors import PatchFailed
from kubeferry.kube.globs import Glob
from kubeferry.kube.objects import Object
from kubeferry.kube.regex import Regex
from kubeferry.kube.selectors import LabelSelector
from kubeferry.transform.modifiers.paths import PathPattern
from kubeferry.transform.patch.json_patch import Operation
from kubeferry.transform.patch.pointer import child, equal, lookup


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces a rule is for: plain names and patterns. Cluster-scoped objects are in all."""

    names: frozenset[str]
    globs: tuple[Glob, ...]

    def hold(self, namespace: str | None) -> bool:
        """Whether the namespace is one of them."""
        return (
            not namespace
            or namespace in self.names
            or any(glob.matches(namespace) for glob in self.globs)
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiled conditions; None or an empty tuple means that there is none of that kind.

    ``group_resource`` is a glob whose separator is the dot. ``name`` is searched for, not anchored.
    ``matches`` are test operations; of ``places``, which stand for many, one must have the value.
    """

    group_resource: Glob
    namespaces: Namespaces | None = None
    name: Regex | None = None
    labels: LabelSelector | None = None
    matches: tuple[Operation, ...] = ()
    places: tuple[tuple[PathPattern, Any], ...] = ()

    def hold(self, obj: Object, metadata: Mapping[str, Any]) -> bool:
        """Whether they hold for an object of a kind that ``group_resource`` matches.

        Raises ``PatchFailed`` where ``matches`` cannot be evaluated: an index that is no index.
        """
        if self.labels is not None and not self.labels.matches(metadata.get("labels") or {}):
            return False
        if self.namespaces is not None and not self.namespaces.hold(metadata.get("namespace")):
            return False
        if self.name is not None and not self.name.search(metadata["name"]):
            return False
        if self.matches and not self._matches(obj):
            return False
        return all(_is_at(obj, path, value) for path, value in self.places)

    def _matches(self, obj: Object) -> bool:
        """As ``test`` in a patch, but what is missing on the way is no match instead of a
        failure.
        """
        for test in self.matches:
            try:
                container = lookup(obj, test.path.parents)
            except PatchFailed:
                return False
            if isinstance(container, list):
                value = child(container, test.path.last)
            elif isinstance(container, dict):
                value = container.get(test.path.last)
            else:
                return False
            if not equal(value, test.value):
                return False
        return True


def _is_at(obj: Object, path: PathPattern, value: Any) -> bool:
    """Whether one of the places of a path has a value; what is missing on the way has none."""
    try:
        return any(
            equal(lookup(obj, place.tokens), value) for place in path.places(obj, there=True)
        )
    except PatchFailed:
        return False
