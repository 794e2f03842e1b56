"""Runs the hooks of restored pods while the restore goes on, and waits for those that are left.

A pod that was created is ``add``-ed. Its hooks are run in their order, each once its container
runs, by at most ``AT_ONCE`` workers; a failed one with ``onError: Fail`` ends the pod's hooks. What
became of each hook is recorded as soon as it has ended. Right before a command is run its pod is
asked for once more, so it is not run in another pod of the same name.

Commands for a pod that a controller may make anew under its name wait until all is created, so that
the controller is there, and then for the pod that stays (``heirs``).

Pods are not watched one by one. In rounds, ``SHORTEST`` to ``LONGEST`` seconds apart, a few waiting
pods of a namespace are asked for each; many are found in one list of the namespace's restored pods,
page by page. Memory holds the pods that still have hooks, and nothing of the others.

A hook whose end nobody knows is a failure: its command is never run a second time. One that did not
get through to its container waits as for a container that does not run. No wait is without end: a
pod that is gone, was replaced or has ended is lost, and every wait has its limit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import msgspec

from kubeferry.durations import format_duration
from kubeferry.errors import ApiError, ApiLost, ApiUnreachable, Forbidden, NotFound
from kubeferry.journal import HookRun
from kubeferry.kube.client import Client
from kubeferry.kube.endings import run_command
from kubeferry.kube.exec import Exec
from kubeferry.kube.names import PODS, Identity, Resource
from kubeferry.kube.objects import Object
from kubeferry.logs import Line, OutputLog
from kubeferry.restore.heirs import Owner, inherited_standing
from kubeferry.restore.hooks import ExecHook, PodHook
from kubeferry.restore.podstates import PodSeen, Standing, read_pod, standing
from kubeferry.transform.change import Note
from kubeferry.transform.hook_pods import FAILED, NOT_RUN, TIMEOUT

AT_ONCE = 16
"""Hooks that are run at the same time, and pods that are asked for."""
FEW = 8
"""Waiting pods of a namespace that are asked for one by one."""
SHORTEST, LONGEST = 1.0, 5.0
OUTPUT_BYTES = 8 << 10
"""Bytes of each stream of a hook's output that get into the log."""

_PAGE = 500
_STRETCH = 1.5
_LISTING = 10
"""A list is asked for again after so many times the time it took."""

Record = Callable[[HookRun], Awaitable[None]]
"""Receives what became of each hook."""


@dataclass(slots=True, eq=False)
class _Pod:
    """A pod with hooks that are not through.

    ``owner`` is who may make it anew; ``since`` is when its waiting began; ``is_taken`` says that a
    worker has it, or soon will.
    """

    source: Identity
    target: Identity
    hooks: tuple[PodHook, ...]
    owner: Owner | None
    number: int
    since: float
    is_taken: bool = False


class PostHooks:
    """The hooks of one restore's pods. ``run`` them beside the restore, then ``finish``.

    ``label_selector`` finds the restored pods; ``manager`` is the task's field manager.
    """

    def __init__(
        self,
        client: Client,
        *,
        manager: str,
        label_selector: str,
        record: Record,
        log: Line,
        pauses: tuple[float, float] = (SHORTEST, LONGEST),
    ) -> None:
        self._client = client
        self._manager = manager
        self._selector = label_selector
        self._record = record
        self._show = OutputLog(log)
        self._shortest, self._longest = pauses
        self._waiting: dict[str, dict[str, _Pod]] = {}
        self._owners: dict[tuple[str, Owner], Object | None] = {}
        self._ready: asyncio.Queue[_Pod] = asyncio.Queue()
        self._called = asyncio.Event()
        self._is_last = False
        self._has_news = False

    @property
    def left(self) -> int:
        """Pods whose hooks are not through."""
        return sum(map(len, self._waiting.values()))

    def add(
        self,
        source: Identity,
        target: Identity,
        hooks: Sequence[PodHook],
        *,
        owner: Owner | None = None,
        done: int = 0,
    ) -> None:
        """A pod that is there now; an earlier run of the task is through with ``done`` hooks.

        ``owner`` is the controller that gave it its name, if it may make it anew.
        """
        if done >= len(hooks):
            return
        now = asyncio.get_running_loop().time()
        pod = _Pod(source, target, tuple(hooks), owner, done, now)
        if not self._waiting:
            self._called.set()
        self._waiting.setdefault(target.namespace, {})[target.name] = pod
        self._has_news = True

    def finish(self) -> None:
        """All is created, no more pods come: ``run`` ends when all hooks are through."""
        now = asyncio.get_running_loop().time()
        for pods in self._waiting.values():
            for pod in pods.values():
                pod.since = now if pod.owner else pod.since
        self._is_last = True
        self._has_news = True
        self._called.set()

    async def run(self) -> None:
        """Runs hooks until ``finish`` was called and none is left.

        Raises ``ApiLost`` when the API server does not answer any more, and what ``record``
        raises, in a group; hooks that were not recorded by then are still to be run.
        """
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work()) for _ in range(AT_ONCE)]
            await self._rounds()
            for worker in workers:
                worker.cancel()

    async def _rounds(self) -> None:
        pause = self._shortest
        while True:
            self._called.clear()
            if not self._waiting:
                if self._is_last:
                    return
                await self._called.wait()
                continue
            began = asyncio.get_running_loop().time()
            self._has_news = False
            await self._look()
            took = asyncio.get_running_loop().time() - began
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause, _LISTING * took)):
                    await self._called.wait()
            longer = min(pause * _STRETCH, self._longest)
            pause = self._shortest if self._has_news else longer

    async def _look(self) -> None:
        """One round: gives the workers each pod that may be up, is lost or has waited enough."""
        self._owners.clear()
        for namespace in list(self._waiting):
            pods = {
                name: pod
                for name, pod in self._waiting[namespace].items()
                if not pod.is_taken and not self._is_held(pod)
            }
            if len(pods) > FEW:
                await self._sift(namespace, pods)
            for pod in pods.values():
                self._take(pod)

    def _is_held(self, pod: _Pod) -> bool:
        """Whether its next command waits until all is created."""
        is_command = isinstance(pod.hooks[pod.number], ExecHook)
        return is_command and pod.owner is not None and not self._is_last

    async def _sift(self, namespace: str, pods: dict[str, _Pod]) -> None:
        """Takes out of ``pods`` those that a list shows to be still on their way."""
        now = asyncio.get_running_loop().time()
        has_owners = any(pod.owner for pod in pods.values())
        selector = "" if has_owners else self._selector  # heirs have not the restore's label
        try:
            found = self._client.pages(
                PODS, namespace=namespace, label_selector=selector, limit=_PAGE
            )
            async with aclosing(found) as pages:
                async for page in pages:
                    for item in page.items:
                        seen = read_pod(item)
                        pod = pods.get(seen.metadata.name)
                        if pod is None or _is_late(pod, now):
                            continue
                        if (await self._standing(pod, seen)).state == "waiting":
                            del pods[seen.metadata.name]
        except ApiLost:
            raise
        except ApiError:
            return  # asked for one by one they tell what is wrong

    def _take(self, pod: _Pod) -> None:
        pod.is_taken = True
        self._ready.put_nowait(pod)

    async def _standing(self, pod: _Pod, seen: PodSeen | None) -> Standing:
        """How the pod stands for its next hook. Raises ``ApiError`` if its owner does not tell."""
        hook, manager = pod.hooks[pod.number], self._manager
        if pod.owner is None:
            return standing(seen, hook, manager=manager)
        if not self._is_last:  # its owner, or an heir, may still come
            found = standing(seen, hook, manager=manager)
            return found._replace(state="waiting") if found.state == "lost" else found
        live = await self._owner(pod.owner, pod.target.namespace)
        name = pod.target.name
        return inherited_standing(name, seen, hook, owner=pod.owner, live=live, manager=manager)

    async def _owner(self, owner: Owner, namespace: str) -> Object | None:
        """A controller as it is, asked for once in a round."""
        key = (namespace, owner)
        if key not in self._owners:
            self._owners[key] = await self._get(owner.resource, owner.name, namespace)
        return self._owners[key]

    async def _get(self, resource: Resource, name: str, namespace: str) -> Object | None:
        try:
            return await self._client.get(resource, name, namespace=namespace)
        except NotFound:
            return None

    async def _work(self) -> None:
        while True:
            pod = await self._ready.get()
            if await self._serve(pod):
                self._drop(pod)
            pod.is_taken = False

    def _drop(self, pod: _Pod) -> None:
        self._has_news = True
        left = self._waiting[pod.target.namespace]
        del left[pod.target.name]
        if not left:
            del self._waiting[pod.target.namespace]
        if not self._waiting:
            self._called.set()

    async def _serve(self, pod: _Pod) -> bool:
        """Runs what can be run now; whether the pod's hooks are through."""
        while pod.number < len(pod.hooks):
            if self._is_held(pod):
                return False
            hook = pod.hooks[pod.number]
            found, failure = await self._find(pod), None
            if found.state == "up" and isinstance(hook, ExecHook):
                found, failure = await self._execute(pod, hook)
            if found.state == "lost":
                await self._give_up(pod, found.why)
                return True
            if found.state == "absent":
                failure = _not_run(hook, found.why)
            if found.state == "waiting":
                if not _is_late(pod, asyncio.get_running_loop().time()):
                    return False
                failure = _too_late(hook, found.why)
            await self._tell(pod, failure)
            if failure and isinstance(hook, ExecHook) and hook.on_error == "Fail":
                await self._give_up(pod, f"hook {hook.name} before it failed")
                return True
        return True

    async def _find(self, pod: _Pod) -> Standing:
        """Asks for the pod. A failure that may pass counts as waiting."""
        try:
            found = await self._get(PODS, pod.target.name, pod.target.namespace)
            return await self._standing(pod, msgspec.convert(found, PodSeen) if found else None)
        except ApiLost:
            raise
        except Forbidden as error:
            return Standing("lost", f"the pod cannot be looked at: {error.problem}")
        except ApiError as error:
            return Standing("waiting", f"the pod cannot be looked at: {error.problem}")

    async def _execute(self, pod: _Pod, hook: ExecHook) -> tuple[Standing, Note | None]:
        """Runs a command; what is wrong with it, unless it was not begun at all."""
        request = Exec(
            pod.target.namespace,
            pod.target.name,
            hook.container,
            hook.command,
            timeout=hook.exec_seconds,
            keep=OUTPUT_BYTES,
        )
        self._has_news = True
        try:
            ending = await run_command(self._client, request)
        except ApiUnreachable as error:
            return Standing("waiting", f"the command could not be sent: {error.problem}"), None
        if ending.is_passing:
            return Standing("waiting", f"the command {ending.problem}"), None
        end = ending.problem or f"exit code {ending.exit_code}"
        self._show(
            f"{_about(hook)}: {end}",
            stdout=ending.stdout,
            stderr=ending.stderr,
            object=str(pod.target),
        )
        if ending:
            return _UP, None
        if ending.fate == "ended":
            end += "; its output is in the restore's log"
        return _UP, Note(TIMEOUT if ending.is_late else FAILED, f"{_about(hook)}: {end}")

    async def _give_up(self, pod: _Pod, why: str) -> None:
        """None of the hooks that are left will be run."""
        while pod.number < len(pod.hooks):
            await self._tell(pod, _not_run(pod.hooks[pod.number], why))

    async def _tell(self, pod: _Pod, failure: Note | None) -> None:
        """Records the end of the pod's next hook."""
        hook = pod.hooks[pod.number]
        run = HookRun(
            source=pod.source,
            target=pod.target,
            number=pod.number,
            hook=hook.name,
            container=hook.container,
            outcome="failed" if failure else "done",
            reason=failure.reason if failure else "",
            message=failure.message if failure else "",
        )
        pod.number += 1
        self._has_news = True
        await self._record(run)


_UP = Standing("up")


def _about(hook: PodHook) -> str:
    if isinstance(hook, ExecHook):
        return f"the hook of {hook.name} in container {hook.container}"
    return f"the init containers of {hook.name}"


def _is_late(pod: _Pod, now: float) -> bool:
    return now - pod.since >= pod.hooks[pod.number].wait_seconds


def _too_late(hook: PodHook, why: str) -> Note:
    """What is said of a hook whose wait is over."""
    after = format_duration(hook.wait_seconds)
    if isinstance(hook, ExecHook):
        return _not_run(hook, f"after {after} {why}")
    return Note(TIMEOUT, f"{_about(hook)} have not ended well: after {after} {why}")


def _not_run(hook: PodHook, why: str) -> Note:
    was = "was not run" if isinstance(hook, ExecHook) else "were not seen to end"
    return Note(NOT_RUN, f"{_about(hook)} {was}: {why}")
