"""What the columns of built-in kinds show; the columns themselves come from a real server.

A fill gives the cells of one object, in the order of its kind's columns in ``data/kinds.json``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kubeferry.clock import parse_timestamp
from kubeferry.durations import format_age
from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object, at
from kubeferry.kube.selectors import parse_selector

Fill = Callable[[Object, datetime], list[Any]]
_NONE = "<none>"
_UNSET = "<unset>"


def age(obj: Object, now: datetime) -> str:
    """How old an object is."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(moment: Any, now: datetime) -> str:
    """How long ago a time was."""
    if not moment:
        return "<unknown>"
    return format_age((now - parse_timestamp(str(moment))).total_seconds())


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _count(obj: Object, *path: str) -> int:
    return at(obj, path) or 0


def _labels(value: Any) -> str:
    return ",".join(f"{key}={text}" for key, text in sorted((value or {}).items())) or _NONE


def _selector(value: Any) -> str:
    try:
        return str(parse_selector(value or {})) or _NONE
    except InvalidInput:
        return "<invalid>"


def _images(obj: Object, path: tuple[str, ...]) -> tuple[str, str]:
    containers = at(obj, path) or []
    names = ",".join(str(one.get("name", "")) for one in containers)
    return names, ",".join(str(one.get("image", "")) for one in containers)


_TEMPLATE = ("spec", "template", "spec", "containers")


def _config_map(obj: Object, now: datetime) -> list[Any]:
    number = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return [_name(obj), number, age(obj, now)]


def _secret(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)]


def _plain(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), age(obj, now)]


def _created(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), obj["metadata"].get("creationTimestamp")]


def _service_account(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), age(obj, now)]


def _namespace(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), at(obj, ("status", "phase")), age(obj, now)]


def _pod(obj: Object, now: datetime) -> list[Any]:
    statuses = at(obj, ("status", "containerStatuses")) or []
    phase = at(obj, ("status", "reason")) or at(obj, ("status", "phase")) or ""
    for status in statuses:
        state = status.get("state") or {}
        waiting = at(state, ("waiting", "reason")) or at(state, ("terminated", "reason"))
        phase = waiting or phase
    if "deletionTimestamp" in obj["metadata"]:
        phase = "Terminating"
    ready = sum(bool(status.get("ready")) for status in statuses)
    total = len(at(obj, ("spec", "containers")) or ())
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    gates = at(obj, ("spec", "readinessGates"))
    return [
        _name(obj),
        f"{ready}/{total}",
        phase,
        str(restarts),
        age(obj, now),
        at(obj, ("status", "podIP")) or _NONE,
        at(obj, ("spec", "nodeName")) or _NONE,
        at(obj, ("status", "nominatedNodeName")) or _NONE,
        _NONE if not gates else f"0/{len(gates)}",
    ]


def _service(obj: Object, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    ports = []
    for port in spec.get("ports") or ():
        number = str(port.get("port"))
        if port.get("nodePort"):
            number += f":{port['nodePort']}"
        ports.append(f"{number}/{port.get('protocol', 'TCP')}")
    return [
        _name(obj),
        spec.get("type", ""),
        spec.get("clusterIP") or _NONE,
        _external_address(obj),
        ",".join(ports) or _NONE,
        age(obj, now),
        _labels(spec.get("selector")),
    ]


def _external_address(obj: Object) -> str:
    spec = obj.get("spec") or {}
    listed = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") == "LoadBalancer":
        for ingress in at(obj, ("status", "loadBalancer", "ingress")) or ():
            listed.append(ingress.get("ip") or ingress.get("hostname"))
        return ",".join(listed) or "<pending>"
    return ",".join(listed) or _NONE


def _deployment(obj: Object, now: datetime) -> list[Any]:
    return [
        _name(obj),
        f"{_count(obj, 'status', 'readyReplicas')}/{_count(obj, 'spec', 'replicas')}",
        _count(obj, "status", "updatedReplicas"),
        _count(obj, "status", "availableReplicas"),
        age(obj, now),
        *_images(obj, _TEMPLATE),
        _selector(at(obj, ("spec", "selector"))),
    ]


def _stateful_set(obj: Object, now: datetime) -> list[Any]:
    ready = f"{_count(obj, 'status', 'readyReplicas')}/{_count(obj, 'spec', 'replicas')}"
    return [_name(obj), ready, age(obj, now), *_images(obj, _TEMPLATE)]


def _replica_set(obj: Object, now: datetime) -> list[Any]:
    selector = at(obj, ("spec", "selector"))
    nested = isinstance(selector, dict) and {"matchLabels", "matchExpressions"} & selector.keys()
    return [
        _name(obj),
        _count(obj, "spec", "replicas"),
        _count(obj, "status", "replicas"),
        _count(obj, "status", "readyReplicas"),
        age(obj, now),
        *_images(obj, _TEMPLATE),
        _selector(selector) if nested else _labels(selector),
    ]


def _daemon_set(obj: Object, now: datetime) -> list[Any]:
    return [
        _name(obj),
        _count(obj, "status", "desiredNumberScheduled"),
        _count(obj, "status", "currentNumberScheduled"),
        _count(obj, "status", "numberReady"),
        _count(obj, "status", "updatedNumberScheduled"),
        _count(obj, "status", "numberAvailable"),
        _labels(at(obj, ("spec", "template", "spec", "nodeSelector"))),
        age(obj, now),
        *_images(obj, _TEMPLATE),
        _selector(at(obj, ("spec", "selector"))),
    ]


def _job(obj: Object, now: datetime) -> list[Any]:
    conditions = {
        condition.get("type"): condition.get("status")
        for condition in at(obj, ("status", "conditions")) or ()
    }
    state = next(
        (one for one in ("Complete", "Failed", "Suspended") if conditions.get(one) == "True"),
        "Running",
    )
    done, wanted = _count(obj, "status", "succeeded"), at(obj, ("spec", "completions"))
    started, ended = at(obj, ("status", "startTime")), at(obj, ("status", "completionTime"))
    took = ""
    if started:
        took = since(started, parse_timestamp(ended) if ended else now)
    return [
        _name(obj),
        state,
        f"{done}/{wanted if wanted is not None else 1}",
        took,
        age(obj, now),
        *_images(obj, _TEMPLATE),
        _selector(at(obj, ("spec", "selector"))),
    ]


def _cron_job(obj: Object, now: datetime) -> list[Any]:
    last = at(obj, ("status", "lastScheduleTime"))
    path = ("spec", "jobTemplate", *_TEMPLATE)
    return [
        _name(obj),
        at(obj, ("spec", "schedule")),
        at(obj, ("spec", "timeZone")) or _NONE,
        "True" if at(obj, ("spec", "suspend")) else "False",
        len(at(obj, ("status", "active")) or ()),
        since(last, now) if last else _NONE,
        age(obj, now),
        *_images(obj, path),
        _selector(at(obj, ("spec", "jobTemplate", "spec", "selector"))),
    ]


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: Any) -> str:
    return ",".join(_MODES.get(mode, str(mode)) for mode in modes or ())


def _claim(obj: Object, now: datetime) -> list[Any]:
    bound = bool(at(obj, ("spec", "volumeName")))
    phase = at(obj, ("status", "phase")) or ""
    return [
        _name(obj),
        "Terminating" if "deletionTimestamp" in obj["metadata"] else phase,
        at(obj, ("spec", "volumeName")) or "",
        (at(obj, ("status", "capacity", "storage")) or "") if bound else "",
        _modes(at(obj, ("status", "accessModes"))) if bound else "",
        at(obj, ("spec", "storageClassName")) or "",
        at(obj, ("spec", "volumeAttributesClassName")) or _UNSET,
        age(obj, now),
        at(obj, ("spec", "volumeMode")) or _UNSET,
    ]


def _volume(obj: Object, now: datetime) -> list[Any]:
    claim = at(obj, ("spec", "claimRef"))
    phase = at(obj, ("status", "phase")) or ""
    return [
        _name(obj),
        at(obj, ("spec", "capacity", "storage")) or "",
        _modes(at(obj, ("spec", "accessModes"))),
        at(obj, ("spec", "persistentVolumeReclaimPolicy")) or "",
        "Terminating" if "deletionTimestamp" in obj["metadata"] else phase,
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        at(obj, ("spec", "storageClassName")) or "",
        at(obj, ("spec", "volumeAttributesClassName")) or _UNSET,
        at(obj, ("status", "reason")) or "",
        age(obj, now),
        at(obj, ("spec", "volumeMode")) or _UNSET,
    ]


def _storage_class(obj: Object, now: datetime) -> list[Any]:
    notes = obj["metadata"].get("annotations") or {}
    default = notes.get("storageclass.kubernetes.io/is-default-class") == "true"
    return [
        _name(obj) + (" (default)" if default else ""),
        obj.get("provisioner"),
        obj.get("reclaimPolicy"),
        obj.get("volumeBindingMode"),
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now),
    ]


def _ingress(obj: Object, now: datetime) -> list[Any]:
    hosts = [rule["host"] for rule in at(obj, ("spec", "rules")) or () if rule.get("host")]
    shown = ",".join(hosts[:3]) + (f" + {len(hosts) - 3} more..." if len(hosts) > 3 else "")
    entries = at(obj, ("status", "loadBalancer", "ingress")) or ()
    addresses = [entry.get("ip") or entry.get("hostname") or "" for entry in entries]
    return [
        _name(obj),
        at(obj, ("spec", "ingressClassName")) or _NONE,
        shown or "*",
        ",".join(addresses),
        "80, 443" if at(obj, ("spec", "tls")) else "80",
        age(obj, now),
    ]


def _disruption_budget(obj: Object, now: datetime) -> list[Any]:
    def shown(field: str) -> str:
        value = at(obj, ("spec", field))
        return "N/A" if value is None else str(value)

    allowed = _count(obj, "status", "disruptionsAllowed")
    return [_name(obj), shown("minAvailable"), shown("maxUnavailable"), allowed, age(obj, now)]


def _network_policy(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), _selector(at(obj, ("spec", "podSelector"))), age(obj, now)]


def _event(obj: Object, now: datetime) -> list[Any]:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    last = obj.get("lastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    parts = (source.get("component") or obj.get("reportingComponent"), source.get("host"))
    return [
        since(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in parts if part),
        str(obj.get("message", "")).strip(),
        since(first, now),
        obj.get("count") or 1,
        _name(obj),
    ]


def _binding(obj: Object, now: datetime) -> list[Any]:
    role = obj.get("roleRef") or {}
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or ():
        name = str(subject.get("name"))
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace')}/{name}"
        by_kind.setdefault(str(subject.get("kind")), []).append(name)
    shown = [", ".join(by_kind[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [_name(obj), f"{role.get('kind')}/{role.get('name')}", age(obj, now), *shown]


def _priority_class(obj: Object, now: datetime) -> list[Any]:
    return [
        _name(obj),
        obj.get("value", 0),
        bool(obj.get("globalDefault")),
        age(obj, now),
        obj.get("preemptionPolicy", ""),
    ]


def _lease(obj: Object, now: datetime) -> list[Any]:
    return [_name(obj), at(obj, ("spec", "holderIdentity")) or "", age(obj, now)]


FILLS: Mapping[str, Fill] = {
    "configmaps": _config_map,
    "secrets": _secret,
    "serviceaccounts": _service_account,
    "namespaces": _namespace,
    "limitranges": _created,
    "pods": _pod,
    "services": _service,
    "deployments.apps": _deployment,
    "statefulsets.apps": _stateful_set,
    "replicasets.apps": _replica_set,
    "replicationcontrollers": _replica_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
    "storageclasses.storage.k8s.io": _storage_class,
    "ingresses.networking.k8s.io": _ingress,
    "poddisruptionbudgets.policy": _disruption_budget,
    "networkpolicies.networking.k8s.io": _network_policy,
    "events": _event,
    "roles.rbac.authorization.k8s.io": _created,
    "clusterroles.rbac.authorization.k8s.io": _created,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "customresourcedefinitions.apiextensions.k8s.io": _created,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "leases.coordination.k8s.io": _lease,
}
