"""The scale subresource: one face for everything that has a number of replicas."""

from typing import Any

from kubeferry.kube.objects import Object, at
from kubeferry.kube.selectors import parse_selector
from kubeferry.sandbox import answers
from kubeferry.sandbox.kinds import Kind, Scale
from kubeferry.sandbox.storage import Entry


def scale_of(kind: Kind, scale: Scale, entry: Entry) -> Object:
    """The Scale object of an object."""
    meta = entry.object["metadata"]
    about = {
        name: meta[name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if name in meta
    }
    status: dict[str, Any] = {"replicas": at(entry.object, scale.status) or 0}
    selector = at(entry.object, scale.selector) if scale.selector else None
    if isinstance(selector, dict):
        labelled = "matchLabels" in selector or "matchExpressions" in selector
        status["selector"] = str(
            parse_selector(selector if labelled else {"matchLabels": selector})
        )
    elif isinstance(selector, str):
        status["selector"] = selector
    spec = {"replicas": at(entry.object, scale.replicas) or 0}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": about,
        "spec": {key: value for key, value in spec.items() if value},
        "status": status,
    }


def with_replicas(kind: Kind, scale: Scale, obj: Object, body: Any) -> Object:
    """The object with the replicas that a Scale asks for, in place."""
    replicas = at(body, ("spec", "replicas")) or 0
    if not isinstance(replicas, int) or replicas < 0:
        raise answers.bad_request("spec.replicas of a Scale is a whole number of at least 0")
    holder = obj
    for key in scale.replicas[:-1]:
        holder = holder.setdefault(key, {})
    holder[scale.replicas[-1]] = replicas
    version = at(body, ("metadata", "resourceVersion"))
    if version:
        obj["metadata"]["resourceVersion"] = version
    return obj
