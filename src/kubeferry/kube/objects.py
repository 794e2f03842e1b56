"""Small accessors for users' objects, which stay plain dicts; they never change one. Pure."""

import base64
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

POD_SPEC_PATHS: Mapping[str, tuple[str, ...]] = {
    "pods": ("spec",),
    "podtemplates": ("template", "spec"),
    "replicationcontrollers": ("spec", "template", "spec"),
    "deployments.apps": ("spec", "template", "spec"),
    "statefulsets.apps": ("spec", "template", "spec"),
    "daemonsets.apps": ("spec", "template", "spec"),
    "replicasets.apps": ("spec", "template", "spec"),
    "deployments.extensions": ("spec", "template", "spec"),
    "daemonsets.extensions": ("spec", "template", "spec"),
    "replicasets.extensions": ("spec", "template", "spec"),
    "jobs.batch": ("spec", "template", "spec"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where each built-in kind keeps its pod spec, by group resource."""

OLD_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
"""Names the storage class of a claim or volume; older than their ``spec.storageClassName``."""

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


def at(value: Any, path: tuple[str, ...]) -> Any:
    """What is at a path of map keys, or None if any of it is missing or no map."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def metadata(obj: Object) -> dict[str, Any]:
    """The metadata, an empty map if there is none."""
    value = obj.get("metadata")
    return value if isinstance(value, dict) else {}


def labels(obj: Object) -> dict[str, str]:
    """The labels, an empty map if there are none."""
    return metadata(obj).get("labels") or {}


def annotations(obj: Object) -> dict[str, str]:
    """The annotations, an empty map if there are none."""
    return metadata(obj).get("annotations") or {}


def secret_data(obj: Object) -> dict[str, bytes]:
    """A Secret's values, decoded."""
    return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
