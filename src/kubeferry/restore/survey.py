"""What the target has already of what a restore would write: one list of each kind in the target
namespaces, in pages, and never one GET an object.

Only objects whose names the archive has are kept, on the spool's disk. A namespace that the target
does not have, or that is being deleted, is not asked about. Of what is in no namespace a big
cluster may have thousands: where the archive has a few, lists of one name each find them.

Before roles are changed, all bindings are read: a role that gives rights to the controller stays.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ApiLost, FerryError, first_error
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.pages import with_kind
from kubeferry.restore.plan import Planner
from kubeferry.restore.untouched import BINDINGS, ROLES, given_role
from kubeferry.restore.waves import NAMESPACES
from kubeferry.transform.change import Note

AT_ONCE = 4
"""Lists at a time."""
MANY = 32
"""Namespaces beyond which a kind is listed in all namespaces at once."""
FEW = 8
"""Names of what is in no namespace up to which each is a list of its own."""
UNREAD = "TargetUnread"
_NAMED = 5
_SYNTAX = frozenset(",=\\")
"""What a field selector would take for its own."""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    deletion_timestamp: str | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata


_HEAD = codec.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A resource of the target and what the archive calls its kinds."""

    resource: Resource
    kinds: tuple[str, ...]


async def survey(planner: Planner, *, client: Client) -> tuple[Note, ...]:
    """Puts into the planner's spool what the target has already; what could not be read is told.

    A kind that could not be listed is planned as if nothing of it were there: each create finds
    that out by itself. Raises ``ApiLost``, and ``InvalidInput`` when the spool has no room.
    """
    surveyor = _Surveyor(planner, client)
    await surveyor.run()
    if not surveyor.unread:
        return ()
    named = [f"{kind} ({why})" for kind, why in sorted(surveyor.unread.items())]
    more = len(named) - _NAMED
    listed = ", ".join(named[:_NAMED]) + (f" and {more} more kinds" if more > 0 else "")
    return (Note(UNREAD, f"whether there are some already is not known of {listed}"),)


class _Surveyor:
    def __init__(self, planner: Planner, client: Client) -> None:
        self._planner = planner
        self._spool = planner.spool
        self._client = client
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._sources: dict[str, list[str]] = {"": [""]}
        for source in self._spool.namespaces():
            self._sources.setdefault(planner.target_namespace(source), []).append(source)
        self.unread: dict[str, str] = {}

    async def run(self) -> None:
        there = await self._namespaces()
        wanted = self._wanted()
        try:
            async with asyncio.TaskGroup() as group:
                for one in wanted:
                    for namespace in self._places(one, there):
                        group.create_task(self._list(one, namespace))
                for resource in self._bindings():
                    group.create_task(self._read_roles(resource))
        except* FerryError as errors:
            raise first_error(errors) from None

    async def _namespaces(self) -> set[str]:
        """Keeps the target's Namespaces; which of those that are wanted are there to stay."""
        targets = {target for _, target in self._planner.namespace_names()}
        resource = self._planner.discovery.find(NAMESPACES)
        found: set[str] = set()
        if resource is None or not targets:
            return targets
        try:
            async with aclosing(self._listed(resource, names=targets)) as listed:
                async for about, body in listed:
                    if about.name in targets:
                        self._spool.add_live(Identity(NAMESPACES, "", about.name), body)
                        if about.deletion_timestamp is None:
                            found.add(about.name)
        except ApiLost:
            raise
        except ApiError as error:
            self.unread[NAMESPACES] = error.reason
            return targets
        return found

    def _wanted(self) -> list[_Wanted]:
        """What is to be listed: each resource in the version in which it would be written."""
        kinds: dict[str, list[str]] = {}
        resources: dict[str, Resource] = {}
        for kind in self._spool.kinds():
            resource = None if kind == NAMESPACES else self._planner.resource_of(kind)
            if resource is None or "list" not in resource.verbs:
                continue  # not served, or not yet
            resources.setdefault(resource.group_resource, resource)
            kinds.setdefault(resource.group_resource, []).append(kind)
        return [_Wanted(resources[name], tuple(kinds[name])) for name in resources]

    def _places(self, one: _Wanted, there: Collection[str]) -> list[str]:
        """The namespaces to list it in; "" stands for all of them, or for none."""
        if not one.resource.namespaced:
            return [""]
        sources = {source for kind in one.kinds for source, _ in self._spool.names(kind)}
        targets = {self._planner.target_namespace(source) for source in sources}
        places = sorted(targets.intersection(there))
        return places if len(places) <= MANY else [""]

    def _names(self, one: _Wanted) -> set[str]:
        """The names that are asked for one by one; none if it is listed by namespace."""
        if one.resource.namespaced:
            return set()
        return {name for kind in one.kinds for _, name in self._spool.names(kind)}

    async def _list(self, one: _Wanted, namespace: str) -> None:
        name = one.resource.group_resource
        try:
            async with (
                self._gate,
                aclosing(self._listed(one.resource, namespace, self._names(one))) as listed,
            ):
                async for about, body in listed:
                    if self._is_wanted(one, about):
                        self._spool.add_live(Identity(name, about.namespace, about.name), body)
        except ApiLost:
            raise
        except ApiError as error:
            self.unread[name] = error.reason

    def _bindings(self) -> list[Resource]:
        """What is to be read to know which roles are the controller's."""
        if self._planner.policy == "none" or ROLES.isdisjoint(self._spool.kinds()):
            return []
        found = (self._planner.discovery.find(one) for one in BINDINGS)
        return [one for one in found if one is not None]

    async def _read_roles(self, resource: Resource) -> None:
        try:
            async with self._gate, aclosing(self._client.pages(resource)) as pages:
                async for page in pages:
                    for item in page.items:
                        role = given_role(codec.decode(item), self._planner.homes)
                        if role is not None:
                            self._planner.roles.add(role)
        except ApiLost:
            raise
        except ApiError as error:
            self.unread[resource.group_resource] = error.reason

    async def _listed(
        self, resource: Resource, namespace: str = "", names: Collection[str] = ()
    ) -> AsyncGenerator[tuple[_Metadata, bytes], None]:
        """What there is, at least that of the names."""
        for selector in _selectors(names):
            pages = self._client.pages(resource, namespace=namespace, field_selector=selector)
            async with aclosing(pages):
                async for page in pages:
                    for item in page.items:
                        about = _head(item)
                        if about is not None:
                            yield about, with_kind(item, page.kind_prefix)

    def _is_wanted(self, one: _Wanted, about: _Metadata) -> bool:
        return any(
            self._spool.has(Identity(kind, source, about.name))
            for source in self._sources.get(about.namespace, ())
            for kind in one.kinds
        )


def _selectors(names: Collection[str]) -> list[str]:
    """The field selectors of the lists that find the names, all names if there are none."""
    if not 0 < len(names) <= FEW or not _SYNTAX.isdisjoint("".join(names)):
        return [""]
    return [f"metadata.name={name}" for name in sorted(names)]


def _head(item: msgspec.Raw) -> _Metadata | None:
    try:
        return _HEAD.decode(item).metadata
    except msgspec.DecodeError:
        return None
