"""Which fields of the built-in kinds no update can change, and which kinds may be made anew. Pure.

What is made anew is deleted with its dependents orphaned: nothing goes that the restore did not
judge. The lists follow the validation of Kubernetes' API server. Of custom resources nothing is
known before the server says it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kubeferry.kube.objects import Object, at
from kubeferry.transform.change import Change

_SELECTOR = ("spec", "selector")
_TEMPLATE_OWNER = re.compile(r"/spec/selector(/|\Z)")

IMMUTABLE: Mapping[str, re.Pattern[str]] = {
    "clusterrolebindings.rbac.authorization.k8s.io": re.compile(r"/roleRef(/|\Z)"),
    "controllerrevisions.apps": re.compile(r"/data(/|\Z)"),
    "daemonsets.apps": _TEMPLATE_OWNER,
    "deployments.apps": _TEMPLATE_OWNER,
    "endpointslices.discovery.k8s.io": re.compile(r"/addressType\Z"),
    "ingressclasses.networking.k8s.io": re.compile(r"/spec/controller\Z"),
    "jobs.batch": re.compile(
        r"/spec/(selector|template|completionMode|completions|podFailurePolicy|successPolicy"
        r"|backoffLimitPerIndex|manualSelector|managedBy|podReplacementPolicy)(/|\Z)"
    ),
    "pods": re.compile(
        r"/spec(?!/((init)?[cC]ontainers/[0-9]+/image|activeDeadlineSeconds"
        r"|terminationGracePeriodSeconds)\Z)(/|\Z)"
    ),
    "priorityclasses.scheduling.k8s.io": re.compile(r"/(value|preemptionPolicy)\Z"),
    "replicasets.apps": _TEMPLATE_OWNER,
    "resourcequotas": re.compile(r"/spec/scopes(/|\Z)"),
    "rolebindings.rbac.authorization.k8s.io": re.compile(r"/roleRef(/|\Z)"),
    "runtimeclasses.node.k8s.io": re.compile(r"/handler\Z"),
    "secrets": re.compile(r"/type\Z"),
    "services": re.compile(r"/spec/(clusterIP|clusterIPs|loadBalancerClass)(/|\Z)"),
    "statefulsets.apps": re.compile(
        r"/spec(?!/(minReadySeconds|ordinals|persistentVolumeClaimRetentionPolicy|replicas"
        r"|revisionHistoryLimit|template|updateStrategy)(/|\Z))(/|\Z)"
    ),
    "storageclasses.storage.k8s.io": re.compile(
        r"/(parameters|provisioner|reclaimPolicy|volumeBindingMode)(/|\Z)"
    ),
}
"""What of each kind is immutable, as the pointers of changes in it."""

_SEALED = re.compile(r"/(data|binaryData|immutable)(/|\Z)")
"""The same of ConfigMaps and Secrets that say that they are."""

_WORKLOADS = frozenset(
    {"daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps"}
)
_PLAIN = frozenset(
    {
        "clusterrolebindings.rbac.authorization.k8s.io",
        "configmaps",
        "endpointslices.discovery.k8s.io",
        "ingressclasses.networking.k8s.io",
        "pods",
        "priorityclasses.scheduling.k8s.io",
        "resourcequotas",
        "rolebindings.rbac.authorization.k8s.io",
        "runtimeclasses.node.k8s.io",
        "secrets",
        "services",
        "storageclasses.storage.k8s.io",
    }
)
RECREATABLE = _WORKLOADS | _PLAIN
"""Kinds that are deleted and created anew where the restore may do so."""

_NEVER: Mapping[str, str] = {
    "jobs.batch": "a Job is never made anew: it would run again",
}


def immutable_fields(group_resource: str, changes: Iterable[Change], live: Object) -> list[str]:
    """The pointers of those changes that no update can make."""
    patterns = [IMMUTABLE[group_resource]] if group_resource in IMMUTABLE else []
    if group_resource in ("configmaps", "secrets") and live.get("immutable") is True:
        patterns.append(_SEALED)
    return [
        change.pointer
        for change in changes
        if any(pattern.match(change.pointer) for pattern in patterns)
    ]


def why_never_anew(group_resource: str, ours: Object, live: Object) -> str:
    """Why an object must not be deleted and created anew; empty if it may be."""
    if group_resource not in RECREATABLE:
        return _NEVER.get(group_resource, "objects of this kind are never made anew")
    if group_resource == "services" and at(live, ("spec", "type")) == "LoadBalancer":
        return "it has a load balancer, whose address could be lost"
    if group_resource in _WORKLOADS and at(ours, _SELECTOR) != at(live, _SELECTOR):
        return "its pods would be left behind or deleted: delete it yourself"
    if group_resource == "pods" and any(at(one, ("ephemeral",)) for one in _volumes(live)):
        return "its ephemeral volumes would be deleted with it: delete it yourself"
    return ""


def _volumes(pod: Object) -> list[Any]:
    listed = at(pod, ("spec", "volumes"))
    return listed if isinstance(listed, list) else []
