"""What a backup takes of what there is: namespaces and kinds, chosen before anything is listed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from kubeferry.backup import related
from kubeferry.backup.kinds import Kinds
from kubeferry.backup.lists import sound_head
from kubeferry.backup.namespaces import Scope
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.select import EXCLUDE_LABEL
from kubeferry.errors import ApiError, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.discovery import BrokenGroup, Discovery
from kubeferry.kube.names import PODS, Resource
from kubeferry.kube.near_names import did_you_mean
from kubeferry.report import Level, Problem, Reporter

MANY = 50
"""Namespaces beyond which one list of all costs less than a list of each."""


@dataclass(frozen=True)
class Choice:
    """What there is and what of it is taken.

    Attributes:
        discovery: all that is served.
        scope: the namespaces.
        kinds: what is listed, and what may come in by relation.
        all_versions: whether an object is taken in every version.
    """

    discovery: Discovery
    scope: Scope
    kinds: Kinds
    all_versions: bool = True
    _served: dict[str, list[Resource]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        served: dict[str, list[Resource]] = {}
        for one in self.discovery.all_versions:
            if {"get", "list"} <= one.verbs:
                served.setdefault(one.group_resource, []).append(one)
        object.__setattr__(self, "_served", served)

    def others(self, resource: Resource) -> tuple[Resource, ...]:
        """The other versions in which objects of a kind are taken."""
        if not self.all_versions:
            return ()
        served = self._served.get(resource.group_resource, ())
        return tuple(one for one in served if one.version != resource.version)

    def namespaces_of(self, resource: Resource) -> tuple[str, ...]:
        """The lists that a kind takes: the namespace of each, empty for one list of all."""
        names = self.scope.namespaces
        if not resource.namespaced or self.scope.most or len(names) > MANY:
            return ("",)
        return names


async def choose(request: BackupRequest, *, client: Client, reporter: Reporter) -> Choice:
    """Finds out what there is and decides what is taken.

    What was asked for and cannot be is reported. Raises ``InvalidInput`` if nothing is left.
    """

    def tell(level: Level, reason: str, message: str, subject: str = "") -> None:
        reporter.problem(Problem(level, reason, message, "", subject))

    selection = request.selection
    discovery = await client.discover()
    kinds = await asyncio.to_thread(selection.choose_kinds, discovery)
    broken: dict[str, list[BrokenGroup]] = {}
    for one in discovery.broken:
        if one.group in kinds.lost:
            broken.setdefault(one.group or "core", []).append(one)
    for group, parts in broken.items():
        versions = ", ".join(part.version for part in parts)
        told = f"its objects in {versions} may be missing: {parts[0].message}"
        if parts[0].group:
            service = f"{parts[0].version}.{group}"
            told += f"; see 'kubectl get apiservice {service}', or exclude '*.{group}'"
        tell("error", "GroupUnavailable", told, group)
    there = [known async for known in _namespaces(client, served(discovery, related.NAMESPACES))]
    # In threads: thousands of patterns for thousands of names take seconds.
    scope = await asyncio.to_thread(selection.choose_namespaces, there)
    if not scope.namespaces:
        wanted = ", ".join(selection.included_namespaces) or "*"
        raise InvalidInput(
            f"get target namespace failed: none of {wanted} is left to back up",
            place="spec.includedNamespaces",
            remedy="name a namespace that exists and is not excluded",
        )
    for name in scope.missing:
        near = did_you_mean(name, (known for known, _ in there))
        tell("error", "NamespaceMissing", f"was asked for and does not exist{near}", name)
    for name in scope.left_out:
        why = f"was asked for; it is being deleted or has the label {EXCLUDE_LABEL}"
        tell("warning", "NamespaceLeftOut", why, name)
    for pattern in scope.unmatched:
        tell("warning", "NothingSelected", "selects no namespace", pattern)
    for text in scope.idle:
        tell("warning", "NothingSelected", "is to be left out, and no namespace is called so", text)
    for note in (*selection.notes, *kinds.notes):
        tell("warning", "NothingSelected", note)
    if kinds.notes and not kinds.listed:
        tell("error", "NothingSelected", "none of the kinds that were asked for is taken")
    if request.hooks and not any(one.group_resource == PODS.group_resource for one in kinds.listed):
        tell("warning", "NothingSelected", "no pods are backed up, so none is run", "spec.hooks")
    return Choice(discovery, scope, kinds, all_versions=request.all_versions)


async def _namespaces(client: Client, resource: Resource) -> AsyncIterator[tuple[str, bool]]:
    """Each namespace, and whether it says itself that it is not to be backed up."""
    async with aclosing(client.pages(resource)) as pages:
        async for page in pages:
            for raw in page.items:
                meta = sound_head(raw).metadata
                out = (meta.labels or {}).get(EXCLUDE_LABEL) == "true"
                yield meta.name, out or meta.deletion_timestamp is not None


def served(discovery: Discovery, group_resource: str) -> Resource:
    """The resource, for one that every cluster has."""
    found = discovery.find(group_resource)
    if found is None:
        raise ApiError(
            f"the API server serves no {group_resource}", remedy="is this a Kubernetes API server?"
        )
    return found
