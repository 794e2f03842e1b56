"""Whether what a restore wrote is still there when it ends (ack-backup-center.md §4.2, E30).

An object can be created and deleted again a moment later: by the garbage collector, for an owner
that is not there; by a controller, for a rule of its own; by a person. Nobody would know. So, after
the last wave, each kind that was written is listed once by the restore's label, metadata alone, and
what is missing is asked for by its name. What is gone although nothing should have taken it is an
error, ``Gone``.

What belongs to a workload of Kubernetes is its to delete: pods, ReplicaSets of a Deployment, Jobs
of a CronJob. So is what says itself when it goes: Jobs with a time to live. What got its owner back
that is something else may have been tidied up by that: it is gone with a warning.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ApiLost, FerryError, NotFound, first_error
from kubeferry.journal import Item
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource, split_api_version
from kubeferry.kube.objects import Object, at
from kubeferry.report import Problem, Reporter
from kubeferry.restore.heirs import controller_of
from kubeferry.restore.plan import Planner
from kubeferry.restore.report import WRITTEN, Recorder
from kubeferry.restore.waves import NAMESPACES
from kubeferry.transform.change import Note

GONE = "Gone"
UNVERIFIED = "Unverified"
UNTOLD = "Untold"
AT_ONCE = 4
"""Kinds that are listed at a time."""
ASKED = 16
"""Objects of a kind that are asked for at a time."""
_MADE_ANEW = frozenset({"pods", "replicasets.apps", "jobs.batch", "controllerrevisions.apps"})
"""Of these whoever controls them makes as many as it needs, custom resources too."""
_CONTROLLERS = frozenset(
    {
        *(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
        *(("batch", kind) for kind in ("Job", "CronJob")),
        *(("", kind) for kind in ("ReplicationController", "Service", "Node")),
    }
)
"""Kubernetes' own, by group and kind; Services have EndpointSlices."""
_TIMES_TO_LIVE = ("ttlSecondsAfterFinished", "ttlStrategy")
"""Fields of a spec by which an object says when it goes."""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    deletion_timestamp: str | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata


_HEAD = codec.Decoder(_Head)


class Missing(NamedTuple):
    """An object that was written and is not there.

    ``kind`` is ``apps/v1/Deployment``, ``action`` what was told of it; ``is_tidied`` whether an
    owner that it got back may have taken it.
    """

    source: Identity
    target: Identity
    kind: str
    action: str
    why: Note
    is_tidied: bool = False


async def verify(
    planner: Planner, recorder: Recorder, *, client: Client, label_selector: str, reporter: Reporter
) -> None:
    """Tells of what was written and is gone, and of what nothing was told; a kind that cannot be
    listed is a warning.

    Raises ``ApiLost``, and ``InvalidInput`` when the spool has no room.
    """
    untold = planner.total() + len(planner.added) - recorder.done
    if untold > 0:  # a fault of ours must not look like an end in order
        text = f"of {untold} objects of the plan it is not known what became: a fault of kubeferry"
        reporter.problem(Problem("error", UNTOLD, text))
    finder = _Finder(planner, client, label_selector)
    types = planner.spool.written_types(WRITTEN)
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(kind: str) -> list[Missing]:
        async with gate:
            return await finder.look(kind)

    try:
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look(kind)) for kind in types]
    except* FerryError as errors:
        raise first_error(errors) from None
    for kind, why in sorted(finder.unread.items()):
        text = f"whether what was restored of {kind} is still there is not known: {why}"
        reporter.problem(Problem("warning", UNVERIFIED, text))
    for one in looks:
        for lost in one.result():
            if lost.is_tidied:
                namespace, subject = lost.source.namespace, str(lost.target)
                reporter.problem(Problem("warning", *lost.why, namespace, subject))
                continue
            line = Item(
                source=lost.source,
                target=lost.target,
                action="failed",
                kind=lost.kind,
                reason=lost.why.reason,
                message=lost.why.message,
                problems=[("error", *lost.why)],
            )
            await recorder.correct(line, was=lost.action)


class _Finder:
    def __init__(self, planner: Planner, client: Client, label_selector: str) -> None:
        self._planner = planner
        self._spool = planner.spool
        self._client = client
        self._selector = label_selector
        self._sources: dict[str, list[str]] = {"": [""]}
        for source in sorted(self._spool.namespaces()):
            self._sources.setdefault(planner.target_namespace(source), []).append(source)
        self._namespaces = {target: source for source, target in planner.namespace_names()}
        self.unread: dict[str, str] = {}

    async def look(self, kind: str) -> list[Missing]:
        """What of a type, ``apps/v1/Deployment``, is not there."""
        api_version, _, name = kind.rpartition("/")
        key = (api_version, name)
        resource = self._planner.discovery.for_kind(*key) or self._planner.defined.get(key)
        if resource is None or (resource.verbs and "list" not in resource.verbs):
            return []
        try:
            await self._list(kind, resource)
        except ApiLost:
            raise
        except NotFound:
            pass  # its definition is gone: so is all of it
        except ApiError as error:
            self.unread[resource.group_resource] = error.problem
            return []
        found: list[Missing] = []
        unseen = iter(self._spool.unseen(kind, WRITTEN))

        async def ask() -> None:
            for where, action in unseen:
                one = await self._ask(kind, resource, where, action)
                if one is not None:
                    found.append(one)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(ASKED):
                    group.create_task(ask())
        except* FerryError as errors:
            raise first_error(errors) from None
        return sorted(found, key=lambda one: one.target)

    async def _list(self, kind: str, resource: Resource) -> None:
        """Tells the spool what is there to stay. Namespaces bear no label of a restore."""
        selector = "" if resource.group_resource == NAMESPACES else self._selector
        pages = self._client.pages(resource, label_selector=selector, heads=True)
        async with aclosing(pages):
            async for page in pages:
                for item in page.items:
                    about = _HEAD.decode(item).metadata
                    if about.deletion_timestamp is None:
                        self._spool.see(kind, _where(about.namespace, about.name))

    async def _ask(self, kind: str, resource: Resource, where: str, action: str) -> Missing | None:
        """One that the list did not have. It may have lost its label, or be another's by now."""
        namespace, _, name = where.rpartition("/")
        target = Identity(resource.group_resource, namespace, name)
        source, archived = self._archived(target)
        if archived is not None and _may_go(resource.group_resource, archived):
            return None
        try:
            live = await self._client.get(resource, name, namespace=namespace)
        except NotFound:
            why = Note(GONE, "was written, and is not there any more")
        except ApiLost:
            raise
        except ApiError as error:
            self.unread[str(target)] = error.problem
            return None
        else:
            if at(live, ("metadata", "deletionTimestamp")) is None:
                return None
            why = Note(GONE, "was written, and is being deleted")
        owners = self._planner.owners
        is_tidied = owners is not None and owners.gives_back(source)
        return Missing(source, target, kind, action, why, is_tidied)

    def _archived(self, target: Identity) -> tuple[Identity, Object | None]:
        """From which object of the archive a target was made, and that object.

        One that the restore added is its own source.
        """
        for source in self._candidates(target):
            body = self._spool.get(source)
            if body is not None:
                try:
                    obj = codec.decode_archived(body)
                except msgspec.DecodeError:
                    return source, None
                return source, obj if isinstance(obj, dict) else None
        if target.group_resource == NAMESPACES:
            return target._replace(name=self._namespaces.get(target.name, target.name)), None
        return target, None

    def _candidates(self, target: Identity) -> Iterator[Identity]:
        if target.group_resource == NAMESPACES:
            yield target._replace(name=self._namespaces.get(target.name, target.name))
            return
        plural = target.group_resource.partition(".")[0]
        kinds = [target.group_resource]
        kinds += [one for one in self._spool.kinds() if one.partition(".")[0] == plural]
        for kind in kinds:  # an API upgrade may have moved it to another group
            for source in self._sources.get(target.namespace, ()):
                yield Identity(kind, source, target.name)


def _may_go(kind: str, archived: Object) -> bool:
    """Whether somebody else deletes such an object in good order."""
    controller = controller_of(archived)
    if controller is not None:
        whose = (split_api_version(controller.api_version)[0], controller.kind)
        if kind in _MADE_ANEW or whose in _CONTROLLERS:
            return True
    return any(at(archived, ("spec", field)) is not None for field in _TIMES_TO_LIVE)


def _where(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
