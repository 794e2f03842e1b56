"""The plan of a restore: for each object, in the order of the waves, what would be done and why.

A plan is made from the spool, the rules and the target's discovery alone; nothing is asked of the
target while it is made and nothing is written. The engine (``apply``) executes these items and nothing
else; ``kubeferry restore plan`` prints them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import msgspec

from kubeferry import codec
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import RESERVED_NAMESPACES, Identity, Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.restore.namespaces import plan_namespace
from kubeferry.restore.spool import Spool, Spooled
from kubeferry.restore.waves import DEFINITIONS, NAMESPACES, STEPS, Step, rank
from kubeferry.transform.automatic import NEVER_RESTORED
from kubeferry.transform.change import Change, Note
from kubeferry.transform.pipeline import Pipeline

Action = Literal["create", "skip", "refuse", "fail"]

NEVER_OBJECTS = frozenset(
    {
        Identity("services", "default", "kubernetes"),
        Identity("endpoints", "default", "kubernetes"),
        Identity("endpointslices.discovery.k8s.io", "default", "kubernetes"),
    }
)
"""Restored under a mapped namespace they would send its pods to the source's API server."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """What would be done with one object.

    ``target`` is the object to create; ``object`` its content, None unless ``action`` is ``create``;
    ``why`` says why it is not created. ``errors`` are recorded although it is created.
    """

    source: Identity
    target: Identity
    resource: Resource | None
    action: Action
    object: Object | None = None
    why: Note | None = None
    changes: tuple[Change, ...] = ()
    warnings: tuple[Note, ...] = ()
    errors: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plan items; pure but for reading the spool."""

    spool: Spool
    pipeline: Pipeline
    discovery: Discovery
    namespaces: Mapping[str, str]
    defined: Mapping[tuple[str, str], Resource]

    def steps(self) -> Iterator[tuple[Step, Iterator[PlanItem]]]:
        """The steps that have something to do, each with its items; consume one before the next."""
        kinds = {NAMESPACES, *self.spool.kinds()}
        ordered = sorted(kinds, key=lambda kind: (rank(kind), kind))
        for index, group in groupby(ordered, key=rank):
            yield STEPS[index], self._items(list(group))

    def _items(self, kinds: list[str]) -> Iterator[PlanItem]:
        for kind in kinds:
            if kind == NAMESPACES:
                yield from self._namespaces()
            else:
                for spooled in self.spool.walk(kind):
                    yield self.item(spooled)

    def _namespaces(self) -> Iterator[PlanItem]:
        archived = {name for _, name in self.spool.names(NAMESPACES)}
        resource = self.discovery.find(NAMESPACES)
        planned: set[str] = set()
        for name in sorted(archived | self.spool.namespaces()):
            target = self.namespaces.get(name, name)
            if name in RESERVED_NAMESPACES or target in planned:
                continue
            planned.add(target)
            identity = Identity(NAMESPACES, "", name)
            body = self.spool.get(identity) if name in archived else None
            obj, changes = plan_namespace(None if body is None else codec.decode(body), name, target)
            yield PlanItem(
                source=identity,
                target=Identity(NAMESPACES, "", target),
                resource=resource,
                action="create",
                object=obj,
                changes=changes,
            )

    def item(self, spooled: Spooled) -> PlanItem:
        """The plan for one object of the archive."""
        source = spooled.identity
        namespace = self.namespaces.get(source.namespace, source.namespace)
        target = Identity(source.group_resource, namespace, source.name)
        left_out = _left_out(source)
        if left_out is not None:
            return PlanItem(source, target, None, "skip", why=left_out)
        try:
            obj = codec.decode(spooled.body)
        except msgspec.DecodeError as error:
            why = Note("Undecodable", f"the archive's copy is no JSON object: {error}")
            return PlanItem(source, target, None, "fail", why=why)
        disagreement = _disagreement(source, obj)
        if disagreement is not None:
            return PlanItem(source, target, None, "fail", why=disagreement)
        outcome = self.pipeline(obj, source.group_resource)
        why = outcome.refused or outcome.skipped
        if outcome.object is None:
            action: Action = "refuse" if outcome.refused else "skip"
            return PlanItem(source, target, None, action, why=why, changes=tuple(outcome.changes))
        key = (outcome.object.get("apiVersion", ""), outcome.object.get("kind", ""))
        resource = self.discovery.for_kind(*key) or self.defined.get(key)
        if resource is None:
            missing = Note(
                "KindNotServed",
                f"the target cluster serves no {key[1]} of {key[0]}; install what serves it, "
                "or create the object by hand",
            )
            return PlanItem(source, target, None, "fail", why=missing)
        return PlanItem(
            source,
            target,
            resource,
            "create",
            outcome.object,
            None,
            tuple(outcome.changes),
            tuple(outcome.warnings),
            tuple(outcome.errors),
        )


def _left_out(source: Identity) -> Note | None:
    if source.group_resource in NEVER_RESTORED:
        return Note("NeverRestored", f"{source.group_resource} are never restored")
    if source.namespace in RESERVED_NAMESPACES:
        return Note("Reserved", f"the namespace {source.namespace} is reserved")
    if source in NEVER_OBJECTS:
        return Note("Reserved", "it points at the source cluster's own API server")
    return None


def _disagreement(source: Identity, obj: object) -> Note | None:
    """An entry's path must agree with the object in it (design.md, Security)."""
    if not isinstance(obj, dict):
        return Note("Undecodable", "the archive's copy is no JSON object")
    meta = metadata(obj)
    found = (meta.get("namespace") or "", meta.get("name"))
    if found == (source.namespace, source.name):
        return None
    where = "/".join(str(part) for part in found if part)
    return Note("PathDisagrees", f"the archive's entry holds another object, {where or 'unnamed'}")


def defined_resources(spool: Spool) -> dict[tuple[str, str], Resource]:
    """The resources that the archive's own definitions will serve, by ``apiVersion`` and kind."""
    found: dict[tuple[str, str], Resource] = {}
    for spooled in spool.walk(DEFINITIONS):
        spec = codec.decode(spooled.body).get("spec") or {}
        names = spec.get("names") or {}
        versions = spec.get("versions") or [{"name": spec.get("version", ""), "served": True}]
        for version in versions:
            if version.get("served"):
                resource = Resource(
                    group=spec.get("group", ""),
                    version=version.get("name", ""),
                    plural=names.get("plural", ""),
                    kind=names.get("kind", ""),
                    namespaced=spec.get("scope") == "Namespaced",
                )
                found[resource.api_version, resource.kind] = resource
    return found
