"""Pods: where they ran, the tokens they were given, and what no pod can be created with (velero.md
§3.7 ``pod``).
"""

from typing import Any

from kubeferry.kube.objects import Object, at
from kubeferry.transform.change import MISSING, Cause, Change, removals
from kubeferry.transform.facts import Facts

_PLACEMENT = Cause("automatic", "pod-placement")
_TOKENS = Cause("automatic", "pod-token-volumes")
_EPHEMERAL = Cause("automatic", "pod-ephemeral-containers")
_WAITS = Cause("automatic", "pod-restore-wait")

_WAITING = frozenset({"restore-wait", "restic-wait"})
"""Init containers that Velero adds to wait for a volume's data (velero.md §3.7
``pod-volume-restore``)."""


def placement(facts: Facts, obj: Object) -> list[Change]:
    """The node is chosen anew and the priority computed anew from its class."""
    return removals(obj.get("spec"), "/spec", ("nodeName", "priority"), _PLACEMENT)


def ephemeral_containers(facts: Facts, obj: Object) -> list[Change]:
    """Ephemeral containers go, because they can be added to a running pod only: a create with them
    is refused.
    """
    return removals(obj.get("spec"), "/spec", ("ephemeralContainers",), _EPHEMERAL)


def token_volumes(facts: Facts, obj: Object) -> list[Change]:
    """Volumes and mounts of the old service account token Secrets, ``<account>-token-*``, go.

    The projected ``kube-api-access-*`` volumes, which every cluster can fill, stay.
    """
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return []
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    prefix = f"{account}-token-"
    changes = _named(spec.get("volumes"), "/spec/volumes", prefix)
    if not changes:  # a mount without its volume cannot be
        return changes
    for field in ("containers", "initContainers"):
        containers = spec.get(field)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            if isinstance(container, dict):
                mounts = container.get("volumeMounts")
                changes += _named(mounts, f"/spec/{field}/{index}/volumeMounts", prefix)
    return changes


def _named(items: Any, pointer: str, prefix: str) -> list[Change]:
    """Takes out the items whose name begins so; from the end, so that indexes stay true."""
    found: list[Change] = []
    if isinstance(items, list):
        for index, item in enumerate(items):
            name = item.get("name") if isinstance(item, dict) else None
            if isinstance(name, str) and name.startswith(prefix):
                found.insert(0, Change(f"{pointer}/{index}", item, MISSING, _TOKENS))
    return found


def old_waits(facts: Facts, obj: Object) -> list[Change]:
    """What an earlier restore by Velero left in a pod goes: nobody would ever end its wait."""
    listed = at(obj, ("spec", "initContainers"))
    if not listed:
        return []
    return [
        Change(f"/spec/initContainers/{index}", container, MISSING, _WAITS)
        for index, container in reversed([*enumerate(listed if isinstance(listed, list) else [])])
        if isinstance(container, dict)
        and isinstance(container.get("name"), str)
        and container["name"] in _WAITING
    ]
