from typing import Any

import pytest

from kubeferry.kube.names import Identity
from kubeferry.restore.needs import accounts_of, needed
from tests.builders import obj

POD = {
    "serviceAccountName": "robot",
    "priorityClassName": "first",
    "runtimeClassName": "kata",
    "imagePullSecrets": [{"name": "pull"}],
    "volumes": [
        {"persistentVolumeClaim": {"claimName": "data"}},
        {"secret": {"secretName": "key"}},
        {"configMap": {"name": "settings"}},
        {"projected": {"sources": [{"secret": {"name": "p"}}, {"configMap": {"name": "q"}}]}},
        {"emptyDir": {}},
    ],
    "containers": [
        {
            "envFrom": [{"secretRef": {"name": "e1"}}, {"configMapRef": {"name": "e2"}}],
            "env": [
                {"valueFrom": {"secretKeyRef": {"name": "e3"}}},
                {"valueFrom": {"configMapKeyRef": {"name": "e4"}}},
            ],
        }
    ],
}
OF_A_POD = {
    "serviceaccounts shop/robot",
    "priorityclasses.scheduling.k8s.io first",
    "runtimeclasses.node.k8s.io kata",
    "persistentvolumeclaims shop/data",
    *(f"secrets shop/{name}" for name in ("pull", "key", "p", "e1", "e3")),
    *(f"configmaps shop/{name}" for name in ("settings", "q", "e2", "e4")),
}
RBAC = "rbac.authorization.k8s.io"
CLASS = "storageclasses.storage.k8s.io fast"


@pytest.mark.parametrize(
    ("kind", "fields", "names"),
    [
        pytest.param("pods", {"spec": POD}, OF_A_POD, id="a pod"),
        pytest.param(
            "deployments.apps", {"spec": {"template": {"spec": POD}}}, OF_A_POD, id="a template"
        ),
        pytest.param(
            "statefulsets.apps",
            {"spec": {"volumeClaimTemplates": [{"spec": {"storageClassName": "fast"}}]}},
            {CLASS},
            id="claims of a StatefulSet",
        ),
        pytest.param(
            "persistentvolumeclaims",
            {"spec": {"volumeName": "pv", "storageClassName": "fast"}},
            {"persistentvolumes pv", CLASS},
            id="a claim",
        ),
        pytest.param(
            f"rolebindings.{RBAC}",
            {"roleRef": {"kind": "ClusterRole", "name": "view"}},
            {f"clusterroles.{RBAC} view"},
            id="a binding to a cluster role",
        ),
        pytest.param(
            f"rolebindings.{RBAC}",
            {"roleRef": {"kind": "Role", "name": "view"}},
            {f"roles.{RBAC} shop/view"},
            id="a binding to a role",
        ),
        pytest.param(
            "ingresses.networking.k8s.io",
            {"spec": {"ingressClassName": "web", "tls": [{"secretName": "cert"}]}},
            {"ingressclasses.networking.k8s.io web", "secrets shop/cert"},
            id="an Ingress",
        ),
        pytest.param("configmaps", {"spec": POD}, set(), id="what needs nothing"),
        pytest.param("pods", {"spec": {"volumes": "x", "containers": [5]}}, set(), id="odd fields"),
    ],
)
def test_what_an_object_needs(kind: str, fields: dict[str, Any], names: set[str]) -> None:
    made = obj("v1/Any", "shop/a").with_(**fields)
    assert {str(identity) for identity in needed(kind, made)} == names


def test_the_accounts_of_a_binding() -> None:
    subjects = [
        {"kind": "ServiceAccount", "namespace": "shop", "name": "robot"},
        {"kind": "User", "name": "robot"},
        {"kind": "ServiceAccount", "name": "no-namespace"},
        5,
    ]
    assert list(accounts_of({"subjects": subjects})) == [
        Identity("serviceaccounts", "shop", "robot")
    ]
