from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.readiness import wait_until_ready, why_not_ready
from kubeferry.sandbox import Sandbox
from tests.builders import Built, obj, pod


def seen(kind: str, *, spec: dict[str, Any] | None = None, **status: Any) -> Built:
    """A workload that its controller has looked at."""
    made = obj(kind, "shop/web").with_(spec=spec or {}, status={"observedGeneration": 2, **status})
    return made.meta(generation=2)


TWO = {"replicas": 2}


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        pytest.param(
            "deployments.apps",
            seen("apps/v1/Deployment", spec=TWO, updatedReplicas=2, availableReplicas=2),
            id="a Deployment",
        ),
        pytest.param(
            "deployments.apps", seen("apps/v1/Deployment", spec={"replicas": 0}), id="none wanted"
        ),
        pytest.param(
            "statefulsets.apps",
            seen("apps/v1/StatefulSet", spec=TWO, readyReplicas=2, updatedReplicas=2),
            id="a StatefulSet",
        ),
        pytest.param(
            "statefulsets.apps",
            seen(
                "apps/v1/StatefulSet",
                spec={**TWO, "updateStrategy": {"type": "OnDelete"}},
                readyReplicas=2,
                currentRevision="a",
                updateRevision="b",
            ),
            id="a StatefulSet whose pods a person replaces",
        ),
        pytest.param(
            "daemonsets.apps",
            seen(
                "apps/v1/DaemonSet",
                desiredNumberScheduled=3,
                updatedNumberScheduled=3,
                numberReady=3,
            ),
            id="a DaemonSet",
        ),
        pytest.param(
            "pods",
            pod("shop/a").with_(status={"conditions": [{"type": "Ready", "status": "True"}]}),
            id="a pod",
        ),
        pytest.param("pods", pod("shop/a").with_(status={"phase": "Succeeded"}), id="an ended pod"),
        pytest.param(
            "pods", pod("shop/a").meta(ownerReferences=[{"controller": True}]), id="another's pod"
        ),
        pytest.param("pods", pod("shop/a").meta(deletionTimestamp="x"), id="what is going"),
        pytest.param("configmaps", obj("v1/ConfigMap", "shop/a"), id="what is never ready"),
    ],
)
def test_what_is_ready(kind: str, made: Built) -> None:
    assert why_not_ready(kind, made) == ""


@pytest.mark.parametrize(
    ("kind", "made", "why"),
    [
        pytest.param(
            "deployments.apps",
            seen("apps/v1/Deployment", spec=TWO, updatedReplicas=2, availableReplicas=1),
            "1 of 2 pods are available",
            id="a Deployment",
        ),
        pytest.param(
            "deployments.apps",
            seen("apps/v1/Deployment").meta(generation=3),
            "its controller has not looked at it",
            id="nobody has looked",
        ),
        pytest.param(
            "statefulsets.apps",
            seen(
                "apps/v1/StatefulSet",
                spec=TWO,
                readyReplicas=2,
                updatedReplicas=1,
                currentRevision="a",
                updateRevision="b",
            ),
            "1 of 2 pods are updated",
            id="a StatefulSet that replaces its pods",
        ),
        pytest.param(
            "daemonsets.apps",
            seen("apps/v1/DaemonSet", desiredNumberScheduled=3, updatedNumberScheduled=3),
            "0 of 3 pods are ready",
            id="a DaemonSet",
        ),
        pytest.param(
            "replicasets.apps",
            seen("apps/v1/ReplicaSet"),
            "0 of 1 pods are ready",
            id="a ReplicaSet",
        ),
        pytest.param(
            "pods",
            pod("shop/a").with_(
                status={
                    "phase": "Pending",
                    "conditions": [
                        {"type": "PodScheduled", "status": "False", "message": "no nodes"}
                    ],
                }
            ),
            "is Pending: no nodes",
            id="a pod",
        ),
    ],
)
def test_what_is_not_ready_says_why(kind: str, made: Built, why: str) -> None:
    assert why_not_ready(kind, made) == why


PODS = Resource("", "v1", "pods", "Pod", True)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Sandbox() as sandbox, Client(ClusterConfig(server=sandbox.server)) as opened:
        yield opened


async def waited(client: Client, seconds: float) -> dict[Identity, str]:
    return await wait_until_ready(
        client,
        label_selector="restore=mine",
        discovery=await client.discover(),
        seconds=seconds,
    )


async def test_what_is_not_ready_in_time_is_told_and_nothing_else(client: Client) -> None:
    await client.create(PODS, pod("default/mine").label(restore="mine"), namespace="default")
    await client.create(PODS, pod("default/other").label(restore="other"), namespace="default")
    found = await waited(client, 0.0)
    assert found == {Identity("pods", "default", "mine"): "is Pending"}


async def test_it_ends_as_soon_as_all_is_ready(client: Client) -> None:
    await client.create(PODS, pod("default/mine").label(restore="mine"), namespace="default")
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await client.patch(PODS, "mine", ready, kind="merge", namespace="default", subresource="status")
    assert await waited(client, 3600.0) == {}
