"""What a restore did, told as it happens: journal lines, counts, problems, target images.

Values of Secrets never reach a journal, a log or a status: their changes are told without values
(design.md, Secrets).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from kubeferry.journal import Item, Journal
from kubeferry.kube.names import Identity
from kubeferry.report import Problem, Reporter
from kubeferry.restore.apply import Result
from kubeferry.restore.plan import PlanItem
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import MISSING, Change
from kubeferry.transform.parameters.images import is_mapped_image

MASKED = "(masked)"
_LAST_APPLIED = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"
_QUIET = {("serviceaccounts", "default")}
"""What Kubernetes makes in every namespace: that it exists already tells nobody anything."""


def change_line(change: Change, *, secret: bool) -> dict[str, Any]:
    """A change as JSON: ``pointer``, ``old`` and ``new`` where there are any, mechanism, rule."""
    line: dict[str, Any] = {"pointer": change.pointer}
    hidden = secret and _holds_values(change.pointer)
    for name, value in (("old", change.old), ("new", change.new)):
        if value is not MISSING:
            line[name] = MASKED if hidden else value
    line["mechanism"] = change.cause.mechanism
    line["rule"] = change.cause.rule
    return line


def _holds_values(pointer: str) -> bool:
    return pointer in ("", "/metadata/annotations", _LAST_APPLIED) or pointer.startswith(
        ("/data", "/stringData")
    )


def is_secret(item: PlanItem) -> bool:
    """Whether the item's content must not be shown."""
    return item.source.group_resource == "secrets"


def journal_item(result: Result) -> Item:
    """The journal's line for one result."""
    item = result.item
    kind = f"{item.resource.api_version}/{item.resource.kind}" if item.resource else ""
    secret = is_secret(item)
    return Item(
        source=tuple(item.source),
        target=tuple(item.target),
        action=result.action,
        kind=kind,
        reason=result.why.reason if result.why else "",
        message=result.why.message if result.why else "",
        changes=[change_line(change, secret=secret) for change in item.changes],
        notes=[f"{note.reason}: {note.message}" for note in (*item.warnings, *item.errors)],
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
        self.target_images: set[str] = set()

    async def __call__(self, result: Result) -> None:
        """Records one result; stores the journal's file when that is due."""
        self.count(journal_item(result), new=True)
        item = result.item
        self.target_images.update(
            change.new for change in item.changes if is_mapped_image(change)
        )
        for problem in _problems(result):
            self._reporter.problem(problem)
        if self._journal.is_due():
            await self._journal.flush()

    def count(self, line: Item, *, new: bool) -> None:
        """Counts one object; ``new`` unless an earlier run of this task was through with it."""
        self._done += 1
        self.counts[line.action] += 1
        if line.kind:
            where = "/".join(part for part in line.target[1:] if part)
            self._spool.note_result(line.kind, where, line.action)
        if new:
            self._journal.add(line)
        else:
            self._spool.mark_done(Identity(*line.source))
            self.target_images.update(
                change["new"]
                for change in line.changes
                if change["rule"] == "imageRegistryMapping" and "new" in change
            )
        self._reporter.progress(self._done, self._total)


def _problems(result: Result) -> Iterable[Problem]:
    item = result.item
    namespace, subject = item.source.namespace, str(item.target)
    for level, notes in (("warning", item.warnings), ("error", item.errors)):
        for note in notes:
            yield Problem(level, note.reason, note.message, namespace, subject)  # type: ignore[arg-type]
    if result.why is None:
        return
    if result.action in ("failed", "refused"):
        yield Problem("error", result.why.reason, result.why.message, namespace, subject)
    elif result.why.reason == "Exists" and not _is_quiet(item):
        yield Problem("warning", result.why.reason, result.why.message, namespace, subject)


def _is_quiet(item: PlanItem) -> bool:
    kind = item.target.group_resource
    return kind == "namespaces" or (kind, item.target.name) in _QUIET
