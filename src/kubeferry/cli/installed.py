"""What of kubeferry is in a cluster, found before anything of it is removed: reads only.

Ours is what ``kubeferry install`` prints, under the same name and with our label. What another
product called the same before us and was applied over (the ACK backup center has our definitions
and namespace) carries our label too, and cannot be told from ours: docs/install.md warns of it.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from kubeferry.api import crd
from kubeferry.api.backup import TERMINAL_PHASES
from kubeferry.api.definition import GROUP, VERSION
from kubeferry.api.install import PART_OF, Installation, manifests
from kubeferry.cli.connection import Session
from kubeferry.cli.output import full_name
from kubeferry.controller.loop.election import LEASES
from kubeferry.controller.resources import LOCATIONS
from kubeferry.controller.run import LEASE
from kubeferry.errors import FerryError, InvalidInput, MethodNotAllowed, NotFound, first_error
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, labels, metadata

OURS = tuple(
    Resource(GROUP, VERSION, one.plural, one.kind, namespaced=True) for one in crd.DEFINITIONS
)
"""Vaults and tasks."""
DEFINITIONS = "CustomResourceDefinition"
_AT_ONCE = 16
_PASSING = frozenset({"events", "events.events.k8s.io"})
_STANDARD = frozenset(
    {
        ("serviceaccounts", "default"),
        ("configmaps", "kube-root-ca.crt"),
        ("configmaps", "openshift-service-ca.crt"),
        (LEASES.group_resource, LEASE),
    }
)
"""What every namespace gets from Kubernetes, and our Lease, which may come any moment."""
_TOKEN = "kubernetes.io/service-account-token"


@dataclass(frozen=True, slots=True)
class Found:
    """An object and its resource."""

    resource: Resource
    object: Object

    @property
    def namespace(self) -> str:
        """Where it is; empty for a cluster-scoped one."""
        return str(metadata(self.object).get("namespace", ""))

    @property
    def name(self) -> str:
        """Its name."""
        return str(metadata(self.object)["name"])

    @property
    def uid(self) -> str:
        """Which object of that name it is."""
        return str(metadata(self.object)["uid"])

    @property
    def owners(self) -> set[str]:
        """The uids of the objects with which it goes, once all of them are gone."""
        return {str(one["uid"]) for one in metadata(self.object).get("ownerReferences") or ()}

    @property
    def finalizers(self) -> list[str]:
        """What holds it back when it is deleted."""
        return [str(one) for one in metadata(self.object).get("finalizers") or ()]

    def __str__(self) -> str:
        return full_name(self.resource, self.object)


@dataclass(frozen=True, slots=True)
class Installed:
    """What of kubeferry is in a cluster.

    Attributes:
        deployment: the controller's.
        definitions: our custom resource definitions.
        instances: vaults and tasks, of every namespace.
        rest: roles, bindings, the service account, the Lease.
        home: the namespace, where it is ours.
        strangers: names that ``install`` would use and that are not ours.
    """

    deployment: Found | None
    definitions: tuple[Found, ...]
    instances: tuple[Found, ...]
    rest: tuple[Found, ...]
    home: Found | None
    strangers: tuple[Found, ...]

    @property
    def objects(self) -> tuple[Found, ...]:
        """All of it but the namespace."""
        deployments = () if self.deployment is None else (self.deployment,)
        return (*deployments, *self.definitions, *self.instances, *self.rest)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing but the namespace is left, if that."""
        return not self.objects

    def running(self) -> list[Found]:
        """Tasks that have begun and not ended."""
        return [
            one
            for one in self.instances
            if one.resource != LOCATIONS
            and at(one.object, ("status", "phase")) not in {None, "", *TERMINAL_PHASES}
        ]


async def find_installed(session: Session) -> Installed:
    """What of kubeferry is there. Raises ``InvalidInput`` where it is in another namespace."""
    discovery = await session.client.discover()
    found: list[Found] = []
    strangers: list[Found] = []
    for manifest in manifests(Installation(image="-", namespace=session.namespace)):
        resource = discovery.for_kind(manifest["apiVersion"], manifest["kind"])
        if resource is None:
            continue  # such as a definition on a server that knows none
        about = metadata(manifest)
        try:
            live = await session.client.get(
                resource, about["name"], namespace=about.get("namespace", "")
            )
        except NotFound:
            continue
        (found if _is_ours(live) else strangers).append(Found(resource, live))
    _check_home(found, session.namespace)
    by_kind: dict[str, list[Found]] = {}
    for one in found:
        by_kind.setdefault(one.resource.kind, []).append(one)
    lease = await _lease(session)
    apart = ("Deployment", DEFINITIONS, "Namespace")
    return Installed(
        deployment=next(iter(by_kind.get("Deployment", ())), None),
        definitions=tuple(by_kind.get(DEFINITIONS, ())),
        instances=tuple(await find_instances(session.client, by_kind.get(DEFINITIONS, ()))),
        rest=(*(one for one in found if one.resource.kind not in apart), *lease),
        home=next(iter(by_kind.get("Namespace", ())), None),
        strangers=tuple(strangers),
    )


def _is_ours(obj: Object) -> bool:
    label, value = PART_OF
    return labels(obj).get(label) == value


def _check_home(found: Iterable[Found], namespace: str) -> None:
    for one in found:
        if one.resource.kind != "ClusterRoleBinding":
            continue
        for subject in one.object.get("subjects") or ():
            if subject.get("namespace") not in (None, namespace):
                raise InvalidInput(
                    f"kubeferry is installed in the namespace {subject['namespace']!r}",
                    place=f"namespace {namespace}",
                    remedy=f"-n {subject['namespace']}",
                )


async def _lease(session: Session) -> list[Found]:
    try:
        lease = await session.client.get(LEASES, LEASE, namespace=session.namespace)
    except NotFound:
        return []
    return [Found(LEASES, lease)]


async def find_instances(client: Client, definitions: Iterable[Found]) -> list[Found]:
    """The vaults and tasks of these definitions, in every namespace."""
    names = {one.name for one in definitions}
    found: list[Found] = []
    for resource in OURS:
        if resource.group_resource not in names:
            continue
        try:
            listed = await client.list(resource)
        except NotFound:
            continue  # no longer served
        found += [Found(resource, obj) for obj in listed]
    return found


@dataclass(frozen=True, slots=True)
class Contents:
    """What a namespace holds that is not kubeferry's, and the groups that could not be asked."""

    objects: tuple[Found, ...]
    unknown: tuple[str, ...]


async def find_contents(client: Client, namespace: str, installed: Installed) -> Contents:
    """What people keep in kubeferry's namespace: all but what was found of ours, and its pods."""
    discovery = await client.discover()
    # A controller that still runs makes more of these: all of them are ours.
    ours = {one.name for one in installed.definitions}
    wanted = [one for one in keepable(discovery.resources) if one.group_resource not in ours]
    room = asyncio.Semaphore(_AT_ONCE)

    async def look(resource: Resource) -> list[Found]:
        async with room:
            try:
                listed = await client.list(resource, namespace=namespace)
            except (NotFound, MethodNotAllowed):
                return []
        return [Found(resource, obj) for obj in listed if not _is_standard(resource, obj)]

    try:
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look(one)) for one in wanted]
    except* FerryError as errors:
        raise first_error(errors) from None
    there = [found for task in looks for found in task.result()]
    return Contents(
        objects=tuple(_apart(there, {one.uid for one in installed.objects})),
        unknown=tuple(sorted({f"{one.group}/{one.version}" for one in discovery.broken})),
    )


def keepable(resources: Iterable[Resource]) -> list[Resource]:
    """The resources by which people keep something in a namespace.

    What cannot be created is a view of something else, such as the usage of pods.
    """
    return [
        one
        for one in resources
        if one.namespaced and {"list", "create"} <= one.verbs and one.group_resource not in _PASSING
    ]


def _is_standard(resource: Resource, obj: Object) -> bool:
    is_token = resource.group_resource == "secrets" and obj.get("type") == _TOKEN
    return is_token or (resource.group_resource, metadata(obj).get("name")) in _STANDARD


def _apart(there: list[Found], going: set[str]) -> list[Found]:
    """Those that stay when the objects with these uids, and what belongs to these alone, go.

    A label is no sign: kustomize and Helm put ours on what people keep beside kubeferry.
    """
    while True:
        follow = {one.uid for one in there if one.owners and one.owners <= going} - going
        if not follow:
            return [one for one in there if one.uid not in going]
        going = going | follow
