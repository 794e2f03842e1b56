"""Puts the controller together and runs it until it is cancelled."""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import replace

from kubeferry.api.definition import GUARD
from kubeferry.clock import Clock, utc_now
from kubeferry.controller.backup import BackupReconciler
from kubeferry.controller.context import Context
from kubeferry.controller.health import serve_health
from kubeferry.controller.location import LocationReconciler
from kubeferry.controller.loop.controller import Controller
from kubeferry.controller.loop.election import Election
from kubeferry.controller.loop.informer import Informer
from kubeferry.controller.resources import (
    BACKUPS,
    LOCATIONS,
    NAMESPACES,
    POLICIES,
    POLICY_BINDINGS,
    RESTORES,
)
from kubeferry.controller.restore import RestoreReconciler
from kubeferry.controller.runner import Runner
from kubeferry.errors import ConfigError, FerryError, Forbidden, NotFound, first_error
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.discovery import ServerVersion
from kubeferry.kube.limiter import Limits
from kubeferry.kube.support import check_supported
from kubeferry.memory import Allowance
from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials
from kubeferry.vault.metadata import SourceCluster

LEASE = "kubeferry-controller"

_log = logging.getLogger("kubeferry.controller")


async def run_controller(
    *,
    config: ClusterConfig,
    settings: Settings,
    credentials: Credentials | None,
    identity: str,
    clock: Clock = utc_now,
    elect: bool = True,
    health_port: int | None = None,
) -> None:
    """Runs the controller against one cluster; ``identity`` tells this replica from others.

    With ``health_port`` a kubelet's probes are answered there; ready is a controller that has found
    the cluster and our definitions, also while it waits for the lease.

    Raises ``ConfigError`` when our definitions are not installed there, ``Interrupted`` when
    another replica took the lease.
    """
    ready = asyncio.Event()
    async with AsyncExitStack() as stack:
        if health_port is not None:
            checks = {"/healthz": lambda: True, "/readyz": ready.is_set}
            await stack.enter_async_context(serve_health(checks, host="", port=health_port))
        limits = client_limits(settings.allowance)
        client = Client(config, user_agent="kubeferry-controller", limits=limits)
        await stack.enter_async_context(client)
        version = await client.version()
        check_supported(version)
        await _check_installed(client, settings)
        await _tell_unguarded(client)
        cluster = await _identify(client, config.context, settings, version)
        _log.info("cluster %s (%s)", cluster.name, cluster.uid)
        ready.set()

        async def lead() -> None:
            try:
                await _reconcile(client, settings, credentials, cluster, clock)
            except* FerryError as errors:
                raise first_error(errors) from None

        if not elect:
            await lead()
            return
        election = Election(
            client, namespace=settings.namespace, name=LEASE, identity=identity, clock=clock
        )
        await election.run(lead)


async def _reconcile(
    client: Client,
    settings: Settings,
    credentials: Credentials | None,
    cluster: SourceCluster,
    clock: Clock,
) -> None:
    informers = {
        resource: Informer(client, resource, namespace=settings.namespace)
        for resource in (LOCATIONS, BACKUPS, RESTORES)
    }
    tasks = min(settings.max_tasks, settings.allowance.tasks)
    async with Runner(limit=tasks) as runner, asyncio.TaskGroup() as group:
        context = Context(
            client=client,
            settings=settings,
            clock=clock,
            cluster=cluster,
            credentials=credentials,
            runner=runner,
            locations=informers[LOCATIONS],
            backups=informers[BACKUPS],
            restores=informers[RESTORES],
        )
        controllers = (
            Controller("vault", informers[LOCATIONS], LocationReconciler(context)),
            Controller("backup", informers[BACKUPS], BackupReconciler(context)),
            Controller("restore", informers[RESTORES], RestoreReconciler(context)),
        )
        for informer in informers.values():
            group.create_task(informer.run())
        # A task may ask for any of them, so all are filled before the first one starts.
        for informer in informers.values():
            await informer.synced.wait()
        for controller in controllers:
            group.create_task(controller.run())
        _log.info("ready")


def client_limits(allowance: Allowance) -> Limits:
    """What the client may do that the allowance has memory for."""
    plenty = Limits()
    return replace(
        plenty,
        writes_start=min(plenty.writes_start, allowance.writes),
        writes_max=allowance.writes,
        page_bytes=allowance.page,
        bytes_in_flight=min(plenty.bytes_in_flight, allowance.pages),
        bytes_held=allowance.pages,
        bytes_outgoing=allowance.objects,
    )


async def _tell_unguarded(client: Client) -> None:
    """Logs that nothing keeps rules and vaults to administrators, where that is so: who upgraded
    the image alone, or runs a controller by hand, may not know.
    """
    for resource in (POLICIES, POLICY_BINDINGS):
        try:
            await client.get(resource, f"{GUARD}restores")
        except NotFound:
            _log.warning(
                "the guard is not installed: whoever may write backups and restores can do what "
                "this controller can; kubeferry install brings it"
            )
            return
        except Forbidden:
            return


async def _check_installed(client: Client, settings: Settings) -> None:
    for resource in (LOCATIONS, BACKUPS, RESTORES):
        try:
            await client.list(
                resource, namespace=settings.namespace, field_selector="metadata.name=-"
            )
        except NotFound as error:
            raise ConfigError(
                f"the cluster does not know {resource.group_resource}",
                place=client.config.server,
                remedy="kubeferry install | kubectl apply -f -",
            ) from error


async def _identify(
    client: Client, context: str, settings: Settings, version: ServerVersion
) -> SourceCluster:
    """Who this cluster is: the uid of a namespace that every cluster has, and never makes anew.

    From inside every cluster has the same address, so there the uid has to do for a name.
    """
    system = await client.get(NAMESPACES, "kube-system")
    uid = system["metadata"]["uid"]
    return SourceCluster(
        name=settings.cluster_name or context or f"cluster-{uid[:8]}",
        uid=uid,
        git_version=version.git_version,
        major=str(version.major),
        minor=str(version.minor),
    )
