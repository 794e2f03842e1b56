"""What the golden files say a restore creates, a real API server takes: strictly, field by field.

Kinds that are not built in get a definition that takes anything: the server then checks what it
checks of every object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from tests.clusters import Cluster
from tests.golden.test_golden import CASES, SERVED, group_resource

pytestmark = pytest.mark.real

OLDER_TARGETS = ("api-upgrade-older-target",)
"""What these folders restore into, no newest Kubernetes is."""


def created(case: Path) -> list[dict[str, Any]]:
    """The objects that a folder's restore creates."""
    outcomes = codec.load_yaml_documents((case / "after.yaml").read_text())
    return [one["object"] for one in outcomes if "object" in one]


FOLDERS = {case.name: created(case) for case in CASES if case.name not in OLDER_TARGETS}
OBJECTS = [obj for objects in FOLDERS.values() for obj in objects]


def custom_kinds() -> Iterator[dict[str, Any]]:
    """A definition for each kind that is not built in."""
    found = {(one["apiVersion"], one["kind"]): one for one in OBJECTS}
    for (api_version, kind), obj in sorted(found.items()):
        if (api_version, kind) in SERVED:
            continue
        group, _, version = api_version.partition("/")
        name = group_resource(obj)
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": name,
                "annotations": {"api-approved.kubernetes.io": "unapproved, a test's"},
            },
            "spec": {
                "group": group,
                "scope": "Namespaced" if "namespace" in obj["metadata"] else "Cluster",
                "names": {"kind": kind, "plural": name.partition(".")[0]},
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                ],
            },
        }


def priority_classes() -> list[dict[str, Any]]:
    """The classes that pods name."""
    named = {one["spec"].get("priorityClassName") for one in OBJECTS if one["kind"] == "Pod"}
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": 1000,
        }
        for name in sorted(named - {None})
    ]


def accounts() -> Iterator[tuple[str, str]]:
    """The service accounts without which no pod is let in."""
    for obj in OBJECTS:
        if obj["kind"] == "Pod":
            account = obj["spec"].get("serviceAccountName", "default")
            if account != "default":
                yield obj["metadata"]["namespace"], account


@pytest.fixture(scope="module")
def target(restore_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster with the namespaces, accounts and definitions that the golden files speak of."""
    namespaces = {one["metadata"]["namespace"] for one in OBJECTS if "namespace" in one["metadata"]}
    present = {one["metadata"]["name"] for one in restore_cluster.get("namespaces")["items"]}
    made = sorted(namespaces - present)
    needed = codec.dump_yaml(*priority_classes(), *custom_kinds())
    restore_cluster.kubectl("create", "-f", "-", input=needed)
    restore_cluster.kubectl("wait", "crd", "--all", "--for=condition=Established")
    for name in made:
        restore_cluster.kubectl("create", "namespace", name)
        account = ["serviceaccount/default", "-n", name]
        restore_cluster.kubectl("wait", *account, "--for=create", "--timeout=30s")
    for namespace, account in sorted(set(accounts())):
        restore_cluster.kubectl("create", "serviceaccount", account, "-n", namespace)
    yield restore_cluster
    for namespace, account in sorted(set(accounts())):
        if namespace not in made:
            restore_cluster.kubectl("delete", "serviceaccount", account, "-n", namespace)
    for name in made:
        restore_cluster.kubectl("delete", "namespace", name, "--wait=false")
    restore_cluster.kubectl("delete", "-f", "-", input=needed)


@pytest.mark.parametrize("case", [name for name, objects in FOLDERS.items() if objects])
def test_a_real_server_takes_what_a_restore_creates(case: str, target: Cluster) -> None:
    manifest = codec.dump_yaml(*FOLDERS[case])
    command = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    told = target.run(*command, input=manifest)
    refused = [
        line
        for line in told.stderr.splitlines()
        if line and not line.startswith("Warning:") and "AlreadyExists" not in line
    ]
    assert refused == []
