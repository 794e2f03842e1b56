"""Takes kubeferry out of a cluster; what the vaults hold stays.

1. the controller: its Deployment, and then its pods, are gone before anything else is touched, for
   a controller that lives would bring back what is taken away
2. what holds vaults and tasks back: finalizers of ours
3. the definitions, and with them all vaults and tasks
4. roles, bindings, the account, the Lease
5. the namespace, if nothing is in it that people put there, by then too

Cut short anywhere it can be run again: each step finds what is left of it.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from kubeferry.api.definition import GROUP
from kubeferry.api.install import LABELS as CONTROLLER_LABELS
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.installed import (
    Contents,
    Found,
    Installed,
    find_contents,
    find_installed,
    find_instances,
)
from kubeferry.cli.output import counted, emit, printable, say
from kubeferry.cli.removal import Removal, frozen, staying, summary, warnings
from kubeferry.controller.loop.election import LEASES
from kubeferry.controller.run import LEASE
from kubeferry.errors import Conflict, FerryError, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import PODS
from kubeferry.kube.objects import metadata

PATIENCE = 120.0
"""Seconds that each thing may take to go: for pods twice what they are given to end."""
_POLL = 0.25

Tell = Callable[[str], None]


async def show(flags: Flags, *, keeps_home: bool | None) -> Removal:
    """Looks at the cluster and tells what goes and what stays; writes nothing."""
    async with connect(flags) as session:
        cluster = session.cluster_name
        removal = await prepare(session, keeps_home=keeps_home)
    if removal.is_nothing:
        emit([printable(f"Nothing of kubeferry is left in cluster {cluster}."), *staying(removal)])
    else:
        emit(summary(removal, cluster=cluster))
        for text in warnings(removal):
            say(text)
    return removal


async def act(flags: Flags, removal: Removal) -> None:
    """Removes it, telling of each thing."""
    async with connect(flags) as session:
        await remove(session, removal, lambda text: emit([printable(text)]))


async def prepare(session: Session, *, keeps_home: bool | None) -> Removal:
    """Looks at the cluster; writes nothing."""
    installed = await find_installed(session)
    return Removal(installed, await _contents(session, installed), keeps_home)


async def _contents(session: Session, installed: Installed) -> Contents:
    if installed.home is None:
        return Contents((), ())
    return await find_contents(session.client, session.namespace, installed)


async def remove(
    session: Session, removal: Removal, tell: Tell, *, patience: float = PATIENCE
) -> None:
    """Removes it and tells of each thing once it is gone.

    Raises ``FerryError`` when something does not go in ``patience`` seconds: run again, it goes on
    from there.
    """
    installed, client = removal.installed, session.client
    await _stop_controller(session, installed.deployment, tell, patience)
    await _remove_definitions(client, installed, tell, patience)
    for one in installed.rest:
        if await _delete(client, one):
            tell(f"{one} removed")
    if installed.home is None or not removal.takes_home:
        return
    # People may have put something there in the meantime.
    removal = replace(removal, contents=await _contents(session, installed))
    if not removal.takes_home:
        for text in staying(removal):
            tell(text)
        return
    await _delete(client, installed.home)
    await _await_gone(client, installed.home, patience)
    tell(f"{installed.home} removed")


async def _stop_controller(
    session: Session, deployment: Found | None, tell: Tell, patience: float
) -> None:
    client, namespace = session.client, session.namespace
    try:
        async with asyncio.timeout(patience):
            if deployment is not None:
                # It goes after its ReplicaSets, which could make pods again.
                await _delete(client, deployment, propagation="Foreground")
                await _gone(client, deployment)
            await _pods_ended(client, namespace)
    except TimeoutError:
        raise FerryError(
            f"the controller's pods did not end in {patience:.0f} s",
            place=f"namespace {namespace}",
            remedy=f"see kubectl -n {namespace} describe pods, then run this again",
        ) from None
    if deployment is not None:
        tell(f"{deployment} removed, its pods have ended")
    await _wait_for_nobody(client, namespace)


async def _pods_ended(client: Client, namespace: str) -> None:
    selector = ",".join(f"{key}={value}" for key, value in CONTROLLER_LABELS.items())
    while True:
        if not await client.list(PODS, namespace=namespace, label_selector=selector):
            return
        await asyncio.sleep(_POLL)


async def _wait_for_nobody(client: Client, namespace: str) -> None:
    """Waits until no controller holds the Lease: one that was killed has not given it up.

    Raises ``FerryError`` where one renews it, a controller that runs somewhere else.
    """
    seen, end = "", 0.0
    while True:
        try:
            lease = await client.get(LEASES, LEASE, namespace=namespace)
        except NotFound:
            return
        spec, now = lease.get("spec") or {}, asyncio.get_running_loop().time()
        holder, renewed = spec.get("holderIdentity"), str(spec.get("renewTime"))
        if not seen:
            seen, end = renewed, now + float(spec.get("leaseDurationSeconds") or 15)
        if not holder or now > end:
            return
        if renewed != seen:
            raise FerryError(
                f"a controller still works: {holder}",
                place=f"lease {namespace}/{LEASE}",
                remedy="end that process, then run this again",
            )
        await asyncio.sleep(_POLL)


async def _remove_definitions(
    client: Client, installed: Installed, tell: Tell, patience: float
) -> None:
    # The controller may have written until it ended, so they are listed anew.
    instances = await find_instances(client, installed.definitions)
    told = set(frozen(installed.instances))
    for text in frozen(instances):
        if text not in told:
            tell(text)
    for one in instances:
        await _let_go(client, one)
    for one in installed.definitions:
        await _delete(client, one)
    for one in installed.definitions:
        await _await_gone(client, one, patience)
        tell(f"{one} removed{_with(instances, one)}")


def _with(instances: Iterable[Found], definition: Found) -> str:
    mine = [one for one in instances if one.resource.group_resource == definition.name]
    return f", with {counted(len(mine), mine[0].resource.kind)}" if mine else ""


def _is_ours(finalizer: str) -> bool:
    return finalizer.startswith(f"{GROUP}/")


async def _let_go(client: Client, one: Found) -> None:
    left = [text for text in one.finalizers if not _is_ours(text)]
    if len(left) == len(one.finalizers):
        return
    body = {"metadata": {"uid": one.uid, "finalizers": left}}
    try:
        await client.patch(one.resource, one.name, body, kind="merge", namespace=one.namespace)
    except NotFound:
        return


async def _await_gone(client: Client, one: Found, patience: float) -> None:
    """Waits until it is gone. Raises ``FerryError`` with what holds it."""
    try:
        async with asyncio.timeout(patience):
            await _gone(client, one)
    except TimeoutError:
        raise FerryError(
            f"did not go in {patience:.0f} s",
            place=str(one),
            remedy=f"{await _held(client, one)}; then run this again",
        ) from None


async def _held(client: Client, one: Found) -> str:
    """What keeps a definition (finalizers of others on vaults and tasks) or the namespace."""
    held = [
        f"{instance} of namespace {instance.namespace} has {', '.join(instance.finalizers)}"
        for instance in await find_instances(client, [one])
        if instance.finalizers
    ]
    return f"take the finalizers away: {'; '.join(held)}" if held else "see its status.conditions"


async def _gone(client: Client, one: Found) -> None:
    """Waits until this very object is gone."""
    try:
        while True:
            live = await client.get(one.resource, one.name, namespace=one.namespace)
            if metadata(live).get("uid") != one.uid:
                return
            await asyncio.sleep(_POLL)
    except NotFound:
        return


async def _delete(client: Client, one: Found, *, propagation: str = "") -> bool:
    """Deletes this very object; False when it is not there."""
    try:
        await client.delete(
            one.resource,
            one.name,
            namespace=one.namespace,
            uid=one.uid,
            propagation=propagation,
        )
    except NotFound:
        return False
    except Conflict as error:
        raise FerryError(
            "was made anew meanwhile", place=str(one), remedy="run this again"
        ) from error
    return True
