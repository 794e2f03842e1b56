"""What a restore did, told as it happens: journal lines, counts, problems, hooks, target images.

Values of Secrets never reach a journal, a log or a status: their changes are told without values
(design.md, Secrets).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kubeferry.journal import HookRun, Item, Journal
from kubeferry.kube.names import Identity
from kubeferry.report import Level, Problem, Reporter
from kubeferry.restore.apply import Result
from kubeferry.restore.existing import DIFFERS, EXISTS, TERMINATING
from kubeferry.restore.granted import Granted, grants
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.spool import Spool
from kubeferry.transform.automatic.upgrades.conversion import REMOVED
from kubeferry.transform.change import MISSING, Change, Note
from kubeferry.transform.modifiers.counts import RuleTally
from kubeferry.transform.patch.pointer import pointer_of

MASKED = "(masked)"
WRITTEN = frozenset({"created", "updated", "recreated"})
"""What became of objects that were written."""
PLANNED = frozenset({"create", "update", "recreate"})
"""What a restore that is only planned says in its place."""
KEPT = 5
"""Grants of one sort, and notes, that a ``Recorder`` keeps; the journal has all of them."""
_LAST_APPLIED = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"
_TOLD = frozenset({DIFFERS, EXISTS, REMOVED, TERMINATING})
"""Why an object is skipped and a person should know."""
_KEY_NAMES = frozenset({"akId", "akSecret"})
"""Fields of volumes that hold keys of an object storage."""
_QUIET = {("serviceaccounts", "default")}
"""What Kubernetes makes in every namespace: that it exists already tells nobody anything."""


def change_line(change: Change, *, secret: bool) -> dict[str, Any]:
    """A change as JSON: ``pointer``, ``old`` and ``new`` where there are any, mechanism, rule."""
    line: dict[str, Any] = {"pointer": change.pointer}
    hidden = (secret and _may_hold_values(change)) or pointer_of(change.pointer).last in _KEY_NAMES
    for name, value in (("old", change.old), ("new", change.new)):
        if value is not MISSING:
            line[name] = MASKED if hidden else without_keys(value)
    line["mechanism"] = change.cause.mechanism
    line["rule"] = change.cause.rule
    return line


def without_keys(value: Any) -> Any:
    """A value as it may be shown: keys of object storages in it, as volumes have, are masked."""
    if isinstance(value, dict):
        return {
            key: MASKED if key in _KEY_NAMES and isinstance(inner, str) else without_keys(inner)
            for key, inner in value.items()
        }
    return [without_keys(one) for one in value] if isinstance(value, list) else value


def _may_hold_values(change: Change) -> bool:
    """A modifier can copy or move a value to anywhere."""
    return (
        change.cause.mechanism == "modifier"
        or change.pointer in ("", "/metadata", "/metadata/annotations", _LAST_APPLIED)
        or change.pointer.startswith(("/data", "/stringData"))
    )


def is_secret(item: PlanItem) -> bool:
    """Whether the item's content must not be shown."""
    return item.source.group_resource == "secrets"


def journal_item(result: Result) -> Item:
    """The journal's line for one result."""
    item = result.item
    kind = f"{item.resource.api_version}/{item.resource.kind}" if item.resource else ""
    secret = is_secret(item)
    is_written = result.action in WRITTEN | PLANNED
    granted = grants(item.target.group_resource, item.object or {}) if is_written else []
    return Item(
        source=item.source,
        target=item.target,
        action=result.action,
        kind=kind,
        reason=result.why.reason if result.why else "",
        message=result.why.message if result.why else "",
        changes=[change_line(change, secret=secret) for change in item.changes],
        differences=[change_line(change, secret=secret) for change in result.differences],
        problems=list(problems(result)),
        images=list(item.images) if is_written else [],
        grants=[(one.what, one.text) for one in granted],
        notes=[(one.reason, one.message) for one in item.notes] if is_written else [],
        rules=list(item.rules),
    )


class Recorder:
    """Receives the results of a restore, one call for each object."""

    def __init__(self, *, journal: Journal, spool: Spool, reporter: Reporter, total: int) -> None:
        self._journal = journal
        self._spool = spool
        self._reporter = reporter
        self._total = total
        self._done = 0
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.grants: Counter[str] = Counter()
        self.granted: list[Granted] = []
        self.notes: list[str] = []
        self.hooks: Counter[str] = Counter()
        self.rules = RuleTally()
        self.target_images: set[str] = set()

    async def __call__(self, result: Result) -> None:
        """Records one result; stores the journal's file when that is due."""
        line = journal_item(result)
        self._count(line)
        self._journal.add(line)
        self._tell(line)
        await self.store_due()

    @property
    def done(self) -> int:
        """How many objects are through."""
        return self._done

    def confirm(self, result: Result) -> None:
        """Counts what an earlier run's line says of an object and the target confirms; the line
        stands. What is done again is told again: a line without proof does not stand for it.
        """
        line = journal_item(result)
        self._count(line)
        self._tell(line)

    async def correct(self, line: Item, *, was: str) -> None:
        """Tells anew what became of an object of which ``was`` was told before."""
        self.counts[was] -= 1
        self.counts[line.action] += 1
        self.reasons[line.action, line.reason] += 1
        self._spool.correct_result(line.kind, _where(line), line.action)
        self._journal.add(line)
        self._tell(line)
        await self.store_due()

    async def hook(self, run: HookRun) -> None:
        """Records what became of a hook."""
        self._journal.add(run)
        self._count_hook(run)
        await self.store_due()

    async def store_due(self) -> None:
        """Stores the journal's file if that is due."""
        await self._journal.store_due()

    def resume(self, line: Item | HookRun) -> None:
        """Counts an object or hook that an earlier run of this task was through with, once."""
        if isinstance(line, HookRun):
            if self._spool.note_hook(Identity(*line.target), line.number):
                self._count_hook(line)
        elif self._spool.done(Identity(*line.source)) is None:
            self._spool.mark_done(Identity(*line.source), line.action)
            self._count(line)
            self._tell(line)

    def hint(self, line: Item) -> None:
        """Takes an earlier run's line for what it is without proof: a hint."""
        self._spool.hint(Identity(*line.source), line.action)

    def _count(self, line: Item) -> None:
        self._done += 1
        self._total = max(self._total, self._done)  # what the restore adds is not in it
        self.counts[line.action] += 1
        if line.reason:
            self.reasons[line.action, line.reason] += 1
        subject = str(Identity(*line.target))
        for what, text in line.grants:
            self.grants[what] += 1
            if self.grants[what] <= KEPT:
                self.granted.append(Granted(what, subject, text))
        for reason, message in line.notes:
            self.reasons["note", reason] += 1
            if len(self.notes) < KEPT:
                self.notes.append(f"{subject}: {message}")
        self.rules.count(line.rules)
        self.target_images.update(line.images)
        if line.kind:
            self._spool.note_result(line.kind, _where(line), line.action)
        self._reporter.progress(self._done, self._total)

    def _count_hook(self, run: HookRun) -> None:
        self.hooks[run.outcome] += 1
        if run.outcome == "failed":
            subject = str(Identity(*run.target))
            self._reporter.problem(
                Problem("error", run.reason, run.message, run.source[1], subject)
            )

    def _tell(self, line: Item) -> None:
        subject = str(Identity(*line.target))
        for level, reason, message in line.problems:
            self._reporter.problem(Problem(level, reason, message, line.source[1], subject))

    def resources(self) -> Iterator[tuple[str, str]]:
        """Type and ``default1/web(created)`` of each object, sorted (velero.md §1.3)."""
        for kind, where, action in self._spool.results():
            yield kind, f"{where}({action})"


def _where(line: Item) -> str:
    """``default1/web``, or the name of what is in no namespace."""
    return "/".join(part for part in line.target[1:] if part)


def problems(result: Result) -> Iterator[tuple[Level, str, str]]:
    """Level, reason and message of what a person should know about one result."""
    for note in (*result.item.warnings, *result.warnings):
        yield "warning", note.reason, note.message
    for note in result.item.errors:
        yield "error", note.reason, note.message
    if result.why is None:
        return
    if result.action in ("failed", "refused"):
        yield "error", result.why.reason, result.why.message
    elif is_told(result.item, result.why):
        yield "warning", result.why.reason, result.why.message


def is_told(item: PlanItem, why: Note | None) -> bool:
    """Whether it is a warning that an object is skipped for this reason."""
    return why is not None and why.reason in _TOLD and not _is_quiet(item)


def _is_quiet(item: PlanItem) -> bool:
    kind = item.target.group_resource
    return kind == "namespaces" or (kind, item.target.name) in _QUIET
