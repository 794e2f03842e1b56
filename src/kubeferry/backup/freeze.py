"""Keeps applications still while they are archived: pre hooks, the archive, post hooks.

Groups of pods are handled ``GROUPS`` at a time. A pod is read again right before its hooks and once
more after its pre hooks, so that it is archived as it is while it is still. What its post hooks
will have to undo is written down (``FrozenPods``) before its first pre hook is begun, and struck
off when they ran: a killed process leaves a list of what it owes.

Post hooks are run for every pod whose pre hooks were begun, whatever happened since. Where the
task is cancelled they have ``THAW_SECONDS``; what is left then stays on the list, for whoever goes
on with the task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from kubeferry.backup.groups import Pod, grouped
from kubeferry.backup.hookrun import Outcome, run_hook, run_owed
from kubeferry.backup.hooks import (
    Command,
    Hook,
    PodHooks,
    claims_of,
    hooks_of,
    may_have_hooks,
    why_not_now,
)
from kubeferry.backup.select import is_taken
from kubeferry.errors import ApiError, ApiUnreachable, FerryError, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import PODS
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.kube.pages import decode_object
from kubeferry.logs import TaskLog
from kubeferry.report import Level, Problem, Reporter
from kubeferry.transform.hook_pods import FAILED, INVALID, NOT_RUN

GROUPS = 4
"""Groups of pods that are still at the same time."""
THAW_SECONDS = 3.0
"""How long post hooks of a cancelled task may take: it must be over before the lease is."""
NOT_TAKEN = "PodNotTaken"
"""The reason of a pod that is not in the backup."""

Take = Callable[[Object], Awaitable[None]]
"""Archives a pod and its claims."""


class FrozenPods(Protocol):
    """The durable list of post hooks that are owed."""

    async def owe(self, hooks: Sequence[Hook]) -> None:
        """Puts hooks on the list; returns once that is written. Raises ``FerryError``."""

    async def settle(self, hooks: Sequence[Hook]) -> None:
        """Strikes hooks off the list, as far as they are on it. Raises ``FerryError``."""


class Freezer:
    """The pods of one backup that have hooks.

    ``add`` sets them aside while pods are listed, ``run`` archives them with their hooks.
    """

    def __init__(
        self,
        client: Client,
        commands: Sequence[Command],
        *,
        frozen: FrozenPods,
        reporter: Reporter,
        log: TaskLog,
    ) -> None:
        self._client = client
        self._commands = commands
        self._frozen = frozen
        self._reporter = reporter
        self._log = log
        self._waiting: list[Pod] = []
        self.attempted = 0
        self.failed = 0

    @property
    def is_needed(self) -> bool:
        """Whether pods were set aside."""
        return bool(self._waiting)

    def add(self, namespace: str, name: str, pod_labels: dict[str, str], body: bytes) -> bool:
        """Sets a pod aside if it has hooks; False for one that is archived as it is."""
        if not may_have_hooks(body, namespace, pod_labels, self._commands):
            return False
        try:
            pod = decode_object(body, f"pods {namespace}/{name}")
        except ApiError as error:
            why = f"its hooks are not known: {error.problem}"
            self._problem("error", INVALID, why, Pod(namespace, name))
            return False
        hooks = hooks_of(pod, self._commands)
        if not hooks:
            self._warn(hooks, Pod(namespace, name))
            return False
        self._waiting.append(Pod(namespace, name, claims_of(pod)))
        return True

    async def run(self, take: Take, *, between: Callable[[], Awaitable[None]]) -> None:
        """Archives the pods that were set aside; calls ``between`` when one or more have thawed.

        What fails for one pod is reported. Raises ``ApiUnreachable``, and what the two functions
        and the list raise; then the groups that were begun are through and no other one was.
        """
        groups = iter(grouped(self._waiting))
        failures: list[Exception] = []

        async def worker() -> None:
            for group in groups:
                if failures:
                    return
                try:
                    await self._group(group, take)
                    await between()
                # One group's end must not cut off another one's post hooks.
                except Exception as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as workers:
            for _ in range(GROUPS):
                workers.create_task(worker())
        if failures:
            raise failures[0]

    async def _group(self, group: Sequence[Pod], take: Take) -> None:
        owed: list[tuple[Hook, ...]] = []
        """The post hooks of each pod whose pre hooks were begun."""
        try:
            ready = [(one, await self._prepare(one, owed)) for one in group]
            for one, uid in ready:
                if uid:
                    await self._take(one, uid, take)
        except asyncio.CancelledError:
            with suppress(FerryError, TimeoutError):
                async with asyncio.timeout(THAW_SECONDS):
                    await self._thaw(owed)
            raise
        except Exception:
            await self._thaw_shielded(owed)
            raise
        await self._thaw_shielded(owed)

    async def _prepare(self, waiting: Pod, owed: list[tuple[Hook, ...]]) -> str:
        """Runs a pod's pre hooks; its uid if it is to be archived."""
        pod = await self._read(waiting, NOT_RUN, "it is gone: its hooks were not run")
        if pod is None:
            return ""
        hooks = hooks_of(pod, self._commands)
        self._warn(hooks, waiting)
        uid = str(metadata(pod)["uid"])
        if hooks.problems:
            why = f"none of its hooks is run: {'; '.join(hooks.problems)}"
            self._problem("error", INVALID, why, waiting)
            return self._unless_needed(uid, waiting, hooks)
        why = (why_not_now(pod) or await self._owe(hooks)) if hooks else ""
        if why:
            self._problem("error", NOT_RUN, f"none of its hooks is run: {why}", waiting)
            return self._unless_needed(uid, waiting, hooks)
        owed.append(hooks.post)
        for hook in hooks.pre:
            if not self._tell(hook, await self._run(hook)) and not hook.may_fail:
                return self._unless_needed(uid, waiting, hooks)
        return uid

    def _unless_needed(self, uid: str, waiting: Pod, hooks: PodHooks) -> str:
        if not hooks.is_needed:
            return uid
        self._problem(
            "error", NOT_TAKEN, "is not archived, as its hooks have onError Fail", waiting
        )
        return ""

    async def _owe(self, hooks: PodHooks) -> str:
        """Writes down what will be owed; why that could not be."""
        if not hooks.pre or not hooks.post:
            return ""
        try:
            await self._frozen.owe(hooks.post)
        except ApiUnreachable:
            raise
        except ApiError as error:
            return f"what its post hooks will have to undo could not be written down: {error}"
        return ""

    async def _take(self, waiting: Pod, uid: str, take: Take) -> None:
        pod = await self._read(waiting, NOT_TAKEN, "it is gone since its pre hooks: not archived")
        if pod is None:
            return
        if metadata(pod)["uid"] != uid:
            why = "it was replaced since its pre hooks: what is archived is not what they prepared"
            self._problem("error", FAILED, why, waiting)
        await take(pod)

    async def _read(self, waiting: Pod, reason: str, gone: str) -> Object | None:
        """The pod as it is; None for one that is not to be archived any more."""
        try:
            pod = await self._client.get(PODS, waiting.name, namespace=waiting.namespace)
        except NotFound:
            self._problem("warning", reason, gone, waiting)
            return None
        except ApiUnreachable:
            raise
        except ApiError as error:
            told = f"could not be read: {error.problem}"
            self._problem("error", error.kubernetes_reason or error.reason, told, waiting)
            return None
        going = metadata(pod).get("deletionTimestamp")
        name = PODS.plural, waiting.namespace, waiting.name
        return None if going or not is_taken(*name, labels(pod)) else pod

    async def _run(self, hook: Hook) -> Outcome:
        self._log.line("info", f"running the {hook.title}", object=hook.subject)
        return await run_hook(self._client, hook)

    async def _thaw(self, owed: Sequence[tuple[Hook, ...]]) -> None:
        """Runs what is owed to each pod; the first error is raised when all have had their turn."""
        errors: list[FerryError] = []
        for hooks in owed:
            try:
                async with aclosing(run_owed(self._client, hooks)) as ended:
                    async for hook, outcome in ended:
                        self._tell(hook, outcome)
                await self._frozen.settle(hooks)
            except ApiUnreachable:
                raise
            except FerryError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _thaw_shielded(self, owed: Sequence[tuple[Hook, ...]]) -> None:
        """Runs post hooks to their end; a cancellation leaves them ``THAW_SECONDS``."""
        thawing = asyncio.create_task(self._thaw(owed))
        try:
            await asyncio.shield(thawing)
        except asyncio.CancelledError:
            await asyncio.wait({thawing}, timeout=THAW_SECONDS)
            thawing.cancel()
            await asyncio.gather(thawing, return_exceptions=True)
            raise

    def _tell(self, hook: Hook, outcome: Outcome) -> bool:
        """Counts and reports a hook that was run; whether it ended well."""
        self.attempted += 1
        for stream, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
            for line in text.decode(errors="replace").splitlines():
                about = {"object": hook.subject, "hook": hook.phase, "stream": stream}
                self._log.line("info", "hook output", **about, text=line)
        if not outcome:
            self.failed += 1
            problem = Problem(
                "error", outcome.reason, outcome.problem, hook.namespace, hook.subject
            )
            self._reporter.problem(problem)
        else:
            self._log.line("info", f"{hook.title} ended well", object=hook.subject)
        return bool(outcome)

    def _warn(self, hooks: PodHooks, waiting: Pod) -> None:
        for one in hooks.warnings:
            self._problem("warning", INVALID, one, waiting)

    def _problem(self, level: Level, reason: str, message: str, waiting: Pod) -> None:
        subject = f"{PODS.plural} {waiting.namespace}/{waiting.name}"
        self._reporter.problem(Problem(level, reason, message, waiting.namespace, subject))
