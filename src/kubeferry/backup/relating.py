"""Brings in what selected objects need, kind by kind in the order of who may need whom.

What is referred to and not archived is on the ledger. A few objects are asked for one by one, many
by one list of their kind; kinds that come in because of what they name (bindings, snapshot classes)
are listed as a whole. What cannot be had is told with both names: what is needed and by whom. What
each cluster makes for itself is left out without a word.

Namespaced objects come from the chosen namespaces alone: who backs up one namespace does not get
the Secrets of another.
"""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from itertools import islice

import msgspec

from kubeferry.backup import related
from kubeferry.backup.choice import Choice
from kubeferry.backup.contents import Contents
from kubeferry.backup.ledger import Wanted
from kubeferry.backup.lists import Metadata, sound_head
from kubeferry.backup.problems import unread
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.select import EXCLUDE_LABEL, NEVER_OBJECTS
from kubeferry.backup.together import each
from kubeferry.errors import ApiError, ApiLost, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.pages import with_kind
from kubeferry.kube.selectors import LabelSelector
from kubeferry.report import Level, Problem

FEW = 50
"""So many objects of a kind are asked for one by one."""
AT_ONCE = 8
NAMED = 3
"""Examples in a message."""
MISSING = "NeededMissing"
"""The reason of what an object in the backup needs and is not in it."""

ORDER = (
    related.CLAIMS,
    related.ACCOUNTS,
    related.VOLUMES,
    related.SECRETS,
    related.STORAGE_CLASSES,
    related.SNAPSHOT_CLASSES,
    related.ROLE_BINDINGS,
    related.CLUSTER_ROLE_BINDINGS,
    related.ROLES,
    related.CLUSTER_ROLES,
    related.PRIORITY_CLASSES,
    related.RUNTIME_CLASSES,
    related.INGRESS_CLASSES,
    related.DEFINITIONS,
    related.NAMESPACES,
)
"""Every kind that may come in, each behind those that may need it."""


async def add_related(
    request: BackupRequest, choice: Choice, contents: Contents, *, client: Client
) -> None:
    """Adds what the objects in ``contents`` need, and what that needs. Raises ``ApiLost``."""
    await _Relating(request, choice, contents, client).run()


class _Relating:
    def __init__(
        self, request: BackupRequest, choice: Choice, contents: Contents, client: Client
    ) -> None:
        self._request = request
        self._choice = choice
        self._contents = contents
        self._client = client
        self._ledger = contents.ledger
        self._reporter = contents.reporter
        self._inside = frozenset(choice.scope.namespaces)
        listed = () if request.selection.labels else choice.kinds.listed
        self._whole = frozenset(one.group_resource for one in listed)
        """Kinds of which everything selected is there already."""

    async def run(self) -> None:
        for kind in ORDER:
            if kind == related.DEFINITIONS:
                self._want_definitions()
            self._contents.settle()
            resource = self._choice.discovery.find(kind)
            if resource is None:
                self._tell_all(kind, "the API server serves no such kind")
            elif not self._choice.kinds.allows(resource):
                await self._refuse(resource)
            else:
                await self._guarded(self._bring(resource), kind)
            await self._contents.flush()

    async def _bring(self, resource: Resource) -> None:
        """Adds what of a kind is needed, in every version."""
        kind, before = resource.group_resource, self._contents.kind(resource).count
        if kind in related.SEEKERS:
            await self._seek(resource)
        else:
            await self._resolve(resource)
        if kind == related.CLUSTER_ROLES and await self._want_aggregated(resource):
            await self._resolve(resource)
        if self._contents.kind(resource).count > before:
            await self._add_versions(resource)

    async def _resolve(self, resource: Resource) -> None:
        """Finds what others name."""
        if self._ledger.count_missing(resource.group_resource) > FEW:
            await self._list(resource)
        else:
            await self._fetch(resource)

    async def _guarded(self, work: Awaitable[None], kind: str) -> None:
        """Does something that lists a kind; where that fails it is one error."""
        try:
            await work
        except ApiLost:
            raise
        except ApiError as error:
            self._reporter.problem(unread(error, kind))

    def _want_definitions(self) -> None:
        """A custom resource's definition has the name of its kind."""
        for kind, first in list(self._contents.firsts.items()):
            if "." in kind.partition(".")[2]:
                definition = Identity(related.DEFINITIONS, "", kind)
                self._contents.want(related.Reference(definition), first)

    async def _refuse(self, resource: Resource) -> None:
        """Tells what the filters keep out. That of a built-in kind is no definition."""
        kind = resource.group_resource
        if kind == related.DEFINITIONS:
            for one in list(self._ledger.all_missing(kind)):
                if isinstance(await self._read(resource, one.target), NotFound):
                    self._ledger.forget(one.target)
        self._tell_all(kind, "the backup's filters leave them out")

    async def _want_aggregated(self, resource: Resource) -> bool:
        """Wants the roles whose rules a role in the backup gathers, and those that these gather;
        whether there are any. Labels and selectors of all roles are in memory meanwhile.
        """
        kind = resource.group_resource
        if kind in self._whole or not self._ledger.has_traces([related.AGGREGATES]):
            return False
        labels: dict[str, dict[str, str]] = {}
        gathers: dict[str, tuple[LabelSelector, ...]] = {}
        async with aclosing(self._objects(resource)) as found:
            async for about, body in found:
                labels[about.name] = about.labels or {}
                with suppress(msgspec.DecodeError):  # it selects nothing
                    gathers[about.name] = related.aggregated(body)
        waiting = [
            name
            for name in gathers
            if self._ledger.sought([Identity(related.AGGREGATES, "", name)]) is not None
        ]
        known = set(waiting)
        for by in waiting:  # grows
            for name in labels.keys() - known:
                if any(selector.matches(labels[name]) for selector in gathers[by]):
                    known.add(name)
                    reference = related.Reference(Identity(kind, "", name), needed=False)
                    self._contents.want(reference, Identity(kind, "", by))
                    if gathers.get(name):
                        waiting.append(name)
        self._contents.settle()
        return True

    async def _fetch(self, resource: Resource) -> None:
        """Asks for a few objects one by one."""
        missing = self._ledger.all_missing(resource.group_resource)
        wanted = iter([one for one in missing if self._may_have(one)])
        failed: dict[str, tuple[ApiError, list[str]]] = {}
        while some := list(islice(wanted, AT_ONCE)):
            answers: dict[Identity, bytes | ApiError] = {}

            async def ask(one: Wanted, into: dict[Identity, bytes | ApiError] = answers) -> None:
                into[one.target] = await self._read(resource, one.target)

            await each(some, ask, at_once=AT_ONCE)
            for one in some:
                answer = answers[one.target]
                if isinstance(answer, NotFound):
                    self._is_gone(one)
                elif isinstance(answer, ApiError):
                    alike = f"{answer.reason} {answer.kubernetes_reason}"
                    failed.setdefault(alike, (answer, []))[1].append(str(one.target))
                else:
                    self._take(resource, one, answer)
            await self._contents.flush()
        for error, names in failed.values():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            self._reporter.problem(unread(error, names[0] + more))

    async def _list(self, resource: Resource) -> None:
        """Finds many objects in lists of their kind."""
        kind = resource.group_resource
        async with aclosing(self._objects(resource)) as found:
            async for about, body in found:
                one = self._ledger.missing(Identity(kind, about.namespace, about.name))
                if one is not None and self._may_have(one):
                    self._take(resource, one, body)
        for one in self._ledger.all_missing(kind):
            if self._may_have(one):
                self._is_gone(one)

    async def _seek(self, resource: Resource) -> None:
        """Adds what comes in because of what it names."""
        kind = resource.group_resource
        if kind in self._whole or not self._ledger.has_traces(related.SEEKERS[kind]):
            return
        async with aclosing(self._objects(resource)) as found:
            async for about, body in found:
                target = Identity(kind, about.namespace, about.name)
                try:
                    because = self._ledger.sought(related.seeks(kind, body))
                except msgspec.DecodeError as error:
                    why = f"whom it is for is not known: {error}"
                    self._tell("error", "Malformed", why, target)
                    continue
                if because is not None and not self._ledger.holds(target):
                    self._take(resource, Wanted(target, because, False), body)

    async def _add_versions(self, resource: Resource) -> None:
        """Adds what came in of a kind in its other versions: one list of each."""
        name = resource.group_resource
        for version in self._choice.others(resource):
            kind = self._contents.kind(version)
            try:
                async with aclosing(self._objects(version)) as found:
                    async for about, body in found:
                        if self._ledger.came_in(Identity(name, about.namespace, about.name)):
                            created = about.creation_timestamp or ""
                            kind.add_version(about.namespace, about.name, body, created)
            except ApiLost:
                raise
            except ApiError as error:
                self._reporter.problem(unread(error, name, version=version.api_version))

    async def _objects(self, resource: Resource) -> AsyncGenerator[tuple[Metadata, bytes], None]:
        """All objects of a kind in the chosen namespaces, or of the cluster."""
        told = False
        for namespace in self._choice.namespaces_of(resource):
            async with aclosing(self._client.pages(resource, namespace=namespace)) as pages:
                async for page in pages:
                    for raw in page.items:
                        try:
                            about = sound_head(raw).metadata
                        except ApiError as error:
                            if not told:
                                self._reporter.problem(unread(error, resource.group_resource))
                            told = True
                            continue
                        if not about.namespace or about.namespace in self._inside:
                            yield about, with_kind(raw, page.kind_prefix)
                    await self._contents.flush()

    async def _read(self, resource: Resource, one: Identity) -> bytes | ApiError:
        try:
            return await self._client.read(resource, one.name, namespace=one.namespace)
        except ApiLost:
            raise
        except ApiError as error:
            return error

    def _take(self, resource: Resource, one: Wanted, body: bytes) -> None:
        """Adds an object, or tells why not."""
        target = one.target
        try:
            known = sound_head(body)
        except ApiError as error:
            self._reporter.problem(unread(error, target))
            return
        about, labels = known.metadata, known.metadata.labels or {}
        if about.deletion_timestamp is not None:
            self._left_out(one, "is being deleted")
        elif labels.get(EXCLUDE_LABEL) == "true":
            self._left_out(one, f"has the label {EXCLUDE_LABEL}")
        elif self._request.selection.takes(
            *target, labels, secret_type=known.secret_type, raw=body
        ):
            self._contents.kind(resource).add(
                about.namespace,
                about.name,
                body,
                about.creation_timestamp or "",
                because=one.because,
            )
        else:
            self._ledger.forget(target)  # each cluster makes it for itself

    def _may_have(self, one: Wanted) -> bool:
        """Whether an object may come in at all; tells why not."""
        target = one.target
        if target in NEVER_OBJECTS or target.namespace in self._request.selection.reserved:
            self._left_out(one, "is never archived")
        elif target.namespace and target.namespace not in self._inside:
            self._left_out(one, "is in a namespace that is not backed up")
        else:
            return True
        return False

    def _is_gone(self, one: Wanted) -> None:
        if one.target.group_resource == related.DEFINITIONS:
            self._ledger.forget(one.target)  # an extension server's kinds have none
        else:
            self._left_out(one, "does not exist")

    def _left_out(self, one: Wanted, why: str) -> None:
        """Tells of one object that does not come in, where it is needed."""
        self._ledger.forget(one.target)
        if one.needed:
            self._tell("warning", MISSING, f"{why}, and {one.because} needs it", one.target)

    def _tell_all(self, kind: str, why: str) -> None:
        """Tells once that no object of a kind comes in, with some examples."""
        count, examples = 0, []
        for one in self._ledger.all_missing(kind):
            count += one.needed
            if one.needed and count <= NAMED:
                name = "/".join(filter(None, one.target[1:]))
                examples.append(f"{name} (for {one.because})")
        if count:
            named = ", ".join(examples) + (" ..." if count > NAMED else "")
            told = f"{count} that are needed do not come in, as {why}: {named}"
            self._reporter.problem(Problem("warning", MISSING, told, "", kind))

    def _tell(self, level: Level, reason: str, message: str, one: Identity) -> None:
        self._reporter.problem(Problem(level, reason, message, one.namespace, str(one)))
