"""One backup from beginning to end: choose what is taken, collect it, commit it.

1. ``choice``: what there is and what of it is taken; what may not be asked for is refused
2. ``collect``: into the archive, and with it all that the selected objects need
3. finish the archive, store the side files, and the commit mark last

Killed at any instant, nothing is visible in the vault and the same task can run again.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from kubeferry.backup.choice import choose
from kubeferry.backup.collect import collect
from kubeferry.backup.freeze import Freezer, FrozenPods
from kubeferry.backup.request import BackupRequest, BackupResult
from kubeferry.clock import Clock, timestamp
from kubeferry.durations import format_duration
from kubeferry.errors import ArchiveError, BackupMissing
from kubeferry.kube.client import Client
from kubeferry.kube.support import check_supported
from kubeferry.logs import TaskLog
from kubeferry.report import Findings, Problem, Reporter, Several, reason_counts
from kubeferry.vault.claim import Owner, name_taken
from kubeferry.vault.commit import SideFiles, commit_backup
from kubeferry.vault.metadata import BackupFacts, load_backup
from kubeferry.vault.store import Store
from kubeferry.vault.writer import open_archive


async def run_backup(
    request: BackupRequest,
    *,
    client: Client,
    store: Store,
    reporter: Reporter,
    clock: Clock,
    frozen: FrozenPods,
) -> BackupResult:
    """Takes the backup; when it returns the backup is in the vault, whole.

    A task that was killed after its commit finds its own backup there and returns what it says.
    ``frozen`` keeps the list of what is owed to pods; what is still on it at the end, be it an
    error or a cancellation, is for the caller to run. Raises ``InvalidInput``, ``BackupExists``,
    ``VaultError``, ``ApiError``; then nothing is left.
    """
    done = await committed(request, store)
    if done is not None:
        return _result(done, first=None)
    check_supported(await client.version())
    started = clock()
    findings = Findings()
    with TaskLog(clock=clock) as log:
        several = Several((reporter, findings, log))
        for problem in request.earlier:
            several.problem(problem)
        several.phase("choosing what to back up")
        choice = await choose(request, client=client, reporter=several)
        freezer = Freezer(client, request.hooks, frozen=frozen, reporter=several, log=log)
        owner = Owner(request.uid, request.cluster.uid)
        async with open_archive(store, request.name, clock=clock, owner=owner) as archive:
            collected = await collect(
                request,
                choice,
                client=client,
                sink=archive,
                reporter=several,
                freezer=freezer,
            )
            several.phase("finishing the archive")
            written = await archive.finish()
        # Counted before the files are made that tell of it.
        facts = _facts(
            request,
            findings,
            freezer,
            objects=written.objects,
            started=started,
            completed=clock(),
        )
        side = SideFiles(log=log.read(), results=findings.results(), volumes=collected.volumes)
        facts = await commit_backup(store, written, facts, side=side)
    first = next((one for one in findings.problems if one.level == "error"), None)
    ended = _result(facts, first=first or next(iter(findings.problems), None))
    return replace(ended, reasons=reason_counts(findings.reasons))


async def committed(request: BackupRequest, store: Store) -> BackupFacts | None:
    """What this very task committed before it was interrupted.

    Raises ``BackupExists`` for a name that another backup has, Velero's or one that cannot be
    trusted included: nothing is listed for it.
    """
    try:
        found = await load_backup(store, request.name)
    except BackupMissing:
        return None
    except ArchiveError as error:
        raise name_taken(store, request.name) from error
    if found.uid != request.uid:
        raise name_taken(store, request.name)
    return found


def _facts(
    request: BackupRequest,
    findings: Findings,
    freezer: Freezer,
    *,
    objects: int,
    started: datetime,
    completed: datetime,
) -> BackupFacts:
    selection = request.selection
    return BackupFacts(
        name=request.name,
        uid=request.uid,
        phase="PartiallyFailed" if findings.errors else "Completed",
        included_namespaces=selection.included_namespaces or ("*",),
        excluded_namespaces=selection.excluded_namespaces,
        asked=request.asked,
        storage_location=request.location,
        ttl=format_duration(request.ttl),
        started=started,
        completed=completed,
        expiration=completed + timedelta(seconds=request.ttl),
        total_items=objects,
        items_backed_up=objects,
        warnings=findings.warnings,
        errors=findings.errors,
        hooks_attempted=freezer.attempted,
        hooks_failed=freezer.failed,
        cluster=request.cluster,
        labels=tuple(sorted(request.labels.items())),
    )


def _result(facts: BackupFacts, *, first: Problem | None) -> BackupResult:
    return BackupResult(
        phase=facts.phase,
        items=facts.items_backed_up,
        size=facts.bytes,
        warnings=facts.warnings,
        errors=facts.errors,
        started=timestamp(facts.started) if facts.started else "",
        completed=timestamp(facts.completed) if facts.completed else "",
        expiration=timestamp(facts.expiration) if facts.expiration else "",
        hooks_attempted=facts.hooks_attempted,
        hooks_failed=facts.hooks_failed,
        first_problem=first,
    )
