"""Opens the plan of a restore: reads the archive, asks the target what it is, selects, compiles.

What comes out, a ``Planner``, drives the restore and is what ``restore plan`` prints; nothing is
written.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from kubeferry.clock import Clock
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.report import Problem, Reporter
from kubeferry.restore.aborting import check_aborts
from kubeferry.restore.archive import open_archive
from kubeferry.restore.definitions import defined_resources
from kubeferry.restore.owners import Owners, find_owners
from kubeferry.restore.plan import Planner
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.retrying import keep_undone
from kubeferry.restore.rule_notes import rule_notes
from kubeferry.restore.selecting import select
from kubeferry.restore.selection import kinds_meant
from kubeferry.restore.served_later import served_later
from kubeferry.restore.spool import Spool
from kubeferry.restore.target import Target
from kubeferry.restore.volume_data import volumes_of_nodes
from kubeferry.restore.waves import DEFINITIONS
from kubeferry.settings import Settings
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.change import Note
from kubeferry.transform.facts import Facts
from kubeferry.transform.modifiers.apply import Task
from kubeferry.transform.modifiers.protected import widened_by
from kubeferry.transform.parameters import privileged
from kubeferry.transform.parameters.claim_conversions import check_claims
from kubeferry.transform.parameters.namespaces import (
    check_clashes,
    check_sources,
    find_clashes,
    shared_targets,
)
from kubeferry.transform.parameters.service_names import ServiceNames
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.pipeline import Pipeline, Rules
from kubeferry.vault.store import Store


@asynccontextmanager
async def open_plan(
    request: RestoreRequest,
    *,
    target: Target,
    store: Store,
    settings: Settings,
    reporter: Reporter,
    clock: Clock,
) -> AsyncIterator[Planner]:
    """Reads the archive and makes the plan of a restore; writes nothing.

    Raises ``InvalidInput``, ``BackupMissing``, ``ArchiveError``, ``VaultError``, ``ApiError``.
    """
    with Spool(parent=settings.spool_dir, limit=settings.spool_limit) as spool:
        reporter.phase("asking the target what it serves")
        discovery = await target.discover()
        for broken in discovery.broken:
            reporter.problem(Problem("warning", "GroupUnavailable", str(broken)))
        reporter.phase("reading the archive")
        opened = await open_archive(
            store,
            request.backup,
            spool=spool,
            now=clock(),
            discovery=discovery,
            priorities=request.version_priorities,
        )
        for note in opened.read.notes:
            reporter.problem(Problem("warning", "Archive", note))
        rules_say = request.modifiers.notes if request.modifiers else ()
        for told in (*rules_say, *request.notes, *opened.notes):
            reporter.problem(Problem("warning", told.reason, told.message))
        providers = await target.providers(
            spool, source=request.source_provider, target=request.target_provider
        )
        for told in providers.notes:
            reporter.problem(Problem("warning", told.reason, told.message))
        defined = defined_resources(spool)
        unmatched = await _select(request, spool, discovery, defined)
        status_kinds, meaningless = _status_kinds(request, spool, discovery, defined)
        for told in (*unmatched, *meaningless):
            reporter.problem(Problem("warning", told.reason, told.message))
        _check_clashes(request, spool)
        check_claims(request.parameters.conversions, spool.names("persistentvolumeclaims"))
        for told in await target.check_classes(request.parameters, spool):
            reporter.problem(Problem("warning", told.reason, told.message))
        volumes, of_nodes = _restored_volumes(request, opened.restored_volumes, spool)
        for told in of_nodes:
            reporter.problem(Problem("warning", told.reason, told.message))
        rules = Rules(
            namespaces=request.namespaces,
            images=request.images,
            parameters=_parameters(request, spool),
            modifiers=request.modifiers,
            labels=request.labels,
            facts=Facts(
                restored_volumes=volumes,
                served=frozenset(
                    ServedKind(one.api_version, one.kind) for one in discovery.all_versions
                ),
                preserve_node_ports=request.preserve_node_ports,
                off=request.automatic_off,
                left=providers.left,
                node_labels=providers.node_labels,
                classes=await target.classes(spool),
                class_mapping=request.parameters.storage_classes,
                converted_claims=request.parameters.conversions,
                fallback_class=settings.fallback_storage_class,
                fallback_shared_class=settings.fallback_shared_storage_class,
            ),
            init_hooks=request.hooks.init,
            task=Task(request.backup, request.name),
            protected=widened_by(settings.protected_fields),
        )
        later = served_later(spool)  # of the whole backup: what serves them may be restored
        if request.retried is not None:
            facts = opened.read.facts
            for told in await keep_undone(spool, request.retried, store=store, backup=facts):
                reporter.problem(Problem("warning", told.reason, told.message))
        later = later.of(spool.kinds())
        planner = Planner(
            spool,
            Pipeline(rules),
            discovery,
            request.namespaces,
            {key: one for key, one in defined.items() if spool.has(_definition(one))},
            reserved=request.reserved,
            claims_with_data=frozenset() if request.objects_only else opened.claims_with_data,
            hooks=request.hooks,
            status_kinds=status_kinds,
            policy=request.policy,
            skips_privileged=request.parameters.skip_privileged,
            manager=request.field_manager,
            owners=_owners(request, spool, discovery, defined, later.kinds),
            archive_digest=opened.read.digest,
            rules_digest=request.rules_digest,
            later=later,
        )
        served = {one.group_resource for one in (*discovery.resources, *defined.values())}
        for told in rule_notes(request.modifiers, spool=spool, served=served):
            reporter.problem(Problem("warning", told.reason, told.message))
        check_aborts(planner, request.modifiers)
        reporter.phase("asking the target what is there already")
        for told in await target.survey(planner):
            reporter.problem(Problem("warning", told.reason, told.message))
        yield planner


def _archived_namespaces(spool: Spool) -> set[str]:
    return {name for _, name in spool.names("namespaces")}


async def _select(
    request: RestoreRequest,
    spool: Spool,
    discovery: Discovery,
    defined: Mapping[tuple[str, str], Resource],
) -> tuple[Note, ...]:
    """Leaves in the spool what is to be restored; what is mapped must be among it."""
    present = spool.namespaces() | _archived_namespaces(spool)
    check_sources(request.namespaces, present)
    notes = await select(spool, request.selection, discovery=discovery, defined=defined.values())
    selected = spool.namespaces() | _archived_namespaces(spool)
    check_sources(request.namespaces, present, selected=selected)
    return notes


def _status_kinds(
    request: RestoreRequest,
    spool: Spool,
    discovery: Discovery,
    defined: Mapping[tuple[str, str], Resource],
) -> tuple[frozenset[str], tuple[Note, ...]]:
    """The kinds whose objects get their status back, and the words that mean none."""
    if request.status is None:
        return frozenset(), ()
    return kinds_meant(
        request.status,
        kinds=spool.kinds(),
        discovery=discovery,
        defined=defined.values(),
        place="spec.restoreStatus",
    )


def _restored_volumes(
    request: RestoreRequest, names: frozenset[str], spool: Spool
) -> tuple[frozenset[str], tuple[Note, ...]]:
    """Those volumes that are restored at all: a claim must not wait for one that is not. And what
    is to be told of those that are not for being privileged.
    """
    volumes = {name for name in names if spool.has(Identity("persistentvolumes", "", name))}
    if not volumes or not request.parameters.skip_privileged:
        return frozenset(volumes), ()
    of_nodes = volumes.intersection(volumes_of_nodes(spool))
    return frozenset(volumes - of_nodes), privileged.volume_notes(sorted(of_nodes))


def _parameters(request: RestoreRequest, spool: Spool) -> Parameters:
    """The parameters, with what the backup's Services decide."""
    if not request.rewrite_service_names:
        return request.parameters
    services = {one for one in spool.names("services") if one[0] in request.namespaces}
    names = ServiceNames(request.namespaces, services)
    return replace(request.parameters, service_names=names)


def _owners(
    request: RestoreRequest,
    spool: Spool,
    discovery: Discovery,
    defined: Mapping[tuple[str, str], Resource],
    last: frozenset[str],
) -> Owners | None:
    if not request.keeps_owners:
        return None

    def known(api_version: str, kind: str) -> Resource | None:
        return discovery.for_kind(api_version, kind) or defined.get((api_version, kind))

    return find_owners(spool, namespaces=request.namespaces, last=last, defined=known)


def _definition(resource: Resource) -> Identity:
    return Identity(DEFINITIONS, "", resource.group_resource)


def _check_clashes(request: RestoreRequest, spool: Spool) -> None:
    """Refuses two namespaces that become one where both would bring the same object."""
    present = spool.namespaces()
    for sources in shared_targets(request.namespaces, present).values():
        namesakes = spool.namesakes(sources)
        check_clashes(find_clashes(request.namespaces, present, namesakes))
