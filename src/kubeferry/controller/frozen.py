"""What a backup owes to the applications that it froze, kept in its task's status.

A post hook is on the list (``status.pendingHooks``) from before the pod's first pre hook until it
has been run. While the list may hold something, the task has the finalizer ``FINALIZER``: deleting
it cannot leave an application frozen. A controller that finds a task which owes something and does
not run here settles it before anything else (``Debts.settle``), also for a task that has ended or
is being deleted.

A post hook that fails then stays on the list with its problem, is not run again, and is told in the
task's end.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing

from msgspec.structs import replace

from kubeferry import codec
from kubeferry.api.definition import GROUP
from kubeferry.api.hooks import PendingHook
from kubeferry.backup.hookrun import run_owed
from kubeferry.backup.hooks import Hook
from kubeferry.controller.context import Context
from kubeferry.controller.status import FIELD_MANAGER, patch_status
from kubeferry.durations import parse_duration
from kubeferry.errors import Conflict, Interrupted, NotFound
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.report import Problem
from kubeferry.transform.hook_pods import FAILED

FINALIZER = f"{GROUP}/post-hooks"
LOOK_SECONDS = 1.0
"""How soon a task that owes something is looked at again."""

_PODS_AT_ONCE = 8
_TRIES = 5

_log = logging.getLogger("kubeferry.controller")


def owes(obj: Object) -> bool:
    """Whether post hooks of the task may still be to be run."""
    return FINALIZER in _finalizers(obj) or any(not one.problem for one in _pending(obj))


def problems_told(obj: Object) -> tuple[Problem, ...]:
    """What went wrong with post hooks that were run for the task after it was interrupted."""
    return tuple(
        Problem(
            "error",
            FAILED,
            f"after an interruption: {one.problem}",
            one.namespace,
            f"pods {one.namespace}/{one.pod}",
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
        self._list = _pending(obj)
        self._is_guarded = FINALIZER in _finalizers(obj)
        self._writing = asyncio.Lock()

    async def owe(self, hooks: Sequence[Hook]) -> None:
        """Puts hooks on the list. Raises ``Interrupted`` when the task is being deleted."""
        async with self._writing:
            if not self._is_guarded:
                await self._guard()
            await self._write(self._list + [_as_pending(hook) for hook in hooks])

    async def settle(self, hooks: Sequence[Hook]) -> None:
        """Strikes the hooks of a pod off the list, all at once."""
        await self._strike_off({hook.uid for hook in hooks})

    async def release(self) -> None:
        """Takes the finalizer away once nothing is owed any more."""
        async with self._writing:
            if self._is_guarded and all(one.problem for one in self._list):
                await self._edit_finalizers(present=False)
                self._is_guarded = False

    async def pay(self) -> None:
        """Runs what is owed, several pods at once, and takes the finalizer away.

        Raises ``ApiUnreachable``: then it is called again.
        """
        pods: dict[str, list[PendingHook]] = {}
        for one in self._list:
            if not one.problem:
                pods.setdefault(one.uid, []).append(one)
        room = asyncio.Semaphore(_PODS_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                for uid, owed in pods.items():
                    group.create_task(self._pay_pod(uid, owed, room))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        await self.release()

    async def _pay_pod(self, uid: str, owed: list[PendingHook], room: asyncio.Semaphore) -> None:
        hooks = [_as_hook(one) for one in owed]
        told: list[PendingHook] = []
        async with room, aclosing(run_owed(self._context.client, hooks)) as ended:
            async for hook, outcome in ended:
                what = outcome.problem or f"{hook.title} was run"
                _log.warning("%s %s: %s: %s", self._resource.kind, self._name, hook.subject, what)
                if not outcome:
                    told.append(replace(_as_pending(hook), problem=what))
        await self._strike_off({uid}, told)

    async def _strike_off(self, uids: set[str], told: Sequence[PendingHook] = ()) -> None:
        async with self._writing:
            left = [one for one in self._list if one.problem or one.uid not in uids]
            if len(left) < len(self._list) or told:
                await self._write([*left, *told])

    async def _write(self, entries: list[PendingHook]) -> None:
        """Writes the list. Raises ``Interrupted`` when the task is gone."""
        is_there = await patch_status(
            self._context.client,
            self._resource,
            self._name,
            {"pendingHooks": [codec.to_builtins(one) for one in entries] or None},
            namespace=self._context.namespace,
            uid=self._uid,
        )
        if not is_there:
            raise self._gone()
        self._list = entries

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
    """Runs what a task owes, if it does. Raises ``ApiUnreachable``."""
    try:
        obj = await context.client.get(resource, name, namespace=context.namespace)
    except NotFound:
        return
    if metadata(obj)["uid"] == uid and owes(obj):
        await Debts(context, resource, obj).pay()


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
