"""Writes over what is there already, as the plan says: one PATCH, or deleted and created anew.

A PATCH holds only while the object is as it was compared: if it changed meanwhile, it is compared
again, and patched only if that comes to the same.

Nothing is deleted before a dry run has shown that the API server would take what comes in its
place, and before a copy of it is stored (``replaced``). Should the create fail all the same, the
old object is put back. A cancellation leaves what has begun with a deletion a moment to end.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine

from kubeferry import codec
from kubeferry.errors import AlreadyExists, ApiError, ApiLost, Conflict, Invalid, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.restore.existing import (
    IMMUTABLE,
    TERMINATING,
    Policy,
    Verdict,
    update_manager,
)
from kubeferry.restore.heirs import is_made_by
from kubeferry.restore.plan_item import PlanItem, judge_item
from kubeferry.restore.untouched import OURS, Homes
from kubeferry.transform.automatic.metadata import strip_server_fields

GONE_SECONDS = 300.0
FINISH_SECONDS = 1.5
"""How long what has begun with a deletion may go on once its task is cancelled: with what the last
journal file takes (``run.FLUSH_SECONDS``) less than is left then of the controller's lease.
"""
PUT_BACK_SECONDS = 10.0
"""How long the old object is tried to be put back when the API server is lost."""

Keep = Callable[[PlanItem, Object], Awaitable[str]]
"""Stores a copy of an object that an item's takes the place of; says where it is."""

_TRIES = 4
_ALLOCATED = re.compile(
    r'Invalid value: (?:\[\]string)?[\[{]?"?([0-9A-Fa-f.:]+?)"?[\]}]?: [^,]*already allocated'
)
_IS_IMMUTABLE = (
    "field is immutable",
    "may not be changed",
    "Forbidden: updates to",
    "is immutable",
)


class _Occupied(Conflict):
    """The place of what was deleted is not empty: nothing can be put back."""


class Overwriter:
    """Writes over objects for one task, as its field manager.

    ``keep`` is called before a deletion; ``gone_seconds`` is how long something that was deleted
    may take to go.
    """

    def __init__(
        self,
        client: Client,
        field_manager: str,
        *,
        policy: Policy,
        keep: Keep,
        homes: Homes = OURS,
        gone_seconds: float = GONE_SECONDS,
    ) -> None:
        self._client = client
        self._field_manager = field_manager
        self._policy = policy
        self._keep = keep
        self._homes = homes
        self._gone_seconds = gone_seconds

    async def update(self, item: PlanItem, resource: Resource, verdict: Verdict) -> bool:
        """Makes the planned changes; false if the object is gone.

        Raises ``Conflict`` when it was changed so that the plan does not fit any more, and what the
        API server answers.
        """
        patch = verdict.patch
        if patch is None:  # an earlier run of the task did it
            return await self._find(item, resource) is not None
        for _ in range(_TRIES):
            try:
                await self._client.patch(
                    resource,
                    item.target.name,
                    patch,
                    kind="merge",
                    namespace=item.target.namespace,
                    field_manager=update_manager(self._field_manager),
                )
                return True
            except NotFound:
                return False
            except Invalid as error:
                if any(text in error.problem for text in _IS_IMMUTABLE):
                    error.kubernetes_reason = IMMUTABLE
                    error.remedy = "no update can change it: delete the object, then restore again"
                raise
            except Conflict:
                live = await self._find(item, resource)
            if live is None:
                return False
            found = self._judge(item, live)
            if found.action == "update" and found.patch is None:
                return True  # it was this very update, whose answer was lost
            if found.action != "update" or not _is_same(found, verdict):
                break
            patch = found.patch
        raise _changed(item)

    async def recreate(self, item: PlanItem, resource: Resource, verdict: Verdict) -> bool:
        """Deletes the object and creates the planned one; false if it is gone already.

        What is deleted is what was compared: it is looked at once more, and the deletion holds only
        for that state. Raises what the API server answers; ``Conflict`` when it is another one by
        now, or somebody else was faster to create one; what ``keep`` raises.
        """
        if verdict.live is None:
            raise ValueError(f"{item.target} is no item to make anew")
        body = codec.encode(item.object)
        if not await self._would_be_taken(item, resource, body, verdict.live):
            return False
        for _ in range(_TRIES):
            live = await self._as_compared(item, resource, verdict)
            if live is None:
                return False
            if metadata(live).get("deletionTimestamp"):  # it goes by itself
                await self._gone(item, resource, live)
                await self._create_anew(item, resource, body, live)
                return True
            place = await self._keep(item, live)
            if await _to_its_end(self._replace(item, resource, body, live, place)):
                return True
        raise _changed(item)

    async def _as_compared(
        self, item: PlanItem, resource: Resource, verdict: Verdict
    ) -> Object | None:
        """The object that was compared, as it is now; None if it is gone already."""
        live = await self._find(item, resource)
        if live is None:
            return None
        about, found = metadata(live), self._judge(item, live)
        is_it = about.get("uid") == metadata(verdict.live or {}).get("uid")
        if not is_it or found.action != "recreate":
            raise _changed(item)
        if not about.get("deletionTimestamp") and not _is_same(found, verdict):
            raise _changed(item)
        return live

    async def _replace(
        self, item: PlanItem, resource: Resource, body: bytes, live: Object, place: str
    ) -> bool:
        """Deletes the object and creates the new one, or the old one again; false if it is not as
        it was and nothing was done. ``place`` is where its copy is.
        """
        about = metadata(live)
        try:
            await self._client.delete(
                resource,
                item.target.name,
                namespace=item.target.namespace,
                propagation="Orphan",
                uid=str(about.get("uid", "")),
                resource_version=str(about.get("resourceVersion", "")),
            )
        except NotFound:
            pass  # it was there: a deletion that was sent twice has succeeded
        except Conflict:
            return False
        except ApiLost as error:
            error.problem += f"; {item.target} may have been deleted; {_copied(place)}"
            raise
        try:
            await self._gone(item, resource, live)
            await self._create_anew(item, resource, body, live)
        except _Occupied as error:
            error.problem += f"; {_copied(place)}"
            raise
        except ApiError as error:
            await self._put_back(item, resource, live, error, place)
            raise
        return True

    async def _create_anew(
        self, item: PlanItem, resource: Resource, body: bytes, live: Object
    ) -> None:
        """Creates the new object in the place of one that is gone."""
        try:
            await self._create(item, resource, body, self._field_manager)
        except AlreadyExists:
            found = await self._find(item, resource)
            if found is not None and is_made_by(found, self._field_manager):
                return  # by this very create, whose answer was lost
            if found is not None and _uid(found) == _uid(live):
                raise self._stays(item) from None
            whose = "what was there is gone"
            if not metadata(live).get("deletionTimestamp"):
                whose = "the restore deleted what was there"
            raise _Occupied(
                f"{whose}, and somebody else created another one first",
                place=str(item.target),
                remedy="restore again",
                kubernetes_reason="Conflict",
            ) from None

    async def _would_be_taken(
        self, item: PlanItem, resource: Resource, body: bytes, live: Object
    ) -> bool:
        """Whether the name is taken, by a dry run, which the API server ends with that only after
        it has found nothing wrong with the object.
        """
        try:
            await self._create(item, resource, body, self._field_manager, dry_run=True)
        except AlreadyExists:
            return True
        except Invalid as error:
            if resource.group_resource != "services" or not _is_its_own(error.problem, live):
                raise
            return True
        return False

    async def _create(
        self,
        item: PlanItem,
        resource: Resource,
        body: bytes,
        manager: str,
        *,
        dry_run: bool = False,
    ) -> None:
        await self._client.create(
            resource,
            body,
            namespace=item.target.namespace,
            field_manager=manager,
            dry_run=dry_run,
        )

    async def _put_back(
        self, item: PlanItem, resource: Resource, live: Object, error: ApiError, place: str
    ) -> None:
        """Creates the old object again; ``error`` tells what became of it, and of its copy.

        Without its finalizers: who needs one writes it again, and who is gone would hold the
        object for ever.
        """
        old = strip_server_fields(live)
        old["metadata"].pop("finalizers", None)
        owners = metadata(live).get("ownerReferences")
        if owners:
            old["metadata"]["ownerReferences"] = owners
        # Not a name by which a restore knows what it has done, or what it owns.
        manager = f"putback-by-{self._field_manager}"
        is_lost = isinstance(error, ApiLost)  # which is told as the task's error
        about = str(item.target) if is_lost else "what was there"
        told = f"; {about} is deleted and could not be put back"
        try:
            async with asyncio.timeout(PUT_BACK_SECONDS if is_lost else None):
                await self._create(item, resource, codec.encode(old), manager)
            told = f"; {about} was put back"
        except ApiLost as second:
            error.problem += f"{told}: {second}; {_copied(place)}"
            second.problem, second.place = error.problem, str(item.target)
            raise
        except ApiError as second:
            told += f": {second}"
        except TimeoutError:
            pass
        error.problem += f"{told}; {_copied(place)}"

    async def _gone(self, item: PlanItem, resource: Resource, live: Object) -> None:
        try:
            async with asyncio.timeout(self._gone_seconds):
                while True:
                    try:
                        found = await self._find(item, resource)
                    except ApiLost:
                        raise
                    except ApiError:
                        return  # the create tells whether it is gone
                    if found is None or _uid(found) != _uid(live):
                        return
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise self._stays(item) from None

    def _stays(self, item: PlanItem) -> "_Occupied":
        return _Occupied(
            f"is being deleted, to be made anew, and did not go away in "
            f"{self._gone_seconds:.0f} s: nothing was created in its place",
            place=str(item.target),
            remedy="see its finalizers for what holds it, then restore again",
            kubernetes_reason=TERMINATING,
        )

    async def _find(self, item: PlanItem, resource: Resource) -> Object | None:
        try:
            return await self._client.get(
                resource, item.target.name, namespace=item.target.namespace
            )
        except NotFound:
            return None

    def _judge(self, item: PlanItem, live: Object) -> Verdict:
        return judge_item(
            item, live, policy=self._policy, manager=self._field_manager, homes=self._homes
        )


async def _to_its_end(step: Coroutine[object, object, bool]) -> bool:
    """Runs a step; a cancellation leaves it ``FINISH_SECONDS``."""
    running = asyncio.create_task(step)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running}, timeout=FINISH_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise


def _uid(obj: Object) -> str:
    return str(metadata(obj).get("uid", ""))


def _copied(place: str) -> str:
    return f"its copy is in {place}"


def _is_same(found: Verdict, planned: Verdict) -> bool:
    """Whether an object that changed needs the planned changes, and no others."""
    return [(one.pointer, one.old, one.new) for one in found.changes] == [
        (one.pointer, one.old, one.new) for one in planned.changes
    ]


def _is_its_own(problem: str, service: Object) -> bool:
    """Whether every address and port that is refused as taken is this very Service's."""
    taken = _ALLOCATED.findall(problem)
    spec = service.get("spec") or {}
    ports = [str(one.get("nodePort")) for one in spec.get("ports") or ()]
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return bool(taken) and set(taken) <= {*ports, *addresses, str(spec.get("healthCheckNodePort"))}


def _changed(item: PlanItem) -> Conflict:
    return Conflict(
        "was changed after the restore had been planned, and was left as it is",
        place=str(item.target),
        remedy="restore again",
        kubernetes_reason="Conflict",
    )
