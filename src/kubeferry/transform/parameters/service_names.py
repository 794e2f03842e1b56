"""rewriteServiceNames: DNS names of Services follow a namespace mapping, where that is asked for.

A DNS name in an application's own text is no reference that Kubernetes knows: it may be the name of
something else. So it is only rewritten when asked for, in the places of ``PLACES``, and only in the
forms of ``FORMS``, at boundaries: ``db.shop``, ``web-0.db.shop.svc``, ``db.shop.svc.cluster.local``
in ``postgres://db.shop:5432/x``, all names of a namespace as ``*.shop.svc``; and not
``db.shop.example.com`` nor ``my-db.shopping``. The short form is ambiguous, ``app.shop`` may be a
file: it is a name only if the backup has a Service ``app`` in the namespace ``shop``.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import Any

from kubeferry.kube.objects import CONTAINER_LISTS, POD_SPEC_PATHS, Object
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.parameters.paths import Finder, path_of
from kubeferry.transform.patch.pointer import Tokens, escape

NAME = "rewriteServiceNames"

FORMS = ("", ".svc", ".svc.cluster.local")
"""What may follow ``service.namespace``; a dot at the end of all makes it an absolute name."""

_CONTAINER_TEXTS = ("env/*/value", "command", "args")
PLACES: Mapping[str, tuple[Tokens, ...]] = {
    "configmaps": (path_of("data"),),
    "services": (path_of("spec/externalName"),),
    **{
        kind: tuple(
            (*spec, containers, "*", *path_of(text))
            for containers in CONTAINER_LISTS
            for text in _CONTAINER_TEXTS
        )
        for kind, spec in POD_SPEC_PATHS.items()
    },
}
"""Where names are looked for, by kind: a text, each text of a list, or each text of a map."""


class ServiceNames:
    """The names of one restore, ready to be rewritten.

    ``services`` are namespace and name of the Services that the backup has in the mapping's source
    namespaces.
    """

    def __init__(
        self, mapping: Mapping[str, str], services: Collection[tuple[str, str]] = frozenset()
    ) -> None:
        self._targets = {source: target for source, target in mapping.items() if source != target}
        self._services: Set[tuple[str, str]] = frozenset(services)
        self._pattern = _pattern(self._targets) if self._targets else None

    def step(self, group_resource: str) -> Callable[[Object], list[Change]] | None:
        """The step for one kind, None if it holds no such text or nothing is mapped."""
        paths = PLACES.get(group_resource)
        if paths is None or self._pattern is None:
            return None
        find = Finder((path, None) for path in paths)

        def rewritten(obj: Object) -> list[Change]:
            changes: list[Change] = []
            for pointer, value, _ in find(obj):
                changes += self._changes(value, pointer)
            return changes

        return rewritten

    def rewrite(self, text: str) -> tuple[str, str]:
        """The text with its names rewritten, and the source namespace of the first of them; empty
        if there is none.
        """
        first = ""

        def other(match: re.Match[str]) -> str:
            nonlocal first
            service, namespace, form = match["service"], match["namespace"], match["form"]
            if not form and (namespace, service) not in self._services:
                return match[0]
            first = first or namespace
            return f"{service}.{self._targets[namespace]}{form}"

        return (self._pattern.sub(other, text) if self._pattern else text), first

    def _changes(self, value: Any, pointer: str) -> Iterator[Change]:
        if isinstance(value, str):
            new, source = self.rewrite(value)
            if new != value:
                yield Change(pointer, value, new, Cause("parameter", f"{NAME} {source}"))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, str):
                    yield from self._changes(item, f"{pointer}/{index}")
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, str):
                    yield from self._changes(item, f"{pointer}/{escape(key)}")


def _pattern(namespaces: Collection[str]) -> re.Pattern[str]:
    """A name before and after which there is no more of a name.

    A label is bounded in length and begins at a boundary, so a long text is read in linear time.
    """
    one_of = "|".join(map(re.escape, sorted(namespaces, key=len, reverse=True)))
    forms = "|".join(map(re.escape, sorted(FORMS, key=len, reverse=True)))
    return re.compile(
        r"(?<![A-Za-z0-9_-])(?P<service>[a-z0-9][-a-z0-9]{0,62}|)"
        rf"\.(?P<namespace>{one_of})(?P<form>{forms})"
        r"(?=\.?(?![A-Za-z0-9_.-]))"
    )
