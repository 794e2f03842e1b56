"""What a backup owes to the applications that it froze, kept in its task's status.

A post hook is on the list (``status.pendingHooks``) from before the pod's first pre hook until it
has been run. While the list may hold something, the task has the finalizer ``FINALIZER``: deleting
it cannot leave an application frozen. A controller that finds a task which owes something and does
not run here pays before anything else (``Debts.pay``), also for a task that has ended or is being
deleted. What does not get through to its container is owed for as long as its pod is there.

A post hook that was run and failed is on the list too, with its problem, until a report has told
it: in the backup's own one, or else in the task's end.

The list is written only where it is as it was left: a controller that was paused for longer than
its lease does not write over what its successor owes.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing, suppress

from msgspec.structs import replace

from kubeferry import codec
from kubeferry.api.backup import TERMINAL_PHASES
from kubeferry.api.definition import GROUP
from kubeferry.api.hooks import PendingHook
from kubeferry.backup.hookrun import run_owed
from kubeferry.backup.hooks import Hook
from kubeferry.backup.together import each
from kubeferry.controller.context import Context
from kubeferry.controller.status import FIELD_MANAGER, patch_status
from kubeferry.durations import parse_duration
from kubeferry.errors import (
    ApiError,
    ApiLost,
    Conflict,
    FerryError,
    Interrupted,
    InvalidInput,
    NotFound,
)
from kubeferry.kube.names import PODS, Resource
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.report import Problem
from kubeferry.transform.hook_pods import FAILED

FINALIZER = f"{GROUP}/post-hooks"
LOOK_SECONDS = 1.0
"""How soon a task that owes something is looked at again."""

MAX_BYTES = 512 << 10
"""What the list may take up: an object has 1.5 MiB at most, and the task is in it as well."""
MAX_PROBLEMS = 50
"""Failed post hooks that are kept on the list; the log has all of them."""

_PODS_AT_ONCE = 8
_TRIES = 5

_log = logging.getLogger("kubeferry.controller")


def owes(obj: Object) -> bool:
    """Whether post hooks of the task may still be to be run."""
    return FINALIZER in _finalizers(obj) or any(not one.problem for one in _pending(obj))


def problems_told(obj: Object) -> tuple[Problem, ...]:
    """What went wrong with post hooks of the task, as far as no report has it yet."""
    return tuple(
        Problem(
            "error", FAILED, one.problem, one.namespace, f"{PODS.plural} {one.namespace}/{one.pod}"
        )
        for one in _pending(obj)
        if one.problem
    )


class Debts:
    """The list of one task; a ``FrozenPods`` for the run that makes it."""

    def __init__(self, context: Context, resource: Resource, obj: Object) -> None:
        self._context = context
        self._resource = resource
        self._name = str(metadata(obj)["name"])
        self._uid = str(metadata(obj)["uid"])
        self._version = str(metadata(obj)["resourceVersion"])
        self._list = _pending(obj)
        self._is_guarded = FINALIZER in _finalizers(obj)
        self._writing = asyncio.Lock()

    @property
    def pods(self) -> int:
        """To how many pods something is owed."""
        return len({one.uid for one in self._list if not one.problem})

    async def owe(self, hooks: Sequence[Hook]) -> None:
        """Puts hooks on the list, all at once or none.

        Raises ``InvalidInput`` when the list has no room for them, ``Interrupted`` when the task is
        being deleted or another controller has it.
        """
        async with self._writing:
            entries = self._list + [_as_pending(hook) for hook in hooks]
            size = len(codec.encode(entries))
            if size > MAX_BYTES:
                raise InvalidInput(
                    f"the list would have {size >> 10} KiB, {MAX_BYTES >> 10} KiB are possible",
                    place="status.pendingHooks",
                    remedy="shorten the commands, or have fewer pods with hooks share a claim",
                )
            if not self._is_guarded:
                await self._guard()
            await self._write(entries)

    async def settle(self, ended: Sequence[tuple[Hook, str]]) -> None:
        """Strikes hooks off the list, all at once; what went wrong is put on it and logged."""
        async with self._writing:
            left = list(self._list)
            for hook, problem in ended:
                entry = _as_pending(hook)
                if entry in left:
                    left.remove(entry)
                if problem:
                    about = self._resource.kind, self._name, hook.subject
                    _log.warning("%s %s: %s: %s", *about, problem)
                    left.append(replace(entry, command=[], problem=problem))
            failed = [one for one in left if one.problem]
            left = [one for one in left if not one.problem] + failed[:MAX_PROBLEMS]
            if left != self._list:
                await self._write(left)

    async def close(self) -> None:
        """The report has told what failed; takes the finalizer away if nothing is owed."""
        async with self._writing:
            left = [one for one in self._list if not one.problem]
            if left != self._list:
                await self._write(left)
        await self._release()

    async def _release(self) -> None:
        async with self._writing:
            if self._is_guarded and not self.pods:
                await self._edit_finalizers(present=False)
                self._is_guarded = False

    async def pay(self) -> None:
        """Runs what is owed, several pods at once, and takes the finalizer away.

        Raises the first error when every pod has had its turn: then something is owed still, and it
        is to be called again.
        """
        pods: dict[str, list[Hook]] = {}
        for one in self._list:
            if not one.problem:
                pods.setdefault(one.uid, []).append(_as_hook(one))
        await each(pods.values(), self._pay_pod, at_once=_PODS_AT_ONCE)
        await self._release()

    async def _pay_pod(self, owed: Sequence[Hook]) -> None:
        through: list[tuple[Hook, str]] = []
        failure: FerryError | None = None
        try:
            async with aclosing(run_owed(self._context.client, owed, patience=0)) as ended:
                async for hook, outcome in ended:
                    if outcome is not None and outcome.is_away:
                        failure = failure or Interrupted(
                            outcome.problem,
                            place=hook.subject,
                            remedy="if its node is lost, delete it",
                        )
                        continue
                    problem = outcome.problem if outcome is not None else ""
                    through.append((hook, problem and f"after an interruption: {problem}"))
                    if not problem:
                        what = "the pod is gone" if outcome is None else f"{hook.title} was run"
                        about = self._resource.kind, self._name, hook.subject
                        _log.info("%s %s: %s: %s", *about, what)
        except ApiError as error:  # the pod could not be read; what was run is not run again
            failure = error
        await self.settle(through)
        if failure is not None:
            raise failure

    async def _write(self, entries: list[PendingHook]) -> None:
        """Writes the list if it is as it was left.

        Raises ``Interrupted`` when it is not, or the task is gone.
        """
        wanted = [codec.to_builtins(one) for one in entries]
        for left in reversed(range(_TRIES)):
            version = {"uid": self._uid, "resourceVersion": self._version}
            try:
                answer = await self._context.client.patch(
                    self._resource,
                    self._name,
                    {"metadata": version, "status": {"pendingHooks": wanted or None}},
                    kind="merge",
                    namespace=self._context.namespace,
                    subresource="status",
                    field_manager=FIELD_MANAGER,
                )
            except NotFound:
                raise self._gone() from None
            except Conflict:
                if not left:
                    raise
                if await self._is_written(entries):
                    break
            else:
                self._version = str(metadata(answer)["resourceVersion"])
                break
        self._list = entries

    async def _is_written(self, entries: list[PendingHook]) -> bool:
        """After a conflict: whether it was by our own write, whose answer was lost.

        Raises ``Interrupted`` when the list was written by another one.
        """
        try:
            obj = await self._context.client.get(
                self._resource, self._name, namespace=self._context.namespace
            )
        except NotFound:
            raise self._gone() from None
        if metadata(obj)["uid"] != self._uid:
            raise self._gone()
        found = _pending(obj)
        if found not in (entries, self._list):
            raise Interrupted(
                "another controller goes on with it", place=f"{self._resource.kind} {self._name}"
            )
        self._version = str(metadata(obj)["resourceVersion"])
        return found == entries

    async def _guard(self) -> None:
        """Adds the finalizer. Raises ``Interrupted`` when the task is gone or going."""
        if not await self._edit_finalizers(present=True):
            raise self._gone()
        self._is_guarded = True

    async def _edit_finalizers(self, *, present: bool) -> bool:
        """Adds or takes away ours, the others stay; False when that cannot be any more."""
        client, namespace = self._context.client, self._context.namespace
        for left in reversed(range(_TRIES)):
            try:
                obj = await client.get(self._resource, self._name, namespace=namespace)
            except NotFound:
                return False
            about = metadata(obj)
            if about["uid"] != self._uid or (present and about.get("deletionTimestamp")):
                return False
            others = [one for one in _finalizers(obj) if one != FINALIZER]
            wanted = [*others, FINALIZER] if present else others
            if wanted == _finalizers(obj):
                return True
            version = {"uid": self._uid, "resourceVersion": about["resourceVersion"]}
            try:
                await client.patch(
                    self._resource,
                    self._name,
                    {"metadata": {**version, "finalizers": wanted}},
                    kind="merge",
                    namespace=namespace,
                    field_manager=FIELD_MANAGER,
                )
            except NotFound:
                return False
            except Conflict:
                if not left:
                    raise
            else:
                return True
        return False

    def _gone(self) -> Interrupted:
        return Interrupted("was deleted", place=f"{self._resource.kind} {self._name}")


async def settle_task(context: Context, resource: Resource, name: str, uid: str) -> None:
    """Runs what a task owes, if it does.

    Raises what ``Debts.pay`` does, and tells it in the status of a task that waits for that.
    """
    try:
        obj = await context.client.get(resource, name, namespace=context.namespace)
    except NotFound:
        return
    if metadata(obj)["uid"] != uid or not owes(obj):
        return
    debts = Debts(context, resource, obj)
    try:
        await debts.pay()
    except ApiLost:
        raise
    except FerryError as error:
        message = f"owes post hooks to {debts.pods} pods, the first: {error}"
        has_ended = at(obj, ("status", "phase")) in TERMINAL_PHASES
        if not has_ended and at(obj, ("status", "message")) != message:
            with suppress(ApiError):  # it is told again
                told = {"message": message}
                await patch_status(
                    context.client, resource, name, told, namespace=context.namespace, uid=uid
                )
        raise


def _finalizers(obj: Object) -> list[str]:
    return metadata(obj).get("finalizers") or []


def _pending(obj: Object) -> list[PendingHook]:
    entries = at(obj, ("status", "pendingHooks")) or []
    return [codec.convert(one, PendingHook, place="status.pendingHooks") for one in entries]


def _as_pending(hook: Hook) -> PendingHook:
    return PendingHook(
        namespace=hook.namespace,
        pod=hook.pod,
        uid=hook.uid,
        container=hook.container,
        command=list(hook.command),
        timeout=f"{hook.timeout:.3f}s",
    )


def _as_hook(owed: PendingHook) -> Hook:
    return Hook(
        "post",
        owed.namespace,
        owed.pod,
        owed.uid,
        owed.container,
        tuple(owed.command),
        parse_duration(owed.timeout),
    )
