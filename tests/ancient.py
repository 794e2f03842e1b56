"""Objects of a Kubernetes of years ago: those of the golden folders ``api-*``."""

from typing import Any

from kubeferry import codec
from tests.golden.test_golden import CASES

FOLDERS = [
    *("ingresses", "workloads", "autoscalers", "budgets", "definitions", "webhooks", "rbac"),
    *("flowcontrol", "endpoint-slices", "devices", "same-form"),
]
NO_SUCH_KIND = "VolumeSnapshot"
"""A custom resource, whose definition the target has not."""


def documents(folder: str, file: str) -> list[dict[str, Any]]:
    [case] = [one for one in CASES if one.name == folder]
    return list(codec.load_yaml_documents((case / file).read_text()))


def old_objects() -> list[dict[str, Any]]:
    """One of each kind and name, in no order that a restore needs."""
    found = {
        (one["kind"], one["metadata"]["name"]): one
        for folder in (*(f"api-upgrade-{name}" for name in FOLDERS), "api-removed")
        for one in documents(folder, "before.yaml")
        if one["kind"] != NO_SUCH_KIND
    }
    return list(found.values())
