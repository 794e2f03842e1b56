"""Keeps applications still while they are archived: pre hooks, the archive, post hooks.

Groups of pods are handled ``GROUPS`` at a time, the pods of a group together. A pod is read again
right before its hooks and once more after its pre hooks, so that it is archived as it is while it
is still. What the post hooks of a group will have to undo is written down (``FrozenPods``) before
its first pre hook is begun, and struck off as they ran: a killed process leaves a list of what it
owes.

Post hooks are run for every pod whose pre hooks were begun, whatever happened since. One that does
not get through to its container within ``THAW_PATIENCE`` stays on the list, for whoever pays later;
the backup goes on, with an error. Where the task is cancelled they have ``THAW_SECONDS``, and what
is left then stays on the list too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Protocol

from kubeferry.backup.groups import Pod, grouped
from kubeferry.backup.hookrun import Outcome, run_owed, run_pre
from kubeferry.backup.hooks import (
    Command,
    Hook,
    PodHooks,
    claims_of,
    hooks_of,
    may_have_hooks,
    why_not_now,
)
from kubeferry.backup.select import EXCLUDE_LABEL
from kubeferry.backup.together import each
from kubeferry.errors import ApiError, ApiLost, FerryError, InvalidInput, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import PODS
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.kube.pages import decode_object
from kubeferry.logs import OutputLog, TaskLog
from kubeferry.report import Level, Problem, Reporter
from kubeferry.transform.hook_pods import FAILED, INVALID, NOT_RUN

GROUPS = 4
"""Groups of pods that are still at the same time."""
PODS_AT_ONCE = 8
"""Pods of one group whose hooks are run at the same time."""
THAW_PATIENCE = 300.0
"""Seconds for which post hooks of a pod are tried that do not get through to their container."""
THAW_SECONDS = 2.0
"""How long post hooks of a cancelled task may take: it must be over before the lease is."""
NOT_TAKEN = "PodNotTaken"
"""The reason of a pod that is not in the backup."""

Take = Callable[[Object, bytes], Awaitable[None]]
"""Archives a pod, given decoded and as the server sent it, and its claims."""


class FrozenPods(Protocol):
    """The durable list of post hooks that are owed."""

    async def owe(self, hooks: Sequence[Hook]) -> None:
        """Puts hooks on the list; returns once that is written.

        Raises ``InvalidInput`` when there is no room for so many, and other ``FerryError``.
        """

    async def settle(self, ended: Sequence[tuple[Hook, str]]) -> None:
        """Strikes hooks off the list, as far as they are on it; a text is what went wrong with a
        hook, to be told at the end of the task. Raises ``FerryError``.
        """


@dataclass(slots=True, eq=False)
class _Member:
    """A pod of a group.

    Attributes:
        uid: of the pod as it was before its hooks.
        hooks: those that are to be run; none where they cannot be.
        is_taken: whether it is to be archived.
        is_owed: whether its post hooks are to be run.
    """

    pod: Pod
    uid: str = ""
    hooks: PodHooks = field(default_factory=PodHooks)
    is_taken: bool = False
    is_owed: bool = False


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
        self._show = OutputLog(log.line)
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

        What fails for one pod is reported. Raises ``ApiLost``, and what the two functions
        and the list raise; then the groups that were begun are through and no other one was.
        """

        async def through(group: Sequence[Pod]) -> None:
            await self._group([_Member(pod) for pod in group], take)
            await between()

        await each(grouped(self._waiting), through, at_once=GROUPS, until_failure=True)

    async def _group(self, members: Sequence[_Member], take: Take) -> None:
        try:
            await each(members, self._look, at_once=PODS_AT_ONCE)
            await self._owe(members)
            await each(members, self._freeze, at_once=PODS_AT_ONCE, until_failure=True)
            for one in members:
                if one.is_taken:
                    await self._take(one, take)
        except asyncio.CancelledError:
            with suppress(FerryError, TimeoutError):
                async with asyncio.timeout(THAW_SECONDS):
                    await self._thaw(members)
            raise
        except Exception:
            await self._thaw_shielded(members)
            raise
        await self._thaw_shielded(members)

    async def _look(self, one: _Member) -> None:
        """Decides which hooks of a pod are run."""
        found = await self._read(one, NOT_RUN, "it is gone: its hooks were not run")
        if found is None:
            return
        pod, _ = found
        hooks = hooks_of(pod, self._commands)
        self._warn(hooks, one.pod)
        one.uid, one.hooks, one.is_taken = str(metadata(pod)["uid"]), hooks, True
        if hooks.problems:
            self._refuse(one, INVALID, "; ".join(hooks.problems))
            one.hooks = PodHooks()
        elif hooks and (why := why_not_now(pod, hooks)):
            self._refuse(one, NOT_RUN, why)
            one.hooks = PodHooks()

    async def _owe(self, members: Sequence[_Member]) -> None:
        """Writes down what will be owed, for all pods at once: they are still together."""
        owing = [one for one in members if one.hooks.pre and one.hooks.post]
        if not owing:
            return
        try:
            await self._frozen.owe([hook for one in owing for hook in one.hooks.post])
        except ApiLost:
            raise
        except (ApiError, InvalidInput) as error:
            why = f"what its post hooks will have to undo could not be written down: {error}"
            for one in owing:
                self._refuse(one, NOT_RUN, why)
                one.hooks = PodHooks()

    async def _freeze(self, one: _Member) -> None:
        """Runs the pre hooks of a pod."""
        one.is_owed = bool(one.hooks.post)
        for number, hook in enumerate(one.hooks.pre):
            self._log.line("info", f"running the {hook.title}", object=hook.subject)
            outcome = await run_pre(self._client, hook)
            if outcome.is_away and not number:
                one.is_owed = False  # nothing was begun, so there is nothing to undo
                self._refuse(one, NOT_RUN, outcome.problem)
                return
            if not self._tell(hook, outcome) and not hook.may_fail:
                self._leave_out(one)
                return

    def _refuse(self, one: _Member, reason: str, why: str) -> None:
        """Tells that none of a pod's hooks is run."""
        self._problem("error", reason, f"none of its hooks is run: {why}", one.pod)
        if one.hooks.is_needed:
            self._leave_out(one)

    def _leave_out(self, one: _Member) -> None:
        one.is_taken = False
        why = "is not archived, as its hooks have onError Fail"
        self._problem("error", NOT_TAKEN, why, one.pod)

    async def _take(self, one: _Member, take: Take) -> None:
        found = await self._read(one, NOT_TAKEN, "it is gone since its pre hooks: not archived")
        if found is None:
            return
        pod, body = found
        if one.hooks.pre and metadata(pod)["uid"] != one.uid:
            why = "it was replaced since its pre hooks: what is archived is not what they prepared"
            self._problem("error", FAILED, why, one.pod)
        await take(pod, body)

    async def _read(self, one: _Member, reason: str, gone: str) -> tuple[Object, bytes] | None:
        """The pod as it is; None for one that is not to be archived any more."""
        waiting = one.pod
        try:
            body = await self._client.read(PODS, waiting.name, namespace=waiting.namespace)
            pod = decode_object(body, f"pods {waiting.namespace}/{waiting.name}")
        except NotFound:
            self._problem("warning", reason, gone, waiting)
            return None
        except ApiLost:
            raise
        except ApiError as error:
            told = f"could not be read: {error.problem}"
            self._problem("error", error.kubernetes_reason or error.reason, told, waiting)
            return None
        if metadata(pod).get("deletionTimestamp") or labels(pod).get(EXCLUDE_LABEL) == "true":
            return None
        return pod, body

    async def _thaw(self, members: Sequence[_Member]) -> None:
        """Runs what is owed to each pod; the first error is raised when all have had their turn."""
        await each(members, self._thaw_one, at_once=PODS_AT_ONCE)

    async def _thaw_one(self, one: _Member) -> None:
        through: list[tuple[Hook, str]] = []
        failure: ApiError | None = None
        if not one.is_owed:
            through += [(hook, "") for hook in one.hooks.post]
        else:
            owed = run_owed(self._client, one.hooks.post, patience=THAW_PATIENCE)
            try:
                async with aclosing(owed) as ended:
                    async for hook, outcome in ended:
                        if outcome is not None:
                            self._tell(hook, outcome)
                        if outcome is None or not outcome.is_away:
                            through.append((hook, "" if outcome is None else outcome.problem))
            except ApiError as error:  # the pod could not be read
                failure = error
        if through:
            await self._frozen.settle(through)
        if isinstance(failure, ApiLost):
            raise failure
        if failure is not None:
            why = f"its post hooks are owed still: it could not be read: {failure.problem}"
            self._problem("error", NOT_RUN, why, one.pod)

    async def _thaw_shielded(self, members: Sequence[_Member]) -> None:
        """Runs post hooks to their end; a cancellation leaves them ``THAW_SECONDS``."""
        thawing = asyncio.create_task(self._thaw(members))
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
        self._show(
            f"{hook.title}: {outcome.end}",
            stdout=outcome.stdout,
            stderr=outcome.stderr,
            object=hook.subject,
        )
        if not outcome:
            self.failed += 1
            told = outcome.problem
            if outcome.is_away and hook.phase == "post":
                told += "; it is run when it can be, as long as the pod is there"
            self._reporter.problem(
                Problem("error", outcome.reason, told, hook.namespace, hook.subject)
            )
        return bool(outcome)

    def _warn(self, hooks: PodHooks, waiting: Pod) -> None:
        for one in hooks.warnings:
            self._problem("warning", INVALID, one, waiting)

    def _problem(self, level: Level, reason: str, message: str, waiting: Pod) -> None:
        subject = f"{PODS.plural} {waiting.namespace}/{waiting.name}"
        self._reporter.problem(Problem(level, reason, message, waiting.namespace, subject))
