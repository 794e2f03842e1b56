"""Pods: where they ran, the tokens they were given, and what no pod can be created with (velero.md
§3.7 ``pod``).
"""

from typing import Any

from kubeferry.kube.objects import Object
from kubeferry.transform.change import MISSING, Cause, Change, removals
from kubeferry.transform.facts import Facts

_PLACEMENT = Cause("automatic", "pod-placement")
_TOKENS = Cause("automatic", "pod-token-volumes")
_EPHEMERAL = Cause("automatic", "pod-ephemeral-containers")


def placement(obj: Object, facts: Facts) -> list[Change]:
    """The node is chosen anew, and the priority computed anew from its class."""
    return removals(obj.get("spec"), "/spec", ("nodeName", "priority"), _PLACEMENT)


def ephemeral_containers(obj: Object, facts: Facts) -> list[Change]:
    """Ephemeral containers can be added to a running pod only; a create with them is refused."""
    return removals(obj.get("spec"), "/spec", ("ephemeralContainers",), _EPHEMERAL)


def token_volumes(obj: Object, facts: Facts) -> list[Change]:
    """Volumes and mounts of the old service account token Secrets, ``<account>-token-*``, go.

    The projected ``kube-api-access-*`` volumes, which every cluster can fill, stay.
    """
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return []
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    prefix = f"{account}-token-"
    changes = _named(spec.get("volumes"), "/spec/volumes", prefix)
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            if isinstance(container, dict):
                mounts = container.get("volumeMounts")
                changes += _named(mounts, f"/spec/{field}/{index}/volumeMounts", prefix)
    return changes


def _named(items: Any, pointer: str, prefix: str) -> list[Change]:
    """Takes out the items whose name begins so; from the end, so that indexes stay true."""
    if not isinstance(items, list):
        return []
    return [
        Change(f"{pointer}/{index}", items[index], MISSING, _TOKENS)
        for index in range(len(items) - 1, -1, -1)
        if isinstance(items[index], dict) and str(items[index].get("name", "")).startswith(prefix)
    ]
