"""What a plan comes to: counts, causes, the images that must exist; and a plan as JSON lines. Pure.

JSON lines are for programs and only grow: a line ``{"type": "item", ...}`` for each object in the
order of the restore, then one ``{"type": "summary", ...}``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubeferry import codec
from kubeferry.cli.output import counted, printable, table
from kubeferry.cli.plan_view import Look, draw, marked_lines
from kubeferry.cli.rule_lines import rule_lines
from kubeferry.kube.names import Identity
from kubeferry.restore.existing import PRESENT
from kubeferry.restore.granted import TITLES, Granted, grants
from kubeferry.restore.hooks import InitWait, PodHook
from kubeferry.restore.plan_item import WRITING, PlanItem
from kubeferry.restore.report import change_line, is_secret, is_told
from kubeferry.restore.rollouts import ROLLOUT
from kubeferry.restore.waves import Step
from kubeferry.transform.hook_annotations import ANNOTATION
from kubeferry.transform.modifiers.counts import RuleCount, RuleTally
from kubeferry.transform.modifiers.rule import Modifiers

_NAMES = {
    "create": "to create",
    "update": "to update",
    "recreate": "to make anew",
    "there": "there already",
    "skip": "left out",
    "refuse": "refused",
    "fail": "cannot be restored",
}
_THERE = "there"
_TOLD = 5
"""Rollouts, and grants of one sort, that are told."""
_KEPT = 10_000
"""Images that are remembered."""


@dataclass(slots=True)
class Tally:
    """Counts the items that pass through it; ``modifiers`` are the rules they went through."""

    actions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    grants: Counter[str] = field(default_factory=Counter)
    granted: list[Granted] = field(default_factory=list)
    rollouts: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    hooks: int = 0
    warnings: int = 0
    errors: int = 0
    rules: RuleTally = field(default_factory=RuleTally)
    modifiers: Modifiers | None = None

    @property
    def rule_counts(self) -> tuple[RuleCount, ...]:
        """What came of each modifier rule."""
        return self.rules.counts(self.modifiers)

    def count(self, item: PlanItem) -> None:
        """Counts one item."""
        self.actions[item.action] += 1
        self.rules.count(item.rules)
        if item.why is not None:
            self.reasons[item.action, item.why.reason] += 1
        self.warnings += len(item.warnings) + (item.action == "skip" and is_told(item, item.why))
        self.errors += len(item.errors) + (item.action in ("refuse", "fail"))
        if item.action not in WRITING:
            return
        self.causes.update({(one.cause.mechanism, one.cause.rule) for one in item.changes})
        self.hooks += len(item.hooks)
        subject = str(item.target)
        for grant in grants(item.target.group_resource, item.object or {}):
            self.grants[grant.what] += 1
            if self.grants[grant.what] <= _TOLD:
                self.granted.append(Granted(grant.what, subject, grant.text))
        for note in item.notes:
            self.notes[note.reason] += 1
            if note.reason == ROLLOUT and len(self.rollouts) < _TOLD:
                self.rollouts.append(f"{subject}: {note.message}")
        for image in item.images:
            if image in self.images or len(self.images) < _KEPT:
                self.images[image] += 1

    def through(
        self, steps: Iterable[tuple[Step, Iterable[PlanItem]]]
    ) -> Iterator[tuple[Step, Iterator[PlanItem]]]:
        """The same steps and items, counted as they pass."""
        for step, items in steps:
            yield step, self._counted(items)

    def _counted(self, items: Iterable[PlanItem]) -> Iterator[PlanItem]:
        for item in items:
            self.count(item)
            yield item


def plan_lines(
    steps: Iterable[tuple[Step, Iterable[PlanItem]]], look: Look, tally: Tally | None = None
) -> Iterator[str]:
    """The tree of objects, and what they come to, which is counted in ``tally`` too."""
    tally = Tally() if tally is None else tally
    yield from draw(tally.through(steps), look)
    yield from summary_lines(tally, look)


def summary_lines(tally: Tally, look: Look) -> Iterator[str]:
    """The last lines of a plan."""
    yield ""
    ends = _ends(tally)
    parts = [
        f"{ends[end]:,} {text}" for end, text in _NAMES.items() if ends[end] or end == "create"
    ]
    total = sum(tally.actions.values())
    yield f"{look.paint('Summary', bold=True)}  {counted(total, 'object')}: {', '.join(parts)}"
    for end in (_THERE, "skip", "refuse", "fail"):
        found = {
            reason: count
            for (action, reason), count in tally.reasons.items()
            if _end(action, reason) == end
        }
        if found:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(found.items()))
            yield f"  {_NAMES[end]}: {printable(reasons)}"
    if tally.causes:
        yield ""
        yield "Objects changed by"
        width = len(f"{max(tally.causes.values()):,}")
        rows = [
            (f"  {count:>{width},}", mechanism, printable(rule))
            for (mechanism, rule), count in sorted(tally.causes.items(), key=_order)
        ]
        yield from table(rows)
    yield from rule_lines(tally.rule_counts, look)
    if tally.hooks:
        yield ""
        yield f"{counted(tally.hooks, 'hook')} to run in restored pods"
    yield from rollout_lines(tally.rollouts, tally.notes[ROLLOUT], look)
    yield from grant_lines(tally.grants, tally.granted)
    if tally.images:
        yield ""
        yield "Images that must exist before; a restore copies none"
        yield from (f"  {printable(image)}" for image in sorted(tally.images))
    if tally.warnings or tally.errors:
        yield ""
        yield f"{counted(tally.errors, 'error')} and {counted(tally.warnings, 'warning')} above"
    if tally.errors:
        yield f"The restore would end {look.paint('PartiallyFailed', fg='red')}"


def rollout_lines(first: Sequence[str], count: int, look: Look) -> Iterator[str]:
    """The rollouts that will follow, of which the first are known."""
    if not count:
        return
    yield ""
    yield f"Rollouts that will follow: {count:,}"
    for one in first:
        yield from marked_lines(one, "  ", look, fg="blue", mark="i")
    if count > len(first):
        yield f"  and {count - len(first):,} more"


def grant_lines(counts: Mapping[str, int], first: Sequence[Granted]) -> Iterator[str]:
    """What is granted, sort by sort, of which the first are known."""
    if not counts:
        return
    yield ""
    yield "Rights and more that it grants"
    for what, title in TITLES.items():
        if not counts.get(what):
            continue
        yield f"  {title}: {counts[what]:,}"
        told = [one for one in first if one.what == what]
        yield from (f"    {printable(str(one))}" for one in told)
        if counts[what] > len(told):
            yield f"    and {counts[what] - len(told):,} more"


def _ends(tally: Tally) -> Counter[str]:
    """The actions, what is skipped because it is there apart from what is left out."""
    ends = tally.actions.copy()
    for (action, reason), count in tally.reasons.items():
        if _end(action, reason) == _THERE:
            ends[_THERE] += count
            ends[action] -= count
    return ends


def _end(action: str, reason: str) -> str:
    return _THERE if action == "skip" and reason in PRESENT else action


_MECHANISMS = ("automatic", "parameter", "modifier")


def _order(entry: tuple[tuple[str, str], int]) -> tuple[int, str]:
    (mechanism, rule), _ = entry
    return _MECHANISMS.index(mechanism), rule


def json_lines(steps: Iterable[tuple[Step, Iterable[PlanItem]]], tally: Tally) -> Iterator[str]:
    """The plan as JSON lines, its summary last."""
    for step, items in tally.through(steps):
        for item in items:
            yield codec.encode(item_json(step, item)).decode()
    yield codec.encode({"type": "summary", **summary_json(tally)}).decode()


def summary_json(tally: Tally) -> dict[str, Any]:
    """What a plan comes to."""
    return {
        "objects": sum(tally.actions.values()),
        "actions": {action: tally.actions[action] for action in _NAMES if action != _THERE},
        "warnings": tally.warnings,
        "errors": tally.errors,
        "images": sorted(tally.images),
        "hooks": tally.hooks,
        "reasons": [
            {"action": action, "reason": reason, "count": count}
            for (action, reason), count in sorted(tally.reasons.items())
        ],
        "rules": [one._asdict() for one in tally.rule_counts],
        "grants": dict(tally.grants),
        "rollouts": tally.notes[ROLLOUT],
    }


def item_json(step: Step, item: PlanItem) -> dict[str, Any]:
    """One object of the plan."""
    line: dict[str, Any] = {
        "type": "item",
        "wave": step.wave,
        "action": item.action,
        "source": _identity(item.source),
        "target": _identity(item.target),
        "changes": [change_line(change, secret=is_secret(item)) for change in item.changes],
    }
    if item.resource is not None:
        line["apiVersion"], line["kind"] = item.resource.api_version, item.resource.kind
    if item.present is not None and item.present.changes:
        line["differences"] = [
            change_line(change, secret=is_secret(item)) for change in item.present.changes
        ]
    if item.why is not None:
        line["reason"], line["message"] = item.why
    named = (("notes", item.notes), ("warnings", item.warnings), ("errors", item.errors))
    for name, notes in named:
        if notes:
            line[name] = [note._asdict() for note in notes]
    granted = grants(item.target.group_resource, item.object or {})
    if granted:
        line["grants"] = [one._asdict() for one in granted]
    if item.images:
        line["images"] = list(item.images)
    if item.hooks:
        line["hooks"] = [_hook(hook, item) for hook in item.hooks]
    return line


def _hook(hook: PodHook, item: PlanItem) -> dict[str, Any]:
    """A hook; ``hook`` says who asked for it, times are in seconds. A command waits until the
    controller ``waitsFor``, if there is one, keeps the pod.
    """
    about: dict[str, Any] = {
        "source": "annotation" if hook.name == ANNOTATION else "spec",
        "hook": hook.name,
    }
    if isinstance(hook, InitWait):
        return about | {"initContainers": list(hook.containers), "timeout": hook.wait_seconds}
    if item.owner is not None:
        kind, name = item.owner.resource.group_resource, item.owner.name
        about["waitsFor"] = _identity(Identity(kind, item.target.namespace, name))
    return about | {
        "container": hook.container,
        "command": list(hook.command),
        "onError": hook.on_error,
        "execTimeout": hook.exec_seconds,
        "waitTimeout": hook.wait_seconds,
        "waitForReady": hook.wait_for_ready,
    }


def _identity(identity: Identity) -> dict[str, str]:
    kind, namespace, name = identity
    return {"groupResource": kind, "namespace": namespace, "name": name}
