"""Which kinds a backup takes. Pure.

Excludes beat includes (velero.md §2.1-2.3). Cluster-scoped objects come in by relation: the volume
of a claim, the definition of a custom resource. ``includeClusterResources`` true lists all of them,
false lets none in, unset is relation alone (ack-backup-center.md §1.2); a cluster-scoped kind that
is named is listed where all namespaces are taken. Unlike in Velero ``includedResources`` does not
keep out what is cluster-scoped and needed, or a claim would come without its volume
(docs/decisions/0007-selection.md).

Namespace objects are apart: those of the chosen namespaces come in unless an exclude names them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kubeferry.backup.filters import (
    COHABITING,
    LIST_NAMES,
    ListName,
    Resolver,
    ResourceFilters,
    Word,
    Words,
)
from kubeferry.backup.generated import GENERATED_KINDS
from kubeferry.backup.related import (
    CLAIMS,
    DEFINITIONS,
    NAMESPACES,
    SECRETS,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    TARGETS,
    VOLUMES,
)
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource
from kubeferry.transform.automatic.finished import NEVER_RESTORED

PODS = "pods"

NEVER_KINDS = frozenset(
    {
        "volumesnapshots.snapshot.storage.k8s.io",
        "volumesnapshotcontents.snapshot.storage.k8s.io",
    }
)
"""Handles of the source's storage (velero.md §2.4)."""

RELATED_KINDS = TARGETS | {DEFINITIONS, NAMESPACES}
"""Kinds that a relation may bring in."""

_VERBS = frozenset({"list", "get", "create", "delete"})
_FIRST = (PODS, CLAIMS, VOLUMES)
_FOR_CLAIMS = frozenset(
    {NAMESPACES, CLAIMS, VOLUMES, SECRETS, STORAGE_CLASSES, SNAPSHOT_CLASSES, DEFINITIONS}
)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of one backup.

    Attributes:
        listed: of which all selected objects are taken: pods, claims and volumes first, then by
            name, namespaced ones before the others. Namespace objects are never among them.
        allowed: group resources of which objects may come in because another one needs them.
        notes: what was written and has no effect, each with its field.
    """

    listed: tuple[Resource, ...]
    allowed: frozenset[str]
    notes: tuple[str, ...] = ()

    def allows(self, resource: Resource) -> bool:
        """Whether an object of this kind may come in by relation."""
        return resource.group_resource in self.allowed


def choose_kinds(
    filters: ResourceFilters,
    discovery: Discovery,
    *,
    generated: bool,
    everything: bool,
    policy: ResourceFilters | None = None,
) -> Kinds:
    """The kinds to take of those that are served; the filters are checked ones.

    ``generated`` says that generated kinds are wanted too, ``everything`` that all namespaces are.
    ``policy`` are the scoped filters of a resource policy: the backup's own go before them.
    """
    return _Choice(filters, discovery, generated, everything, policy).kinds()


def claim_kinds(discovery: Discovery) -> Kinds:
    """The kinds of a backup of volumes: claims, and what those may need."""
    return Kinds(
        listed=tuple(one for one in discovery.resources if one.group_resource == CLAIMS),
        allowed=_FOR_CLAIMS & {one.group_resource for one in discovery.resources},
    )


@dataclass(frozen=True, slots=True)
class _Lists:
    """Includes and excludes for the kinds of one scope, resolved."""

    included: Words
    excluded: Words

    def over(self, lower: "_Lists") -> "_Lists":
        """Both: what these say of a kind goes before what ``lower`` says (velero.md §2.3)."""
        decided = self.included.names | self.excluded.names
        excluded = self.excluded.and_then(lower.excluded, but=decided)
        included = self.included.and_then(lower.included, but=decided | excluded.names)
        return _Lists(included, excluded)

    def takes(self, name: str) -> bool:
        """Whether a kind is included, as all are where nothing is named, and not excluded."""
        is_included = not self.included or name in self.included.names
        return is_included and name not in self.excluded.names


class _Choice:
    """The filters of one backup against what one server serves."""

    def __init__(
        self,
        filters: ResourceFilters,
        discovery: Discovery,
        generated: bool,
        everything: bool,
        policy: ResourceFilters | None,
    ) -> None:
        resolver = Resolver(discovery)
        self._filters = filters
        self._generated = generated
        self._everything = everything
        self._served = {one.group_resource: one for one in discovery.resources}
        self._is_old = filters.is_old
        self._written = [
            (name, words)
            for one in (filters, policy)
            if one is not None
            for name in LIST_NAMES
            if (words := resolver.words(one, name))
        ]

        def lists(given: ResourceFilters | None, included: ListName, excluded: ListName) -> _Lists:
            return _Lists(resolver.words(given, included), resolver.words(given, excluded))

        if self._is_old:
            self._namespaced = self._cluster = lists(filters, "included", "excluded")
        else:
            names: tuple[ListName, ListName] = ("included_namespaced", "excluded_namespaced")
            self._namespaced = lists(filters, *names).over(lists(policy, *names))
            names = ("included_cluster", "excluded_cluster")
            self._cluster = lists(filters, *names).over(lists(policy, *names))

    def kinds(self) -> Kinds:
        """The choice."""
        possible = [one for one in self._served.values() if not self._why_never(one)]
        listed = [one for one in possible if self._is_listed(one)]
        allowed = frozenset(one.group_resource for one in possible if self._is_allowed(one))
        able = {name for name in allowed if self._served[name].namespaced or name in RELATED_KINDS}
        effective = able.union(one.group_resource for one in listed)
        return Kinds(tuple(sorted(listed, key=_order)), allowed, tuple(self._notes(effective)))

    def _is_listed(self, resource: Resource) -> bool:
        name = resource.group_resource
        if name == NAMESPACES:
            return False
        if resource.namespaced:
            return self._namespaced.takes(name)
        if not self._cluster.takes(name):
            return False
        if not self._is_old:
            return bool(self._cluster.included)
        is_named = self._everything and name in self._cluster.included.named
        return is_named if self._filters.cluster is None else self._filters.cluster

    def _is_allowed(self, resource: Resource) -> bool:
        name = resource.group_resource
        if name == NAMESPACES:
            return name not in self._cluster.excluded.named
        if resource.namespaced:
            return self._namespaced.takes(name)
        return self._filters.cluster is not False and name not in self._cluster.excluded.names

    def _why_never(self, resource: Resource) -> str:
        """Why objects of a kind are in no backup like this one; empty if they can be."""
        name = resource.group_resource
        if COHABITING.get(name) in self._served:
            return f"holds the objects of {COHABITING[name]}"
        if name in NEVER_KINDS:
            return "is never taken: it is a handle of the source's storage"
        if name in GENERATED_KINDS:
            told = "is made anew where it is restored; generatedObjects: Include takes it"
            return "" if self._generated else told
        if name in NEVER_RESTORED:
            return "is never taken: it describes the source cluster and cannot be restored"
        return "" if resource.verbs >= _VERBS else "cannot be listed and created"

    def _notes(self, effective: set[str]) -> Iterator[str]:
        """What is said of words that have no effect."""
        for name, words in self._written:
            for word in words.words:
                why = self._why_idle(name, word, effective)
                if why:
                    yield f"{word.place}: {word.text!r} {why}"

    def _why_idle(self, name: ListName, word: Word, effective: set[str]) -> str:
        if not word.names:
            return "matches no kind that is served"
        if word.is_all:
            return ""
        found = [self._served[one] for one in sorted(word.names)]
        if name.endswith("_namespaced") and not any(one.namespaced for one in found):
            return "is cluster-scoped and has no effect in this list"
        if name.endswith("_cluster") and all(one.namespaced for one in found):
            return "is namespaced and has no effect in this list"
        if name.startswith("excluded") or not word.names.isdisjoint(effective):
            return ""
        if word.names <= self._namespaced.excluded.names | self._cluster.excluded.names:
            return "is excluded too"
        never = [why for one in found if (why := self._why_never(one))]
        if never:
            return never[0]
        if self._filters.cluster is False:
            return "is cluster-scoped, and includeClusterResources is false"
        return (
            "is cluster-scoped, and no other object brings it in; includeClusterResources: true "
            "takes all cluster-scoped objects"
        )


def _order(resource: Resource) -> tuple[int, bool, str]:
    name = resource.group_resource
    first = _FIRST.index(name) if name in _FIRST else len(_FIRST)
    return first, not resource.namespaced, name
