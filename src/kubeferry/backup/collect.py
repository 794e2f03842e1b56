"""Collects what a backup takes into a sink.

1. list pages, several kinds at once; pick each page's objects; hand them on as they came
2. archive the pods that have hooks, and their claims, while they are still; now that nothing else
   goes on this takes the shortest time
3. list the other claims
4. add what the objects need (``relating``), and say what becomes of the claims' data

Memory holds a few pages whatever the cluster's size. A kind that cannot be listed is one error and
the rest goes on.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec

from kubeferry.backup import related
from kubeferry.backup.choice import Choice, served
from kubeferry.backup.contents import Contents, nobody
from kubeferry.backup.freeze import Freezer
from kubeferry.backup.hooks import claims_of
from kubeferry.backup.ledger import Ledger
from kubeferry.backup.lists import Head, Listed, Metadata, Source, pages, sound_head
from kubeferry.backup.problems import unread
from kubeferry.backup.relating import add_related
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.select import DELETED, EXCLUDE_LABEL, JUDGED
from kubeferry.backup.sink import CameIn, Sink
from kubeferry.backup.volumes import Volumes
from kubeferry.errors import ApiError, ApiLost, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import PODS, Identity, Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.kube.pages import with_kind
from kubeferry.report import Level, Problem, Reporter

_MIXED = (
    "was listed for so long that the API server had forgotten how it began: what changed meanwhile "
    "is there as it was earlier or later"
)
_ELSEWHERE = "in no namespace that is selected, or in another list"


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected.

    Attributes:
        volumes: volumeinfo, packed: an entry for each bound claim.
        left_out: objects that were listed and are not taken, by the reason. Labels select before
            that: what they do not select is not listed.
    """

    volumes: bytes
    left_out: Mapping[str, int] = field(default_factory=dict)


async def collect(
    request: BackupRequest,
    choice: Choice,
    *,
    client: Client,
    sink: Sink,
    reporter: Reporter,
    freezer: Freezer | None = None,
    came_in: CameIn = nobody,
) -> Collected:
    """Fills the sink with what ``choice.choose`` decided on, and all that needs.

    Without a ``freezer`` pods are taken as they are and no hook is run. ``came_in`` is told why
    related objects came. Raises ``ApiLost``, and what the sink raises.
    """
    with Ledger() as ledger, Volumes(request.selection.volumes, reporter) as volumes:
        contents = Contents(
            sink,
            ledger,
            reporter,
            tracked=_tracked(request, choice),
            readers={related.CLAIMS: volumes.add_claim, related.VOLUMES: volumes.add_volume},
            came_in=came_in,
        )
        run = _Collection(request, choice, client, contents, volumes, freezer)
        reporter.phase("collecting objects")
        await run.collect()
        reporter.phase("adding what they need")
        await add_related(request, choice, contents, client=client)
        await contents.flush()
        reporter.progress(sink.objects, sink.objects)
        if request.selection.claims_only and not sink.objects:
            told = "a PvBackup, and no claim is selected: it holds nothing"
            reporter.problem(Problem("warning", "NothingSelected", told, "", "spec.backupType"))
        return Collected(await volumes.packed(), run.left_out)


def _tracked(request: BackupRequest, choice: Choice) -> set[str]:
    """The kinds of which a later list needs to know what an earlier one brought."""
    kinds = choice.kinds.listed
    if len(request.selection.labels.queries) <= 1:
        kinds = tuple(one for one in kinds if choice.others(one))
    return {related.NAMESPACES, *(one.group_resource for one in kinds)}


class _Collection:
    """The state of one collection: what of each list goes into the contents."""

    def __init__(
        self,
        request: BackupRequest,
        choice: Choice,
        client: Client,
        contents: Contents,
        volumes: Volumes,
        freezer: Freezer | None,
    ) -> None:
        self._selection = selection = request.selection
        self._choice = choice
        self._client = client
        self._contents = contents
        self._volumes = volumes
        self._freezer = freezer
        self._reporter = contents.reporter
        self._inside = frozenset(choice.scope.namespaces)
        self._queries = request.selection.labels.queries or ("",)
        self._wants_mounts = selection.claims_only or not selection.volumes.refusal
        self.left_out: Counter[str] = Counter()
        self._still: set[tuple[str, str]] = set()
        """Claims that were added with their pods: as many as pods with hooks have, which wait in
        memory too."""
        self._met: set[int] = set()
        """Which label queries have selected something."""
        self._there: set[str] = set()
        """Chosen namespaces that are there still."""

    async def collect(self) -> None:
        """Collects everything that was selected."""
        listed = self._choice.kinds.listed
        claims = [one for one in listed if one.group_resource == related.CLAIMS]
        others = [one for one in listed if one.group_resource != related.CLAIMS]
        sees_pods = not self._selection.labels and any(one.plural == "pods" for one in others)
        if self._wants_mounts and not sees_pods:
            await self._look_at_pods()
        spaces = self._namespaces()
        failed = await self._list([*spaces, *map(self._source, others)])
        if spaces and related.NAMESPACES not in failed:
            self._tell_vanished()
        if self._freezer is not None and self._freezer.is_needed:
            self._reporter.phase("collecting pods with hooks")
            await self._freezer.run(self._add_still, between=self._contents.flush)
        failed |= await self._list([self._source(one) for one in claims])
        if not failed:
            self._tell_idle_labels()

    def _tell_idle_labels(self) -> None:
        """Tells of each label selector that has selected nothing; where none has, as an error."""
        queries = self._selection.labels.queries
        level: Level = "warning" if self._met else "error"
        field = "spec.labelSelector" if len(queries) == 1 else "spec.orLabelSelectors"
        for index, query in enumerate(queries):
            if index not in self._met:
                told = f"{query!r} selects no object"
                self._reporter.problem(Problem(level, "NothingSelected", told, "", field))

    def _tell_vanished(self) -> None:
        """Tells of namespaces that went since they were chosen: what was in them may be missing."""
        for name in sorted(self._inside - self._there):
            is_asked = name in self._selection.included_namespaces
            told = "was deleted when the backup began: what was in it may be missing"
            level: Level = "error" if is_asked else "warning"
            self._reporter.problem(Problem(level, "NamespaceMissing", told, "", name))

    def _namespaces(self) -> list[Source]:
        """The list of Namespace objects, unless a filter leaves them out."""
        resource = served(self._choice.discovery, related.NAMESPACES)
        return [Source(resource)] if self._choice.kinds.allows(resource) else []

    def _source(self, resource: Resource) -> Source:
        """The lists of one kind."""
        where = self._choice.namespaces_of(resource)
        return Source(resource, self._choice.others(resource), where, self._queries)

    async def _list(self, wanted: Sequence[Source]) -> set[str]:
        """Adds all objects of some lists that are selected; the kinds of which some failed."""
        failed: set[str] = set()
        async with aclosing(pages(self._client, wanted)) as found:
            async for listed in found:
                kind = listed.source.resource.group_resource
                if listed.error is not None:
                    is_other = listed.resource is not listed.source.resource
                    version = listed.resource.api_version if is_other else ""
                    failed.add(kind)
                    problem = unread(listed.error, kind, where=listed.where, version=version)
                    self._reporter.problem(problem)
                elif listed.mixed:
                    self._reporter.problem(Problem("warning", "NotOneMoment", _MIXED, "", kind))
                elif listed.resource is listed.source.resource:
                    self._add_page(listed)
                else:
                    self._add_versions(listed)
                await self._contents.flush()
        for source in wanted:
            if source.resource.group_resource not in failed:
                for other in source.others:
                    self._compare(source.resource, other)
        return failed

    def _compare(self, resource: Resource, other: Resource) -> None:
        """Tells of objects that vanished before they were listed in another version."""
        name = self._contents.kind(other).version_name
        lacking = self._contents.ledger.count_lacking(resource.group_resource, name)
        if lacking:
            told = f"{lacking} of its objects went before they were listed in {other.api_version}"
            kind = resource.group_resource
            self._reporter.problem(Problem("warning", "VersionMissing", told, "", kind))

    def _add_page(self, listed: Listed) -> None:
        """Adds the selected objects of a page."""
        resource = listed.resource
        kind, contents = self._contents.kind(resource), self._contents
        take = self._how_taken(kind.name)
        is_looked_up = len(listed.source.queries) > 1
        may_be_there = is_looked_up and not listed.same
        are_pods = self._wants_mounts and kind.name == PODS.group_resource
        if kind.name == related.NAMESPACES:
            self._there.update(
                head.metadata.name
                for head, _ in listed.items
                if head.metadata.deletion_timestamp is None
            )
        queries = self._selection.labels.selectors
        for head, raw in listed.items:
            meta = head.metadata
            if queries and len(self._met) < len(queries):
                self._note_labels(listed, kind.name, meta)
            if are_pods:
                self._note_mounts(meta.namespace, meta.name, bytes(raw))
            why = self._why_not(listed, kind.name, head, raw)
            if why:
                if why is not _ELSEWHERE and not may_be_there:
                    self.left_out[why] += 1
                continue
            one = Identity(kind.name, meta.namespace, meta.name) if is_looked_up else None
            if may_be_there and one is not None and contents.ledger.holds(one):
                continue
            body = with_kind(raw, listed.kind_prefix)
            if one is not None:
                contents.hold(one)  # whatever becomes of it, it is not taken again
            if take is None or take(head, body):
                kind.add(meta.namespace, meta.name, body, meta.creation_timestamp or "")

    def _note_labels(self, listed: Listed, kind: str, meta: Metadata) -> None:
        """Notes which queries an object of the chosen namespaces meets."""
        if kind == related.NAMESPACES:  # all are listed, whatever their labels
            if meta.name in self._inside:
                selectors = enumerate(self._selection.labels.selectors)
                self._met.update(n for n, one in selectors if one.matches(meta.labels or {}))
        elif not listed.resource.namespaced or meta.namespace in self._inside:
            self._met.add(listed.query)

    def _add_versions(self, listed: Listed) -> None:
        """Adds the same objects in another version."""
        resource, ledger = listed.resource, self._contents.ledger
        kind = self._contents.kind(resource)
        for head, raw in listed.items:
            meta = head.metadata
            if self._why_not(listed, kind.name, head, raw):
                continue
            one = Identity(kind.name, meta.namespace, meta.name)
            version = kind.version_of(meta.namespace, meta.name)
            if listed.same or (ledger.holds(one) and not ledger.holds(version)):
                body = with_kind(raw, listed.kind_prefix)
                kind.add_version(meta.namespace, meta.name, body, meta.creation_timestamp or "")

    def _why_not(self, listed: Listed, kind: str, head: Head, raw: msgspec.Raw) -> str:
        """Why an object of a list is not taken; empty if it is."""
        meta, resource = head.metadata, listed.resource
        if resource.namespaced and meta.namespace not in self._inside:
            return _ELSEWHERE
        labels = meta.labels or {}
        # At one moment it belongs to the first query that selects it; else the ledger tells.
        if (
            len(listed.source.queries) > 1
            and listed.same
            and self._selection.labels.first_match(labels) != listed.query
        ):
            return _ELSEWHERE
        if meta.deletion_timestamp is not None:
            return DELETED
        if kind not in JUDGED and EXCLUDE_LABEL not in labels:
            return ""
        return self._selection.why_left_out(
            kind,
            meta.namespace,
            meta.name,
            labels,
            secret_type=head.secret_type if kind == related.SECRETS else "",
            raw=raw,
        )

    def _how_taken(self, kind: str) -> Callable[[Head, bytes], bool] | None:
        """What decides beside the selection, for the few kinds that have something."""
        if kind == PODS.group_resource:
            return self._take_pod
        if kind == related.CLAIMS:
            return self._take_claim
        return self._take_namespace if kind == related.NAMESPACES else None

    def _take_pod(self, head: Head, body: bytes) -> bool:
        """Sets a pod aside that has hooks."""
        meta = head.metadata
        return self._freezer is None or not self._freezer.add(
            meta.namespace, meta.name, meta.labels or {}, body
        )

    def _take_claim(self, head: Head, body: bytes) -> bool:
        """Leaves out a claim that is there with its pod, or that a backup of claims is not for."""
        if (head.metadata.namespace, head.metadata.name) in self._still:
            return False
        if not self._selection.claims_only:
            return True
        try:
            why = self._volumes.refuses(body)
        except msgspec.DecodeError:
            return True  # whoever adds it says what is wrong with it
        if why:
            self.left_out[why] += 1
        return not why

    def _take_namespace(self, head: Head, body: bytes) -> bool:
        meta = head.metadata
        return meta.name in self._inside and self._selection.takes_namespace(meta.labels or {})

    async def _look_at_pods(self) -> None:
        """Looks which claims are mounted, where not every pod is in the backup."""
        wanted = [Source(PODS, namespaces=self._choice.namespaces_of(PODS))]
        async with aclosing(pages(self._client, wanted)) as found:
            async for listed in found:
                if listed.error is not None:
                    self._reporter.problem(unread(listed.error, "pods", where=listed.where))
                for head, raw in listed.items:
                    meta = head.metadata
                    self._note_mounts(meta.namespace, meta.name, bytes(raw))

    def _note_mounts(self, namespace: str, name: str, pod: bytes) -> None:
        if namespace not in self._inside:
            return
        try:
            self._volumes.add_mounts(namespace, pod)
        except msgspec.DecodeError as error:
            told = f"which claims it mounts is not known: {error}"
            self._reporter.problem(
                Problem("error", "Malformed", told, namespace, f"pods {namespace}/{name}")
            )

    async def _add_still(self, pod: Object, body: bytes) -> None:
        """Adds a pod that is still, and its claims."""
        meta = metadata(pod)
        namespace, name = meta["namespace"], meta["name"]
        self._contents.kind(PODS).add(namespace, name, body, meta.get("creationTimestamp") or "")
        resource = served(self._choice.discovery, related.CLAIMS)
        if not self._choice.kinds.allows(resource):
            return
        for claim in claims_of(pod):
            if (namespace, claim) not in self._still:
                self._still.add((namespace, claim))
                await self._add_claim(resource, Identity(related.CLAIMS, namespace, claim), name)

    async def _add_claim(self, resource: Resource, one: Identity, pod: str) -> None:
        """Adds a claim as it is while its pod is still; one that is gone is told when all is."""
        try:
            body = await self._client.read(resource, one.name, namespace=one.namespace)
            head = sound_head(body)
        except NotFound:
            return
        except ApiLost:
            raise
        except ApiError as error:
            self._reporter.problem(unread(error, one))
            self._still.discard(one[1:])  # the list may have it
            return
        meta = head.metadata
        labels = meta.labels or {}
        if meta.deletion_timestamp is None and self._selection.takes(*one, labels):
            selected = self._selection.labels.matches(labels)
            because = None if selected else Identity(PODS.group_resource, one.namespace, pod)
            created = meta.creation_timestamp or ""
            self._contents.kind(resource).add(*one[1:], body, created, because=because)
