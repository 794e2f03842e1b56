from typing import Any

import pytest

from kubeferry.kube.objects import Object, at
from kubeferry.sandbox import Sandbox
from kubeferry.sandbox.deletion import Options, delete
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.writes import Write

CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def stateful_set(name: str = "web") -> Object:
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            },
            "volumeClaimTemplates": [CLAIM],
        },
    }


def kind(sandbox: Sandbox, group: str, plural: str) -> Kind:
    found = sandbox.kinds.get(group, "v1", plural)
    assert found is not None
    return found


def create(
    sandbox: Sandbox, group: str, plural: str, body: Any, namespace: str = "default"
) -> Object:
    made = sandbox.objects.create(kind(sandbox, group, plural), namespace, body, Write("test"))
    return made.object


def held(sandbox: Sandbox, table: str, namespace: str = "default") -> dict[str, Object]:
    return {entry.key[1]: entry.object for entry in sandbox.storage.entries(table, namespace)}


async def test_a_stateful_set_gets_its_pods_and_claims() -> None:
    async with Sandbox(workloads=True) as sandbox:
        owner = create(sandbox, "apps", "statefulsets", stateful_set())
        await sandbox.settle()
        pods = held(sandbox, "pods")
        assert list(pods) == ["web-0", "web-1"]
        assert list(held(sandbox, "persistentvolumeclaims")) == ["data-web-0", "data-web-1"]
        pod = pods["web-1"]
        assert pod["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
        assert pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "web-1"
        assert pod["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data-web-1"}
        assert at(pod, ("status", "phase")) == "Pending"
        assert at(held(sandbox, "statefulsets.apps")["web"], ("status", "replicas")) == 2


async def test_it_adopts_the_pods_that_are_there() -> None:
    async with Sandbox(workloads=True) as sandbox:
        pod = {
            "metadata": {"name": "web-0", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "restored:1"}]},
        }
        uid = create(sandbox, "", "pods", pod)["metadata"]["uid"]
        create(sandbox, "apps", "statefulsets", stateful_set())
        await sandbox.settle()
        adopted = held(sandbox, "pods")["web-0"]
        assert adopted["metadata"]["uid"] == uid
        assert adopted["metadata"]["ownerReferences"][0]["name"] == "web"
        assert adopted["spec"]["containers"][0]["image"] == "restored:1"


async def test_pods_can_be_marked_running() -> None:
    async with Sandbox(workloads=True, run_pods=True) as sandbox:
        create(sandbox, "apps", "statefulsets", stateful_set())
        await sandbox.settle()
        phases = [at(pod, ("status", "phase")) for pod in held(sandbox, "pods").values()]
        assert phases == ["Running", "Running"]
        assert at(held(sandbox, "statefulsets.apps")["web"], ("status", "readyReplicas")) == 2


async def test_a_namespace_begins_with_its_account_and_ends_empty() -> None:
    async with Sandbox(workloads=True) as sandbox:
        create(sandbox, "", "namespaces", {"metadata": {"name": "team"}}, namespace="")
        assert list(held(sandbox, "serviceaccounts", "team")) == ["default"]
        create(sandbox, "apps", "statefulsets", stateful_set(), namespace="team")
        await sandbox.settle()
        namespaces = kind(sandbox, "", "namespaces")
        entry = sandbox.objects.read(namespaces, "", "team")
        delete(sandbox.objects, namespaces, entry, Options())
        await sandbox.settle()
        left = [
            one.key
            for table in ("pods", "configmaps", "persistentvolumeclaims", "namespaces")
            for one in sandbox.storage.entries(table)
            if "team" in one.key
        ]
        assert left == []


async def test_a_claim_in_use_outlives_its_deletion() -> None:
    async with Sandbox(workloads=True) as sandbox:
        create(sandbox, "apps", "statefulsets", stateful_set())
        await sandbox.settle()
        claims, pods = kind(sandbox, "", "persistentvolumeclaims"), kind(sandbox, "", "pods")
        delete(
            sandbox.objects,
            claims,
            sandbox.objects.read(claims, "default", "data-web-0"),
            Options(),
        )
        await sandbox.settle()
        assert "data-web-0" in held(sandbox, "persistentvolumeclaims")
        sets = kind(sandbox, "apps", "statefulsets")
        delete(sandbox.objects, sets, sandbox.objects.read(sets, "default", "web"), Options())
        await sandbox.settle()
        assert held(sandbox, "pods") == {}
        assert list(held(sandbox, "persistentvolumeclaims")) == ["data-web-1"]
        assert pods.resource.kind == "Pod"


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_dependents_go_with_their_owner(policy: str) -> None:
    async with Sandbox(workloads=True) as sandbox:
        create(sandbox, "apps", "statefulsets", stateful_set())
        await sandbox.settle()
        sets = kind(sandbox, "apps", "statefulsets")
        entry = sandbox.objects.read(sets, "default", "web")
        delete(sandbox.objects, sets, entry, Options(policy))
        await sandbox.settle()
        assert held(sandbox, "pods") == {}
        assert held(sandbox, "statefulsets.apps") == {}
