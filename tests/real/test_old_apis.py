"""A backup of a Kubernetes of years ago, restored into a real API server of today.

The same archive as in ``tests/e2e/test_old_apis.py``; here the server's own validation and
admission judge what became of the objects.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ancient import documents, old_objects
from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.golden.test_golden import group_resource
from tests.real.ferries import Site
from tests.s3server import S3Server

pytestmark = [pytest.mark.real, pytest.mark.s3]

NAME = "ancient"


@pytest.fixture(scope="module")
def restored(target: Site, s3: S3Server) -> Iterator[dict[str, Any]]:
    """The restore's task after its end; what it made goes again, for it judges other tests'."""
    items = [Item(group_resource(one), one) for one in old_objects()]
    writer.write(s3.folder / "cnfs-oss-test" / NAME, Backup(NAME, items))
    target.register(NAME, prefix=NAME)
    target.restore(NAME, NAME, namespaceMapping={"shop": NAME})
    yield target.ended("ApplicationRestore", NAME)
    kinds = ",".join(sorted(made_kinds(items)))
    target.cluster.kubectl("delete", kinds, "-A", "-l", f"velero.io/restore-name={NAME}")
    target.cluster.kubectl("delete", "namespace", NAME, "--wait=false")


def made_kinds(items: list[Item]) -> set[str]:
    """What the archive's kinds are called today."""
    gone = {group_resource(one) for one in documents("api-removed", "before.yaml")}
    names = {one.group_resource for one in items} - gone
    groups = {"ingresses": "networking.k8s.io", "networkpolicies": "networking.k8s.io"}
    return {
        f"{plural}.{groups.get(plural, 'apps')}" if group == "extensions" else name
        for name in names
        for plural, _, group in [name.partition(".")]
    }


def test_a_real_server_takes_every_object_that_is_not_gone(restored: dict[str, Any]) -> None:
    status = restored["status"]
    assert (status["phase"], status.get("errors", 0)) == ("Completed", 0), status
    skipped = len(documents("api-removed", "before.yaml")) + 1  # each server has "exempt" itself
    assert status["counts"]["skipped"] == skipped
    assert status["counts"]["created"] == len(old_objects()) - skipped + 1  # and the namespace


def test_what_the_old_version_meant_is_what_the_server_has(
    target: Site, restored: dict[str, Any]
) -> None:
    def spec(*words: str) -> Any:
        return target.cluster.get(*words)["spec"]

    deployment = spec("deployments", "bare", "-n", NAME)
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 1}
    assert deployment["revisionHistoryLimit"] == 2147483647
    assert spec("daemonsets", "on-delete", "-n", NAME)["updateStrategy"]["type"] == "OnDelete"
    hook = target.cluster.get("validatingwebhookconfigurations", "bare")["webhooks"][0]
    told = {key: hook[key] for key in ("failurePolicy", "matchPolicy", "timeoutSeconds")}
    assert told == {"failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 30}
    binding = target.cluster.get("rolebindings", "readers", "-n", NAME)
    assert {"kind": "Group", "name": "system:authenticated"}.items() <= binding["subjects"][
        2
    ].items()


def test_a_custom_resource_keeps_what_its_definition_never_knew(
    target: Site, restored: dict[str, Any]
) -> None:
    """It was kept under ``v1beta1`` everywhere, not only at the root."""
    made = {
        "apiVersion": "example.com/v1",
        "kind": "Bar",
        "metadata": {"name": "a", "namespace": NAME},
        "spec": {"size": 1, "more": {"x": 1}, "parts": [{"name": "a", "odd": True}]},
    }
    target.cluster.kubectl("wait", "crd/bars.example.com", "--for=condition=Established")
    target.apply(made)
    assert target.cluster.get("bars.example.com", "a", "-n", NAME)["spec"] == made["spec"]
