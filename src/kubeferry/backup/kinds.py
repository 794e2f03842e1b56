"""Which kinds a backup takes. Pure.

Excludes beat includes (velero.md §2.1-2.3). Cluster-scoped objects come in by relation: the volume
of a claim, the definition of a custom resource. ``includeClusterResources`` true lists all of them,
false lets none in, unset is relation alone (ack-backup-center.md §1.2); a cluster-scoped kind that
is named is listed where all namespaces are taken. Unlike in Velero ``includedResources`` does not
keep out what is cluster-scoped and needed, or a claim would come without its volume
(docs/decisions/0007-selection.md).

Namespace objects are apart: those of the chosen namespaces come in unless an exclude names them.
"""

from collections.abc import Iterator, Mapping, Set
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
    ACCOUNTS,
    CLAIMS,
    CLUSTER_ROLE_BINDINGS,
    DEFINITIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    RULES,
    SECRETS,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    TARGETS,
    VOLUMES,
)
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource, split_group_resource
from kubeferry.kube.near_names import did_you_mean
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

_RELATED_GROUPS = frozenset(split_group_resource(name)[1] for name in RELATED_KINDS)
_SOUGHT_BY: Mapping[str, tuple[str, ...]] = {
    ACCOUNTS: (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS),
    STORAGE_CLASSES: (SNAPSHOT_CLASSES,),
}
"""Kinds that come in because they name an object of another."""
_BUILT_IN = TARGETS.union(RULES) - {SNAPSHOT_CLASSES}
"""Kinds that have no definition for sure."""
_GENERATED = "made by others"
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
        lost: groups that do not answer, of which kinds might be taken.
        left_out: group resources that could be archived and are not listed, each with the reason.
    """

    listed: tuple[Resource, ...]
    allowed: frozenset[str]
    notes: tuple[str, ...] = ()
    lost: frozenset[str] = frozenset()
    left_out: tuple[tuple[str, str], ...] = ()

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
    groups = {split_group_resource(name)[1] for name in _FOR_CLAIMS}
    return Kinds(
        listed=tuple(one for one in discovery.resources if one.group_resource == CLAIMS),
        allowed=_FOR_CLAIMS & {one.group_resource for one in discovery.resources},
        lost=frozenset(one.group for one in discovery.broken if one.group in groups),
    )


@dataclass(frozen=True, slots=True)
class _Lists:
    """Includes and excludes for the kinds of one scope, resolved.

    ``parts`` are those that these were made of, the ones that go before first.
    """

    included: Words
    excluded: Words
    parts: tuple["_Lists", ...] = ()

    def over(self, lower: "_Lists") -> "_Lists":
        """Both: what these say of a kind goes before what ``lower`` says (velero.md §2.3)."""
        decided = self.included.names | self.excluded.names
        excluded = self.excluded.and_then(lower.excluded, but=decided)
        included = self.included.and_then(lower.included, but=decided | excluded.names)
        return _Lists(included, excluded, (self, lower))

    def may_take(self, group: str) -> bool:
        """Whether they could take a kind of a group of which nothing is known."""
        for one in self.parts or (self,):
            if one.leaves_out(group):
                return False
            if any(word.may_mean(group) for word in one.included.words):
                return True
        return not self.included

    def leaves_out(self, group: str) -> bool:
        """Whether a group is excluded, whatever its kinds are."""
        return any(word.covers(group) for word in self.excluded.words)

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
        self._broken = {one.group for one in discovery.broken}
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
        effective = _reached({one.group_resource for one in listed}, allowed)
        return Kinds(
            tuple(sorted(listed, key=_order)),
            allowed,
            tuple(self._notes(effective)),
            frozenset(group for group in self._broken if self._may_take(group)),
            tuple(self._left_out(set(listed), allowed)),
        )

    def _may_take(self, group: str) -> bool:
        """Whether kinds of a group that does not answer might be taken."""
        if self._namespaced.may_take(group):
            return True
        if not self._is_old and self._cluster.included and self._cluster.may_take(group):
            return True
        by_relation = group in _RELATED_GROUPS and self._filters.cluster is not False
        return by_relation and not self._cluster.leaves_out(group)

    def _left_out(self, listed: Set[Resource], allowed: Set[str]) -> Iterator[tuple[str, str]]:
        """The kinds that could be archived and are not listed, and why."""
        for name, one in sorted(self._served.items()):
            if one in listed or name == NAMESPACES or one.verbs < _VERBS:
                continue
            if self._why_never(one):
                if name in GENERATED_KINDS and COHABITING.get(name) not in self._served:
                    yield name, _GENERATED
                continue
            lists = self._namespaced if one.namespaced else self._cluster
            if name in lists.excluded.names:
                yield name, "excluded"
            elif one.namespaced or (lists.included and name not in lists.included.names):
                by_relation = name in allowed and name in RELATED_KINDS
                yield name, "not included" + (", but where it is needed" if by_relation else "")
            elif name in allowed and name in RELATED_KINDS:
                yield name, "cluster-scoped: only where another object needs it"
            else:
                yield name, "cluster-scoped"

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
            told = f"is {_GENERATED}; generatedObjects: Include takes it"
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
            return self._why_unknown(word)
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

    def _why_unknown(self, word: Word) -> str:
        groups = sorted(group for group in self._broken if word.may_mean(group))
        if word.text.lower() == "all":
            return "matches no kind that is served: all are taken where the list is left out"
        if any(word.covers(group) or word.names_group(group) for group in groups):
            return ""  # that the group does not answer is told by itself
        groups = [group for group in groups if not self._is_left_out(group)]
        perhaps = f"; it may be one of {' or '.join(groups)}, which does not answer"
        names = [name for one in self._served.values() for name in (one.group_resource, one.kind)]
        near = did_you_mean(word.text, names)
        return f"matches no kind that is served{near or (perhaps if groups else '')}"

    def _is_left_out(self, group: str) -> bool:
        return any(
            word.covers(group)
            for name, words in self._written
            if name.startswith("excluded")
            for word in words.words
        )


def _reached(listed: Set[str], allowed: Set[str]) -> set[str]:
    """The kinds of which objects may be in the backup: those listed, and what those may need."""
    reached: set[str] = set()
    waiting = set(listed)
    while waiting:
        kind = waiting.pop()
        reached.add(kind)
        rule = RULES.get(kind)
        needs = {*(rule.kinds if rule else ()), *_SOUGHT_BY.get(kind, ()), NAMESPACES}
        if "." in split_group_resource(kind)[1] and kind not in _BUILT_IN:
            needs.add(DEFINITIONS)
        waiting |= (needs & allowed) - reached
    return reached


def _order(resource: Resource) -> tuple[int, bool, str]:
    name = resource.group_resource
    first = _FIRST.index(name) if name in _FIRST else len(_FIRST)
    return first, not resource.namespaced, name
