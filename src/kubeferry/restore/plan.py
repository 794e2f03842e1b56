"""The plan of a restore: for each object, in the order of the waves, what would be done and why.

A plan is made from the spool, the rules, the target's discovery and what ``survey`` found there;
nothing is asked of the target while it is made and nothing is written. The engine (``apply``)
executes these items and nothing else; ``kubeferry restore plan`` prints them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice

import msgspec

from kubeferry import codec
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import RESERVED_NAMESPACES, Identity, Resource
from kubeferry.kube.objects import POD_SPEC_PATHS, Object
from kubeferry.restore.existing import OWNER_THERE, Policy, Verdict
from kubeferry.restore.heirs import Owner, controller_of, is_made_by, named_by
from kubeferry.restore.hooks import NO_HOOKS, HookRules, PodHooks, pod_hooks
from kubeferry.restore.owners import Owners
from kubeferry.restore.plan_item import MADE, WRITING, Action, PlanItem, judge_item
from kubeferry.restore.refusals import Backend
from kubeferry.restore.rollouts import Archive, rollout
from kubeferry.restore.served_later import ServedLater
from kubeferry.restore.spool import Spool, Spooled
from kubeferry.restore.statuses import status_change, upgraded
from kubeferry.restore.taken_volumes import taken_volume
from kubeferry.restore.untouched import Homes
from kubeferry.restore.waves import (
    DEFINITIONS,
    LAST_STEP,
    NAMESPACES,
    OTHERS,
    OWNED_STEP,
    OWNERS,
    OWNERS_STEP,
    ROUNDS,
    STEPS,
    Step,
    rank,
)
from kubeferry.transform.automatic import flexvolume_inline
from kubeferry.transform.change import Note, Outcome
from kubeferry.transform.init_hooks import InitHooks
from kubeferry.transform.parameters.images import target_images
from kubeferry.transform.pipeline import Pipeline
from kubeferry.vault.reader import disagreement

_OWNED = frozenset({"pods", "replicasets.apps", "jobs.batch", "controllerrevisions.apps"})
"""Kinds of which a workload makes as many as it needs."""
_OWNERS = frozenset(
    {"replicationcontrollers", "cronjobs.batch", "jobs.batch", "replicasets.apps"}
    | {"deployments.apps", "statefulsets.apps", "daemonsets.apps"}
)
_EMPTY = "VolumeDataNotRestored"
_TRIED = 20
"""Objects of a kind that are looked at to find its version in the target."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plan items; pure but for reading the spool."""

    spool: Spool
    pipeline: Pipeline
    discovery: Discovery
    namespaces: Mapping[str, str]
    defined: Mapping[tuple[str, str], Resource]
    reserved: frozenset[str] = RESERVED_NAMESPACES
    claims_with_data: frozenset[tuple[str, str]] = frozenset()
    hooks: HookRules = field(default_factory=HookRules)
    status_kinds: frozenset[str] = frozenset()
    policy: Policy = "none"
    skips_privileged: bool = False
    manager: str = ""
    owners: Owners | None = None
    archive_digest: str = ""
    rules_digest: str = ""
    later: ServedLater = field(default_factory=ServedLater)
    lost: dict[str, Note] = field(default_factory=dict)
    added: set[Identity] = field(default_factory=set)
    roles: set[Identity] = field(default_factory=set)

    @property
    def homes(self) -> Homes:
        """What is kubeferry's and the cluster's own; ``roles`` are the survey's."""
        return Homes(self.reserved, self.roles, self.skips_privileged)

    def lose(self, definition: str, why: Note) -> None:
        """Notes that a definition was not restored: nor can be what it defines, unless the target
        served that before.
        """
        if not self.discovery.find(definition):
            self.lost[definition] = why

    def total(self) -> int:
        """How many items there will be, those that the restore adds aside."""
        archived = sum(1 for _ in self.spool.names(NAMESPACES))
        return self.spool.count() - archived + len(self.namespace_names())

    def target_namespace(self, source: str) -> str:
        """Where the objects of a namespace go."""
        return self.namespaces.get(source, source)

    def resource_of(self, kind: str) -> Resource | None:
        """As what the objects of one of the archive's kinds would be written, None if not at
        all.
        """
        for spooled in islice(self.spool.walk(kind), _TRIED):
            resource = self.item(spooled).resource
            if resource is not None:
                return resource
        return None

    def steps(
        self, kinds: Collection[str] | None = None
    ) -> Iterator[tuple[Step, Iterator[PlanItem]]]:
        """The steps that have something to do, each with its items; consume one before the next.

        With ``kinds`` only those of the archive, and the definitions, which others depend on.
        """
        chosen = self._kinds()
        if kinds is not None:
            chosen = [kind for kind in chosen if kind == DEFINITIONS or kind in kinds]
        yield from self._walk(groupby(chosen, key=rank))
        later = self.later.kinds if kinds is None else self.later.kinds.intersection(kinds)
        if later:
            yield LAST_STEP, self._items(sorted(later))

    def rounds(self) -> Iterator[tuple[Step, Iterator[PlanItem]]]:
        """The same items for who applies them: steps without a barrier between them are one round.

        A round is named by its first step.
        """
        yield from self._walk(groupby(self._kinds(), key=lambda kind: ROUNDS[rank(kind)]))
        if self.later.kinds:
            yield LAST_STEP, self._items(sorted(self.later.kinds))

    def last_samples(self) -> list[PlanItem]:
        """One item of each kind of the last step, by which it is known to be served."""
        samples: list[PlanItem] = []
        for kind in sorted(self.later.kinds):
            items = (self.item(one) for one in islice(self.spool.walk(kind), _TRIED))
            samples += islice((item for item in items if item.action in WRITING), 1)
        return samples

    def _walk(
        self, groups: Iterable[tuple[int, Iterable[str]]]
    ) -> Iterator[tuple[Step, Iterator[PlanItem]]]:
        """The groups of kinds, and the steps that owners make beside them (``owners``)."""
        self.added.clear()
        owners = self.owners
        early = owners.depths() if owners is not None else []
        for _, group in groups:
            kinds = list(group)
            place = rank(kinds[0])
            if owners is not None and place >= OWNERS:
                for depth in early:
                    yield OWNERS_STEP, map(self.item, owners.early(depth))
                early = []
            yield STEPS[place], self._items(kinds)
            if owners is not None and place == OTHERS and owners.has_late:
                yield OWNED_STEP, map(self.item, owners.late())

    def brings(self, backend: Backend) -> bool:
        """Whether a Service is among what is restored, or was by the restore that is retried."""
        services = (
            Identity("services", source, backend.name)
            for source in {backend.namespace, *self.namespaces}
            if self.target_namespace(source) == backend.namespace
        )
        return any(self.spool.has(one) or self.spool.forgotten(one) is not None for one in services)

    def _kinds(self) -> list[str]:
        """What there is to restore, in order, but for the last step."""
        kinds = {NAMESPACES, *self.spool.kinds()} - self.later.kinds
        return sorted(kinds, key=lambda kind: (rank(kind), kind))

    def _items(self, kinds: list[str]) -> Iterator[PlanItem]:
        for kind in kinds:
            if kind == NAMESPACES:
                yield from self._namespaces()
            else:
                for spooled in self.spool.walk(kind):
                    if self.owners is not None and self.owners.has_own_step(spooled.identity):
                        continue
                    item = self.item(spooled)
                    yield from self._added(spooled, item)
                    if kind == DEFINITIONS and item.why is not None:
                        self.lose(item.source.name, item.why)
                    yield item

    def _added(self, spooled: Spooled, item: PlanItem) -> Iterator[PlanItem]:
        """The volumes and claims that the restore adds for an item, each once."""
        path = POD_SPEC_PATHS.get(spooled.identity.group_resource)
        if path is None or item.action not in WRITING:
            return
        if not any(change.cause is flexvolume_inline.CAUSE for change in item.changes):
            return
        archived, _ = _decoded(spooled.identity, spooled.body)
        for volume, claim, note in flexvolume_inline.added(archived, path, item.target.namespace):
            for kind, made in (("persistentvolumes", volume), ("persistentvolumeclaims", claim)):
                about = made["metadata"]
                which = Identity(kind, about.get("namespace", ""), about["name"])
                resource = self.discovery.find(kind)
                if which in self.added or resource is None:
                    continue
                self.added.add(which)
                own = self.pipeline.own(made)
                yield PlanItem(which, which, resource, "create", own, warnings=(note,))

    def _namespaces(self) -> Iterator[PlanItem]:
        resource = self.discovery.find(NAMESPACES)
        for name, target in self.namespace_names():
            source = Identity(NAMESPACES, "", name)
            body = self.spool.get(source) or self.spool.forgotten(source)
            bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            archived, unfit = (bare, None) if body is None else _decoded(source, body)
            outcome = self.pipeline(bare if unfit else archived, NAMESPACES)
            if outcome.object is None:
                unfit = outcome.refused or outcome.skipped
                outcome = self.pipeline(bare, NAMESPACES)
            planned = PlanItem(
                source=source,
                target=Identity(NAMESPACES, "", target),
                resource=resource,
                action="create",
                object=outcome.object,
                changes=tuple(outcome.changes),
                errors=(unfit,) if unfit else (),
                archived=bare if unfit else archived,
            )
            yield self._beside_live(planned)

    def namespace_names(self) -> list[tuple[str, str]]:
        """Source and target of each namespace that is ensured, one a target, sorted."""
        archived = {name for _, name in self.spool.names(NAMESPACES)}
        targets: dict[str, str] = {}
        for name in sorted((archived | self.spool.namespaces()) - self.reserved):
            targets.setdefault(self.namespaces.get(name, name), name)
        return sorted((source, target) for target, source in targets.items())

    def _resource(self, key: tuple[str, str]) -> Resource | None:
        found = self.discovery.for_kind(*key) or self.defined.get(key)
        return found or self.later.resources.get(key)

    def item(self, spooled: Spooled) -> PlanItem:
        """The plan for one object of the archive."""
        source = spooled.identity
        namespace = self.target_namespace(source.namespace)
        target = Identity(source.group_resource, namespace, source.name)
        if source.namespace in self.reserved:
            why = Note("Reserved", f"the namespace {source.namespace} is reserved")
            return PlanItem(source, target, None, "skip", why=why)
        obj, unfit = _decoded(source, spooled.body)
        if unfit is not None:
            return PlanItem(source, target, None, "fail", why=unfit)
        outcome = self.pipeline(obj, source.group_resource)
        if outcome.object is None:
            action: Action = "refuse" if outcome.refused else "skip"
            reason = outcome.refused or outcome.skipped
            changes = tuple(outcome.changes)
            kind = self._resource(_key(obj))
            rules = tuple(outcome.runs)
            return PlanItem(source, target, kind, action, why=reason, changes=changes, rules=rules)
        key = _key(outcome.object)
        resource = self._resource(key)
        if resource is None or resource.group_resource in self.lost:
            return PlanItem(source, target, None, "fail", why=self._not_served(key, resource))
        is_forged = resource.group_resource != source.group_resource
        if is_forged and key == _key(obj):
            forged = Note("PathDisagrees", f"the object in it is a {key[1]} of {key[0]}")
            return PlanItem(source, target, None, "fail", why=forged)
        if resource.namespaced != bool(source.namespace):
            where = "in namespaces" if resource.namespaced else "in no namespace"
            forged = Note("PathDisagrees", f"the target has {key[1]} of {key[0]} {where}")
            return PlanItem(source, target, None, "fail", why=forged)
        target = target._replace(group_resource=resource.group_resource)
        namesake = source._replace(group_resource=resource.group_resource)
        if namesake != source and self.spool.get(namesake) is not None:
            twice = Note("ArchivedTwice", f"it is restored as {namesake.group_resource} already")
            return PlanItem(source, target, resource, "skip", why=twice)
        empty = _empty_volume(source, outcome)
        expected = source[1:] in self.claims_with_data
        is_pod = resource.group_resource == "pods"
        hooks = self._hooks(obj, outcome.object) if is_pod else NO_HOOKS
        status = status_change(obj, source.group_resource, self.status_kinds)
        unfitting = upgraded(obj, outcome.object) if status is not None else None
        status = status if unfitting is None else None
        owned = self._left_to_its_owner(obj, target)
        if owned is not None:
            return PlanItem(source, target, resource, "skip", why=owned)
        planned = PlanItem(
            source,
            target,
            resource,
            "create",
            outcome.object,
            None,
            (*outcome.changes, *([status] if status is not None else [])),
            (
                *outcome.warnings,
                *hooks.warnings,
                *([] if expected else empty),
                *([unfitting] if unfitting is not None else []),
            ),
            (*outcome.errors, *hooks.errors, *(empty if expected else [])),
            target_images(outcome),
            len(spooled.body),
            hooks.hooks,
            self._owner(obj) if is_pod else None,
            status.new if status is not None else None,
            obj,
            rules=tuple(outcome.runs),
        )
        taken = taken_volume(self.spool, target, outcome.object)
        if taken is not None:
            return replace(planned, action="fail", object=None, archived=None, why=taken)
        return self._foretold(self._beside_live(self._linked(planned)))

    def _linked(self, planned: PlanItem) -> PlanItem:
        """The item with its owners, where they are restored too."""
        archived, obj = planned.archived, planned.object
        if self.owners is None or archived is None or obj is None:
            return planned
        linked = self.owners.link(planned.source, archived, obj, self.discovery)
        if linked is None:
            return planned
        changes = planned.changes if linked.change is None else (*planned.changes, linked.change)
        return replace(
            planned,
            object=linked.object,
            changes=changes,
            pending=linked.pending,
            warnings=(*planned.warnings, *linked.lost),
        )

    def _foretold(self, planned: PlanItem) -> PlanItem:
        """The item with the rollout that follows it."""
        if planned.archived is None or planned.object is None:
            return planned  # it is not written
        note = rollout(
            planned.target.group_resource,
            planned.source,
            archived=planned.archived,
            planned=planned.object,
            differs=planned.present.changes if planned.present is not None else None,
            archive=Archive(self._namesakes, self._planned),
        )
        return planned if note is None else replace(planned, notes=(note,))

    def _namesakes(
        self, kind: str, namespace: str, prefix: str
    ) -> Iterator[tuple[Identity, Object]]:
        left = self.spool.namesakes_of(kind, namespace, prefix)
        made = self.spool.forgotten_namesakes_of(kind, namespace, prefix, MADE)
        for spooled in chain(left, made):
            obj, unfit = _decoded(spooled.identity, spooled.body)
            if unfit is None:
                yield spooled.identity, obj

    def _planned(self, source: Identity, archived: Object) -> Object | None:
        """What is made of an object that is not there yet."""
        target = source._replace(namespace=self.target_namespace(source.namespace))
        if self.spool.live(target) is not None:
            return None
        return self.pipeline(archived, source.group_resource).object

    def _beside_live(self, planned: PlanItem) -> PlanItem:
        """The item, given what is there already by its name."""
        body = self.spool.live(planned.target)
        if body is None:
            return planned
        live, unfit = _decoded(planned.target, body)
        if unfit is not None or planned.object is None or planned.archived is None:
            return planned  # the create will tell
        going = live["metadata"].get("deletionTimestamp")
        if planned.target.group_resource == NAMESPACES and going:
            return planned  # it is waited for
        verdict = self.judge(planned, live)
        if verdict.action == "create":
            return planned
        writes = verdict.action in WRITING
        return replace(
            planned,
            action=verdict.action,
            object=planned.object if writes else None,
            archived=planned.archived if writes else None,
            why=verdict.why,
            warnings=_told(planned.warnings) if writes else (),
            errors=_told(planned.errors),
            images=planned.images if writes else (),
            hooks=planned.hooks if verdict.action == "recreate" else (),
            present=verdict,
        )

    def judge(self, planned: PlanItem, live: Object, *, policy: Policy | None = None) -> Verdict:
        """What to do with an object that is there instead of creating it."""
        return judge_item(
            planned,
            live,
            policy=policy or self.policy,
            manager=self.manager,
            homes=self.homes,
        )

    def _left_to_its_owner(self, archived: Object, target: Identity) -> Note | None:
        """Why an object is left to the workload that makes such ones, if the target has that and
        it is none of this task's.
        """
        if target.group_resource not in _OWNED or self.spool.live(target) is not None:
            return None
        found = controller_of(archived)
        resource = self._resource((found.api_version, found.kind)) if found else None
        if found is None or resource is None or resource.group_resource not in _OWNERS:
            return None
        body = self.spool.live(Identity(resource.group_resource, target.namespace, found.name))
        if body is None or is_made_by(_decoded(target, body)[0], self.manager):
            return None
        text = f"{found.kind} {found.name} is there already and makes as many as it needs"
        return Note(OWNER_THERE, text)

    def _hooks(self, archived: Object, pod: Object) -> PodHooks:
        init = InitHooks(self.hooks.init, self.namespaces)
        return pod_hooks(self.hooks, pod, archived, init=init)

    def _owner(self, archived: Object) -> Owner | None:
        found = named_by(archived)
        resource = self._resource((found.api_version, found.kind)) if found else None
        return Owner(resource, found.name) if found and resource else None

    def _not_served(self, key: tuple[str, str], defined: Resource | None) -> Note:
        if defined is None:
            return Note(
                "KindNotServed",
                f"the target cluster serves no {key[1]} of {key[0]}; install what serves it, "
                "or create the object by hand",
            )
        lost = self.lost[defined.group_resource]
        return Note(
            "DefinitionNotRestored",
            f"the definition of {key[1]} was not restored ({lost.reason}: {lost.message}); "
            "create it, then restore again",
        )


def _key(obj: Object) -> tuple[str, str]:
    """``apiVersion`` and kind; empty where they are no text."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    return (version if isinstance(version, str) else "", kind if isinstance(kind, str) else "")


def _told(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """What is to be told of an object that is there: its volume is its own."""
    return tuple(note for note in notes if note.reason != _EMPTY)


def _empty_volume(source: Identity, outcome: Outcome) -> list[Note]:
    """A claim that loses its volume starts empty: nobody shall find that out by surprise."""
    if source.group_resource == "persistentvolumeclaims" and any(
        change.pointer == "/spec/volumeName" for change in outcome.changes
    ):
        text = "gets a new, empty volume: its data is not restored"
        return [Note(_EMPTY, text)]
    return []


def _decoded(source: Identity, body: bytes) -> tuple[Object, Note | None]:
    """The object of an entry; its path must agree with what is in it (design.md, Security)."""
    try:
        obj = codec.decode_archived(body)
    except msgspec.DecodeError as error:
        return {}, Note("Undecodable", f"the archive's copy is no JSON: {error}")
    if not isinstance(obj, dict):
        return {}, Note("Undecodable", "the archive's copy is no JSON object")
    if not isinstance(obj.get("apiVersion"), str) or not isinstance(obj.get("kind"), str):
        return {}, Note("Undecodable", "the archive's copy has no apiVersion and kind")
    how = disagreement(source, obj)
    return obj, Note("PathDisagrees", how) if how else None
