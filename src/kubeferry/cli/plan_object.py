"""Objects of a plan by their name, and each of them in depth: where it comes from and goes, its
changes with whole values and causes, what is to be known of it, its manifest.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kubeferry.cli.command import program
from kubeferry.cli.kindwords import is_inside
from kubeferry.cli.masking import is_secret, masked_planned
from kubeferry.cli.output import document, fields, printable, tidy
from kubeferry.cli.plan_summary import Tally
from kubeferry.cli.plan_view import (
    Look,
    change_lines,
    hook_lines,
    identity_text,
    note_lines,
    shown_change,
)
from kubeferry.errors import InvalidInput
from kubeferry.kube.near_names import did_you_mean
from kubeferry.kube.objects import Object
from kubeferry.restore import report
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.selecting import labels_in
from kubeferry.restore.selection import KindWords, Selection, kinds_meant
from kubeferry.restore.spool import Spooled
from kubeferry.restore.unselected import why_unselected
from kubeferry.restore.waves import NAMESPACES, STEPS, Step, rank
from kubeferry.transform.change import Change, Note

UNSELECTED = "NotSelected"
Steps = Sequence[tuple[Step, Sequence[PlanItem]]]


def find_object(
    planner: Planner, text: str, *, namespaces: Sequence[str], selection: Selection
) -> Steps:
    """The items of the objects that ``KIND/NAME`` means, by their source or target, in their order.

    What the restore does not select is among them, skipped with the reason. Raises
    ``InvalidInput`` for what names no object of the backup, nor one that the restore adds.
    """
    word, _, name = text.partition("/")
    if not word or not name or "/" in name:
        raise InvalidInput(
            "names no object",
            place=f"--object {text}",
            remedy="write KIND/NAME, such as deployment/web",
        )
    spool = planner.spool
    known = {*spool.kinds(), *spool.dropped_kinds(), NAMESPACES}
    kinds, _ = kinds_meant(
        KindWords((word,)),
        kinds=known,
        discovery=planner.discovery,
        defined=planner.defined.values(),
        place="--object",
    )
    wanted = _Wanted(kinds, name, namespaces)
    left = [
        _unselected(planner, one, selection)
        for kind in sorted(kinds)
        for one in spool.dropped(kind, name)
    ]
    found = [*wanted.of(planner.steps(kinds)), *wanted.of(left)]
    if not found:  # perhaps one that the restore adds
        adding = _Wanted(kinds or frozenset({word}), name, namespaces)
        found = list(adding.of(planner.steps()))
    if not found:
        near = did_you_mean(name, _names(planner, kinds)) if kinds else did_you_mean(word, known)
        raise InvalidInput(
            f"the backup has no such object{near}",
            place=f"--object {text}",
            remedy=f"{program()} backup contents lists what it has",
        )
    return found


class _Wanted:
    """What is looked for."""

    def __init__(self, kinds: frozenset[str], name: str, namespaces: Sequence[str]) -> None:
        self._kinds = kinds
        self._name = name
        self._namespaces = namespaces

    def of(
        self, steps: Iterable[tuple[Step, Iterable[PlanItem]]]
    ) -> Iterator[tuple[Step, Sequence[PlanItem]]]:
        for step, items in steps:
            found = [item for item in items if self._is_meant(item)]
            if found:
                yield step, found

    def _is_meant(self, item: PlanItem) -> bool:
        return any(
            one.group_resource in self._kinds
            and one.name == self._name
            and (not self._namespaces or is_inside(one.namespace, self._namespaces))
            for one in (item.source, item.target)
        )


def _unselected(
    planner: Planner, spooled: Spooled, selection: Selection
) -> tuple[Step, Sequence[PlanItem]]:
    identity, body = spooled
    why = why_unselected(
        selection,
        identity,
        labels_in(body),
        discovery=planner.discovery,
        defined=planner.defined.values(),
    )
    target = identity._replace(namespace=planner.target_namespace(identity.namespace))
    resource = planner.discovery.find(identity.group_resource)
    note = Note(UNSELECTED, f"it is not selected: {why}")
    return STEPS[rank(identity.group_resource)], [
        PlanItem(identity, target, resource, "skip", why=note)
    ]


def _names(planner: Planner, kinds: Iterable[str]) -> Iterator[str]:
    for kind in kinds:
        yield from (name for _, name in planner.spool.names(kind))


def depth_lines(
    steps: Iterable[tuple[Step, Iterable[PlanItem]]], look: Look, tally: Tally
) -> Iterator[str]:
    """Each of the objects in depth, an empty line between them."""
    first = True
    for step, items in tally.through(steps):
        for item in items:
            if not first:
                yield ""
            first = False
            yield from _depth(step, item, replace(look, full=True))


def _depth(step: Step, item: PlanItem, look: Look) -> Iterator[str]:
    yield look.paint(identity_text(item), bold=True)
    yield ""
    yield from fields(_about(step, item))
    if item.why is not None:
        yield from note_lines(item.why, "", look, fg="red" if item.action != "skip" else "yellow")
    yield from _section("Changes", item.changes, item, look)
    if item.present is not None:
        title = "What differs in the object that is there"
        yield from _section(title, item.present.changes, item, look)
    if item.hooks:
        yield from ("", look.paint("Hooks", bold=True))
        for hook in item.hooks:
            yield from hook_lines(hook, "  ", look, owner=item.owner)
    if item.notes or item.warnings or item.errors:
        yield from ("", look.paint("To be known", bold=True))
        for notes, fg, mark in (
            (item.notes, "blue", "i"),
            (item.warnings, "yellow", "!"),
            (item.errors, "red", "!"),
        ):
            for note in notes:
                yield from note_lines(note, "  ", look, fg=fg, mark=mark)
    if item.object is not None:
        yield from _manifest(item, item.object, look)


def _about(step: Step, item: PlanItem) -> Iterator[tuple[str, object]]:
    yield "Action", item.action
    yield "Wave", f"{step.wave}, {step.title}"
    yield "Source", f"{item.source}{_version(item.archived)}"
    if item.resource is not None:
        yield "Target", f"{item.target}, {item.resource.api_version}"
    yield "Images", list(item.images)


def _version(archived: Object | None) -> str:
    return f", {archived['apiVersion']}" if archived and "apiVersion" in archived else ""


def _section(title: str, changes: Sequence[Change], item: PlanItem, look: Look) -> Iterator[str]:
    if not changes:
        return
    yield from ("", look.paint(title, bold=True))
    for change in changes:
        line = report.change_line(change, secret=report.is_secret(item))
        cause = printable(f"{line['mechanism']}: {line['rule']}")
        yield from change_lines(replace(shown_change(line, look), cause=cause), "  ", look)


def _manifest(item: PlanItem, obj: Object, look: Look) -> Iterator[str]:
    partly = ", of which only what differs is written" if item.action == "update" else ""
    hidden = "; values of a Secret are masked" if is_secret(item.target, obj) else ""
    yield from ("", look.paint(f"Manifest{partly}{hidden}", bold=True))
    shown = tidy(masked_planned(item, obj, before=item.archived))
    yield from map(_safe, document(shown, "yaml").split("\n"))


def _safe(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))
