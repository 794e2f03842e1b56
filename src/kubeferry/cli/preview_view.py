"""What a backup would hold, for people to read and for programs. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeferry import codec
from kubeferry.backup.preview import Preview
from kubeferry.cli.output import cells, counted, json_items, pad, printable, size_text
from kubeferry.cli.plan_view import Look, marked_lines
from kubeferry.kube.names import Identity
from kubeferry.report import Problem

_NAMESPACES = 20
"""Namespaces that are named."""
_KINDS = 4
"""Kinds that are named for one reason; ``-o json`` names all."""
_OBJECT = 40
"""Cells of an object that comes in, where it fits."""


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
    """

    backup: str
    vault: str
    cluster: str
    namespaces: Sequence[str]
    left_out: Mapping[str, int]
    problems: Sequence[Problem]
    kinds_left_out: Sequence[tuple[str, str]] = ()

    @property
    def errors(self) -> int:
        """How many of the problems are errors: with any the backup would end PartiallyFailed."""
        return sum(one.level == "error" for one in self.problems)


def preview_lines(found: Found, preview: Preview, look: Look) -> Iterator[str]:
    """The dry run of a backup."""
    yield printable(f"Backup {found.backup} of {found.cluster} into vault {found.vault}, dry run")
    yield ""
    kinds, size = counted(len(preview.kinds), "kind"), size_text(preview.bytes)
    total = f"{counted(preview.objects, 'object')} of {kinds}, {size} before compression"
    yield f"{look.paint('Would be in it', bold=True)}  {total}"
    most = sorted(preview.kinds.items(), key=lambda one: (-one[1].objects, one[0]))
    yield from kind_lines([(kind, counts.objects, counts.bytes) for kind, counts in most])
    yield ""
    yield f"{look.paint('Namespaces', bold=True)}  {_names(found.namespaces)}"
    pairs = ((str(one), str(because)) for one, because in preview.related())
    yield from related_lines(pairs, look)
    yield from _left_out(found, look)
    yield from _problems(found, look)
    yield ""
    yield "Nothing was written, and the vault was not looked at."
    yield "Without --dry-run it is done."


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
    for number, (one, because) in enumerate(pairs):
        if not number:
            yield ""
            yield look.paint("Needed by others", bold=True)
        name, needing = printable(one), f"for {printable(because)}"
        line = f"  {pad(name, _OBJECT)}   {needing}"
        if cells(line) <= look.width:
            yield line
        else:
            yield f"  {name}"
            yield f"      {needing}"


def _left_out(found: Found, look: Look) -> Iterator[str]:
    if not found.left_out and not found.kinds_left_out:
        return
    yield ""
    yield look.paint("Left out", bold=True)
    for reason, count in sorted(found.left_out.items(), key=lambda one: (-one[1], one[0])):
        yield f"  {count:>9,}   {printable(reason)}"
    kinds: dict[str, list[str]] = {}
    for kind, reason in found.kinds_left_out:
        kinds.setdefault(reason, []).append(kind)
    for reason, names in sorted(kinds.items(), key=lambda one: (-len(one[1]), one[0])):
        yield f"  {counted(len(names), 'kind'):>9}   {printable(reason)}"
        some = ", ".join(names[:_KINDS])
        more = len(names) - _KINDS
        yield f"              {printable(f'{some} and {more:,} more' if more > 0 else some)}"


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


def preview_json(found: Found, preview: Preview) -> Iterator[str]:
    """The same as one JSON document, a related object a line; it only grows."""
    head: dict[str, Any] = {
        "backup": found.backup,
        "vault": found.vault,
        "cluster": found.cluster,
        "objects": preview.objects,
        "bytes": preview.bytes,
        "kinds": [
            {"type": kind, "objects": counts.objects, "bytes": counts.bytes}
            for kind, counts in sorted(preview.kinds.items())
        ],
        "namespaces": list(found.namespaces),
        "leftOut": dict(found.left_out),
        "kindsLeftOut": dict(found.kinds_left_out),
        "problems": list(map(_problem, found.problems)),
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
