"""Executes a plan: one write for each object and no GET before it, many at once.

The number of requests in flight is the client's one adaptive limit; workers only keep it fed, with
no more archived JSON at once than the client's ``outgoing`` has room for (decoded it takes a few
times that). What already exists is written only where the plan says so; what has come since the
plan was made is left alone. After a restart an object that an earlier run of this task created or
updated is recognised by its field manager and counts as such: nothing is done twice, nothing is
missed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from kubeferry import codec
from kubeferry.errors import (
    AlreadyExists,
    ApiError,
    ApiLost,
    FerryError,
    Forbidden,
    Invalid,
    InvalidInput,
    NotFound,
    first_error,
)
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.restore.definitions import served_resources
from kubeferry.restore.existing import DIFFERS, Policy
from kubeferry.restore.heirs import is_heir, is_made_by
from kubeferry.restore.held import Held
from kubeferry.restore.node_ports import without_taken
from kubeferry.restore.overwrite import Keep, Overwriter
from kubeferry.restore.owners import MISSING_OWNER, Owners, Pending
from kubeferry.restore.plan_item import WRITING, PlanItem, judge_item
from kubeferry.restore.refusals import Backend, refusal
from kubeferry.restore.statuses import restore_status
from kubeferry.restore.untouched import OURS, Homes
from kubeferry.restore.waves import DEFINITIONS, NAMESPACES
from kubeferry.transform.change import Change, Note

WORKERS = 64

WEBHOOK_SECONDS = 120.0
"""How long webhooks are waited for whose workloads the restore brings."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
_AHEAD, _AHEAD_BYTES = 32, 1 << 20
_ACCOUNT_SECONDS = 10.0
_TERMINATING_SECONDS = 600.0
_ESTABLISHED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an item: ``created``, ``updated``, ``recreated``, ``skipped``, ``refused`` or
    ``failed``, and why.

    ``warnings`` are what went wrong with an object that is there; ``differences`` what it had that
    the restore would have otherwise, as edits of it.
    """

    item: PlanItem
    action: str
    why: Note | None = None
    warnings: tuple[Note, ...] = ()
    differences: tuple[Change, ...] = ()


class Applier:
    """Applies plan items with ``WORKERS`` workers.

    ``on_result`` is called for every item, in the order in which they end. ``policy`` and ``homes``
    are what the plan was made by (``judge_item``), ``owners`` says who owns what; ``brings``
    whether the restore brings a Service, whose webhook is waited for then, for ``webhook_seconds``
    at most. ``keep`` stores a copy of what is deleted.
    """

    def __init__(
        self,
        client: Client,
        *,
        field_manager: str,
        on_result: Callable[[Result], Awaitable[None]],
        keep: Keep,
        policy: Policy = "none",
        homes: Homes = OURS,
        brings: Callable[[Backend], bool] = lambda backend: False,
        owners: Owners | None = None,
        workers: int = WORKERS,
        webhook_seconds: float = WEBHOOK_SECONDS,
    ) -> None:
        self._held = Held(brings)
        self._owners = owners
        self._webhook_seconds = webhook_seconds
        self._client = client
        self._field_manager = field_manager
        self._policy = policy
        self._keep = keep
        self._homes = homes
        self._on_result = on_result
        self._workers = workers

    async def run(self, items: Iterable[PlanItem | None]) -> None:
        """Applies the items of one round; returns when every one of them is through, or held for
        ``finish``. Where one is None others have their turn.

        Raises what stops the whole task: ``ApiLost``, or what ``on_result`` raises.
        """
        await self._run(items)
        again = self._held.over_quota()
        if again:
            self._held.is_quota_over = True
            await self._run(again)
            self._held.is_quota_over = False

    @property
    def is_waiting(self) -> bool:
        """Whether ``finish`` has something to do."""
        return self._held.is_waiting

    async def finish(self) -> None:
        """Tries again what webhooks of this restore could not judge, until they do or the time is
        over; raises as ``run``.
        """
        begin = asyncio.get_running_loop().time()
        pause = _FIRST_PAUSE
        while self.is_waiting:
            left = begin + self._webhook_seconds - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, min(pause, left)))
            self._held.is_over = left <= pause
            await self._run(self._held.unjudged())
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run(self, items: Iterable[PlanItem | None]) -> None:
        planned, taking, room = _ahead(items), asyncio.Lock(), self._client.outgoing

        async def work() -> None:
            while True:
                async with taking:  # one worker at a time may hold an item back
                    for item in planned:
                        if item is not None:
                            break
                        await asyncio.sleep(0)
                    else:
                        return
                    taken = await room.take(item.size)
                try:
                    result = await self._apply(item)
                    if result is not None:
                        await self._on_result(result)
                finally:
                    room.give_back(taken)
                del item, result  # or an idle worker would keep its last one

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(work())
        except* FerryError as errors:
            raise first_error(errors) from None

    async def _apply(self, item: PlanItem) -> Result | None:
        """What became of an item; None if it is held."""
        found = item.present.changes if item.present is not None else ()
        if item.action not in WRITING:
            return Result(item, _PASSIVE[item.action], item.why, differences=found)
        try:
            done = await self._write(item)
        except ApiLost:
            raise
        except ApiError as error:
            if self._held.take(item, error):
                return None
            await self._learn(item)
            return Result(item, "failed", refusal(error), differences=found)
        except InvalidInput as error:  # what modifiers made of it cannot be encoded
            return Result(item, "failed", Note("Malformed", error.problem))
        await self._learn(item)
        if done.action not in ("created", "recreated"):
            return done
        return replace(done, warnings=(*done.warnings, *await self._status(item)))

    async def _learn(self, item: PlanItem) -> None:
        """Finds out the uid of an owner whose create's answer did not tell it.

        What was to be made anew has another one by now, or was put back with another one.
        """
        owners = self._owners
        if owners is None or not owners.is_needed(item.source):
            return
        if item.action == "recreate" or not owners.is_known(item.target):
            await self._look_up(owners, item.target, item.resource)

    async def _look_up(self, owners: Owners, target: Identity, resource: Resource | None) -> None:
        """Asks the target for the uid of an owner; nothing is known of it where it does not say."""
        owners.forget(target)
        if resource is None:
            return
        try:
            live = await self._get(resource, target.name, target.namespace)
        except ApiLost:
            raise
        except ApiError:
            return  # what it owns tells that it has no owner
        if live is not None and not metadata(live).get("deletionTimestamp"):
            owners.learn(target, codec.encode(live))

    async def _write(self, item: PlanItem) -> Result:
        if item.resource is None or item.object is None:
            raise ValueError(f"{item.target} is no item to write")
        if item.pending and self._owners is not None:
            for one in item.pending:
                if not self._owners.is_known(one.owner):  # an earlier restore was through with it
                    await self._look_up(self._owners, one.owner, one.resource)
            obj, left = self._owners.resolved(item.object, item.pending)
            done = await self._write(replace(item, object=obj, pending=()))
            return replace(done, warnings=(*done.warnings, *map(_unowned, left)))
        if item.present is None:
            return await self._create(item, item.resource)
        overwriter = self._overwriter(self._policy)
        if item.action == "update":
            is_there = await overwriter.update(item, item.resource, item.present)
        else:
            is_there = await overwriter.recreate(item, item.resource, item.present)
        if not is_there:  # it went away by itself
            return await self._create(item, item.resource)
        await self._served(item, item.resource)
        return Result(item, f"{item.action}d", differences=item.present.changes)

    async def _status(self, item: PlanItem) -> tuple[Note, ...]:
        """Gives what was created its status back, if it gets one; what went wrong with that."""
        if item.status is None or item.resource is None:
            return ()
        warning = await restore_status(
            self._client,
            item.resource,
            item.target,
            item.status,
            field_manager=self._field_manager,
        )
        return () if warning is None else (warning,)

    async def _create(self, item: PlanItem, resource: Resource, *, again: bool = True) -> Result:
        """Creates one object, unless it is there.

        ``again`` is false for the second try, after what was in the way has gone.
        """
        try:
            await self._post(resource, codec.encode(item.object), item)
        except AlreadyExists:
            if not again:
                raise
            return await self._existing(item, resource)
        except Invalid as error:
            if resource.group_resource != "services":
                raise
            # A Service's node port may be taken by the very Service (velero.md §3.6).
            live = await self._find(item, resource)
            if live is not None:
                return await self._judge(item, resource, live)
            freed = without_taken(item.object or {}, error)
            if freed is None:
                raise
            done = await self._create(replace(item, object=freed[0]), resource, again=again)
            return replace(done, warnings=(freed[1], *done.warnings))
        await self._served(item, resource)
        return Result(item, "created")

    async def _served(self, item: PlanItem, resource: Resource) -> None:
        if resource.group_resource == DEFINITIONS:
            await self._established(item, resource)

    async def _post(self, resource: Resource, body: bytes, item: PlanItem) -> None:
        deadline = asyncio.get_running_loop().time() + _ACCOUNT_SECONDS
        while True:
            try:
                answer = await self._client.create(
                    resource,
                    body,
                    namespace=item.target.namespace,
                    field_manager=self._field_manager,
                )
                if self._owners is not None and self._owners.is_needed(item.source):
                    self._owners.learn(item.target, answer)
                return
            except Forbidden as error:
                # The account controller makes a new namespace's default account a moment later.
                waits = "error looking up service account" in error.problem
                if not waits or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.2)

    async def _existing(self, item: PlanItem, resource: Resource) -> Result:
        live = await self._find(item, resource)
        if live is None:
            return await self._create(item, resource, again=False)
        is_namespace = resource.group_resource == NAMESPACES
        if is_namespace and metadata(live).get("deletionTimestamp"):
            await self._gone(item, resource)
            return await self._create(item, resource, again=False)
        return await self._judge(item, resource, live)

    async def _judge(self, item: PlanItem, resource: Resource, live: Object) -> Result:
        """What becomes of an item whose name is taken, which was not known when it was planned.

        It may have been made by an earlier run of this very task; a pod may have been made anew
        since by the controller that it made after it.
        """
        if is_made_by(live, self._field_manager) or await self._is_heir(item, live):
            await self._served(item, resource)
            return Result(item, "created")
        verdict = judge_item(
            item, live, policy="none", manager=self._field_manager, homes=self._homes
        )
        if verdict.action == "update":
            overwriter = self._overwriter("none")
            if not await overwriter.update(item, resource, verdict):
                return await self._create(item, resource, again=False)
            return Result(item, "updated", differences=verdict.changes)
        why = verdict.why
        if why is not None and why.reason == DIFFERS and self._policy != "none":
            why = why._replace(message=f"{why.message}: it has come since this was planned")
        return Result(item, "skipped", why, differences=verdict.changes)

    def _overwriter(self, policy: Policy) -> Overwriter:
        return Overwriter(
            self._client, self._field_manager, policy=policy, keep=self._keep, homes=self._homes
        )

    async def _is_heir(self, item: PlanItem, live: Object) -> bool:
        if item.owner is None:
            return False
        owner = await self._get(item.owner.resource, item.owner.name, item.target.namespace)
        return is_heir(live, owner, manager=self._field_manager)

    async def _find(self, item: PlanItem, resource: Resource) -> Object | None:
        return await self._get(resource, item.target.name, item.target.namespace)

    async def _get(self, resource: Resource, name: str, namespace: str) -> Object | None:
        try:
            return await self._client.get(resource, name, namespace=namespace)
        except NotFound:
            return None

    async def _gone(self, item: PlanItem, resource: Resource) -> None:
        """Waits until a namespace that is being deleted is gone (velero.md §3.3: 10 minutes)."""
        try:
            async with asyncio.timeout(_TERMINATING_SECONDS):
                while await self._find(item, resource) is not None:  # noqa: ASYNC110 - polled
                    await asyncio.sleep(1.0)
        except TimeoutError:
            raise ApiError(
                f"is being deleted and did not go away in {_TERMINATING_SECONDS:.0f} s",
                place=str(item.target),
                remedy="see its status.conditions for what holds it, then restore again",
                kubernetes_reason="NamespaceTerminating",
            ) from None

    async def _established(self, item: PlanItem, resource: Resource) -> None:
        """Waits until the API server serves a definition's kind.

        It is there by now, so a failure to ask for it is none of it: it is asked for again.
        """
        served = served_resources(item.object or {})
        trouble: ApiError | None = None
        try:
            async with asyncio.timeout(_ESTABLISHED_SECONDS):
                while True:
                    try:
                        if await self._is_established(item, resource, served):
                            return
                    except ApiLost:
                        raise
                    except ApiError as error:
                        trouble = error
                    await asyncio.sleep(0.1)
        except TimeoutError:
            last = f", the last answer: {trouble.problem}" if trouble else ""
            raise ApiError(
                f"was created but not established in {_ESTABLISHED_SECONDS:.0f} s{last}",
                place=str(item.target),
                remedy="see its status.conditions",
                kubernetes_reason="NotEstablished",
            ) from None

    async def _is_established(
        self, item: PlanItem, resource: Resource, served: Iterable[Resource]
    ) -> bool:
        """Whether each kind can be asked for: a moment later than the condition says."""
        if not _says_established(await self._find(item, resource)):
            return False
        for one in served:
            try:
                async with aclosing(self._client.pages(one, limit=1)) as pages:
                    async for _ in pages:
                        break
            except NotFound:
                return False
        return True


def _unowned(pending: Pending) -> Note:
    text = f"{pending.owner}, which it belonged to, is not there: it belongs to nobody"
    return Note(MISSING_OWNER, text)


_PASSIVE = {"skip": "skipped", "refuse": "refused", "fail": "failed"}


def _ahead(items: Iterable[PlanItem | None]) -> Iterator[PlanItem | None]:
    """The items, planned a few at a time: one by one, between requests, each would find code and
    data gone from the processor's cache.
    """
    batch: deque[PlanItem] = deque()
    size = 0
    for item in items:
        if item is None:
            yield None
            continue
        batch.append(item)
        size += item.size
        del item
        if len(batch) == _AHEAD or size >= _AHEAD_BYTES:
            while batch:
                yield batch.popleft()
            size = 0
    while batch:
        yield batch.popleft()


def _says_established(definition: Object | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or ()
    return any(
        one.get("type") == "Established" and one.get("status") == "True" for one in conditions
    )
