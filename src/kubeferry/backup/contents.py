"""What goes into a backup's archive: each object once, a pod that is still with its claims, a bound
claim with its volume, a custom resource with its definition.
"""

import asyncio
from collections import Counter
from contextlib import aclosing

import msgspec

from kubeferry import codec
from kubeferry.backup import related, select
from kubeferry.backup.hooks import claims_of
from kubeferry.errors import ApiError, ApiLost, ApiUnreachable
from kubeferry.kube.client import Client
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import PODS, Resource
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.report import Level, Problem, Reporter
from kubeferry.vault.sidefiles import NOT_TAKEN
from kubeferry.vault.writer import ArchiveWriter, Entry

_FLUSH = 500
"""Objects that are added one by one between two flushes."""


class Contents:
    """The contents of one archive while it is written. What cannot be had is reported."""

    def __init__(
        self, archive: ArchiveWriter, client: Client, discovery: Discovery, reporter: Reporter
    ) -> None:
        self._archive = archive
        self._client = client
        self._discovery = discovery
        self._reporter = reporter
        self._flushing = asyncio.Lock()
        self._kinds: Counter[str] = Counter()
        self._claims: list[related.BoundClaim] = []
        self._still: set[tuple[str, str]] = set()
        """Claims that were archived with their pods."""

    async def flush(self) -> None:
        """Sends what was added; several may call it at once."""
        async with self._flushing:
            await self._archive.flush()
        self._reporter.progress(self._archive.objects, None)

    def add(
        self, resource: Resource, namespace: str, name: str, body: bytes, *, created: str
    ) -> None:
        """Adds one object as it came: whole, with apiVersion and kind."""
        type_key = f"{resource.api_version}/{resource.kind}"
        kind = resource.group_resource
        self._archive.add(Entry(kind, resource.version, type_key, namespace, name, body, created))
        self._kinds[kind] += 1

    def add_object(self, resource: Resource, obj: Object) -> None:
        """Adds one object that came decoded."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind} | obj
        meta = metadata(obj)
        self.add(
            resource,
            meta.get("namespace", ""),
            meta["name"],
            codec.encode(whole),
            created=meta.get("creationTimestamp") or "",
        )

    def has_claim(self, namespace: str, name: str) -> bool:
        """Whether a claim was archived with its pod."""
        return (namespace, name) in self._still

    def note_claim(self, raw: msgspec.Raw | bytes, namespace: str, name: str) -> None:
        """Remembers a bound claim: its volume is archived beside it."""
        try:
            claim = related.bound_claim(raw)
        except msgspec.DecodeError as error:
            subject = f"{related.CLAIMS} {namespace}/{name}"
            self._problem("error", "Malformed", f"its volume is not known: {error}", subject)
        else:
            if claim is not None:
                self._claims.append(claim)

    async def add_pod(self, pod: Object) -> None:
        """Adds a pod that is still, and its claims."""
        self.add_object(PODS, pod)
        resource, namespace = served(self._discovery, related.CLAIMS), metadata(pod)["namespace"]
        wanted = [name for name in claims_of(pod) if (namespace, name) not in self._still]
        self._still.update((namespace, name) for name in wanted)
        async with aclosing(related.claims(self._client, resource, namespace, wanted)) as found:
            async for name, claim in found:
                if isinstance(claim, ApiError):
                    subject = f"{related.CLAIMS} {namespace}/{name}"
                    self._reporter.problem(unread(claim, subject, namespace=namespace))
                    self._still.discard((namespace, name))  # the list may have it
                elif select.is_taken(related.CLAIMS, namespace, name, labels(claim)):
                    self.note_claim(codec.encode(claim), namespace, name)
                    self.add_object(resource, claim)

    async def add_definitions(self) -> None:
        """Puts the definition of each custom kind beside its objects."""
        resource = self._discovery.find(related.DEFINITIONS)
        if resource is None:
            return
        found = related.definitions(self._client, resource, list(self._kinds))
        async with aclosing(found):
            async for name, definition in found:
                if isinstance(definition, ApiError):
                    subject = f"{related.DEFINITIONS} {name}"
                    self._reporter.problem(unread(definition, subject))
                else:
                    self.add_object(resource, definition)

    async def add_volumes(self, *, is_asked: bool) -> list[dict[str, object]]:
        """Puts each bound claim's volume beside it; their entries in ``volumeinfo``.

        ``is_asked`` says that their data was asked for: it is not taken, which is an error.
        """
        if not self._claims:
            return []
        resource = served(self._discovery, related.VOLUMES)
        wanted = {one.volume for one in self._claims}
        found: dict[str, related.VolumeFacts] = {}
        try:
            async with aclosing(related.volumes(self._client, resource, wanted)) as volumes:
                async for archived in volumes:
                    self.add_object(resource, archived)
                    found[metadata(archived)["name"]] = related.volume_facts(archived)
                    if len(found) % _FLUSH == 0:
                        await self.flush()
        except ApiLost:
            raise
        except ApiError as error:
            self._reporter.problem(unread(error, related.VOLUMES))
        return [
            self._volume(claim, found.get(claim.volume), is_asked=is_asked)
            for claim in self._claims
        ]

    def _volume(
        self, claim: related.BoundClaim, volume: related.VolumeFacts | None, *, is_asked: bool
    ) -> dict[str, object]:
        """The entry of a claim's volume; reports what of it is not in the backup."""
        where = f"{related.CLAIMS} {claim.namespace}/{claim.name}"
        if volume is None:
            gone = f"its volume {claim.volume} is gone"
            self._problem("warning", "VolumeMissing", gone, where, namespace=claim.namespace)
        if is_asked:
            told = f"{NOT_TAKEN}; set pvBackup.defaultPvBackup to false to do without it"
            self._problem("error", "VolumeDataNotTaken", told, where, namespace=claim.namespace)
        return related.volume_info(claim, asked=is_asked, volume=volume)

    def _problem(
        self, level: Level, reason: str, message: str, subject: str, *, namespace: str = ""
    ) -> None:
        self._reporter.problem(Problem(level, reason, message, namespace, subject))


def served(discovery: Discovery, group_resource: str) -> Resource:
    """A resource that every API server has. Raises ``ApiUnreachable`` for what is none."""
    found = discovery.find(group_resource)
    if found is None:
        raise ApiUnreachable(
            f"the API server serves no {group_resource}", remedy="is this a Kubernetes API server?"
        )
    return found


def unread(error: ApiError, subject: str, *, namespace: str = "") -> Problem:
    """What is told of something that could not be read, in a namespace or in all."""
    where = f" in {namespace}" if namespace else ""
    reason = error.kubernetes_reason or error.reason
    return Problem("error", reason, f"could not be read{where}: {error.problem}", "", subject)
