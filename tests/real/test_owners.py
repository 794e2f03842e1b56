"""Owners on a real API server, with its garbage collector, which deletes what has a wrong owner."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.real.test_retry import retried
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT, SHOP = "owners", "ow-shop"
BOSSES = "bosses.ow.example.com"
LOOKS = 5.0
"""Seconds in which the garbage collector would have found a wrong owner."""


def named(api_version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    about = {"name": name, "namespace": SHOP} | fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": about, **fields}


def of(owner: dict[str, Any]) -> dict[str, Any]:
    about = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], **about}
    return {"ownerReferences": [reference | {"controller": True, "blockOwnerDeletion": True}]}


@pytest.fixture(scope="module")
def saved(source: Site, target: Site) -> Iterator[str]:
    """A backup of a custom resource that owns a claim, a Secret and a ConfigMap, which owns another
    one; the target does not know the kind.
    """
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    cluster = source.cluster
    cluster.kubectl("create", "namespace", SHOP)
    names = {"plural": "bosses", "singular": "boss", "kind": "Boss", "listKind": "BossList"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True}
    spec = {
        "group": "ow.example.com",
        "scope": "Namespaced",
        "names": names,
        "versions": [version | {"schema": {"openAPIV3Schema": schema}}],
    }
    crd = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", BOSSES, spec=spec)
    del crd["metadata"]["namespace"]
    source.apply(crd)
    cluster.kubectl("wait", f"crd/{BOSSES}", "--for=condition=Established", "--timeout=30s")
    source.apply(named("ow.example.com/v1", "Boss", "boss"))
    boss = cluster.get(BOSSES, "boss", "-n", SHOP)
    source.apply(named("v1", "Secret", "key", metadata=of(boss)))
    # An update of it is refused, so it can be made anew.
    above = named("v1", "ConfigMap", "a-above", metadata=of(boss), data={"a": "1"}, immutable=True)
    source.apply(above)
    above = cluster.get("configmap", "a-above", "-n", SHOP)
    source.apply(named("v1", "ConfigMap", "a-below", metadata=of(above)))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim["storageClassName"] = "none-such"
    source.apply(named("v1", "PersistentVolumeClaim", "data", metadata=of(boss), spec=claim))
    source.back_up("ow", VAULT, SHOP, includeClusterResources=True)
    assert source.ended("applicationbackup", "ow")["status"]["phase"] == "Completed"
    until(lambda: target.phase("applicationbackup", "ow") == "Completed", what="ow appears")
    yield "ow"
    for site in (source, target):
        site.cluster.kubectl("delete", "crd", BOSSES, "--ignore-not-found", "--wait=false")
    cluster.kubectl("delete", "namespace", SHOP, "--wait=false")


@pytest.fixture
def space(request: pytest.FixtureRequest, target: Site) -> Iterator[str]:
    """A namespace of the target to restore into."""
    name = f"ow-{request.node.name.removeprefix('test_')[:30]}".replace("_", "-").rstrip("-")
    yield name
    target.cluster.run("delete", "namespace", name, "--wait=false")


def restored(target: Site, name: str, space: str, **spec: Any) -> dict[str, Any]:
    target.restore(name, "ow", namespaceMapping={SHOP: space}, **spec)
    status: dict[str, Any] = target.ended("applicationrestore", name)["status"]
    return status


def owners(target: Site, space: str, kind: str, name: str) -> list[str]:
    about = target.cluster.get(kind, name, "-n", space)["metadata"]
    return [one["uid"] for one in about.get("ownerReferences", [])]


def uid(target: Site, space: str, kind: str, name: str) -> str:
    return str(target.cluster.get(kind, name, "-n", space)["metadata"]["uid"])


def is_there(target: Site, space: str, kind: str, name: str) -> bool:
    return not target.cluster.run("get", kind, name, "-n", space).returncode


def test_all_go_with_their_owner_but_the_claim(
    saved: str, target: Site, s3: S3Server, space: str
) -> None:
    status = restored(target, "ow-1", space)
    assert status["phase"] == "Completed", status
    boss = [uid(target, space, BOSSES, "boss")]
    assert owners(target, space, "secret", "key") == boss
    assert owners(target, space, "configmap", "a-above") == boss
    above = uid(target, space, "configmap", "a-above")
    assert owners(target, space, "configmap", "a-below") == [above]
    assert owners(target, space, "persistentvolumeclaim", "data") == []
    lines = archives.restore_items(s3.folder / "cnfs-oss-test", "ow-1", VAULT)
    [claim] = [one for one in lines if one["target"][2] == "data"]
    assert "OwnerNotRestored" in [one[1] for one in claim["problems"]]
    time.sleep(LOOKS)
    assert is_there(target, space, "configmap", "a-below")

    target.cluster.kubectl("delete", BOSSES, "boss", "-n", space)
    for kind, name in (("secret", "key"), ("configmap", "a-below")):
        until(lambda one=(kind, name): not is_there(target, space, *one), what=f"{name} goes")
    assert is_there(target, space, "persistentvolumeclaim", "data")


def test_an_owner_that_is_made_anew_owns_by_its_new_uid(
    saved: str, target: Site, space: str
) -> None:
    target.cluster.kubectl("create", "namespace", space)
    changed = named("v1", "ConfigMap", "a-above", data={"a": "2"}, immutable=True)
    changed["metadata"]["namespace"] = space
    target.apply(changed)
    before = uid(target, space, "configmap", "a-above")
    status = restored(target, "ow-anew", space, existingResourcePolicy="recreate")
    assert status["phase"] == "Completed", status
    after = uid(target, space, "configmap", "a-above")
    assert after != before
    assert owners(target, space, "configmap", "a-below") == [after]
    time.sleep(LOOKS)
    assert is_there(target, space, "configmap", "a-below")


def test_what_is_retried_finds_the_owner_of_before(saved: str, target: Site, space: str) -> None:
    target.cluster.kubectl("create", "namespace", space)
    quota = named("v1", "ResourceQuota", "few", spec={"hard": {"count/secrets": "0"}})
    quota["metadata"]["namespace"] = space
    target.apply(quota)
    until(
        lambda: "used" in (target.cluster.get("quota", "few", "-n", space).get("status") or {}),
        what="the quota counts",
    )
    assert restored(target, "ow-few", space)["phase"] == "PartiallyFailed"
    assert not is_there(target, space, "secret", "key")
    target.cluster.kubectl("delete", "quota", "few", "-n", space)
    done = retried(target, "ow-few", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert owners(target, space, "secret", "key") == [uid(target, space, BOSSES, "boss")]


def test_a_namespace_that_is_being_deleted_is_waited_for(
    saved: str, target: Site, space: str
) -> None:
    cluster = target.cluster
    cluster.kubectl("create", "namespace", space)
    held = named("v1", "ConfigMap", "held", metadata={"finalizers": ["ow.example.com/hold"]})
    held["metadata"]["namespace"] = space
    target.apply(held)
    cluster.kubectl("delete", "namespace", space, "--wait=false")
    old = str(cluster.get("namespace", space)["metadata"]["uid"])
    target.restore("ow-going", "ow", namespaceMapping={SHOP: space})
    until(lambda: target.phase("applicationrestore", "ow-going") == "InProgress", what="it begins")
    time.sleep(2)
    assert target.phase("applicationrestore", "ow-going") == "InProgress"
    patch = '{"metadata": {"finalizers": null}}'
    cluster.kubectl("patch", "configmap", "held", "-n", space, "--type=merge", "-p", patch)
    status = target.ended("applicationrestore", "ow-going", seconds=120.0)["status"]
    assert status["phase"] == "Completed", status
    assert str(cluster.get("namespace", space)["metadata"]["uid"]) != old
    assert owners(target, space, "secret", "key") == [uid(target, space, BOSSES, "boss")]
