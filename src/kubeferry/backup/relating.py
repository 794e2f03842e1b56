"""Brings in what selected objects need, kind by kind in the order of who may need whom.

What is referred to and not archived is on the ledger. A few objects are asked for one by one, many
by one list of their kind; kinds that come in because of what they name (bindings, snapshot classes)
are listed as a whole. What cannot be had is told with both names: what is needed and by whom. What
each cluster makes for itself is left out without a word.

Namespaced objects come from the chosen namespaces alone: who backs up one namespace does not get
the Secrets of another.
"""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
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
                self._tell_all(kind, "the backup's filters leave them out")
            elif kind in related.SEEKERS:
                await self._guarded(self._seek(resource), kind)
            elif self._ledger.count_missing(kind) > FEW:
                await self._guarded(self._list(resource), kind)
            else:
                await self._fetch(resource)
            await self._contents.flush()

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
                self._contents.want(related.Reference(definition, needed=False), first)

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
                    await self._take(resource, one, answer)
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
                    await self._take(resource, one, body, other_versions=False)
        for version in self._other_versions(resource):
            async with aclosing(self._objects(version)) as found:
                async for about, body in found:
                    if self._ledger.came_in(Identity(kind, about.namespace, about.name)):
                        self._add_version(version, about, body)
        for one in self._ledger.all_missing(kind):
            if self._may_have(one):
                self._is_gone(one)

    async def _seek(self, resource: Resource) -> None:
        """Adds what comes in because of what it names."""
        kind = resource.group_resource
        if kind in self._whole or not self._ledger.has_traces():
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
                    await self._take(resource, Wanted(target, because, False), body)

    async def _objects(self, resource: Resource) -> AsyncGenerator[tuple[Metadata, bytes], None]:
        """All objects of a kind in the chosen namespaces, or of the cluster."""
        namespaces: tuple[str, ...] = ("",)
        if resource.namespaced and not self._choice.scope.most:
            namespaces = self._choice.scope.namespaces
        for namespace in namespaces:
            async with aclosing(self._client.pages(resource, namespace=namespace)) as pages:
                async for page in pages:
                    for raw in page.items:
                        about = sound_head(raw).metadata
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

    async def _take(
        self, resource: Resource, one: Wanted, body: bytes, *, other_versions: bool = True
    ) -> None:
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
            for version in self._other_versions(resource) if other_versions else ():
                answer = await self._read(version, target)
                if isinstance(answer, ApiError):
                    told = unread(answer, target, version=version.api_version)
                    self._reporter.problem(told)
                else:
                    self._add_version(version, about, answer)
        else:
            self._ledger.forget(target)  # each cluster makes it for itself

    def _add_version(self, version: Resource, about: Metadata, body: bytes) -> None:
        self._contents.kind(version).add_version(
            about.namespace, about.name, body, about.creation_timestamp or ""
        )

    def _other_versions(self, resource: Resource) -> tuple[Resource, ...]:
        return self._choice.others(resource) if self._request.all_versions else ()

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
        if one.needed:
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
