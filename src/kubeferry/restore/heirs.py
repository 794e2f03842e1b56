"""Whether a restored pod stays, or is followed by another one of its name. Pure.

A StatefulSet adopts the pods that bear its names. Those that its template did not make (their label
``controller-revision-hash`` tells; a restore that changes the template makes it so) it deletes one
after the other and makes anew. A hook is for the pod that stays: the restored one, or its *heir*,
which a controller made in its place. Only a controller that this restore made has heirs: one that
was there before makes pods of its own.

OpenKruise's StatefulSets have the same fields. Operators that name pods themselves have heirs as
well, but whether they replace a pod that is there nobody knows. Pods with drawn names (of
ReplicaSets, DaemonSets, Jobs) have no heirs.
"""

import re
from typing import Any, NamedTuple

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.kube.selectors import parse_selector
from kubeferry.restore.hooks import ExecHook, InitWait, PodHook
from kubeferry.restore.podstates import (
    GONE,
    REPLACED,
    PodSeen,
    Standing,
    container_standing,
    is_restored,
    why_over,
)

_STATEFUL = "StatefulSet"
_KNOWN = ("statefulsets.apps", "statefulsets.apps.kruise.io")
_REVISION = "controller-revision-hash"
_ORDINAL = re.compile(r"-([0-9]{1,9})\Z")


class Owner(NamedTuple):
    """The controller that gave a pod its name: what it is, and its name beside the pod."""

    resource: Resource
    name: str

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.name}"


class NamedBy(NamedTuple):
    """A controller as what belongs to it says it: ``apiVersion``, kind and name."""

    api_version: str
    kind: str
    name: str


def named_by(archived: Object) -> NamedBy | None:
    """The controller that gave an archived pod its name; None if it was drawn or nobody did."""
    found = controller_of(archived)
    # A StatefulSet writes generateName too, beside the name that it gives.
    is_drawn = found is not None and found.kind != _STATEFUL
    return None if is_drawn and metadata(archived).get("generateName") else found


def controller_of(obj: Object) -> NamedBy | None:
    """The controller that an object belongs to, None if it belongs to nobody."""
    listed = metadata(obj).get("ownerReferences")
    for one in listed if isinstance(listed, list) else ():
        if at(one, ("controller",)) is not True:
            continue
        found = [at(one, (key,)) for key in ("apiVersion", "kind", "name")]
        if all(isinstance(text, str) and text for text in found):
            return NamedBy(*found)
    return None


def is_made_by(live: Object, manager: str) -> bool:
    """Whether a field manager is among those of an object."""
    entries = metadata(live).get("managedFields") or ()
    return any(entry.get("manager") == manager for entry in entries)


def is_heir(pod: Object, owner: Object | None, *, manager: str) -> bool:
    """Whether a pod was made, or adopted, by a controller that the restore made."""
    if owner is None or not is_made_by(owner, manager):
        return False
    mine = [one for one in metadata(pod).get("ownerReferences") or () if one.get("controller")]
    return [one.get("uid") for one in mine] == [metadata(owner).get("uid")]


def inherited_standing(
    name: str,
    pod: PodSeen | None,
    hook: PodHook,
    *,
    owner: Owner,
    live: Object | None,
    manager: str,
) -> Standing:
    """How the pod of a name (None: there is none) stands for a hook of a restored pod.

    ``live`` is the owner as it is, None if there is none; ``manager`` the task's field manager.
    """
    if live is None or metadata(live).get("deletionTimestamp"):
        live = {}
    is_ours = is_made_by(live, manager)
    is_coming = is_ours and _wants(live, owner, name)
    others = "" if is_ours or not live else f"; {owner} was there before, no hooks are for its pods"
    if pod is None:
        return _until(is_coming, owner, GONE, others)
    is_first = is_restored(pod, manager)
    if not is_first and (not is_ours or _controller(pod) != metadata(live).get("uid")):
        return Standing("lost", f"{REPLACED}{others}")
    if isinstance(hook, InitWait) and is_first:
        # Only the restored pod has them. They may have done their work although it is replaced.
        ended = container_standing(pod, hook)
        over = "" if ended.state == "up" else why_over(pod)
        return _until(is_coming, owner, over, others) if over else ended
    over = why_over(pod)
    if over:
        return _until(is_coming, owner, over, others)
    if not is_first and not _has(pod, hook):
        return Standing("absent", f"{owner} made the pod anew, without {hook.container}")
    doubt = _doubt(name, pod, owner, live) if live else None
    return doubt or container_standing(pod, hook)


def _until(is_coming: bool, owner: Owner, why: str, others: str) -> Standing:
    """Of a pod that is there no more, or soon will not be."""
    if is_coming:
        return Standing("waiting", f"{why}, and {owner} has not made it anew")
    return Standing("lost", f"{why}{others}")


def _doubt(name: str, pod: PodSeen, owner: Owner, live: Object) -> Standing | None:
    """Why a pod that is there may not be the one that stays."""
    if owner.resource.group_resource not in _KNOWN:
        return None
    seen = at(live, ("status", "observedGeneration")) or 0
    if seen < (metadata(live).get("generation") or 0):
        return Standing("waiting", f"the controller of {owner} has not looked at it")
    controller = _controller(pod)
    if not controller and _selects(live, pod):
        return Standing("waiting", f"{owner} has not adopted the pod")
    if controller != metadata(live).get("uid"):
        return None
    if not _wants(live, owner, name):
        return Standing("lost", f"{owner} has {_replicas(live)} replicas and deletes the pod")
    if _stays(name, pod, live):
        return None
    why = "has another template than the pod, which it replaces when its pods are ready"
    return Standing("waiting", f"{owner} {why}")


def _stays(name: str, pod: PodSeen, live: Object) -> bool:
    """Whether the pod is as the StatefulSet wants it, or is let be."""
    strategy = at(live, ("spec", "updateStrategy"))
    if at(strategy, ("type",)) == "OnDelete":
        return True
    partition = at(strategy, ("rollingUpdate", "partition"))
    place = _place(name, live)
    if isinstance(partition, int) and place is not None and place < partition:
        return True
    wanted = at(live, ("status", "updateRevision"))
    return wanted is None or (pod.metadata.labels or {}).get(_REVISION) == wanted


def _wants(live: Object, owner: Owner, name: str) -> bool:
    """Whether there is to be a pod of this name, as far as is known."""
    if owner.resource.group_resource not in _KNOWN or at(live, ("spec", "reserveOrdinals")):
        return True  # ordinals that are left out move the others up
    place = _place(name, live)
    return place is not None and 0 <= place < _replicas(live)


def _replicas(live: Object) -> int:
    given = at(live, ("spec", "replicas"))
    return given if isinstance(given, int) else 1


def _place(name: str, live: Object) -> int | None:
    """Which of a StatefulSet's pods it is, counted from 0."""
    found = _ORDINAL.search(name)
    start = at(live, ("spec", "ordinals", "start")) or 0
    return int(found[1]) - start if found else None


def _controller(pod: PodSeen) -> str:
    """The uid of the pod's controller, empty if it has none."""
    listed = pod.metadata.owner_references or ()
    return next((one.uid for one in listed if one.controller), "")


def _selects(live: Object, pod: PodSeen) -> bool:
    selector: Any = at(live, ("spec", "selector")) or {}
    try:
        return parse_selector(selector).matches(pod.metadata.labels or {})
    except InvalidInput:
        return False  # of a kind whose selector is something else


def _has(pod: PodSeen, hook: PodHook) -> bool:
    """Whether the pod has the containers of a hook."""
    present = {
        one.name
        for listed in (pod.spec.containers, pod.spec.init_containers)
        for one in listed or ()
    }
    wanted = (hook.container,) if isinstance(hook, ExecHook) else hook.containers
    return present.issuperset(wanted)
