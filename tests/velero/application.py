"""An application of many kinds, for two tools to hand to each other.

Everything that an archive can lose is in it: numbers near 2^63, text of all kinds, empty maps,
custom resources of two versions, a claim bound by hand and one that waits, ports that a person
chose.
"""

import json
from typing import Any

from tests.builders import Built, obj
from tests.clusters import Cluster
from tests.waiting import until

TEXT = 'Grüße, 世界 🐟 <b>&amp;</b> \\ " \t\u2028 \u0001 end'
LARGEST = 2**63 - 1
ODD = 2**53 + 1
"""A number that a double cannot hold."""
NODE_PORTS = {"shop": 31080, "store": 31081, "depot": 31082}


def install(cluster: Cluster, name: str) -> None:
    """Makes the application and waits until its controllers have made their part."""
    define(cluster, definition(name))
    apply(cluster, [obj("v1/Namespace", name), obj("v1/Namespace", side(name))])
    for namespace in (name, side(name)):
        cluster.kubectl("wait", "serviceaccount/default", "-n", namespace, "--for=create")
    apply(cluster, [*cluster_scoped(name), *_bounds(name), *_settings(name)])
    apply(cluster, [*_workloads(name), *_network(name), *custom(name)])
    until(lambda: _is_settled(cluster, name), what=f"the application {name} has settled")
    cluster.mark_pods_ready(name)
    until(lambda: _is_settled(cluster, name), what=f"the application {name} has settled again")


def define(cluster: Cluster, definition: Built) -> None:
    """Makes a custom kind and waits for it."""
    apply(cluster, [definition])
    name = definition["metadata"]["name"]
    cluster.kubectl("wait", "--for=condition=Established", "crd", name)


def apply(cluster: Cluster, objects: list[Built]) -> None:
    """``kubectl apply``, as people do: what they chose is told from what the server chose."""
    cluster.kubectl("apply", "-f", "-", input=json.dumps(listed(objects)))


def listed(objects: list[Built]) -> dict[str, Any]:
    """A List of them."""
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def side(name: str) -> str:
    """The application's other namespace."""
    return f"{name}-side"


def group(name: str) -> str:
    """The API group of its custom resources."""
    return f"{name}.example.com"


def definition(name: str, *served: str) -> Built:
    """Of a kind that is served in two versions, or in these; the first one is stored."""
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    versions = [
        {"name": version, "served": True, "storage": not number, "schema": schema}
        for number, version in enumerate(served or ("v1", "v1beta1"))
    ]
    return obj("apiextensions.k8s.io/v1/CustomResourceDefinition", f"widgets.{group(name)}").with_(
        spec={
            "group": group(name),
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": versions,
        }
    )


def cluster_scoped(name: str) -> list[Built]:
    """What it needs outside of its namespaces."""
    account = {"kind": "ServiceAccount", "name": "web", "namespace": name}
    return [
        obj("storage.k8s.io/v1/StorageClass", f"{name}-disk").with_(
            provisioner="kubernetes.io/no-provisioner",
            reclaimPolicy="Retain",
            volumeBindingMode="WaitForFirstConsumer",
        ),
        obj("scheduling.k8s.io/v1/PriorityClass", f"{name}-high").with_(value=1000),
        obj("networking.k8s.io/v1/IngressClass", f"{name}-class").with_(
            spec={"controller": "example.com/ingress"}
        ),
        obj("rbac.authorization.k8s.io/v1/ClusterRole", f"{name}-reader").with_(
            rules=[{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]
        ),
        obj("rbac.authorization.k8s.io/v1/ClusterRoleBinding", f"{name}-reader").with_(
            roleRef=_role("ClusterRole", f"{name}-reader"), subjects=[account]
        ),
        obj("v1/PersistentVolume", f"{name}-data").with_(
            spec={
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": f"{name}-disk",
                "claimRef": {"namespace": name, "name": "data"},
                "hostPath": {"path": "/nowhere", "type": ""},
            }
        ),
    ]


def custom(name: str) -> list[Built]:
    """Its custom resources."""
    return [
        obj(f"{group(name)}/v1/Widget", f"{name}/numbers").with_(
            spec={
                "largest": LARGEST,
                "odd": ODD,
                "negative": -(2**63),
                "half": 0.5,
                "text": TEXT,
                "empty": {},
                "none": [],
                "unset": None,
                "deep": [[{"a": [{}, [], ""]}]],
            }
        ),
        obj(f"{group(name)}/v1beta1/Widget", f"{name}/older.by-its.name").with_(spec={"size": 1}),
    ]


def _settings(name: str) -> list[Built]:
    account = {"kind": "ServiceAccount", "name": "web", "namespace": name}
    return [
        obj("v1/ConfigMap", f"{name}/text")
        .with_(data={"text": TEXT, "empty": ""}, binaryData={"bytes": "AP8Q"})
        .label(app="web", example_com__tier="front"),
        obj("v1/ConfigMap", f"{name}/nothing"),
        obj("v1/ConfigMap", f"{side(name)}/text").with_(data={"text": TEXT}, immutable=True),
        obj("v1/Secret", f"{name}/token").with_(type="Opaque", data={"token": "czNjcjN0"}),
        obj("v1/Secret", f"{name}/registry").with_(
            type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "e30="}
        ),
        obj("v1/ServiceAccount", f"{name}/web").with_(imagePullSecrets=[{"name": "registry"}]),
        obj("rbac.authorization.k8s.io/v1/Role", f"{name}/web").with_(
            rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
        ),
        obj("rbac.authorization.k8s.io/v1/RoleBinding", f"{name}/web").with_(
            roleRef=_role("Role", "web"), subjects=[account]
        ),
        obj("rbac.authorization.k8s.io/v1/RoleBinding", f"{side(name)}/web").with_(
            roleRef=_role("ClusterRole", f"{name}-reader"), subjects=[account]
        ),
        obj("v1/PersistentVolumeClaim", f"{name}/data").with_(
            spec=_claim(name) | {"volumeName": f"{name}-data"}
        ),
        obj("v1/PersistentVolumeClaim", f"{name}/waiting").with_(spec=_claim(name)),
    ]


def _workloads(name: str) -> list[Built]:
    return [
        obj("apps/v1/Deployment", f"{name}/web")
        .with_(spec={"replicas": 2, **_template(name, "web")})
        .annotate(example_com__note=TEXT),
        obj("apps/v1/StatefulSet", f"{name}/db").with_(
            spec={
                "replicas": 1,
                "serviceName": "db",
                **_template(name, "db"),
                "volumeClaimTemplates": [
                    {"metadata": {"name": "store"}, "spec": _claim(name)},
                ],
            }
        ),
        obj("apps/v1/DaemonSet", f"{name}/agent").with_(spec=_template(name, "agent")),
        obj("batch/v1/Job", f"{name}/once").with_(
            spec={"suspend": True, "template": {"spec": _pod(name) | {"restartPolicy": "Never"}}}
        ),
        obj("batch/v1/CronJob", f"{name}/nightly").with_(
            spec={
                "schedule": "0 3 * * *",
                "suspend": True,
                "jobTemplate": {
                    "spec": {"template": {"spec": _pod(name) | {"restartPolicy": "Never"}}}
                },
            }
        ),
        obj("v1/Pod", f"{name}/alone")
        .with_(
            spec={
                **_pod(name),
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            }
        )
        .label(app="alone"),
    ]


def _network(name: str) -> list[Built]:
    ports = [{"name": "web", "port": 80, "targetPort": 8080, "nodePort": NODE_PORTS[name]}]
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return [
        obj("v1/Service", f"{name}/web").with_(
            spec={"type": "NodePort", "selector": {"app": "web"}, "ports": ports}
        ),
        obj("v1/Service", f"{name}/db").with_(
            spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 5432}]}
        ),
        obj("v1/Service", f"{name}/elsewhere").with_(
            spec={"type": "ExternalName", "externalName": "db.example.com"}
        ),
        obj("networking.k8s.io/v1/Ingress", f"{name}/web").with_(
            spec={
                "ingressClassName": f"{name}-class",
                "rules": [{"host": f"{name}.example.com", "http": {"paths": [path]}}],
            }
        ),
        obj("networking.k8s.io/v1/NetworkPolicy", f"{name}/closed").with_(
            spec={"podSelector": {}, "policyTypes": ["Ingress"]}
        ),
    ]


def _bounds(name: str) -> list[Built]:
    return [
        obj("policy/v1/PodDisruptionBudget", f"{name}/web").with_(
            spec={"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}
        ),
        obj("autoscaling/v2/HorizontalPodAutoscaler", f"{name}/web").with_(
            spec={
                "minReplicas": 2,
                "maxReplicas": 4,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": 80},
                        },
                    }
                ],
            }
        ),
        obj("v1/ResourceQuota", f"{name}/most").with_(spec={"hard": {"configmaps": "50"}}),
        obj("v1/LimitRange", f"{name}/usual").with_(
            spec={"limits": [{"type": "Container", "defaultRequest": {"cpu": "1m"}}]}
        ),
    ]


def _template(name: str, app: str) -> dict[str, Any]:
    labels = {"app": app}
    template = {"metadata": {"labels": labels}, "spec": _pod(name)}
    return {"selector": {"matchLabels": labels}, "template": template}


def _pod(name: str) -> dict[str, Any]:
    containers = [
        {
            "name": "main",
            "image": "registry.example.com/web:1",
            "args": [TEXT.replace("\u0001", "")],
        }
    ]
    return {
        "serviceAccountName": "web",
        "priorityClassName": f"{name}-high",
        "containers": containers,
    }


def _claim(name: str) -> dict[str, Any]:
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": f"{name}-disk",
        "resources": {"requests": {"storage": "1Gi"}},
    }


def _role(kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def _is_settled(cluster: Cluster, name: str) -> bool:
    """Whether each controller has seen what there is and made what it makes."""
    found = cluster.get("deployment,statefulset,daemonset,replicaset,job", "-n", name)["items"]
    if len(found) < 5:
        return False
    for one in found:
        observed = one.get("status", {}).get("observedGeneration", one["metadata"]["generation"])
        if one["kind"] != "Job" and observed != one["metadata"]["generation"]:
            return False
    pods = [one["metadata"]["name"] for one in cluster.get("pods", "-n", name)["items"]]
    claim = cluster.get("persistentvolumeclaim", "data", "-n", name)
    slices = cluster.get("endpointslices", "-n", name)["items"]
    return len(pods) == 4 and claim["status"].get("phase") == "Bound" and len(slices) == 2
