"""One restore from beginning to end.

1. read the archive into the spool, verified; check the mapping against what is in it
2. plan each object, in the order of the waves
3. apply the plan, wave by wave, writing each result into the vault's journal, and before anything
   is deleted a copy of it; meanwhile the hooks of pods that are there are run, at the end those
   that are left are waited for
4. store results, log and resource list beside the journal

Killed at any instant and run again, it reads its journal and goes on (``resuming``): what is done
is left alone, what was created and did not get into the journal is recognised by its field manager.
A hook that was running, or had ended in the last second, runs once more.
"""

import asyncio
from contextlib import suppress

from kubeferry.clock import Clock, timestamp
from kubeferry.errors import ApiError, ApiLost, FerryError, first_error
from kubeferry.journal import HOOK_AGE, Journal
from kubeferry.kube.client import Client
from kubeferry.logs import TaskLog
from kubeferry.report import Findings, Problem, Reporter, Several, reason_counts
from kubeferry.restore.apply import Applier, Result
from kubeferry.restore.awaiting import wait_until_served
from kubeferry.restore.digest import check_plan
from kubeferry.restore.existing import Policy
from kubeferry.restore.opening import open_plan
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import MADE, PlanItem
from kubeferry.restore.planned import record_plan
from kubeferry.restore.posthooks import PostHooks
from kubeferry.restore.presence import verify
from kubeferry.restore.readiness import MAX_TOLD, NOT_READY, wait_until_ready
from kubeferry.restore.replaced import Copies
from kubeferry.restore.report import Recorder
from kubeferry.restore.request import RestoreRequest, RestoreResult
from kubeferry.restore.resuming import left_to_do, note_lost, resume
from kubeferry.restore.target import LiveTarget
from kubeferry.restore.waves import LAST_STEP
from kubeferry.settings import Settings
from kubeferry.transform.pipeline import RESTORE_LABEL
from kubeferry.vault.restores import (
    claim_restore_folder,
    find_restore_folder,
    items_files,
    items_numbers,
    items_sink,
    put_restore_files,
)
from kubeferry.vault.store import Store

FLUSH_SECONDS = 3.0
"""How long a restore that stops may take to store its last journal file: less than is left then of
its controller's lease.
"""


async def run_restore(
    request: RestoreRequest,
    *,
    client: Client,
    store: Store,
    settings: Settings,
    reporter: Reporter,
    clock: Clock,
) -> RestoreResult:
    """Restores; see the module. Raises what ``open_plan`` raises, before anything is written."""
    started = timestamp(clock())
    findings = Findings()
    with TaskLog(clock=clock) as log:
        several = Several((reporter, findings, log))
        async with open_plan(
            request,
            target=LiveTarget(client),
            store=store,
            settings=settings,
            reporter=several,
            clock=clock,
        ) as planner:
            # What is ours before it is claimed was claimed by a run of this task that passed here.
            # So with a restore that is retried: one that was refused for its plan has no folder.
            is_begun = request.plan is not None and await _has_begun(request, store)
            await check_plan(request.plan, planner, is_begun=is_begun)
            folder = await claim_restore_folder(store, request.name, request.uid)
            numbers = await items_numbers(store, folder)
            journal = Journal(
                items_sink(store, folder, uid=request.uid),
                first=max(numbers, default=0) + 1,
                now=asyncio.get_running_loop().time,
            )
            recorder = Recorder(
                journal=journal, spool=planner.spool, reporter=several, total=planner.total()
            )
            if numbers:
                several.phase("resuming from the journal")
                files = items_files(store, folder, uid=request.uid)
                await resume(files, recorder, planner, reporter=several)
            copies = Copies(store, folder, uid=request.uid, spool=planner.spool)
            await copies.resume(reporter=several)
            if request.dry_run:
                several.phase("planning")
                await record_plan(planner, recorder)
                await journal.flush()
                await put_restore_files(
                    store,
                    folder,
                    log=log.read(),
                    results=findings.results(),
                    resources=recorder.resources(),
                )
                return _result(request, recorder, findings, started=started, clock=clock)
            hooks = PostHooks(
                client,
                manager=request.field_manager,
                label_selector=_selector(request),
                record=recorder.hook,
                log=log.line,
            )
            try:
                await _apply(
                    planner,
                    recorder,
                    hooks,
                    copies,
                    client=client,
                    field_manager=request.field_manager,
                    policy=request.policy,
                    has_journal=bool(numbers),
                    reporter=several,
                )
            except BaseException:
                await _flush_soon(journal)
                raise
            await journal.flush()
            await _wait_until_ready(request, planner, client=client, reporter=several)
            several.phase("looking whether all of it is there")
            await verify(
                planner,
                recorder,
                client=client,
                label_selector=_selector(request),
                reporter=several,
            )
            await journal.flush()
            await put_restore_files(
                store,
                folder,
                log=log.read(),
                results=findings.results(),
                resources=recorder.resources(),
            )
    return _result(request, recorder, findings, started=started, clock=clock)


def _result(
    request: RestoreRequest, recorder: Recorder, findings: Findings, *, started: str, clock: Clock
) -> RestoreResult:
    """What came of it. A dry run did what it was asked for, whatever its plan tells."""
    is_complete = request.dry_run or not findings.errors
    problem = next((one for one in findings.problems if one.level == "error"), None)
    return RestoreResult(
        phase="Completed" if is_complete else "PartiallyFailed",
        counts=dict(recorder.counts),
        warnings=findings.warnings,
        errors=findings.errors,
        started=started,
        completed=timestamp(clock()),
        target_images=tuple(sorted(recorder.target_images)),
        first_problem=problem or next(iter(findings.problems), None),
        hooks=recorder.hooks.total(),
        failed_hooks=recorder.hooks["failed"],
        reasons=reason_counts(recorder.reasons, findings.reasons),
        grants=recorder.grants,
        granted=tuple(recorder.granted),
        rollouts=tuple(recorder.notes),
        rules=recorder.rules.counts(request.modifiers),
    )


async def _has_begun(request: RestoreRequest, store: Store) -> bool:
    """Whether the restore, or the one that it does again in part, has got past its plan."""
    tasks = [(request.name, request.uid)]
    if request.retried is not None:
        tasks.append((request.retried.name, request.retried.uid))
    for name, uid in tasks:
        if await find_restore_folder(store, name, uid) is not None:
            return True
    return False


async def _apply(
    planner: Planner,
    recorder: Recorder,
    hooks: PostHooks,
    copies: Copies,
    *,
    client: Client,
    field_manager: str,
    policy: Policy,
    has_journal: bool,
    reporter: Reporter,
) -> None:
    """Applies the plan wave by wave, the hooks of restored pods beside it."""

    def schedule(item: PlanItem) -> None:
        if item.hooks:
            done = planner.spool.hooks_done(item.target)
            hooks.add(item.source, item.target, item.hooks, owner=item.owner, done=done)

    async def record(result: Result) -> None:
        result = copies.explained(result)
        note_lost(planner, result.item.source, result.action, result.why)
        await recorder(result)
        if result.action in MADE:
            schedule(result.item)

    applier = Applier(
        client,
        field_manager=field_manager,
        on_result=record,
        keep=copies.keep,
        policy=policy,
        homes=planner.homes,
        brings=planner.brings,
        owners=planner.owners,
    )
    is_over = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(hooks.run())
            group.create_task(_store_due(recorder, is_over))
            for step, items in planner.rounds():
                reporter.phase(f"wave {step.wave}: {step.title}")
                if step is LAST_STEP:
                    samples = planner.last_samples()
                    await wait_until_served(client, samples, field_manager=field_manager)
                left = left_to_do(items, planner, recorder, schedule) if has_journal else items
                await applier.run(left)
            if applier.is_waiting:
                reporter.phase("waiting for webhooks whose workloads were restored")
                await applier.finish()
            if hooks.left:
                reporter.phase("waiting for the hooks of restored pods")
            hooks.finish()
            await running
            is_over.set()
    except* FerryError as errors:
        raise first_error(errors) from None


async def _wait_until_ready(
    request: RestoreRequest, planner: Planner, *, client: Client, reporter: Reporter
) -> None:
    """Waits for the workloads that the restore wrote, if that is asked for; tells what is not
    ready.
    """
    if request.ready_seconds is None:
        return
    reporter.phase("waiting until workloads are ready")
    try:
        waiting = await wait_until_ready(
            client,
            label_selector=_selector(request),
            discovery=planner.discovery,
            seconds=request.ready_seconds,
        )
    except ApiLost:
        raise
    except ApiError as error:
        unknown = f"whether what was restored is ready is not known: {error}"
        reporter.problem(Problem("error", NOT_READY, unknown))
        return
    sources = {target: source for source, target in planner.namespace_names()}
    for identity, why in sorted(waiting.items())[:MAX_TOLD]:
        namespace = sources.get(identity.namespace, identity.namespace)
        reporter.problem(Problem("error", NOT_READY, why, namespace, str(identity)))
    if len(waiting) > MAX_TOLD:
        more = f"{len(waiting) - MAX_TOLD} more workloads are not ready"
        reporter.problem(Problem("error", NOT_READY, more))


def _selector(request: RestoreRequest) -> str:
    """Finds what the restore wrote."""
    return f"{RESTORE_LABEL}={request.labels[RESTORE_LABEL]}"


async def _store_due(recorder: Recorder, is_over: asyncio.Event) -> None:
    """A hook's line is stored soon, whether or not another one comes. What is being stored when
    all is over is stored to its end.
    """
    while not is_over.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(HOOK_AGE):
                await is_over.wait()
        await recorder.store_due()


async def _flush_soon(journal: Journal) -> None:
    """What was done is told even when the task stops in the middle, if that can be done at once.

    What is not told is found again by its field manager.
    """
    with suppress(FerryError, TimeoutError):
        async with asyncio.timeout(FLUSH_SECONDS):
            await journal.flush()
