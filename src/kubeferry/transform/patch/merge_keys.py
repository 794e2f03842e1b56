"""Which lists of the built-in kinds a strategic merge patch merges, and by which key (velero.md
§4.7).

The source of truth is ``x-kubernetes-patch-merge-key`` in Kubernetes' OpenAPI document. Every list
that is not here is replaced whole, and kinds that are not built in know no strategic merge patch at
all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kubeferry.kube.objects import POD_SPEC_PATHS


@dataclass(frozen=True, slots=True)
class MergeRule:
    """How one field merges: a list of maps by ``key``, a list of scalars as a set (no key), or not
    at all (``replace``).
    """

    key: str = ""
    replace: bool = False


MergeKeys = Mapping[str, MergeRule]
"""By the field's path from the root, list indexes left out: ``spec.containers.env``."""

_NAME = MergeRule("name")
_TYPE = MergeRule("type")
_SET = MergeRule()

_METADATA: MergeKeys = {"finalizers": _SET, "ownerReferences": MergeRule("uid")}

_CONTAINER: MergeKeys = {
    "ports": MergeRule("containerPort"),
    "env": _NAME,
    "volumeMounts": MergeRule("mountPath"),
    "volumeDevices": MergeRule("devicePath"),
}

_POD_SPEC: MergeKeys = {
    "containers": _NAME,
    "initContainers": _NAME,
    "ephemeralContainers": _NAME,
    **{
        f"{containers}.{field}": rule
        for containers in ("containers", "initContainers", "ephemeralContainers")
        for field, rule in _CONTAINER.items()
    },
    "volumes": _NAME,
    "imagePullSecrets": _NAME,
    "schedulingGates": _NAME,
    "resourceClaims": _NAME,
    "hostAliases": MergeRule("ip"),
    "topologySpreadConstraints": MergeRule("topologyKey"),
}

_CONDITIONS: MergeKeys = {"status.conditions": _TYPE}

_OWN: Mapping[str, MergeKeys] = {
    "pods": {"status.podIPs": MergeRule("ip"), "status.hostIPs": MergeRule("ip")},
    "nodes": {"spec.podCIDRs": _SET, "status.addresses": _TYPE},
    "services": {"spec.ports": MergeRule("port")},
    "serviceaccounts": {"secrets": _NAME},
    "poddisruptionbudgets.policy": {"spec.selector": MergeRule(replace=True)},
    "csinodes.storage.k8s.io": {"spec.drivers": _NAME},
    **{
        f"{kind}.admissionregistration.k8s.io": {
            "webhooks": _NAME,
            "webhooks.matchConditions": _NAME,
        }
        for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    },
    **{
        f"{kind}.admissionregistration.k8s.io": {
            "spec.matchConditions": _NAME,
            "spec.variables": _NAME,
        }
        for kind in ("mutatingadmissionpolicies", "validatingadmissionpolicies")
    },
}


def merge_keys(group_resource: str) -> MergeKeys:
    """The merge keys of a built-in kind by its group resource; of an unknown one, those of every
    object.
    """
    rules = dict(_CONDITIONS)
    rules.update(_below("metadata", _METADATA))
    path = POD_SPEC_PATHS.get(group_resource)
    if path is not None:
        rules.update(_below(".".join(path), _POD_SPEC))
        if len(path) > 1:
            rules.update(_below(".".join((*path[:-1], "metadata")), _METADATA))
    rules.update(_OWN.get(group_resource, {}))
    return rules


def _below(prefix: str, rules: MergeKeys) -> dict[str, MergeRule]:
    return {f"{prefix}.{field}": rule for field, rule in rules.items()}
