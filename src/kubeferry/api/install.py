"""What ``kubeferry install`` prints: everything a cluster needs to run the controller. Pure.

Namespace, custom resources, service account, rights and Deployment, in the order in which
``kubectl apply -f -`` has to meet them. The pod satisfies the ``restricted`` pod security standard.
"""

from dataclasses import dataclass
from typing import Any

from kubeferry.api import crd
from kubeferry.api.definition import GROUP, NAMESPACE

HEALTH_PORT = 8081
"""Where the controller answers ``/healthz`` and ``/readyz``."""

Manifest = dict[str, Any]

_NAME = "kubeferry-controller"
_LABELS = {"app.kubernetes.io/name": "kubeferry", "app.kubernetes.io/component": "controller"}
_USER = 65532


@dataclass(frozen=True, slots=True)
class Installation:
    """What may differ between clusters.

    Attributes:
        image: the container image of kubeferry.
        namespace: where the controller and our resources live.
        replicas: processes, of which the holder of the Lease works.
        memory: the container's limit.
        spool: how much of the node's disk a restore's spool may take.
    """

    image: str
    namespace: str = NAMESPACE
    replicas: int = 1
    memory: str = "1Gi"
    spool: str = "20Gi"


def manifests(installation: Installation) -> list[Manifest]:
    """All objects, in the order of their creation."""
    return [
        _namespace(installation),
        *crd.manifests(),
        _object("v1", "ServiceAccount", _NAME, installation.namespace),
        _cluster_role(),
        _cluster_role_binding(installation),
        _role(installation),
        _role_binding(installation),
        _deployment(installation),
    ]


def _object(api_version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> Manifest:
    metadata: dict[str, Any] = {"name": name, "labels": dict(_LABELS)}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _namespace(installation: Installation) -> Manifest:
    namespace = _object("v1", "Namespace", installation.namespace)
    namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    return namespace


def _cluster_role() -> Manifest:
    """The rights in the whole cluster.

    A backup may read and a restore may create any kind, those of resources that do not exist yet
    included, so a list of kinds cannot be given; nothing but our own resources is deleted. Roles
    and bindings can only be restored by who may grant what they grant: ``escalate`` and ``bind``.
    """
    role = _object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        _NAME,
        rules=[
            {
                "apiGroups": ["*"],
                "resources": ["*"],
                "verbs": ["get", "list", "watch", "create", "patch"],
            },
            {
                "apiGroups": ["rbac.authorization.k8s.io"],
                "resources": ["clusterroles", "roles"],
                "verbs": ["escalate", "bind"],
            },
            {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["update", "delete"]},
        ],
    )
    role["metadata"]["annotations"] = {
        "kubernetes.io/description": "Reads and creates objects of any kind, which is what backing "
        "up and restoring an application takes; deletes only kubeferry's own. Who may write "
        f"{GROUP} resources acts with these rights."
    }
    return role


def _cluster_role_binding(installation: Installation) -> Manifest:
    return _object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        _NAME,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME},
        subjects=[_subject(installation)],
    )


def _role(installation: Installation) -> Manifest:
    """The election: the Lease of the one that works."""
    return _object(
        "rbac.authorization.k8s.io/v1",
        "Role",
        _NAME,
        installation.namespace,
        rules=[
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "verbs": ["get", "list", "watch", "create", "update", "patch"],
            }
        ],
    )


def _role_binding(installation: Installation) -> Manifest:
    return _object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        _NAME,
        installation.namespace,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": _NAME},
        subjects=[_subject(installation)],
    )


def _subject(installation: Installation) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": _NAME, "namespace": installation.namespace}


def _deployment(installation: Installation) -> Manifest:
    pod = {
        "serviceAccountName": _NAME,
        # A Service named kubeferry... would put variables of our own prefix into the pod.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # A task that is cut short is resumed, but it is cheaper to let a batch end.
        "terminationGracePeriodSeconds": 60,
        "containers": [_container(installation)],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "spool", "emptyDir": {"sizeLimit": installation.spool}},
        ],
    }
    return _object(
        "apps/v1",
        "Deployment",
        _NAME,
        installation.namespace,
        spec={
            "replicas": installation.replicas,
            "selector": {"matchLabels": dict(_LABELS)},
            "template": {"metadata": {"labels": dict(_LABELS)}, "spec": pod},
        },
    )


def _container(installation: Installation) -> dict[str, Any]:
    def probe(path: str, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": "health"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        }

    return {
        "name": "controller",
        "image": installation.image,
        "args": ["controller", "--health-port", str(HEALTH_PORT)],
        "env": [
            {
                "name": "KUBEFERRY_NAMESPACE",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
            },
            {"name": "KUBEFERRY_SPOOL_DIR", "value": "/spool"},
            {"name": "KUBEFERRY_SPOOL_LIMIT", "value": installation.spool},
        ],
        "ports": [{"name": "health", "containerPort": HEALTH_PORT}],
        "startupProbe": probe("/healthz", 30),
        "livenessProbe": probe("/healthz", 3),
        "readinessProbe": probe("/readyz", 1),
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": installation.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "spool", "mountPath": "/spool"},
        ],
    }
