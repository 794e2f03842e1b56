"""The same object in another version of its API.

Custom resources change their apiVersion only (no conversion webhooks here). Of the built-in kinds
two are served in two forms: autoscalers as v1 and v2, events in the core group and their own.
"""

from typing import Any

from kubeferry.kube.objects import Object
from kubeferry.sandbox.kinds import Kind

_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "source": "deprecatedSource",
    "reportingComponent": "reportingController",
}


def convert(obj: Object, source: Kind, target: Kind) -> Object:
    """The object as the target kind has it; the input may be used up."""
    if source is target:
        return obj
    obj = {**obj, "kind": target.resource.kind, "apiVersion": target.resource.api_version}
    if source.table == "events":
        to_new = target.resource.group == "events.k8s.io"
        names = _EVENT_NAMES if to_new else {new: old for old, new in _EVENT_NAMES.items()}
        return {names.get(key, key): value for key, value in obj.items()}
    if source.table == "horizontalpodautoscalers.autoscaling":
        spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
        if target.resource.version == "v2":
            _to_v2(spec, status)
        else:
            _to_v1(spec, status)
        return {**obj, "spec": spec, "status": status}
    return obj


def _to_v2(spec: dict[str, Any], status: dict[str, Any]) -> None:
    wanted = spec.pop("targetCPUUtilizationPercentage", None)
    status.pop("currentCPUUtilizationPercentage", None)
    if wanted is not None:
        spec["metrics"] = [_cpu("target", wanted)]
    status.setdefault("currentMetrics", None)


def _to_v1(spec: dict[str, Any], status: dict[str, Any]) -> None:
    for metric in spec.pop("metrics", None) or ():
        use = (metric.get("resource") or {}).get("target", {}).get("averageUtilization")
        if (metric.get("resource") or {}).get("name") == "cpu" and use is not None:
            spec["targetCPUUtilizationPercentage"] = use
    status.pop("currentMetrics", None)
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)


def _cpu(field: str, percent: int) -> dict[str, Any]:
    use = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", field: use}}
