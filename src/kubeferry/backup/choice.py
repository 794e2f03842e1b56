"""What a backup takes of what there is: namespaces and kinds, chosen before anything is listed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from kubeferry.backup import related
from kubeferry.backup.kinds import Kinds
from kubeferry.backup.lists import sound_head
from kubeferry.backup.namespaces import Scope, check_namespaces
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.select import EXCLUDE_LABEL
from kubeferry.errors import ApiError, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.discovery import BrokenGroup, Discovery
from kubeferry.kube.names import PODS, Resource
from kubeferry.report import Level, Problem, Reporter


@dataclass(frozen=True)
class Choice:
    """What there is and what of it is taken.

    Attributes:
        discovery: all that is served.
        scope: the namespaces.
        kinds: what is listed, and what may come in by relation.
    """

    discovery: Discovery
    scope: Scope
    kinds: Kinds

    def others(self, resource: Resource) -> tuple[Resource, ...]:
        """The other versions in which a kind is served."""
        return tuple(
            one
            for one in self.discovery.all_versions
            if one.plural == resource.plural
            and one.group == resource.group
            and one.version != resource.version
            and {"get", "list"} <= one.verbs
        )


async def choose(request: BackupRequest, *, client: Client, reporter: Reporter) -> Choice:
    """Finds out what there is and decides what is taken.

    What was asked for and cannot be is reported. Raises ``InvalidInput`` if nothing is left.
    """

    def tell(level: Level, reason: str, message: str, subject: str = "") -> None:
        reporter.problem(Problem(level, reason, message, "", subject))

    selection = request.selection
    check_namespaces(
        selection.included_namespaces, selection.excluded_namespaces, reserved=selection.reserved
    )
    discovery = await client.discover()
    broken: dict[str, list[BrokenGroup]] = {}
    for one in discovery.broken:
        broken.setdefault(one.group or "core", []).append(one)
    for group, parts in broken.items():
        versions = ", ".join(part.version for part in parts)
        told = f"its objects in {versions} may be missing: {parts[0].message}"
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
        tell("error", "NamespaceMissing", "was asked for and does not exist", name)
    for name in scope.left_out:
        why = f"was asked for; it is being deleted or has the label {EXCLUDE_LABEL}"
        tell("warning", "NamespaceLeftOut", why, name)
    for pattern in scope.unmatched:
        tell("warning", "NothingSelected", "selects no namespace", pattern)
    kinds = await asyncio.to_thread(selection.choose_kinds, discovery)
    for note in kinds.notes:
        tell("warning", "NothingSelected", note)
    if request.hooks and not any(one.group_resource == PODS.group_resource for one in kinds.listed):
        tell("warning", "NothingSelected", "no pods are backed up, so none is run", "spec.hooks")
    return Choice(discovery, scope, kinds)


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
