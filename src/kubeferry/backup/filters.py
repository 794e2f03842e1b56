"""The lists of kinds that people write, checked, and resolved by what is served. Pure.

A word is a kind as people write it (``deploy``, ``Deployment``, ``deployments.apps``), else a glob
over group resources (``*.apps``), whose ``*`` crosses dots (velero.md §2.1). The old filters are
``includedResources``, ``excludedResources`` and ``includeClusterResources``; the scoped ones are
two lists for cluster-scoped and two for namespaced kinds. Both together are refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.globs import compile_glob
from kubeferry.kube.names import split_group_resource

COHABITING = {
    "deployments.extensions": "deployments.apps",
    "daemonsets.extensions": "daemonsets.apps",
    "replicasets.extensions": "replicasets.apps",
    "networkpolicies.extensions": "networkpolicies.networking.k8s.io",
    "ingresses.extensions": "ingresses.networking.k8s.io",
    "events.events.k8s.io": "events",
}
"""The same objects under two groups (velero.md §2.5); a word for one of the two means both."""

ListName = Literal[
    "included",
    "excluded",
    "included_cluster",
    "excluded_cluster",
    "included_namespaced",
    "excluded_namespaced",
]
"""The lists by the names of their attributes."""

_FIELDS: Mapping[ListName, str] = {
    "included": "includedResources",
    "excluded": "excludedResources",
    "included_cluster": "includedClusterScopedResources",
    "excluded_cluster": "excludedClusterScopedResources",
    "included_namespaced": "includedNamespaceScopedResources",
    "excluded_namespaced": "excludedNamespaceScopedResources",
}
"""What the lists are called where they are written."""
LIST_NAMES: tuple[ListName, ...] = tuple(_FIELDS)
_OLD: tuple[ListName, ListName] = ("included", "excluded")
_CLUSTER: tuple[ListName, ListName] = ("included_cluster", "excluded_cluster")
_NAMESPACED: tuple[ListName, ListName] = ("included_namespaced", "excluded_namespaced")
_WILD = frozenset("*?[]{}!,\\")
_ANY_NAMES = ("q", "zxqvj")
"""Names that no kind has: what matches these before a group matches any."""


@dataclass(frozen=True, slots=True)
class ResourceFilters:
    """What people wrote; ``cluster`` is ``includeClusterResources``, None where it is unset.

    ``place`` is where they wrote it.
    """

    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    included_cluster: tuple[str, ...] = ()
    excluded_cluster: tuple[str, ...] = ()
    included_namespaced: tuple[str, ...] = ()
    excluded_namespaced: tuple[str, ...] = ()
    cluster: bool | None = None
    place: str = "spec"

    @property
    def is_old(self) -> bool:
        """Whether any of the old filters is set."""
        return self.cluster is not None or any(self.texts(name) for name in _OLD)

    @property
    def is_scoped(self) -> bool:
        """Whether any of the scoped filters is set."""
        return any(self.texts(name) for name in _CLUSTER + _NAMESPACED)

    def texts(self, name: ListName) -> tuple[str, ...]:
        """One of the lists, by the name of its attribute."""
        texts: tuple[str, ...] = getattr(self, name)
        return texts

    def field(self, name: ListName) -> str:
        """Where that list is written."""
        return f"{self.place}.{_FIELDS[name]}"


def check_filters(filters: ResourceFilters) -> None:
    """Refuses what contradicts itself, before anything is asked of a server.

    Raises ``InvalidInput`` naming the field.
    """
    if filters.is_old and filters.is_scoped:
        raise InvalidInput(
            "includedResources, excludedResources and includeClusterResources do not go together "
            "with the lists of cluster-scoped and namespace-scoped resources",
            place=filters.place,
            remedy="say all of it in one of the two ways",
        )
    for name in _FIELDS:
        for index, text in enumerate(filters.texts(name)):
            if _is_glob(text):
                compile_glob(text, place=f"{filters.field(name)}[{index}]")
    for included, excluded in (_OLD, _CLUSTER, _NAMESPACED):
        _check_pair(filters, included, excluded)


def _check_pair(filters: ResourceFilters, included: ListName, excluded: ListName) -> None:
    into, out_of = filters.texts(included), filters.texts(excluded)
    for index, text in enumerate(into):
        if text in out_of:
            raise InvalidInput(
                f"{text!r} is also in {filters.field(excluded)}",
                place=f"{filters.field(included)}[{index}]",
            )
    if "*" in into and len(into) > 1:
        raise InvalidInput(
            "'*' stands for all kinds", place=filters.field(included), remedy="name no other"
        )
    if "*" in out_of and (excluded == "excluded" or into or len(out_of) > 1):
        alone = f"write it alone, and nothing in {filters.field(included)}"
        raise InvalidInput(
            "'*' leaves out all kinds",
            place=filters.field(excluded),
            remedy="name what is to be left out" if excluded == "excluded" else alone,
        )


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a list, and the group resources that it stands for."""

    place: str
    text: str
    names: frozenset[str]

    @property
    def is_all(self) -> bool:
        """Whether it is ``*``."""
        return self.text == "*"

    def may_mean(self, group: str) -> bool:
        """Whether it could stand for a kind of a group of which nothing is known."""
        if self.is_all or any(split_group_resource(name)[1] == group for name in self.names):
            return True
        if _is_glob(self.text):
            return _may_end(self.text, f".{group}" if group else "")
        if self.names:
            return False
        return "." not in self.text or self.names_group(group)

    def names_group(self, group: str) -> bool:
        """Whether the group itself is written at its end."""
        return bool(group) and self.text.lower().endswith(f".{group}")

    def covers(self, group: str) -> bool:
        """Whether it stands for every kind of a group, whatever those are."""
        if self.is_all or not _is_glob(self.text):
            return self.is_all
        glob = compile_glob(self.text, place=self.text)
        return bool(group) and all(glob.matches(f"{name}.{group}") for name in _ANY_NAMES)


@dataclass(frozen=True)
class Words:
    """The words of one list, in order."""

    words: tuple[Word, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """The group resources that they stand for."""
        return frozenset[str]().union(*(word.names for word in self.words))

    @cached_property
    def named(self) -> frozenset[str]:
        """Those that a word other than ``*`` stands for."""
        return frozenset[str]().union(*(word.names for word in self.words if not word.is_all))

    def and_then(self, others: "Words", *, but: frozenset[str]) -> "Words":
        """These and the others, which have no say about some group resources."""
        rest = (Word(one.place, one.text, one.names - but) for one in others.words)
        return Words((*self.words, *rest))

    def __bool__(self) -> bool:
        """Whether anything was written."""
        return bool(self.words)


class Resolver:
    """Finds what words stand for on one server."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._served = frozenset(one.group_resource for one in discovery.resources)

    def words(self, filters: ResourceFilters | None, name: ListName) -> Words:
        """One list of the filters, by the name of its attribute; without filters none."""
        if filters is None:
            return Words()
        return Words(
            tuple(
                Word(f"{filters.field(name)}[{index}]", text, self._resolved(text))
                for index, text in enumerate(filters.texts(name))
            )
        )

    def _resolved(self, text: str) -> frozenset[str]:
        if text == "*":
            return self._served
        if _is_glob(text):
            glob = compile_glob(text, place=text)
            return self._with_cohabiting(name for name in self._served if glob.matches(name))
        resource = self._discovery.resolve(text)
        return self._with_cohabiting([resource.group_resource] if resource is not None else [])

    def _with_cohabiting(self, found: Iterable[str]) -> frozenset[str]:
        names = frozenset(found)
        names = names | {new for old, new in COHABITING.items() if old in names}
        names = names | {old for old, new in COHABITING.items() if new in names}
        return self._served & names


def _is_glob(text: str) -> bool:
    return not _WILD.isdisjoint(text)


def _may_end(glob: str, ending: str) -> bool:
    """Whether a glob could match a text with this ending; without one, a text without dots."""
    last = max(glob.rfind(mark) for mark in _WILD)
    literal = glob[last + 1 :]
    if not ending:
        return "." not in literal
    return literal.endswith(ending) or ending.endswith(literal)
