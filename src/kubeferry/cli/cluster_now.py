"""What a cluster has now of what a backup holds: the backup's selection, taken again into a spool.

What the selection takes today is collected as a backup does it. What is in the backup and was not
met is looked for by name, so that only what is gone from the cluster is told to be gone: a label
may have changed, or another program, Velero, selects by rules of its own.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter

from msgspec.structs import replace

from kubeferry.api import metadata as api_metadata
from kubeferry.api.backup import ApplicationBackup, VolumeBackup
from kubeferry.api.definition import API_VERSION, SYNCED_FROM
from kubeferry.backup.choice import choose
from kubeferry.backup.collect import collect
from kubeferry.backup.lists import sound_head
from kubeferry.backup.prepare import prepare
from kubeferry.cli.comparing import UNREAD
from kubeferry.cli.connection import Session
from kubeferry.controller.resources import BACKUPS
from kubeferry.errors import ApiError, ApiLost, InvalidInput, NotFound, first_error
from kubeferry.kube.client import Client
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource, split_group_resource
from kubeferry.kube.pages import with_kind
from kubeferry.report import Problem, Reporter
from kubeferry.restore.spool import Spool
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.writer import Entry

_FEW = 20
"""So many objects of a kind and namespace are asked for one by one; of more there is a list."""
_NAMESPACE = itemgetter(0)


class SpoolSink:
    """Puts what is collected into a spool, in the preferred version."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.objects = 0

    def add(self, entry: Entry) -> None:
        """Keeps one object."""
        if entry.preferred:
            identity = Identity(entry.group_resource, entry.namespace, entry.name)
            self._spool.add(identity, entry.body)
            self.objects += 1

    async def flush(self) -> None:
        """Nothing waits."""


async def read_cluster(
    session: Session, facts: BackupFacts, *, old: Spool, new: Spool, reporter: Reporter
) -> None:
    """Fills ``new`` with what the cluster has of the backup in ``old``, and of its selection.

    What cannot be read is reported, and noted in ``new`` as ``UNREAD``. Raises ``ApiError`` when
    nothing can be.
    """
    try:
        discovery = await _collect(session, facts, new, reporter)
    except InvalidInput as error:
        told = f"what is new in the cluster is not looked for: {error}"
        reporter.problem(Problem("warning", "NothingSelected", told))
        discovery = await session.client.discover()
    reporter.phase("looking for the rest")
    for kind in old.kinds():
        await _Rest(session.client, discovery, reporter, old, new).look_for(kind)


async def _collect(
    session: Session, facts: BackupFacts, new: Spool, reporter: Reporter
) -> Discovery:
    backup = _objects_only(await asked(session, facts))
    if "resourcePolicy" in facts.asked and backup.spec.resource_policy is None:
        told = "its resource policy is not known here: what that left out counts as new"
        reporter.problem(Problem("warning", "NothingSelected", told))
    request = await prepare(backup, client=session.client, namespace=session.namespace)
    choice = await choose(request, client=session.client, reporter=reporter)
    await collect(request, choice, client=session.client, sink=SpoolSink(new), reporter=reporter)
    return choice.discovery


def _objects_only(backup: ApplicationBackup) -> ApplicationBackup:
    """The task without what is no part of a comparison: versions, hooks, data of volumes."""
    volumes = VolumeBackup()
    if backup.spec.backup_type == "PvBackup":  # whose claims these are
        volumes = backup.spec.pv_backup
    spec = replace(
        backup.spec,
        all_versions=False,
        hooks=None,
        pv_backup=replace(volumes, default_pv_backup=False),
    )
    return replace(backup, spec=spec)


async def asked(session: Session, facts: BackupFacts) -> ApplicationBackup:
    """The task that took the backup, else what its document in the vault says of it.

    Raises ``InvalidInput`` for a selection that cannot be made here.
    """
    try:
        found = await session.client.get(BACKUPS, facts.name, namespace=session.namespace)
    except NotFound:
        return told(facts)
    own = api_metadata.read(found, ApplicationBackup)
    is_the_task = own.metadata.uid == facts.uid and SYNCED_FROM not in own.metadata.annotations
    return own if is_the_task else told(facts)


def told(facts: BackupFacts) -> ApplicationBackup:
    """A backup's task as its document tells it, ours or Velero's. Raises ``InvalidInput``."""
    spec = {key: value for key, value in facts.asked.items() if value is not None}
    spec.pop("resourcePolicy", None)  # a ConfigMap of another cluster, or of Velero's namespace
    return api_metadata.read(
        {
            "apiVersion": API_VERSION,
            "kind": ApplicationBackup.__name__,
            "metadata": {"name": facts.name},
            "spec": {
                **spec,
                "storageLocation": facts.storage_location or "vault",
                "includedNamespaces": list(facts.included_namespaces),
                "excludedNamespaces": list(facts.excluded_namespaces),
            },
        },
        ApplicationBackup,
    )


class _Rest:
    """Looks in the cluster for what ``old`` has and ``new`` lacks."""

    def __init__(
        self, client: Client, discovery: Discovery, reporter: Reporter, old: Spool, new: Spool
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._reporter = reporter
        self._old = old
        self._new = new

    async def look_for(self, kind: str) -> None:
        """Looks for what is missing of one kind."""
        resource = self._discovery.find(kind)
        _, group = split_group_resource(kind)
        is_broken = any(one.group == group for one in self._discovery.broken)
        for namespace, missing in groupby(self._missing(kind), key=_NAMESPACE):
            some = [Identity(kind, *one) for one in islice(missing, _FEW + 1)]
            if resource is None:
                rest = (Identity(kind, *one) for one in missing)
                for one in (*some, *rest) if is_broken else ():
                    self._new.mark_done(one, UNREAD)
            elif len(some) <= _FEW:
                await self._read_all(resource, some)
            else:
                await self._list(resource, namespace, some, missing)

    def _missing(self, kind: str) -> Iterator[tuple[str, str]]:
        """Namespace and name of each object that ``new`` lacks, sorted."""
        return (one for one in self._old.names(kind) if self._new.get(Identity(kind, *one)) is None)

    async def _read_all(self, resource: Resource, objects: Sequence[Identity]) -> None:
        try:
            async with asyncio.TaskGroup() as reads:
                for one in objects:
                    reads.create_task(self._read(resource, one))
        except* ApiLost as errors:
            raise first_error(errors) from None

    async def _read(self, resource: Resource, one: Identity) -> None:
        try:
            body = await self._client.read(resource, one.name, namespace=one.namespace)
        except NotFound:
            return
        except ApiLost:
            raise
        except ApiError as error:
            self._unread(error, str(one), [one])
        else:
            self._new.add(one, body)

    async def _list(
        self,
        resource: Resource,
        namespace: str,
        some: Sequence[Identity],
        missing: Iterator[tuple[str, str]],
    ) -> None:
        kind = resource.group_resource
        try:
            async for page in self._client.pages(resource, namespace=namespace):
                for raw in page.items:
                    about = sound_head(raw).metadata
                    one = Identity(kind, about.namespace, about.name)
                    if self._old.get(one) is not None:
                        self._new.add(one, with_kind(raw, page.kind_prefix))
        except ApiLost:
            raise
        except ApiError as error:
            rest = (Identity(kind, *one) for one in missing)
            self._unread(error, f"{kind} in {namespace}" if namespace else kind, (*some, *rest))

    def _unread(self, error: ApiError, subject: str, objects: Sequence[Identity]) -> None:
        reason = error.kubernetes_reason or error.reason
        told = f"could not be read: {error.problem}"
        self._reporter.problem(Problem("error", reason, told, "", subject))
        for one in objects:
            self._new.mark_done(one, UNREAD)
