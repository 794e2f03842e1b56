"""One backup from beginning to end.

1. choose namespaces and kinds; refuse what may not be asked for
2. list pages, several kinds at once; pick each page's objects; archive them as they came
3. archive the pods that have hooks, and their claims, while they are still; now that nothing else
   goes on this takes the shortest time
4. list the other claims; add what the objects need: namespaces, the volumes of bound claims, the
   definitions of custom resources
5. finish the archive, store the side files, and the commit mark last

Memory holds a few pages whatever the cluster's size. A kind that cannot be listed is one error and
the rest goes on. Killed at any instant, nothing is visible in the vault and the same task can run
again.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

import msgspec

from kubeferry import codec
from kubeferry.backup import related, select
from kubeferry.backup.collect import Listed, Source, pages, sources
from kubeferry.backup.freeze import Freezer, FrozenPods
from kubeferry.backup.hooks import claims_of
from kubeferry.backup.request import BackupRequest, BackupResult
from kubeferry.clock import Clock, timestamp
from kubeferry.durations import format_duration
from kubeferry.errors import ApiError, ApiUnreachable, BackupMissing, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import PODS, Resource
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.kube.pages import with_kind
from kubeferry.kube.support import check_supported
from kubeferry.logs import TaskLog
from kubeferry.report import Findings, Level, Problem, Reporter, Several
from kubeferry.vault.claim import Owner
from kubeferry.vault.commit import SideFiles, commit_backup
from kubeferry.vault.metadata import BackupFacts, load_backup
from kubeferry.vault.sidefiles import NOT_TAKEN
from kubeferry.vault.store import Store
from kubeferry.vault.writer import ArchiveWriter, Entry, open_archive

_NAMESPACES = "namespaces"
_FLUSH = 500
"""Objects that are added one by one between two flushes."""


async def run_backup(
    request: BackupRequest,
    *,
    client: Client,
    store: Store,
    reporter: Reporter,
    clock: Clock,
    frozen: FrozenPods,
) -> BackupResult:
    """Takes the backup; when it returns the backup is in the vault, whole.

    A task that was killed after its commit finds its own backup there and returns what it says.
    ``frozen`` keeps the list of what is owed to pods; what is still on it after an error or a
    cancellation is for the caller to run. Raises ``InvalidInput``, ``BackupExists``,
    ``VaultError``, ``ApiError``; then nothing is left.
    """
    select.check_namespaces(
        request.included_namespaces, request.excluded_namespaces, reserved=request.reserved
    )
    done = await _committed(request, store)
    if done is not None:
        return _result(done, first=None)
    check_supported(await client.version())
    findings = Findings()
    with TaskLog(clock=clock) as log:
        several = Several((reporter, findings, log))
        for problem in request.earlier:
            several.problem(problem)
        freezer = Freezer(client, request.hooks, frozen=frozen, reporter=several, log=log)
        run = _Run(request, client, several, clock, freezer)
        await run.choose()
        owner = Owner(request.uid, request.cluster.uid)
        async with open_archive(store, request.name, clock=clock, owner=owner) as archive:
            await run.collect(archive)
            several.phase("finishing the archive")
            facts = await archive.finish()
        # Counted before the files are made that tell of it.
        written = await commit_backup(
            store,
            facts,
            _facts(request, findings, run, items=facts.objects),
            side=SideFiles(log=log.read(), results=findings.results(), volumes=run.volumes),
        )
    first = next((one for one in findings.problems if one.level == "error"), None)
    return _result(written, first=first or next(iter(findings.problems), None))


async def _committed(request: BackupRequest, store: Store) -> BackupFacts | None:
    try:
        found = await load_backup(store, request.name)
    except BackupMissing:
        return None
    return found if found.uid == request.uid else None


class _Run:
    """The state of one backup while it collects."""

    def __init__(
        self,
        request: BackupRequest,
        client: Client,
        reporter: Reporter,
        clock: Clock,
        freezer: Freezer,
    ) -> None:
        self._request = request
        self._client = client
        self._reporter = reporter
        self._clock = clock
        self.started = clock()
        self.freezer = freezer
        self.volumes: list[dict[str, object]] = []
        self._still: set[tuple[str, str]] = set()
        """Claims that were archived with their pods."""
        self._flushing = asyncio.Lock()
        self._claims: list[related.BoundClaim] = []
        self._archived: Counter[str] = Counter()
        self._done = 0

    def now(self) -> datetime:
        """The time now, in UTC."""
        return self._clock()

    async def choose(self) -> None:
        """Finds out what there is and decides what is taken; ``InvalidInput`` if nothing is."""
        request = self._request
        self._reporter.phase("choosing what to back up")
        self._discovery: Discovery = await self._client.discover()
        for broken in self._discovery.broken:
            self._problem("error", "GroupUnavailable", str(broken))
        namespaces = _resource(self._discovery, _NAMESPACES)
        self._namespaces = {
            metadata(one)["name"]: one for one in await self._client.list(namespaces)
        }
        self.scope = select.choose_namespaces(
            ((name, _left_out(one)) for name, one in self._namespaces.items()),
            included=request.included_namespaces,
            excluded=request.excluded_namespaces,
            reserved=request.reserved,
        )
        if not self.scope.namespaces:
            wanted = ", ".join(request.included_namespaces) or "*"
            raise InvalidInput(
                f"get target namespace failed: none of {wanted} is left to back up",
                place="spec.includedNamespaces",
                remedy="name a namespace that exists and is not excluded",
            )
        for name in self.scope.missing:
            self._problem("error", "NamespaceMissing", "was asked for and does not exist", name)
        for name in self.scope.left_out:
            why = f"was asked for; it is being deleted or has the label {select.EXCLUDE_LABEL}"
            self._problem("warning", "NamespaceLeftOut", why, name)

    async def collect(self, archive: ArchiveWriter) -> None:
        """Archives everything."""
        self._reporter.phase("collecting objects")
        resource = _resource(self._discovery, _NAMESPACES)
        for name in self.scope.namespaces:
            self._add_object(archive, resource, self._namespaces[name])
        resources = select.choose_resources(self._discovery.resources)
        claims = [one for one in resources if one.group_resource == related.CLAIMS]
        await self._list(archive, [one for one in resources if one not in claims])
        if self.freezer.is_needed:
            self._reporter.phase("collecting pods with hooks")
            await self.freezer.run(
                lambda pod: self._add_pod(archive, pod), between=lambda: self._flush(archive)
            )
        await self._list(archive, claims)
        self._reporter.phase("adding what they need")
        await self._add_volumes(archive)
        await self._add_definitions(archive)
        await archive.flush()
        self._reporter.progress(self._done, self._done)

    async def _flush(self, archive: ArchiveWriter) -> None:
        async with self._flushing:
            await archive.flush()

    async def _list(self, archive: ArchiveWriter, resources: Sequence[Resource]) -> None:
        """Archives all objects of some kinds."""
        wanted = sources(resources, self.scope.namespaces, most=self.scope.most)
        inside = frozenset(self.scope.namespaces)
        async with aclosing(pages(self._client, wanted)) as found:
            async for listed in found:
                if listed.error is not None:
                    self._unlisted(listed.source, listed.error)
                    continue
                self._add_page(archive, listed, inside)
                await archive.flush()
                self._reporter.progress(self._done, None)

    def _add_page(self, archive: ArchiveWriter, listed: Listed, inside: frozenset[str]) -> None:
        resource = listed.source.resource
        group_resource = resource.group_resource
        type_key = f"{resource.api_version}/{resource.kind}"
        are_claims = group_resource == related.CLAIMS
        are_pods = group_resource == PODS.group_resource
        for head, raw in listed.items:
            meta = head.metadata
            if (
                meta.namespace not in inside
                or meta.deletion_timestamp is not None
                or not select.is_taken(
                    group_resource,
                    meta.namespace,
                    meta.name,
                    meta.labels or {},
                    head.secret_type if group_resource == "secrets" else "",
                )
            ):
                continue
            if are_claims:
                if (meta.namespace, meta.name) in self._still:
                    continue
                self._note_claim(raw, f"{related.CLAIMS} {meta.namespace}/{meta.name}")
            body = with_kind(raw, listed.kind_prefix)
            if are_pods and self.freezer.add(meta.namespace, meta.name, meta.labels or {}, body):
                continue
            archive.add(
                Entry(
                    group_resource,
                    resource.version,
                    type_key,
                    meta.namespace,
                    meta.name,
                    body,
                    meta.creation_timestamp or "",
                )
            )
            self._done += 1
            self._archived[group_resource] += 1

    async def _add_pod(self, archive: ArchiveWriter, pod: Object) -> None:
        """Adds a pod that is still, and its claims."""
        self._add_object(archive, PODS, pod)
        resource, namespace = _resource(self._discovery, related.CLAIMS), metadata(pod)["namespace"]
        wanted = [name for name in claims_of(pod) if (namespace, name) not in self._still]
        self._still.update((namespace, name) for name in wanted)
        async with aclosing(related.claims(self._client, resource, namespace, wanted)) as found:
            async for name, claim in found:
                subject = f"{related.CLAIMS} {namespace}/{name}"
                if isinstance(claim, ApiError):
                    self._unread(claim, subject, namespace=namespace)
                    self._still.discard((namespace, name))  # the list may have it
                elif select.is_taken(related.CLAIMS, namespace, name, labels(claim)):
                    self._note_claim(codec.encode(claim), subject)
                    self._add_object(archive, resource, claim)
        self._reporter.progress(self._done, None)

    def _note_claim(self, raw: msgspec.Raw | bytes, subject: str) -> None:
        """Remembers a bound claim: its volume is archived beside it."""
        try:
            claim = related.bound_claim(raw)
        except msgspec.DecodeError as error:
            self._problem("error", "Malformed", f"its volume is not known: {error}", subject)
        else:
            if claim is not None:
                self._claims.append(claim)

    def _add_object(self, archive: ArchiveWriter, resource: Resource, obj: Object) -> None:
        """Adds one object that came decoded."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind} | obj
        meta = metadata(obj)
        archive.add(
            Entry(
                resource.group_resource,
                resource.version,
                f"{resource.api_version}/{resource.kind}",
                meta.get("namespace", ""),
                meta["name"],
                codec.encode(whole),
                meta.get("creationTimestamp") or "",
            )
        )
        self._done += 1

    async def _add_definitions(self, archive: ArchiveWriter) -> None:
        """Puts the definition of each custom kind beside its objects."""
        resource = self._discovery.find(related.DEFINITIONS)
        if resource is None:
            return
        found = related.definitions(self._client, resource, list(self._archived))
        async with aclosing(found):
            async for name, definition in found:
                if isinstance(definition, ApiError):
                    subject = f"{related.DEFINITIONS} {name}"
                    self._unread(definition, subject)
                else:
                    self._add_object(archive, resource, definition)

    async def _add_volumes(self, archive: ArchiveWriter) -> None:
        """Puts each bound claim's volume beside it and records that its data is not taken."""
        if not self._claims:
            return
        resource = _resource(self._discovery, related.VOLUMES)
        asked = self._request.volume_data
        wanted = {one.volume for one in self._claims}
        found: dict[str, related.VolumeFacts] = {}
        try:
            async with aclosing(related.volumes(self._client, resource, wanted)) as volumes:
                async for archived in volumes:
                    self._add_object(archive, resource, archived)
                    found[metadata(archived)["name"]] = related.volume_facts(archived)
                    if len(found) % _FLUSH == 0:
                        await archive.flush()
        except ApiUnreachable:
            raise
        except ApiError as error:
            self._unread(error, related.VOLUMES)
        for claim in self._claims:
            where = f"{related.CLAIMS} {claim.namespace}/{claim.name}"
            volume = found.get(claim.volume)
            if volume is None:
                gone = f"its volume {claim.volume} is gone"
                self._problem("warning", "VolumeMissing", gone, where, namespace=claim.namespace)
            if asked:
                self._problem(
                    "error",
                    "VolumeDataNotTaken",
                    f"{NOT_TAKEN}; set pvBackup.defaultPvBackup to false to do without it",
                    where,
                    namespace=claim.namespace,
                )
            self.volumes.append(related.volume_info(claim, asked=asked, volume=volume))

    def _unlisted(self, source: Source, error: ApiError) -> None:
        self._unread(error, source.resource.group_resource, namespace=source.namespace)

    def _unread(self, error: ApiError, subject: str, *, namespace: str = "") -> None:
        where = f" in {namespace}" if namespace else ""
        reason = error.kubernetes_reason or error.reason
        self._problem("error", reason, f"could not be read{where}: {error.problem}", subject)

    def _problem(
        self, level: Level, reason: str, message: str, subject: str = "", *, namespace: str = ""
    ) -> None:
        self._reporter.problem(Problem(level, reason, message, namespace, subject))


def _resource(discovery: Discovery, group_resource: str) -> Resource:
    found = discovery.find(group_resource)
    if found is None:
        raise ApiUnreachable(
            f"the API server serves no {group_resource}", remedy="is this a Kubernetes API server?"
        )
    return found


def _left_out(namespace: Object) -> bool:
    deleted = metadata(namespace).get("deletionTimestamp")
    return bool(deleted) or labels(namespace).get(select.EXCLUDE_LABEL) == "true"


def _facts(request: BackupRequest, findings: Findings, run: _Run, *, items: int) -> BackupFacts:
    completed = run.now()
    return BackupFacts(
        name=request.name,
        uid=request.uid,
        phase="PartiallyFailed" if findings.errors else "Completed",
        included_namespaces=request.included_namespaces or ("*",),
        excluded_namespaces=request.excluded_namespaces,
        storage_location=request.location,
        ttl=format_duration(request.ttl),
        started=run.started,
        completed=completed,
        expiration=completed + timedelta(seconds=request.ttl),
        total_items=items,
        items_backed_up=items,
        warnings=findings.warnings,
        errors=findings.errors,
        hooks_attempted=run.freezer.attempted,
        hooks_failed=run.freezer.failed,
        cluster=request.cluster,
        labels=tuple(sorted(request.labels.items())),
    )


def _result(facts: BackupFacts, *, first: Problem | None) -> BackupResult:
    return BackupResult(
        phase=facts.phase,
        items=facts.items_backed_up,
        size=facts.bytes,
        warnings=facts.warnings,
        errors=facts.errors,
        started=timestamp(facts.started) if facts.started else "",
        completed=timestamp(facts.completed) if facts.completed else "",
        expiration=timestamp(facts.expiration) if facts.expiration else "",
        hooks_attempted=facts.hooks_attempted,
        hooks_failed=facts.hooks_failed,
        first_problem=first,
    )
