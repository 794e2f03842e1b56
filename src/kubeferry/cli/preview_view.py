"""What a backup would hold, for people to read and for programs. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kubeferry import codec
from kubeferry.backup.preview import Preview
from kubeferry.cli.output import cells, counted, json_items, pad, printable, size_text
from kubeferry.cli.plan_view import Look, marked_lines
from kubeferry.cli.prospects import NO_OBSTACLES, Prospects
from kubeferry.kube.names import Identity
from kubeferry.report import Problem

_NAMESPACES = 20
"""Namespaces that are named."""
_OBJECT = 60
"""Cells of an object that comes in, at most, where its column is even."""
_PAGE = 200
"""Related objects whose names make one column: any number goes through here."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to say beside the counts.

    Attributes:
        backup: its name.
        vault: where it would go to.
        cluster: what it would be taken of.
        namespaces: those that are taken.
        left_out: why objects of them would not be in it, and how many.
        problems: what would be told of it.
        kinds_left_out: kinds of which no object is selected, each with the reason.
        ahead: whether the backup could begin.
    """

    backup: str
    vault: str
    cluster: str
    namespaces: Sequence[str]
    left_out: Mapping[str, int]
    problems: Sequence[Problem]
    kinds_left_out: Sequence[tuple[str, str]] = ()
    ahead: Prospects = NO_OBSTACLES

    @property
    def errors(self) -> int:
        """How many of the problems are errors: with any the backup would end PartiallyFailed."""
        return sum(one.level == "error" for one in self.problems)


def preview_lines(found: Found, preview: Preview, look: Look) -> Iterator[str]:
    """The dry run of a backup."""
    yield printable(
        f"Dry run: backup {found.backup} of cluster {found.cluster} into vault {found.vault}"
    )
    yield ""
    kinds, size = counted(len(preview.kinds), "kind"), size_text(preview.preferred_bytes)
    total = f"{counted(preview.objects, 'object')} of {kinds}, {size}"
    if preview.other_bytes:
        total += f" + {size_text(preview.other_bytes)} in other versions"
    yield f"{look.paint('Would be in it', bold=True)}  {total}"
    most = sorted(preview.kinds.items(), key=lambda one: (-one[1].objects, one[0]))
    yield from kind_lines([(kind, counts.objects, counts.preferred) for kind, counts in most])
    yield ""
    yield f"{look.paint('Namespaces', bold=True)}  {_names(found.namespaces)}"
    pairs = (
        (_named(one, preview.names), _named(because, preview.names))
        for one, because in preview.related()
    )
    yield from related_lines(pairs, look)
    yield from _left_out(found, look)
    yield from _problems(found, look)
    yield from _kinds_left_out(found)
    yield from _ahead(found.ahead, look)


def _named(one: Identity, names: Mapping[str, str]) -> str:
    """``Pod shop/web`` as people know it; its group resource where nobody tells its Kind."""
    return str(one._replace(group_resource=names.get(one.group_resource) or one.group_resource))


def _ahead(ahead: Prospects, look: Look) -> Iterator[str]:
    yield ""
    if ahead.obstacles:
        yield "Nothing was written, and without --dry-run nothing would be:"
        for text in ahead.obstacles:
            yield from marked_lines(text, "  ", look, fg="red")
    for text in ahead.unasked:
        yield from marked_lines(f"not looked at: {text}", "  ", look, fg="yellow")
    if not ahead.obstacles:
        yield "Nothing was written. Without --dry-run it is done."


def kind_lines(kinds: Sequence[tuple[str, int, int]]) -> Iterator[str]:
    """A line for each kind with its objects and bytes."""
    width = max((cells(kind) for kind, _, _ in kinds), default=0)
    for kind, objects, size in kinds:
        yield f"  {pad(printable(kind), width)}   {objects:>9,}   {size_text(size):>10}"


def _names(namespaces: Sequence[str]) -> str:
    some = ", ".join(namespaces[:_NAMESPACES])
    more = len(namespaces) - _NAMESPACES
    return printable(f"{some} and {more:,} more" if more > 0 else some or "none")


def related_lines(pairs: Iterable[tuple[str, str]], look: Look) -> Iterator[str]:
    """Objects that come in, each with the one that needs it; nothing without any."""
    left = iter(pairs)
    is_first = True
    while page := list(islice(left, _PAGE)):
        if is_first:
            yield ""
            yield look.paint("Needed by others", bold=True)
        is_first = False
        rows = [(printable(one), f"for {printable(because)}") for one, because in page]
        room = look.width - 5
        fitting = [cells(name) for name, needing in rows if cells(name) + cells(needing) <= room]
        width = min(max(fitting, default=0), _OBJECT)
        for name, needing in rows:
            line = f"  {pad(name, width)}   {needing}"
            if cells(line) <= look.width and cells(name) <= width:
                yield line
            else:
                yield f"  {name}"
                yield f"      {needing}"


def _left_out(found: Found, look: Look) -> Iterator[str]:
    if found.left_out:
        yield ""
        yield look.paint("Left out", bold=True)
    for reason, count in sorted(found.left_out.items(), key=lambda one: (-one[1], one[0])):
        yield f"  {count:>9,}   {printable(reason)}"


def _problems(found: Found, look: Look) -> Iterator[str]:
    if not found.problems:
        return
    warnings = len(found.problems) - found.errors
    yield ""
    title = look.paint("Problems", bold=True)
    yield f"{title}  {counted(found.errors, 'error')}, {counted(warnings, 'warning')}"
    for one in found.problems:
        colour = "red" if one.level == "error" else "yellow"
        yield from marked_lines(f"{one.level}: {one}", "  ", look, fg=colour)
    if found.errors:
        yield f"The backup would end {look.paint('PartiallyFailed', fg='red')}"


def _kinds_left_out(found: Found) -> Iterator[str]:
    count = len(found.kinds_left_out)
    if count:
        verb = "is" if count == 1 else "are"
        yield ""
        yield f"{counted(count, 'kind')} {verb} not taken: -o json names them"


def preview_json(found: Found, preview: Preview) -> Iterator[str]:
    """The same as one JSON document, a related object a line; it only grows."""
    head: dict[str, Any] = {
        "backup": found.backup,
        "vault": found.vault,
        "cluster": found.cluster,
        "objects": preview.objects,
        "bytes": preview.preferred_bytes,
        "otherVersionsBytes": preview.other_bytes,
        "kinds": [
            {
                "type": kind,
                "objects": counts.objects,
                "bytes": counts.preferred,
                "otherVersionsBytes": counts.others,
            }
            for kind, counts in sorted(preview.kinds.items())
        ],
        "namespaces": list(found.namespaces),
        "leftOut": dict(found.left_out),
        "kindsLeftOut": dict(found.kinds_left_out),
        "problems": list(map(_problem, found.problems)),
        "obstacles": list(found.ahead.obstacles),
        "notLookedAt": list(found.ahead.unasked),
    }
    yield f'{codec.encode(head).decode()[:-1]},"related":['
    yield from json_items(
        {"object": _identity(one), "because": _identity(because)}
        for one, because in preview.related()
    )
    yield "]}"


def _problem(one: Problem) -> dict[str, str]:
    return {
        "level": one.level,
        "reason": one.reason,
        "message": one.message,
        "namespace": one.namespace,
        "subject": one.subject,
    }


def _identity(one: Identity) -> dict[str, str]:
    return {"type": one.group_resource, "namespace": one.namespace, "name": one.name}
