"""What follows a namespace mapping beside the objects themselves: references to a namespace by name
(velero.md §3.8, both columns).

``reference_places`` says where they are. Every kind of reference can be switched off by its name in
``spec.references``. A DNS name in a text is none of them: see ``service_names``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kubeferry.kube.objects import Object
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.parameters.paths import Finder
from kubeferry.transform.parameters.reference_places import REFERENCES

_NAME_LABEL = "kubernetes.io/metadata.name"
"""Every namespace has this label with its own name: the API server sees to it."""
_LABEL_TOKEN = "kubernetes.io~1metadata.name"
_ACCOUNT = "system:serviceaccount:"
_ACCOUNTS = "system:serviceaccounts:"

Targets = Mapping[str, str]
Follow = Callable[[str, Any, str, Targets], Iterator[Change]]
"""The changes at one place: the reference's name, what is there, its pointer, the mapping."""


class _Place(NamedTuple):
    """What is at a path: which kind of reference, in which form."""

    name: str
    follow: Follow


class References:
    """The step for the references of one kind of objects."""

    def __init__(self, finder: Finder[_Place], targets: Targets) -> None:
        self._find = finder
        self._targets = targets

    def __call__(self, obj: Object) -> list[Change]:
        """The changes to all references that an object holds."""
        changes: list[Change] = []
        for pointer, value, place in self._find(obj):
            changes += place.follow(place.name, value, pointer, self._targets)
        return changes


def references_for(
    group_resource: str, mapping: Mapping[str, str], off: Iterable[str] = ()
) -> References | None:
    """The step for the references that one kind holds, None if nothing of them may change; ``off``
    are the kinds of reference that are switched off.
    """
    moved = {source: target for source, target in mapping.items() if source != target}
    left_out = frozenset(off)
    finder = Finder(
        (path, _Place(name, follow))
        for name, listed in REFERENCES.items()
        if name not in left_out
        for places in listed
        if group_resource in places.kinds
        for paths, follow in (
            (places.names, _names),
            (places.selectors, _selector),
            (places.pairs, _pair),
            (places.accounts, _account),
        )
        for path in paths
    )
    return References(finder, moved) if moved and finder else None


def cause(name: str, source: str) -> Cause:
    """The cause of a change to a reference of some kind to a source namespace."""
    return Cause("parameter", f"references.{name} {source}")


def _names(name: str, value: Any, pointer: str, targets: Targets) -> Iterator[Change]:
    """A name, or each of a list of names."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _names(name, item, f"{pointer}/{index}", targets)
    elif isinstance(value, str) and value in targets:
        yield Change(pointer, value, targets[value], cause(name, value))


def _selector(name: str, selector: Any, pointer: str, targets: Targets) -> Iterator[Change]:
    """What of a label selector names a namespace; other labels are not names."""
    if not isinstance(selector, dict):
        return
    labels = selector.get("matchLabels")
    if isinstance(labels, dict):
        where = f"{pointer}/matchLabels/{_LABEL_TOKEN}"
        yield from _names(name, labels.get(_NAME_LABEL), where, targets)
    expressions = selector.get("matchExpressions")
    for index, one in enumerate(expressions if isinstance(expressions, list) else ()):
        if isinstance(one, dict) and one.get("key") == _NAME_LABEL:
            where = f"{pointer}/matchExpressions/{index}/values"
            yield from _names(name, one.get("values"), where, targets)


def _pair(name: str, value: Any, pointer: str, targets: Targets) -> Iterator[Change]:
    namespace, slash, rest = value.partition("/") if isinstance(value, str) else ("", "", "")
    if slash and namespace in targets:
        new = f"{targets[namespace]}/{rest}"
        yield Change(pointer, value, new, cause(name, namespace))


def _account(name: str, value: Any, pointer: str, targets: Targets) -> Iterator[Change]:
    """A service account as a user, or the group of all accounts of a namespace."""
    if not isinstance(value, str):
        return
    if value.startswith(_ACCOUNT):
        namespace, colon, rest = value.removeprefix(_ACCOUNT).partition(":")
        new = f"{_ACCOUNT}{targets.get(namespace, namespace)}{colon}{rest}"
    elif value.startswith(_ACCOUNTS):
        namespace = value.removeprefix(_ACCOUNTS)
        new = f"{_ACCOUNTS}{targets.get(namespace, namespace)}"
    else:
        return
    if new != value:
        yield Change(pointer, value, new, cause(name, namespace))
