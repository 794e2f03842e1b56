"""``restore describe``: how a restore went, what became of each object, and why.

The status says the first of everything; what is more is in the vault: Velero's report and our
journal.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeferry import codec
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore, RestoreStatus
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.description import (
    Pairs,
    advice_lines,
    course,
    decoded,
    events,
    head,
    problems_lines,
    told_problems,
)
from kubeferry.cli.finding import find
from kubeferry.cli.journal_view import journal_json, journal_lines
from kubeferry.cli.output import counted, emit, fields, pairs_text, printable, say
from kubeferry.cli.plan_summary import grant_lines, rollout_lines
from kubeferry.cli.plan_view import Look
from kubeferry.cli.planning import look
from kubeferry.cli.restore_words import row_text, rows
from kubeferry.cli.retrying import retries_of
from kubeferry.cli.rule_lines import rule_lines
from kubeferry.cli.stores import load_restore_file, vault_of_backup
from kubeferry.clock import utc_now
from kubeferry.controller.resources import RESTORES
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.restore.chronicle import Chronicle
from kubeferry.restore.granted import Granted
from kubeferry.transform.modifiers.counts import RuleCount
from kubeferry.vault.restores import find_restore_folder


@dataclass(frozen=True, slots=True)
class How:
    """How much of a restore is told.

    Attributes:
        details: what became of each object, every problem, grant and rollout.
        changes: each object with its changes, from the journal.
        full: every change with whole values.
        json: a line of JSON for each object and hook, and one for the restore.
    """

    details: bool = False
    changes: bool = False
    full: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What the vault has of a restore: Velero's resource list and results, and our journal."""

    listed: Any = None
    results: Any = None
    chronicle: Chronicle | None = None


async def restore(flags: Flags, name: str, how: How) -> None:
    """Prints what there is to know of a restore."""
    with ExitStack() as stack:
        async with connect(flags) as session:
            obj = await find(session, RESTORES, name)
            found = read(obj, ApplicationRestore)
            if how.json:
                emit(json_lines(found, await _report(session, found, stack)))
                return
            drawn = look(full=how.full)
            retries = await retries_of(session, name)
            emit(fields(restore_fields(found, now=utc_now(), retries=retries)))
            if how.details or how.changes:
                report = await _report(session, found, stack)
                emit(report_lines(report, how, drawn))
            else:
                emit(status_lines(found.status, drawn))
            await events(session, RESTORES, obj)


async def _report(session: Session, found: ApplicationRestore, stack: ExitStack) -> Report:
    """What the vault has; an empty one where that is nothing yet."""
    about = found.metadata
    async with vault_of_backup(session, found.spec.backup_name, task=about) as opened:
        folder = await find_restore_folder(opened.store, about.name, about.uid)
        if folder is None:
            return Report()
        place = f"restore {about.name}"
        listed = await load_restore_file(opened.store, folder, "resource-list.json.gz")
        results = await load_restore_file(opened.store, folder, "results.gz")
        chronicle = stack.enter_context(Chronicle())
        await chronicle.read(opened.store, folder, uid=about.uid)
    for file in chronicle.unproven:
        say(f"warning: {file} is not sealed with the vault's key: anybody may have written it")
    return Report(decoded(listed, place), decoded(results, place), chronicle)


def report_lines(report: Report, how: How, look: Look) -> Iterator[str]:
    """What the vault tells of a restore."""
    if report.chronicle is None:
        yield from ("", "No report in the vault yet.")
        return
    if how.changes:
        yield from ("", "Objects:")
        yield from journal_lines(report.chronicle.lines(), look)
    else:
        yield from objects_lines(report.listed)
    yield from problems_lines(report.results)
    counts: Counter[str] = Counter()
    granted: list[Granted] = []
    rollouts: list[str] = []
    for item in report.chronicle.items():
        subject = str(Identity(*item.target))
        rollouts += [f"{subject}: {message}" for _, message in item.notes]
        counts.update(what for what, _ in item.grants)
        granted += [Granted(what, subject, text) for what, text in item.grants]
    yield from rollout_lines(rollouts, len(rollouts), look)
    yield from grant_lines(counts, granted)


def status_lines(status: RestoreStatus, look: Look) -> Iterator[str]:
    """What the status tells beyond its fields: what to do, rules, rollouts, grants."""
    told = {"failed", "refused", "error", "warning"}
    yield from advice_lines({one.reason for one in status.reasons if one.outcome in told})
    count = sum(one.count for one in status.reasons if one.outcome == "note")
    yield from rule_lines([RuleCount(**codec.to_builtins(one)) for one in status.rules], look)
    yield from rollout_lines(status.rollouts, count, look)
    yield from grant_lines(
        {one.what: one.count for one in status.grants},
        [
            Granted(one.what, *text.partition(": ")[::2])
            for one in status.grants
            for text in one.first
        ],
    )


def json_lines(found: ApplicationRestore, report: Report) -> Iterator[str]:
    """Each object and hook of the journal, each problem of the task's own, and the restore."""
    lines = report.chronicle.lines() if report.chronicle is not None else ()
    for problem in told_problems(report.results):
        if not problem.subject:
            yield codec.encode(
                {
                    "type": "problem",
                    "level": problem.level,
                    "reason": problem.reason,
                    "message": problem.message,
                }
            ).decode()
    status: Mapping[str, Any] = codec.to_builtins(found.status)
    about = {"name": found.metadata.name, "backup": found.spec.backup_name}
    yield from journal_json(lines, {**about, **status})


def restore_fields(
    found: ApplicationRestore, *, now: datetime, retries: Sequence[Object] = ()
) -> Pairs:
    """A restore's labels and values; ``retries`` are the restores that retry it."""
    spec, status = found.spec, found.status
    yield from head(found.metadata, status.phase, status.message, now=now)
    yield "Retried by", [_with_phase(one) for one in retries]
    yield "Backup", spec.backup_name
    yield "Namespaces", pairs_text(spec.namespace_mapping)
    yield "Images", pairs_text(spec.image_registry_mapping)
    told = ("namespaceMapping", "imageRegistryMapping", "resourceModifier", "hooks")
    yield "Parameters", [row_text(row) for row in rows(spec) if row[0] not in told]
    modifier = spec.resource_modifier
    yield "Resource modifier", modifier.name if modifier is not None else ""
    yield "Modifier SHA-256", status.resource_modifier_digest
    yield "Hooks", ", ".join(one.name for one in spec.hooks.resources) if spec.hooks else ""
    yield from course(status.start_timestamp, status.completion_timestamp, status.progress, now)
    if status.counts is not None:
        counts = codec.to_builtins(status.counts)
        ends = (f"{count:,} {what}{_why(status, what)}" for what, count in counts.items())
        yield "Objects", ", ".join(ends)
    if status.hooks is not None and status.hooks.attempted:
        hooks = status.hooks
        yield "Hooks run", f"{hooks.attempted:,} attempted, {hooks.failed:,} failed"
    yield "Errors", f"{status.errors:,}{_why(status, 'error')}"
    yield "Warnings", f"{status.warnings:,}{_why(status, 'warning')}"
    yield "Images needed", status.images


def _why(status: RestoreStatus, outcome: str) -> str:
    """The reasons that were given for an outcome, in parentheses."""
    given = [f"{one.count:,} {one.reason}" for one in status.reasons if one.outcome == outcome]
    return f" ({printable(', '.join(given))})" if given else ""


def _with_phase(restore: Object) -> str:
    phase = at(restore, ("status", "phase")) or "not started"
    return f"{metadata(restore).get('name')} ({phase})"


def objects_lines(listed: Any) -> Iterator[str]:
    """Velero's resource list, type by type."""
    yield ""
    if not isinstance(listed, dict):
        yield "Contents: none in the vault"
        return
    yield f"Contents: {counted(sum(map(len, listed.values())), 'object')}"
    for kind, names in sorted(listed.items()):
        yield f"  {printable(kind)}"
        yield from (f"    {printable(str(name))}" for name in names)
