"""A plan for people to read: a tree in the order of the waves, each object with its changes. Pure.

    Wave 6  workloads, services and everything else
    └── create  StatefulSet default/web -> default1/web                         (namespaceMapping)
                ~ /spec/template/spec/containers/0/volumeMounts/0/mountPath:
                    /usr/share/nginx/html -> /data              (modifier rule 1, patch 2 replace)

A hook that is run in a pod once that is there comes after the pod's changes, marked ``*``. What is
to be known and no warning is marked ``i``.

What every object meets alike (its status goes, two labels come) is said once, unless ``full``. Long
values are cut, unless ``full``. Values of Secrets are never shown.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import click

from kubeferry.cli.output import cells, pad, printable
from kubeferry.durations import format_duration
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import InitWait, PodHook
from kubeferry.restore.plan_item import WRITING, PlanItem
from kubeferry.restore.report import change_line, is_secret
from kubeferry.restore.waves import Step
from kubeferry.transform.change import Note
from kubeferry.transform.hook_annotations import ANNOTATION

WIDTH = 100
"""Where nothing says how wide the terminal is."""

_COMMON = frozenset({"server-fields", "restore-labels"})
_MOVED = "/metadata/namespace"
_RENAMED = "/metadata/name"
_VALUE = 240
_DIFFERENCES = 8
"""Differences of one object that are shown, unless ``full``."""
_ACTIONS = {
    "create": ("create", "green"),
    "update": ("update", "cyan"),
    "recreate": ("recreate", "magenta"),
    "skip": ("skip  ", "yellow"),
    "refuse": ("refuse", "red"),
    "fail": ("fail  ", "red"),
}
_AMBIGUOUS = re.compile(r"|true|false|null|-?\d+(\.\d+)?([eE][-+]?\d+)?|\s.*|.*\s|[\[{\"].*")
_MODIFIER = re.compile(r"(rule \d+.*?) \(.*\): (patch .*)")


@dataclass(frozen=True, slots=True)
class Look:
    """How a plan is drawn.

    Attributes:
        width: cells of a line, as far as the texts can be fitted into it.
        colour: whether a terminal's colours are used.
        unicode: whether the tree may use box characters.
        full: every change of every object, with whole values.
    """

    width: int = WIDTH
    colour: bool = False
    unicode: bool = True
    full: bool = False

    def paint(self, text: str, **style: Any) -> str:
        """The text in a style, if there are colours."""
        return click.style(text, **style) if self.colour else text

    def cells(self, text: str) -> int:
        """The cells that a text takes, its colours aside."""
        return cells(click.unstyle(text) if self.colour else text)

    @property
    def branches(self) -> tuple[str, str, str, str]:
        """Before an item, before the last item, and below each of them."""
        if self.unicode:
            return "├── ", "└── ", "│   ", "    "
        return "|-- ", "`-- ", "|   ", "    "


@dataclass(frozen=True, slots=True)
class Shown:
    """One change as it is shown: a mark, the pointer, the values as text (None: there is none)."""

    mark: str
    pointer: str
    old: str | None
    new: str | None
    cause: str


def draw(steps: Iterable[tuple[Step, Iterable[PlanItem]]], look: Look) -> Iterator[str]:
    """The tree, line by line; holds one item at a time. Steps of one wave make one heading."""
    wave = 0
    held: PlanItem | None = None
    for step, items in steps:
        for item in items:
            if held is not None:
                yield from item_lines(held, look, last=step.wave != wave)
            if step.wave != wave:
                wave = step.wave
                yield ""
                yield f"{look.paint(f'Wave {wave}', bold=True)}  {step.title}"
            held = item
    if held is not None:
        yield from item_lines(held, look, last=True)


def item_lines(item: PlanItem, look: Look, *, last: bool) -> Iterator[str]:
    """One object: its action and identity, its changes, what is to be known of it."""
    middle, end, under, clear = look.branches
    branch, below = (end, clear) if last else (middle, under)
    word, colour = _ACTIONS[item.action]
    head = f"{branch}{look.paint(word, fg=colour)}  {_identity(item, look)}"
    indent = f"{below}        "
    lines = [change_line(change, secret=is_secret(item)) for change in item.changes]
    if item.action in WRITING:
        moved = next((one for one in lines if moves(one)), None)
        yield aligned(head, cause_text(moved) if moved and not look.full else "", look)
        for line in lines:
            if look.full or not (moves(line) or is_common(line) or item.present):
                yield from change_lines(shown_change(line, look), indent, look)
        for hook in item.hooks:
            yield from hook_lines(hook, indent, look, owner=item.owner)
    elif item.why is not None:
        whole = f"{head}: {printable(item.why.message)}"
        if item.action == "skip" and _fits(whole, item.why.reason, look):
            yield aligned(whole, item.why.reason, look)
        else:
            yield head
            yield from note_lines(item.why, indent, look, fg=colour)
    yield from _difference_lines(item, indent, look)
    for notes, fg in ((item.notes, "blue"), (item.warnings, "yellow"), (item.errors, "red")):
        for note in notes:
            mark = "i" if notes is item.notes else "!"
            yield from note_lines(note, indent, look, fg=fg, mark=mark)


def _difference_lines(item: PlanItem, indent: str, look: Look) -> Iterator[str]:
    """What differs in the object that is there, as changes of it."""
    changes = item.present.changes if item.present is not None else ()
    shown = changes if look.full else changes[:_DIFFERENCES]
    for change in shown:
        line = shown_change(change_line(change, secret=is_secret(item)), look)
        yield from change_lines(replace(line, cause=""), indent, look)
    if len(changes) > len(shown):
        yield f"{indent}  and {len(changes) - len(shown):,} more; --full shows them"


def hook_lines(
    hook: PodHook, indent: str, look: Look, *, owner: Owner | None = None
) -> Iterator[str]:
    """A hook that is run once the pod is there: what, and who asked for it.

    A command waits for the pod that stays, if the pod has an ``owner`` that may make it anew.
    """
    containers = printable(hook.container)
    if isinstance(hook, InitWait):
        text, value = f"wait for the end of {containers}", format_duration(hook.wait_seconds)
    else:
        waits = f", once {printable(str(owner))} keeps the pod" if owner else ""
        text, value = f"run in {containers}{waits}", value_text(list(hook.command), look)
    asked = "annotation" if hook.name == ANNOTATION else f"hook {printable(hook.name)}"
    yield from change_lines(Shown("*", text, None, value, asked), indent, look)


def change_lines(change: Shown, indent: str, look: Look) -> Iterator[str]:
    """One change: on one line if it fits, else the values below the pointer."""
    cause = change.cause
    head = f"{indent}{look.paint(change.mark, fg=_MARKS[change.mark], bold=True)} {change.pointer}"
    value = _both(change, look)
    if not value or _fits(f"{head}: {value}", cause, look):
        yield aligned(f"{head}: {value}" if value else head, cause, look)
        return
    deeper = f"{indent}    "
    if _fits(f"{deeper}{value}", cause, look):
        yield f"{head}:"
        yield aligned(f"{deeper}{value}", cause, look)
        return
    yield aligned(f"{head}:", cause, look)
    if _fits(f"{deeper}{value}", "", look):
        yield f"{deeper}{value}"
        return
    for text, colour, mark in ((change.old, "red", "   "), (change.new, "green", "-> ")):
        if text is not None:
            lead = mark if change.old is not None else "   "
            for part in _folded(text, look.width - cells(deeper)):
                yield f"{indent} {look.paint(lead, dim=True)}{look.paint(part, fg=colour)}"
                lead = "   "


def _both(change: Shown, look: Look) -> str:
    """Old and new on one line, or the one there is."""
    old = None if change.old is None else look.paint(change.old, fg="red")
    new = None if change.new is None else look.paint(change.new, fg="green")
    if old is not None and new is not None:
        return f"{old} {look.paint('->', dim=True)} {new}"
    return old or new or ""


def _folded(text: str, width: int) -> Iterator[str]:
    """The text in pieces of a line's width, broken after a space where there is one near."""
    room = max(20, width)
    while cells(text) > room:
        end = room
        while cells(text[:end]) > room:
            end -= 1
        space = text.rfind(" ", end // 2, end)
        end = end if space < 0 else space + 1
        yield text[:end].rstrip()
        text = text[end:]
    yield text


_MARKS = {"~": "cyan", "+": "green", "-": "red", "*": "blue"}


def shown_change(line: dict[str, Any], look: Look) -> Shown:
    """A change as ``report.change_line`` tells it, as it is shown."""
    has_old, has_new = "old" in line, "new" in line
    mark = "~" if has_old == has_new else "+" if has_new else "-"
    pointer = line["pointer"]
    if line["rule"] == "server-fields":
        mark, pointer = "-", "status and what else only the server writes"
    return Shown(
        mark,
        printable(pointer) or "the object",
        value_text(line["old"], look) if has_old else None,
        value_text(line["new"], look) if has_new else None,
        cause_text(line),
    )


def value_text(value: Any, look: Look) -> str:
    """A value as text: a string as it is if nobody takes it for something else, else JSON."""
    plain = isinstance(value, str) and value.isprintable() and not _AMBIGUOUS.fullmatch(value)
    text = str(value) if plain else printable(json.dumps(value, ensure_ascii=False))
    if look.full or len(text) <= _VALUE:
        return text
    return f"{text[:_VALUE]}... ({len(text):,} characters)"


def cause_text(line: dict[str, Any]) -> str:
    """Why, shortly: a parameter's name, ``modifier rule 1, patch 2``, ``automatic: claim-binding``.

    Which entry of a parameter it was can be seen by the old value, unless it is a hook; ``-o json``
    has it too.
    """
    mechanism, rule = str(line["mechanism"]), printable(str(line["rule"]))
    if mechanism == "parameter":
        return rule if rule.startswith("hooks ") else rule.partition(" ")[0]
    match = _MODIFIER.fullmatch(rule)
    if mechanism == "modifier" and match is not None:
        return f"modifier {match[1]}, {match[2]}"
    return f"{mechanism}: {rule}"


def identity_text(item: PlanItem) -> str:
    """``StatefulSet default/web -> default1/web``."""
    return _identity(item, Look())


def _identity(item: PlanItem, look: Look) -> str:
    kind = item.resource.kind if item.resource else item.source.group_resource
    source, target = (
        printable(f"{one.namespace}/{one.name}" if one.namespace else one.name)
        for one in (item.source, item.target)
    )
    moved = item.action in WRITING and source != target
    name = f"{source} -> {target}" if moved else source
    return f"{printable(kind)} {look.paint(name, bold=True)}"


def moves(line: dict[str, Any]) -> bool:
    """Whether the heading says it already: another namespace, a namespace's other name."""
    is_parameter = line["mechanism"] == "parameter"
    return is_parameter and line["pointer"] in (_MOVED, _RENAMED)


def is_common(line: dict[str, Any]) -> bool:
    """Whether every object meets the change alike."""
    return line["mechanism"] == "automatic" and line["rule"] in _COMMON


def note_lines(note: Note, indent: str, look: Look, *, fg: str, mark: str = "!") -> Iterator[str]:
    """A reason and its sentence, wrapped."""
    return marked_lines(f"{note.reason}: {note.message}", indent, look, fg=fg, mark=mark)


def marked_lines(text: str, indent: str, look: Look, *, fg: str, mark: str = "!") -> Iterator[str]:
    """A text behind a mark, wrapped."""
    line = ""
    first = True
    for word in printable(text).split(" "):
        longer = f"{line} {word}" if line else word
        if line and cells(indent) + cells(longer) + 2 > look.width:
            yield f"{indent}{look.paint(f'{mark} ' if first else '  ', fg=fg)}{line}"
            line, first = word, False
        else:
            line = longer
    yield f"{indent}{look.paint(f'{mark} ' if first else '  ', fg=fg)}{line}"


def _fits(text: str, right: str, look: Look) -> bool:
    room = cells(right) + 5 if right else 0
    return look.cells(text) + room <= look.width


def aligned(text: str, right: str, look: Look) -> str:
    """The text with its cause in parentheses at the right margin, three spaces apart at least."""
    if not right:
        return text
    gap = max(3, look.width - look.cells(text) - cells(right) - 2)
    return f"{text}{pad('', gap)}{look.paint(f'({right})', dim=True)}"
