"""What a restore did, object by object, from its journal: for people and as JSON lines. Pure.

    created    StatefulSet default/web -> default1/web                           (namespaceMapping)
               ~ /spec/template/spec/containers/0/image: a/web:1 -> b/web:1   (imageRegistryMapping)

Both have the form of a plan (``plan_view``, ``plan_summary``), so that what was done can be held
against what was planned. Values of Secrets are masked in the journal already.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from kubeferry import codec
from kubeferry.cli.output import printable
from kubeferry.cli.plan_view import (
    Look,
    aligned,
    cause_text,
    change_lines,
    is_common,
    marked_lines,
    moves,
    shown_change,
)
from kubeferry.journal import HookRun, Item
from kubeferry.restore.report import PLANNED, WRITTEN

_COLOURS = {
    "created": "green",
    "create": "green",
    "update": "cyan",
    "recreate": "magenta",
    "updated": "cyan",
    "recreated": "magenta",
    "skipped": "yellow",
    "refused": "red",
    "failed": "red",
}
_SHOWN = WRITTEN | PLANNED
"""What was written, or would be."""
_WIDTH = max(map(len, _COLOURS))
_INDENT = " " * (_WIDTH + 2)
_LEVELS = {"warning": "yellow", "error": "red"}


def journal_lines(lines: Iterable[Item | HookRun], look: Look) -> Iterator[str]:
    """Every line of a journal as people read it."""
    for one in lines:
        yield from _hook_lines(one, look) if isinstance(one, HookRun) else _item_lines(one, look)


def _item_lines(item: Item, look: Look) -> Iterator[str]:
    word = look.paint(item.action.ljust(_WIDTH), fg=_COLOURS.get(item.action, "red"))
    head = f"{word}  {printable(_kind(item))} {look.paint(_names(item), bold=True)}"
    is_written = item.action in _SHOWN
    moved = next((one for one in item.changes if moves(one)), None) if is_written else None
    yield aligned(head, cause_text(moved) if moved and not look.full else "", look)
    if is_written:
        for change in item.changes:
            if look.full or not (moves(change) or is_common(change) or item.differences):
                yield from change_lines(shown_change(change, look), _INDENT, look)
    for change in item.differences:
        yield from change_lines(replace(shown_change(change, look), cause=""), _INDENT, look)
    for what, text in item.grants:
        yield from marked_lines(f"grants ({what}): {text}", _INDENT, look, fg="blue", mark="i")
    for reason, message in item.notes:
        yield from marked_lines(f"{reason}: {message}", _INDENT, look, fg="blue", mark="i")
    problems = {(reason, message) for _, reason, message in item.problems}
    if item.reason and (item.reason, item.message) not in problems:
        yield from marked_lines(f"{item.reason}: {item.message}", _INDENT, look, fg="yellow")
    for level, reason, message in item.problems:
        yield from marked_lines(f"{reason}: {message}", _INDENT, look, fg=_LEVELS[level])


def _hook_lines(run: HookRun, look: Look) -> Iterator[str]:
    where = "/".join(part for part in run.target[1:] if part)
    colour = "green" if run.outcome == "done" else "red"
    word = look.paint(run.outcome.ljust(_WIDTH), fg=colour)
    yield f"{word}  {printable(f'hook {run.hook} in Pod {where}')}"
    if run.reason:
        yield from marked_lines(f"{run.reason}: {run.message}", _INDENT, look, fg="red")


def _kind(item: Item) -> str:
    return item.kind.rpartition("/")[2] or item.source[0]


def _names(item: Item) -> str:
    source, target = (
        printable("/".join(part for part in one[1:] if part)) for one in (item.source, item.target)
    )
    return f"{source} -> {target}" if item.action in _SHOWN and source != target else source


def journal_json(lines: Iterable[Item | HookRun], summary: Mapping[str, Any]) -> Iterator[str]:
    """A line of JSON for each object and hook, then one with the summary."""
    for one in lines:
        line = hook_json(one) if isinstance(one, HookRun) else item_json(one)
        yield codec.encode(line).decode()
    yield codec.encode({"type": "summary", **summary}).decode()


def item_json(item: Item) -> dict[str, Any]:
    """One object, in the form of the plan's."""
    api_version, _, kind = item.kind.rpartition("/")
    line: dict[str, Any] = {
        "type": "item",
        "action": item.action,
        "source": _identity(item.source),
        "target": _identity(item.target),
        "changes": item.changes,
    }
    if kind:
        line |= {"apiVersion": api_version, "kind": kind}
    if item.differences:
        line["differences"] = item.differences
    if item.reason:
        line |= {"reason": item.reason, "message": item.message}
    notes = [{"reason": reason, "message": message} for reason, message in item.notes]
    if notes:
        line["notes"] = notes
    for level in _LEVELS:
        found = [
            {"reason": reason, "message": message}
            for given, reason, message in item.problems
            if given == level
        ]
        if found:
            line[f"{level}s"] = found
    if item.grants:
        line["grants"] = [{"what": what, "text": text} for what, text in item.grants]
    if item.images:
        line["images"] = item.images
    return line


def hook_json(run: HookRun) -> dict[str, Any]:
    """What became of one hook."""
    line: dict[str, Any] = {
        "type": "hook",
        "source": _identity(run.source),
        "target": _identity(run.target),
        "number": run.number,
        "hook": run.hook,
        "outcome": run.outcome,
    }
    if run.container:
        line["container"] = run.container
    if run.reason:
        line |= {"reason": run.reason, "message": run.message}
    return line


def _identity(given: tuple[str, str, str]) -> dict[str, str]:
    kind, namespace, name = given
    return {"groupResource": kind, "namespace": namespace, "name": name}
