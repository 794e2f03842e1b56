"""What the server does to an object of a kind beside storing it: status, generation, addresses.

Only the server writes status at creation; the main resource never changes it and the status
subresource changes nothing else. ``generation`` counts the changes of what people want.
"""

import ipaddress
from typing import Any

from kubeferry.kube.objects import Object, at
from kubeferry.sandbox.kinds import Kind

_FIRST_STATUS: dict[str, dict[str, Any]] = {
    "namespaces": {"phase": "Active"},
    "persistentvolumeclaims": {"phase": "Pending"},
    "persistentvolumes": {"phase": "Pending"},
    "services": {"loadBalancer": {}},
    "ingresses.networking.k8s.io": {"loadBalancer": {}},
    "statefulsets.apps": {"replicas": 0, "availableReplicas": 0},
    "poddisruptionbudgets.policy": {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    },
    "horizontalpodautoscalers.autoscaling": {"currentMetrics": None, "desiredReplicas": 0},
    "pods": {"phase": "Pending"},
}
_KEEP_STATUS = frozenset({"nodes", "apiservices.apiregistration.k8s.io"})
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
COUNTED = frozenset(
    {
        "pods",
        "podtemplates",
        "replicationcontrollers",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicasets.apps",
        "jobs.batch",
        "cronjobs.batch",
        "ingresses.networking.k8s.io",
        "ingressclasses.networking.k8s.io",
        "networkpolicies.networking.k8s.io",
        "poddisruptionbudgets.policy",
        "endpointslices.discovery.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "priorityclasses.scheduling.k8s.io",
        "deviceclasses.resource.k8s.io",
        "resourceslices.resource.k8s.io",
        "flowschemas.flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    }
)
"""Built-in kinds whose ``metadata.generation`` the server counts."""


def drop_status(kind: Kind, obj: Object) -> None:
    """Nobody creates a status: whoever tries owns none of it either, in place."""
    if kind.has_status and kind.table not in _KEEP_STATUS:
        obj.pop("status", None)


def prepare_create(kind: Kind, obj: Object, *, now: str) -> None:
    """Sets what the server decides at creation, in place."""
    if kind.custom:
        obj["metadata"]["generation"] = 1
        return
    if kind.table in COUNTED:
        obj["metadata"]["generation"] = 1
    if kind.has_status and kind.table not in _KEEP_STATUS:
        obj["status"] = _initial(kind, obj)
    if kind.table == _DEFINITIONS:
        obj["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": [one["name"] for one in obj["spec"]["versions"] if one["storage"]],
        }
    if kind.table == "namespaces":
        obj["spec"] = {"finalizers": ["kubernetes"]}
    elif kind.table == "persistentvolumes":
        obj["status"]["lastPhaseTransitionTime"] = now
    elif kind.table == "pods":
        obj["status"]["qosClass"] = quality_of_service(obj)


def _initial(kind: Kind, obj: Object) -> dict[str, Any]:
    first = _FIRST_STATUS.get(kind.table)
    if first is not None:
        return {**first}
    status = kind.node.properties.get("status")
    if status is None:
        return {}
    zeros = {"integer": 0, "string": "", "boolean": False}
    return {
        name: zeros[status.properties[name].type]
        for name in status.required
        if status.properties[name].type in zeros
    }


def quality_of_service(pod: Object) -> str:
    """A pod's QoS class by its containers' resources."""
    spec = pod.get("spec") or {}
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    resources = [container.get("resources") or {} for container in containers]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    for one in resources:
        limits, requests = one.get("limits") or {}, one.get("requests") or {}
        for name in ("cpu", "memory"):
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                return "Burstable"
    return "Guaranteed"


def keep_other_parts(kind: Kind, new: Object, old: Object, subresource: str) -> None:
    """Takes over from the stored object what this endpoint may not change, in place."""
    if subresource == "status":
        meta, status = new["metadata"], new.get("status")
        for key in [key for key in new if key not in ("apiVersion", "kind", "metadata")]:
            del new[key]
        new.update({k: v for k, v in old.items() if k not in ("apiVersion", "kind", "metadata")})
        new.pop("status", None)
        if status is not None:
            new["status"] = status
        if kind.custom:
            managed = meta.get("managedFields")
            new["metadata"] = {**old["metadata"]}
            if managed is not None:
                new["metadata"]["managedFields"] = managed
        return
    if kind.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    if kind.table == "namespaces" and subresource != "finalize":
        new["spec"] = old["spec"]


def prepare_update(kind: Kind, new: Object, old: Object, *, now: str) -> None:
    """Sets what the server decides at an update, in place."""
    if kind.table == "services":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            held = at(old, ("spec", field))
            if held and not new["spec"].get(field) and new["spec"].get("type") != "ExternalName":
                new["spec"][field] = held
        _keep_node_ports(new["spec"], old["spec"])
    elif kind.table == "persistentvolumes":
        before, after = at(old, ("status", "phase")), at(new, ("status", "phase"))
        if before != after:
            new["status"]["lastPhaseTransitionTime"] = now


def _keep_node_ports(new: dict[str, Any], old: dict[str, Any]) -> None:
    if new.get("type") not in ("NodePort", "LoadBalancer"):
        return
    held = {
        (port.get("protocol"), port.get("port")): port.get("nodePort")
        for port in old.get("ports") or ()
    }
    for port in new.get("ports") or ():
        kept = held.get((port.get("protocol"), port.get("port")))
        if kept and not port.get("nodePort"):
            port["nodePort"] = kept


def count_generation(kind: Kind, new: Object, old: Object) -> None:
    """Raises ``generation`` when something other than metadata and status changed, in place."""
    if not kind.custom and kind.table not in COUNTED:
        return
    ignored = {"metadata", "status"} if kind.has_status or not kind.custom else {"metadata"}
    before = {key: value for key, value in old.items() if key not in ignored}
    after = {key: value for key, value in new.items() if key not in ignored}
    if before != after:
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def may_vanish(obj: Object) -> bool:
    """Whether nothing holds an object that is being deleted."""
    finalizers = obj["metadata"].get("finalizers")
    return not finalizers and not (obj["kind"] == "Namespace" and at(obj, ("spec", "finalizers")))


SERVICE_RANGE = ipaddress.ip_network("10.96.0.0/16")
"""Where services get their cluster IPs from."""
STATUS_PARTS = ("apiVersion", "kind", "metadata", "status")
"""What a write through the status subresource is about."""
