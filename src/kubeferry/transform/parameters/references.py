"""What follows a namespace mapping beside the objects themselves: references to a namespace by name
(velero.md §3.8, both columns).

``reference_places`` says where they are. Every kind of reference can be switched off by its name in
``spec.references``. A DNS name in a text is none of them: see ``service_names``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from kubeferry.kube.objects import Object
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.parameters.paths import found
from kubeferry.transform.parameters.reference_places import REFERENCES, Places

_NAME_LABEL = "kubernetes.io/metadata.name"
"""Every namespace has this label with its own name: the API server sees to it."""
_LABEL_TOKEN = "kubernetes.io~1metadata.name"
_ACCOUNT = "system:serviceaccount:"
_ACCOUNTS = "system:serviceaccounts:"


def references_for(
    group_resource: str, mapping: Mapping[str, str], off: Iterable[str] = ()
) -> list[Callable[[Object], list[Change]]]:
    """The steps for the references that one kind holds, bound to the mapping; ``off`` are the
    kinds of reference that are switched off.
    """
    moved = {source: target for source, target in mapping.items() if source != target}
    left_out = frozenset(off)
    if not moved:
        return []
    return [
        partial(followed, name, places, moved)
        for name, listed in REFERENCES.items()
        if name not in left_out
        for places in listed
        if group_resource in places.kinds
    ]


def followed(name: str, places: Places, mapping: Mapping[str, str], obj: Object) -> list[Change]:
    """The changes to the references of one kind that an object holds."""
    changes: list[Change] = []
    for path in places.names:
        for pointer, value in found(obj, path):
            changes += _names(name, value, pointer, mapping)
    for path in places.selectors:
        for pointer, value in found(obj, path):
            changes += _selector(name, value, pointer, mapping)
    for path in places.pairs:
        for pointer, value in found(obj, path):
            changes += _pair(name, value, pointer, mapping)
    for path in places.accounts:
        for pointer, value in found(obj, path):
            changes += _account(name, value, pointer, mapping)
    return changes


def cause(name: str, source: str) -> Cause:
    """The cause of a change to a reference of some kind to a source namespace."""
    return Cause("parameter", f"references.{name} {source}")


def _names(name: str, value: Any, pointer: str, mapping: Mapping[str, str]) -> Iterator[Change]:
    """A name, or each of a list of names."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _names(name, item, f"{pointer}/{index}", mapping)
    elif isinstance(value, str) and value in mapping:
        yield Change(pointer, value, mapping[value], cause(name, value))


def _selector(
    name: str, selector: Any, pointer: str, mapping: Mapping[str, str]
) -> Iterator[Change]:
    """What of a label selector names a namespace; other labels are not names."""
    if not isinstance(selector, dict):
        return
    labels = selector.get("matchLabels")
    if isinstance(labels, dict):
        where = f"{pointer}/matchLabels/{_LABEL_TOKEN}"
        yield from _names(name, labels.get(_NAME_LABEL), where, mapping)
    expressions = selector.get("matchExpressions")
    for index, one in enumerate(expressions if isinstance(expressions, list) else ()):
        if isinstance(one, dict) and one.get("key") == _NAME_LABEL:
            where = f"{pointer}/matchExpressions/{index}/values"
            yield from _names(name, one.get("values"), where, mapping)


def _pair(name: str, value: Any, pointer: str, mapping: Mapping[str, str]) -> Iterator[Change]:
    namespace, slash, rest = value.partition("/") if isinstance(value, str) else ("", "", "")
    if slash and namespace in mapping:
        new = f"{mapping[namespace]}/{rest}"
        yield Change(pointer, value, new, cause(name, namespace))


def _account(name: str, value: Any, pointer: str, mapping: Mapping[str, str]) -> Iterator[Change]:
    """A service account as a user, or the group of all accounts of a namespace."""
    if not isinstance(value, str):
        return
    if value.startswith(_ACCOUNT):
        namespace, colon, rest = value.removeprefix(_ACCOUNT).partition(":")
        new = f"{_ACCOUNT}{mapping.get(namespace, namespace)}{colon}{rest}"
    elif value.startswith(_ACCOUNTS):
        namespace = value.removeprefix(_ACCOUNTS)
        new = f"{_ACCOUNTS}{mapping.get(namespace, namespace)}"
    else:
        return
    if new != value:
        yield Change(pointer, value, new, cause(name, namespace))
