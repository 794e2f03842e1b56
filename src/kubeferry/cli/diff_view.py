"""What differs between two backups for people to read, and for programs. Pure.

Deployment (apps/v1)
  ~ shop/web                                          1 field
      ~ /spec/replicas: 2 -> 3
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubeferry import codec
from kubeferry.cli.comparing import Compared, Verdict
from kubeferry.cli.output import counted, json_items, pad, printable
from kubeferry.cli.plan_view import Look, Shown, change_lines, value_text
from kubeferry.kube.names import Identity
from kubeferry.restore.report import MASKED
from kubeferry.transform.patch.differences import Difference
from kubeferry.transform.patch.pointer import MISSING

_MARKS: dict[Verdict, tuple[str, str]] = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "cyan"),
    "unread": ("?", "yellow"),
}
_DIFFERENT: tuple[Verdict, ...] = ("added", "removed", "changed")
_NAME = 50
"""Cells of a name, where it fits."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What was not read of one of the two, and why."""

    side: str
    what: str
    why: str


@dataclass(slots=True)
class Tally:
    """Counts what passes through it."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    unread: tuple[Unread, ...] = ()
    """What was not read on either side."""

    @property
    def differs(self) -> bool:
        """Whether anything differs."""
        return any(self.verdicts[verdict] for verdict in _DIFFERENT)

    def through(self, found: Iterable[Compared]) -> Iterator[Compared]:
        """The objects that differ; all are counted."""
        for one in found:
            self.verdicts[one.verdict] += 1
            if one.verdict != "same":
                yield one


def diff_lines(found: Iterable[Compared], look: Look, tally: Tally, *, show: bool) -> Iterator[str]:
    """The objects that differ, by kind, namespace and name, and what they come to.

    ``show`` adds the fields that changed.
    """
    kind = ""
    for one in tally.through(found):
        if one.identity.group_resource != kind:
            kind = one.identity.group_resource
            yield ""
            yield look.paint(printable(_label(one)), bold=True)
        yield from _object(one, look, show=show)
    yield from _unread_lines(tally.unread, look)
    yield ""
    yield _summary(tally)


def _unread_lines(found: Sequence[Unread], look: Look) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield look.paint("Could not be read", bold=True)
    colour = _MARKS["unread"][1]
    for one in found:
        yield f"  {look.paint('?', fg=colour, bold=True)} {printable(one.what)}"
        yield f"      {printable(one.side)}"


def _label(one: Compared) -> str:
    return f"{one.kind} ({one.api_version})" if one.kind else one.identity.group_resource


def _object(one: Compared, look: Look, *, show: bool) -> Iterator[str]:
    mark, colour = _MARKS[one.verdict]
    line = f"  {look.paint(mark, fg=colour, bold=True)} {printable(_name(one.identity))}"
    if one.fields and not show:
        line = f"{line}{pad('', _NAME - look.cells(line))}   {counted(len(one.fields), 'field')}"
    yield line
    if show:
        for difference in one.fields:
            yield from change_lines(_shown(difference, look), "      ", look)


def _name(identity: Identity) -> str:
    return f"{identity.namespace}/{identity.name}" if identity.namespace else identity.name


def _shown(one: Difference, look: Look) -> Shown:
    old = None if one.old is MISSING else value_text(one.old, look)
    new = None if one.new is MISSING else value_text(one.new, look)
    mark = "+" if old is None else "-" if new is None else "~"
    if one.old == one.new == MASKED:
        old = None
    return Shown(mark, printable(one.pointer) or "the object", old, new, "")


def _summary(tally: Tally) -> str:
    counts = [f"{tally.verdicts[verdict]:,} {verdict}" for verdict in _DIFFERENT]
    same = f"{counted(tally.verdicts['same'], 'object')} the same"
    unread = tally.verdicts["unread"]
    return ", ".join([*counts, same, *([f"{unread:,} could not be read"] if unread else [])])


def diff_json(
    old: dict[str, Any], new: dict[str, Any], found: Iterable[Compared], tally: Tally
) -> Iterator[str]:
    """The same as one JSON document, an object a line; it only grows.

    ``old`` and ``new`` say what is compared.
    """
    head = codec.encode({"old": old, "new": new}).decode()
    yield f'{head[:-1]},"objects":['
    yield from json_items(map(_described, tally.through(found)))
    counts = {verdict: tally.verdicts[verdict] for verdict in (*_MARKS, "same")}
    unread = [{"side": one.side, "what": one.what, "why": one.why} for one in tally.unread]
    yield f'],"unread":{codec.encode(unread).decode()},"summary":{codec.encode(counts).decode()}}}'


def _described(one: Compared) -> dict[str, Any]:
    resource, namespace, name = one.identity
    return {
        "change": one.verdict,
        "name": name,
        "namespace": namespace,
        "type": resource,
        "apiVersion": one.api_version,
        "kind": one.kind,
        "fields": [
            {"pointer": difference.pointer}
            | {
                side: value
                for side, value in (("old", difference.old), ("new", difference.new))
                if value is not MISSING
            }
            for difference in one.fields
        ],
    }
