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

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from kubeferry.backup import related, select
from kubeferry.backup.collect import Listed, pages, sources
from kubeferry.backup.contents import Contents, served, unread
from kubeferry.backup.freeze import Freezer, FrozenPods
from kubeferry.backup.request import BackupRequest, BackupResult
from kubeferry.clock import Clock, timestamp
from kubeferry.durations import format_duration
from kubeferry.errors import BackupMissing, InvalidInput
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
from kubeferry.vault.store import Store
from kubeferry.vault.writer import ArchiveWriter, open_archive

_NAMESPACES = "namespaces"


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
    ``frozen`` keeps the list of what is owed to pods; what is still on it at the end, be it an
    error or a cancellation, is for the caller to run. Raises ``InvalidInput``, ``BackupExists``,
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
        namespaces = served(self._discovery, _NAMESPACES)
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
        contents = Contents(archive, self._client, self._discovery, self._reporter)
        resource = served(self._discovery, _NAMESPACES)
        for name in self.scope.namespaces:
            contents.add_object(resource, self._namespaces[name])
        resources = select.choose_resources(self._discovery.resources)
        claims = [one for one in resources if one.group_resource == related.CLAIMS]
        await self._list(contents, [one for one in resources if one not in claims])
        if self.freezer.is_needed:
            self._reporter.phase("collecting pods with hooks")
            await self.freezer.run(contents.add_pod, between=contents.flush)
        await self._list(contents, claims)
        self._reporter.phase("adding what they need")
        self.volumes = await contents.add_volumes(is_asked=self._request.volume_data)
        await contents.add_definitions()
        await contents.flush()
        self._reporter.progress(archive.objects, archive.objects)

    async def _list(self, contents: Contents, resources: Sequence[Resource]) -> None:
        """Archives all objects of some kinds."""
        wanted = sources(resources, self.scope.namespaces, most=self.scope.most)
        inside = frozenset(self.scope.namespaces)
        async with aclosing(pages(self._client, wanted)) as found:
            async for listed in found:
                if listed.error is not None:
                    kind, where = listed.source.resource.group_resource, listed.source.namespace
                    self._reporter.problem(unread(listed.error, kind, namespace=where))
                    continue
                self._add_page(contents, listed, inside)
                await contents.flush()

    def _add_page(self, contents: Contents, listed: Listed, inside: frozenset[str]) -> None:
        resource = listed.source.resource
        group_resource = resource.group_resource
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
                if contents.has_claim(meta.namespace, meta.name):
                    continue
                contents.note_claim(raw, meta.namespace, meta.name)
            body = with_kind(raw, listed.kind_prefix)
            if are_pods and self.freezer.add(meta.namespace, meta.name, meta.labels or {}, body):
                continue
            contents.add(
                resource,
                meta.namespace,
                meta.name,
                body,
                created=meta.creation_timestamp or "",
            )

    def _problem(
        self, level: Level, reason: str, message: str, subject: str = "", *, namespace: str = ""
    ) -> None:
        self._reporter.problem(Problem(level, reason, message, namespace, subject))


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
