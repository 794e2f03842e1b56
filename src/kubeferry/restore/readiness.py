"""waitForReady: whether what a restore wrote has become ready, and what has not.

Asked is one list of each kind of workload, by the restore's label, again and again until all of
them are ready or the time is over. What was there before and stayed as it was bears another label
and is not waited for. Nothing is remembered but what is not ready.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from kubeferry.kube.client import Client
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.kube.pages import decode_object, with_kind

NOT_READY = "NotReady"
"""The reason of what did not become ready in time."""
MAX_TOLD = 200
"""Objects that are named; of the others it is told how many there are."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0


def _deployment(obj: Object) -> str:
    wanted = _number(obj, "spec", "replicas", default=1)
    for what, field in (("updated", "updatedReplicas"), ("available", "availableReplicas")):
        count = _number(obj, "status", field)
        if count < wanted:
            return f"{count} of {wanted} pods are {what}"
    return ""


def _stateful_set(obj: Object) -> str:
    wanted = _number(obj, "spec", "replicas", default=1)
    ready = _number(obj, "status", "readyReplicas")
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    strategy = at(obj, ("spec", "updateStrategy"))
    if at(strategy, ("type",)) == "OnDelete":
        return ""
    to_update = wanted - _number(strategy or {}, "rollingUpdate", "partition")
    updated = _number(obj, "status", "updatedReplicas")
    is_current = at(obj, ("status", "currentRevision")) == at(obj, ("status", "updateRevision"))
    if not is_current and updated < to_update:
        return f"{updated} of {to_update} pods are updated"
    return ""


def _daemon_set(obj: Object) -> str:
    wanted = _number(obj, "status", "desiredNumberScheduled")
    for what, field in (("updated", "updatedNumberScheduled"), ("ready", "numberReady")):
        if what == "updated" and at(obj, ("spec", "updateStrategy", "type")) == "OnDelete":
            continue
        count = _number(obj, "status", field)
        if count < wanted:
            return f"{count} of {wanted} pods are {what}"
    return ""


def _replicas(obj: Object) -> str:
    wanted = _number(obj, "spec", "replicas", default=1)
    ready = _number(obj, "status", "readyReplicas")
    return f"{ready} of {wanted} pods are ready" if ready < wanted else ""


def _pod(obj: Object) -> str:
    phase = at(obj, ("status", "phase")) or "Pending"
    if phase == "Succeeded":
        return ""
    conditions = at(obj, ("status", "conditions")) or ()
    by_type = {one.get("type"): one for one in conditions if isinstance(one, dict)}
    if at(by_type, ("Ready", "status")) == "True":
        return ""
    why = next(
        (
            one["message"]
            for one in by_type.values()
            if one.get("status") != "True" and one.get("message")
        ),
        "",
    )
    return f"is {phase}: {why}" if why else f"is {phase}"


_KINDS: Mapping[str, Callable[[Object], str]] = {
    "deployments.apps": _deployment,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "replicasets.apps": _replicas,
    "replicationcontrollers": _replicas,
    "pods": _pod,
}
"""What is waited for; of what a controller made, that controller."""


def why_not_ready(group_resource: str, obj: Object) -> str:
    """Why a workload is not ready, empty if it is, or is none of those that are waited for."""
    judge = _KINDS.get(group_resource)
    about = metadata(obj)
    if judge is None or about.get("deletionTimestamp") or _is_controlled(about):
        return ""
    seen = _number(obj, "status", "observedGeneration")
    if group_resource != "pods" and seen < _number(obj, "metadata", "generation"):
        return "its controller has not looked at it"
    return judge(obj)


async def wait_until_ready(
    client: Client, *, label_selector: str, discovery: Discovery, seconds: float
) -> dict[Identity, str]:
    """What is not ready after so many seconds, and why; empty as soon as all of it is ready.

    Raises ``ApiLost``, and ``ApiError`` where something cannot be listed.
    """
    clock = asyncio.get_running_loop().time
    end, pause = clock() + seconds, _FIRST_PAUSE
    resources = [found for kind in _KINDS if (found := discovery.find(kind)) is not None]
    while True:
        waiting: dict[Identity, str] = {}
        for resource in resources:
            waiting |= await _not_ready(client, resource, label_selector)
        left = end - clock()
        if not waiting or left <= 0:
            return waiting
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _not_ready(client: Client, resource: Resource, selector: str) -> dict[Identity, str]:
    found: dict[Identity, str] = {}
    kind = resource.group_resource
    async with aclosing(client.pages(resource, label_selector=selector)) as pages:
        async for page in pages:
            for item in page.items:
                obj = decode_object(with_kind(item, page.kind_prefix), f"list {kind}")
                why = why_not_ready(kind, obj)
                if why:
                    about = metadata(obj)
                    where = Identity(kind, about.get("namespace", ""), about.get("name", ""))
                    found[where] = why
    return found


def _is_controlled(about: Mapping[str, Any]) -> bool:
    owners = about.get("ownerReferences") or ()
    return any(at(one, ("controller",)) is True for one in owners)


def _number(obj: Object, *path: str, default: int = 0) -> int:
    found = at(obj, path)
    return found if isinstance(found, int) else default
