"""What could not be read when a backup was taken, as its results file tells it. Pure.

What is missing from such a backup may have been there: nobody may call it removed, or new. The
definition of a kind that was not read is missing with it, as nothing of the kind brought it in.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kubeferry.cli.kindwords import KindWord, is_inside
from kubeferry.kube.names import Identity, split_group_resource
from kubeferry.report import Problem

_LINE = re.compile(r"(?:(?P<subject>.+?): )?(?P<reason>[A-Z]\w*): (?P<message>.*)", re.DOTALL)
_WHERE = re.compile(r"could not be read in (?P<names>[a-z0-9, -]+): ")
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_GROUP = "GroupUnavailable"
_UNREAD = frozenset({_GROUP, "Malformed"})
"""Reasons of errors that leave something out, beside those that say it: ``could not be read``."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not read: a whole API group, a kind, or one object of it.

    Attributes:
        text: the error.
        group: the group; only where all of it is meant.
        resource: the group resource, empty for a group.
        namespaces: where it was not read; empty means everywhere.
        name: of the object, empty for all.
    """

    text: str
    group: str | None = None
    resource: str = ""
    namespaces: tuple[str, ...] = ()
    name: str = ""

    def hides(self, one: Identity) -> bool:
        """Whether an object that is missing may only not have been read."""
        if one.group_resource == _DEFINITIONS and not self.name:
            return self._has_kind(one.name)
        is_there = not self.namespaces or one.namespace in self.namespaces
        return is_there and self._has_kind(one.group_resource) and self.name in ("", one.name)

    def _has_kind(self, resource: str) -> bool:
        if self.group is not None:
            return split_group_resource(resource)[1] == self.group
        return resource == self.resource

    def concerns(self, words: Sequence[KindWord], namespaces: Sequence[str]) -> bool:
        """Whether who asks for these kinds and namespaces alone has to know of it."""
        inside = self.namespaces
        if namespaces and inside and not any(is_inside(one, namespaces) for one in inside):
            return False
        return not words or any(self._is_meant(word) for word in words)

    def _is_meant(self, word: KindWord) -> bool:
        if self.group is None:
            return word.matches(self.resource, "")
        if word.resource:
            return split_group_resource(word.resource)[1] == self.group
        # A word that nobody knows may be a kind of the group that nobody could ask.
        if "." not in word.text:
            return True
        return bool(self.group) and word.text.endswith(f".{self.group}")

    @property
    def label(self) -> str:
        """What was not read, for people."""
        what = self.resource or self.group or "core"
        if not self.name:
            return f"{what} in {', '.join(self.namespaces)}" if self.namespaces else what
        return str(Identity(what, self.namespaces[0] if self.namespaces else "", self.name))


@dataclass(frozen=True, slots=True)
class Gaps:
    """All of one side; ``unknown`` are errors of which it is not clear what they left out."""

    known: tuple[Gap, ...] = ()
    unknown: int = 0

    def hide(self, one: Identity) -> bool:
        """Whether an object that is missing may only not have been read."""
        return any(gap.hides(one) for gap in self.known)

    def of(self, words: Sequence[KindWord], namespaces: Sequence[str]) -> tuple[Gap, ...]:
        """Those that concern some kinds and namespaces."""
        return tuple(gap for gap in self.known if gap.concerns(words, namespaces))


NO_GAPS = Gaps()
"""Of a side that was read whole."""


def gaps_of_results(results: Any, *, ours: bool) -> Gaps:
    """What a backup's results file tells; what others than us wrote is not understood, but counted.

    An error of ours that leaves nothing out (data of volumes, hooks) counts for nothing.
    """
    lines = list(_errors(results))
    if not ours:
        return Gaps(unknown=len(lines))
    return _gaps(lines)


def gaps_of_problems(problems: Iterable[Problem]) -> Gaps:
    """What a collection told as it went on."""
    return _gaps([(str(one), one.namespace) for one in problems if one.level == "error"])


def _errors(results: Any) -> Iterator[tuple[str, str]]:
    """Each error of a results file and its namespace (velero.md §1.2)."""
    side = (results or {}).get("errors") or {} if isinstance(results, dict) else {}
    for where in ("velero", "cluster"):
        yield from ((str(text), "") for text in side.get(where) or ())
    for namespace, texts in (side.get("namespaces") or {}).items():
        yield from ((str(text), str(namespace)) for text in texts or ())


def _gaps(lines: Iterable[tuple[str, str]]) -> Gaps:
    known: list[Gap] = []
    unknown = 0
    for text, namespace in lines:
        found = _LINE.fullmatch(text)
        if found is None:
            unknown += 1
        elif found["reason"] in _UNREAD or found["message"].startswith("could not be read"):
            gap = _gap(found["subject"] or "", found["reason"], found["message"], namespace, text)
            known += [gap] if gap is not None else []
    return Gaps(tuple(known), unknown)


def _gap(subject: str, reason: str, message: str, namespace: str, text: str) -> Gap | None:
    if reason == _GROUP:
        return Gap(text, group="" if subject == "core" else subject)
    kind, _, rest = subject.partition(" ")
    if rest.startswith("in "):
        return None  # another version: the object itself was read
    where = _WHERE.match(message)
    inside = (namespace,) if namespace else ()
    if where is not None:
        names = where["names"]
        inside = () if names.endswith("more namespaces") else tuple(names.split(", "))
    name = rest.rpartition("/")[2] if " and " not in rest else ""
    return Gap(text, resource=kind, namespaces=inside, name=name)
