from typing import Any

import pytest

from kubeferry.kube.objects import Object
from kubeferry.transform.change import Change
from kubeferry.transform.existing import CAUSE
from kubeferry.transform.immutable import immutable_fields, why_never_anew
from tests.builders import config_map, obj


def stuck(kind: str, pointer: str, live: Object | None = None) -> bool:
    return immutable_fields(kind, [Change(pointer, 1, 2, CAUSE)], live or {}) == [pointer]


@pytest.mark.parametrize(
    ("kind", "pointer"),
    [
        ("statefulsets.apps", "/spec/serviceName"),
        ("statefulsets.apps", "/spec/volumeClaimTemplates/0/spec/storageClassName"),
        ("statefulsets.apps", "/spec/selector/matchLabels/app"),
        ("deployments.apps", "/spec/selector"),
        ("services", "/spec/clusterIP"),
        ("pods", "/spec/containers/0/env"),
        ("rolebindings.rbac.authorization.k8s.io", "/roleRef/name"),
        ("storageclasses.storage.k8s.io", "/parameters/type"),
        ("secrets", "/type"),
        ("jobs.batch", "/spec/template/spec/containers/0/image"),
    ],
)
def test_what_no_update_can_change(kind: str, pointer: str) -> None:
    assert stuck(kind, pointer)


@pytest.mark.parametrize(
    ("kind", "pointer"),
    [
        ("statefulsets.apps", "/spec/template/spec/containers/0/image"),
        ("statefulsets.apps", "/spec/replicas"),
        ("statefulsets.apps", "/metadata/labels/a"),
        ("deployments.apps", "/spec/selectors"),
        ("pods", "/spec/containers/0/image"),
        ("pods", "/spec/initContainers/10/image"),
        ("configmaps", "/data/a"),
        ("things.x.io", "/spec/selector"),
    ],
)
def test_what_an_update_can_change(kind: str, pointer: str) -> None:
    assert not stuck(kind, pointer)


@pytest.mark.parametrize("kind", ["configmaps", "secrets"])
def test_what_is_sealed_cannot_be_changed(kind: str) -> None:
    sealed = config_map("a/b").with_(immutable=True)
    assert stuck(kind, "/data/a", sealed)
    assert not stuck(kind, "/metadata/labels/a", sealed)


@pytest.mark.parametrize(
    "kind",
    [
        "namespaces",
        "customresourcedefinitions.apiextensions.k8s.io",
        "persistentvolumes",
        "persistentvolumeclaims",
        "jobs.batch",
        "things.x.io",
        "nodes",
    ],
)
def test_what_is_never_made_anew(kind: str) -> None:
    assert why_never_anew(kind, {}, {})


def workload(app: str, **spec: Any) -> Object:
    selector = {"matchLabels": {"app": app}}
    return obj("apps/v1/StatefulSet", "a/b").with_(spec={"selector": selector, **spec})


@pytest.mark.parametrize(
    "kind", ["daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps"]
)
def test_a_workload_is_made_anew_only_where_it_takes_over_the_pods(kind: str) -> None:
    old = workload("a", serviceName="x")
    assert not why_never_anew(kind, workload("a", serviceName="y"), old)
    assert "its pods would be left behind" in why_never_anew(kind, workload("b"), old)


def test_a_pod_whose_volumes_would_go_with_it_is_not_made_anew() -> None:
    def with_volume(**source: Any) -> Object:
        return obj("v1/Pod", "a/b").with_(spec={"volumes": [{"name": "v", **source}]})

    live = with_volume(ephemeral={"volumeClaimTemplate": {"spec": {}}})
    assert "ephemeral volumes would be deleted" in why_never_anew("pods", live, live)
    assert not why_never_anew("pods", live, with_volume(emptyDir={}))


def test_a_service_with_a_load_balancer_is_not_made_anew() -> None:
    live = obj("v1/Service", "a/b").with_(spec={"type": "LoadBalancer"})
    assert "address" in why_never_anew("services", {}, live)
    assert not why_never_anew("services", {}, obj("v1/Service", "a/b"))
