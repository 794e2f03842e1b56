"""An application of all that people run together, for restores with every parameter.

Its custom kind is validated by schema, by CEL and by a webhook, and converted by a webhook; where
that is, its users say: a server of this machine, or a Service of the application's own.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.builders import Built, obj
from tests.clusters import Cluster
from tests.waiting import until

SHOP, DB, OTHER = "mx-shop", "mx-db", "mx-other"
SHOP_2, DB_2 = "mx-shop-2", "mx-db-2"
GROUP = "mixed.example.com"
WIDGETS = f"widgets.{GROUP}"
REGISTRY = "anolis-registry.cn-zhangjiakou.cr.aliyuncs.com/openanolis"
OTHER_REGISTRY = "registry.cn-beijing.aliyuncs.com/acr-team"
IMAGE = "nginx:1.14.1-8.6"
RBAC = "rbac.authorization.k8s.io"
SLOW, FAST = "mx-slow", "mx-fast"
PART = {"app.kubernetes.io/part-of": "mixed"}
NODE_PORT = 31777
JUDGE_PORT = 8443
PROGRAM = Path(__file__).parent / "data" / "judge.py"
MODIFIER = "mx-resource-modifier"
RULES = """
version: v1
resourceModifierRules:
- conditions:
    groupResource: configmaps
    resourceNameRegex: ^settings$
  patches:
  - operation: replace
    path: /data/mode
    value: restored
- conditions:
    groupResource: daemonsets.apps
  patches:
  - operation: add
    path: /spec/minReadySeconds
    value: "2"
"""
Client = Callable[[str], dict[str, Any]]
"""The ``clientConfig`` of one of the judge's paths."""


@dataclass(frozen=True)
class Judge:
    """The webhooks' server: how it is reached, and what proves it, where it is in the cluster."""

    client: Client
    certificate: str = ""
    key: str = ""

    @property
    def is_inside(self) -> bool:
        """Whether it runs in the application's own pods."""
        return bool(self.key)


def labels(app: str) -> dict[str, str]:
    return {"app": app, **PART}


def pod_spec(**more: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": f"{REGISTRY}/{IMAGE}",
        "command": ["sh", "-c", "exec sleep 1000000"],
        "env": [{"name": "STORE", "value": f"store.{DB}.svc:80"}],
    }
    return {
        "terminationGracePeriodSeconds": 1,
        "containers": [container | more.pop("container", {})],
        "priorityClassName": "mx-high",
        **more,
    }


def template(app: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"labels": labels(app)}, "spec": pod_spec(**more)}


def workload(kind: str, name: str, **spec: Any) -> Built:
    app = name.rpartition("/")[2]
    made = {"selector": {"matchLabels": labels(app)}, "template": template(app), **spec}
    return obj(kind, name).with_(spec=made)


def definition(judge: Judge) -> Built:
    """Two versions; what is stored is the first."""
    owner = {"type": "string", "maxLength": 20}
    status = {"type": "object", "properties": {"seen": {"type": "integer"}}}

    def schema(field: str, sort: Mapping[str, Any]) -> dict[str, Any]:
        spec = {"type": "object", "properties": {field: sort, "owner": owner}}
        if field == "size":
            rule = {"rule": "self.size != 13", "message": "no widget has that size"}
            spec |= {"required": ["size"], "x-kubernetes-validations": [rule]}
        return {
            "openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}
        }

    versions = [
        {
            "name": version,
            "served": True,
            "storage": version == "v1",
            "subresources": {"status": {}},
            "schema": schema(field, sort),
        }
        for version, field, sort in (
            ("v1", "size", {"type": "integer", "minimum": 1}),
            ("v1beta1", "width", {"type": "string", "pattern": "^[0-9]+$"}),
        )
    ]
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": judge.client("/convert")}
    return obj("apiextensions.k8s.io/v1/CustomResourceDefinition", WIDGETS).with_(
        spec={
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "conversion": {"strategy": "Webhook", "webhook": webhook},
            "versions": versions,
        }
    )


def validating(judge: Judge) -> Built:
    kind = "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration"
    rule = {"apiGroups": [GROUP], "apiVersions": ["v1"], "resources": ["widgets"]}
    return obj(kind, "mx-judge").with_(
        webhooks=[
            {
                "name": "judge.mixed.example.com",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "clientConfig": judge.client("/validate"),
                "rules": [rule | {"operations": ["CREATE", "UPDATE"]}],
                "namespaceSelector": {
                    "matchExpressions": [
                        {
                            "key": "kubernetes.io/metadata.name",
                            "operator": "In",
                            "values": [SHOP],
                        }
                    ]
                },
            }
        ]
    )


def cluster_scoped(provisioner: str, *, binding: str) -> list[Built]:
    account = {"kind": "ServiceAccount", "name": "robot", "namespace": SHOP}
    reader = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "mx-reader"}
    nodes = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}
    return [
        storage_class(SLOW, provisioner, binding=binding),
        obj("scheduling.k8s.io/v1/PriorityClass", "mx-high").with_(value=1000),
        obj("networking.k8s.io/v1/IngressClass", "mx-class").with_(
            spec={"controller": "example.com/ingress"}
        ),
        obj(f"{RBAC}/v1/ClusterRole", "mx-reader").with_(rules=[nodes]),
        obj(f"{RBAC}/v1/ClusterRoleBinding", "mx-reader").with_(roleRef=reader, subjects=[account]),
    ]


def storage_class(name: str, provisioner: str, *, binding: str) -> Built:
    return obj("storage.k8s.io/v1/StorageClass", name).with_(
        provisioner=provisioner, volumeBindingMode=binding, reclaimPolicy="Delete"
    )


def settings() -> list[Built]:
    account = {"kind": "ServiceAccount", "name": "robot", "namespace": SHOP}
    pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    limits = {"type": "Container", "default": {"memory": "256Mi"}, "max": {"memory": "1Gi"}}
    return [
        obj("v1/Secret", f"{SHOP}/pull").with_(
            type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": '{"auths":{}}'}
        ),
        obj("v1/Secret", f"{SHOP}/token").with_(stringData={"password": "s3cret"}),
        obj("v1/ServiceAccount", f"{SHOP}/robot").with_(
            secrets=[{"name": "token"}], imagePullSecrets=[{"name": "pull"}]
        ),
        obj("v1/ConfigMap", f"{SHOP}/settings").with_(
            data={"mode": "original", "store": f"http://store.{DB}.svc.cluster.local/"}
        ),
        obj("v1/ConfigMap", f"{OTHER}/left").with_(data={"a": "1"}),
        obj(f"{RBAC}/v1/Role", f"{SHOP}/reader").with_(rules=[pods]),
        obj(f"{RBAC}/v1/RoleBinding", f"{SHOP}/reader").with_(
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": "reader"}, subjects=[account]
        ),
        obj("v1/ResourceQuota", f"{SHOP}/all").with_(spec={"hard": {"pods": "30"}}),
        obj("v1/LimitRange", f"{SHOP}/all").with_(spec={"limits": [limits]}),
    ]


def network() -> list[Built]:
    web = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": web}
    shop = {"matchLabels": {"kubernetes.io/metadata.name": SHOP}}
    return [
        obj("v1/Service", f"{SHOP}/web").with_(
            spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}
        ),
        obj("v1/Service", f"{SHOP}/open").with_(
            spec={
                "type": "NodePort",
                "selector": {"app": "web"},
                "ports": [{"port": 80, "nodePort": NODE_PORT}],
            }
        ),
        obj("v1/Service", f"{DB}/store").with_(
            spec={"clusterIP": "None", "selector": {"app": "store"}, "ports": [{"port": 80}]}
        ),
        obj("networking.k8s.io/v1/Ingress", f"{SHOP}/web")
        .annotate(example_com__old="1", example_com__class="old")
        .with_(
            spec={
                "ingressClassName": "mx-class",
                "rules": [{"host": "mx.example.com", "http": {"paths": [path]}}],
            }
        ),
        obj("networking.k8s.io/v1/NetworkPolicy", f"{DB}/from-shop").with_(
            spec={"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": shop}]}]}
        ),
    ]


def workloads() -> list[Built]:
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": SLOW,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    anti = {
        "topologyKey": "kubernetes.io/hostname",
        "namespaces": [SHOP],
        "labelSelector": {"matchLabels": {"app": "nothing"}},
    }
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [anti]}}
    once = {"container": {"command": ["sh", "-c", "true"]}, "restartPolicy": "Never"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    mounted = {"container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}}
    return [
        workload(
            "apps/v1/Deployment",
            f"{SHOP}/web",
            replicas=2,
            template=template("web", serviceAccountName="robot", affinity=affinity),
        ),
        workload(
            "apps/v1/StatefulSet",
            f"{DB}/store",
            replicas=2,
            serviceName="store",
            template=template("store", **mounted),
            volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": claim}],
        ),
        workload("apps/v1/DaemonSet", f"{SHOP}/agent"),
        obj("batch/v1/Job", f"{SHOP}/once").with_(spec={"template": template("once", **once)}),
        obj("batch/v1/CronJob", f"{SHOP}/nightly").with_(
            spec={
                "schedule": "0 3 1 1 *",
                "jobTemplate": {"spec": {"template": template("n", **once)}},
            }
        ),
        obj("v1/Pod", f"{SHOP}/alone").with_(spec=pod_spec()),
        obj("v1/PodTemplate", f"{SHOP}/left").with_(template=template("left")),
        obj("policy/v1/PodDisruptionBudget", f"{SHOP}/web").with_(
            spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
        ),
        obj("autoscaling/v2/HorizontalPodAutoscaler", f"{SHOP}/web").with_(
            spec={
                "minReplicas": 2,
                "maxReplicas": 3,
                "scaleTargetRef": target,
                "metrics": [{"type": "Resource", "resource": cpu}],
            }
        ),
    ]


def judge_inside(judge: Judge) -> list[Built]:
    """The judge as a part of the application."""
    command = ["python3", "/judge/judge.py", str(JUDGE_PORT), "/tls/tls.crt", "/tls/tls.key"]
    mounts = [{"name": "judge", "mountPath": "/judge"}, {"name": "tls", "mountPath": "/tls"}]
    probe = {"tcpSocket": {"port": JUDGE_PORT}, "periodSeconds": 1}
    container = {"command": command, "volumeMounts": mounts, "readinessProbe": probe}
    volumes = [
        {"name": "judge", "configMap": {"name": "judge"}},
        {"name": "tls", "secret": {"secretName": "judge"}},
    ]
    return [
        obj("v1/ConfigMap", f"{SHOP}/judge").with_(data={"judge.py": PROGRAM.read_text()}),
        obj("v1/Secret", f"{SHOP}/judge").with_(
            type="kubernetes.io/tls",
            stringData={"tls.crt": judge.certificate, "tls.key": judge.key},
        ),
        obj("v1/Service", f"{SHOP}/judge").with_(
            spec={
                "selector": {"app": "judge"},
                "ports": [{"port": 443, "targetPort": JUDGE_PORT}],
            }
        ),
        workload(
            "apps/v1/Deployment",
            f"{SHOP}/judge",
            template=template("judge", container=container, volumes=volumes),
        ),
    ]


def install(cluster: Cluster, judge: Judge, *, provisioner: str, binding: str) -> None:
    """Makes the application; its workloads may not be ready yet."""
    apply(cluster, [obj("v1/Namespace", name) for name in (SHOP, DB, OTHER)])
    for namespace in (SHOP, DB):
        account = ("serviceaccount/default", "-n", namespace)
        cluster.kubectl("wait", *account, "--for=create", "--timeout=30s")
    scoped = [*cluster_scoped(provisioner, binding=binding), definition(judge)]
    apply(cluster, [*scoped, *settings(), *network(), *workloads()])
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{WIDGETS}", "--timeout=30s")
    if judge.is_inside:
        apply(cluster, judge_inside(judge))
        cluster.kubectl("rollout", "status", "deploy/judge", "-n", SHOP, "--timeout=120s")
    apply(cluster, [validating(judge)])
    widget = obj(f"{GROUP}/v1/Widget", f"{SHOP}/red").with_(spec={"size": 3, "owner": "shop"})
    old = obj(f"{GROUP}/v1beta1/Widget", f"{SHOP}/blue").with_(spec={"width": "5"})
    tried = ("create", "--dry-run=server", "-f", "-")
    until(
        lambda: cluster.run(*tried, input=old.json.decode()).returncode == 0,
        what="the webhooks answer",
    )
    apply(cluster, [widget, old])
    cluster.set_status(WIDGETS, "red", {"seen": 7}, namespace=SHOP)
    uid = cluster.get(WIDGETS, "red", "-n", SHOP)["metadata"]["uid"]
    owner = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "name": "red", "uid": uid}
    apply(cluster, [obj("v1/ConfigMap", f"{SHOP}/owned").meta(ownerReferences=[owner])])


def apply(cluster: Cluster, objects: list[Built]) -> None:
    """``kubectl apply`` of objects that are parts of the application by their label."""
    for one in objects:
        about = one["metadata"]
        about["labels"] = {**about.get("labels", {}), **PART}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-f", "-", input=text)


PARAMETERS: Mapping[str, Any] = {
    "includedNamespaces": ["mx-*"],
    "excludedNamespaces": [OTHER],
    "excludedResources": ["podtemplates"],
    "includeClusterResources": True,
    "labelSelector": {"matchLabels": PART},
    "namespaceMapping": {SHOP: SHOP_2, DB: DB_2},
    "references": {"affinity": False},
    "rewriteServiceNames": True,
    "imageRegistryMapping": {REGISTRY: OTHER_REGISTRY},
    "imagePaths": {WIDGETS: ["/spec/image"]},
    "storageClassMapping": {SLOW: FAST},
    "convertedarg": [
        {"namespace": DB, "persistentVolumeClaim": "data-store-0", "convertToCapacity": "20Gi"}
    ],
    "overwriteServiceAnnotations": {"example.com/id": "lb"},
    "overwriteIngressAnnotations": {"example.com/class": "new", "example.com/old-": ""},
    "preserveNodePorts": True,
    "appRestoreOnly": True,
    "restoreStatus": {"includedResources": [WIDGETS]},
    "resourceModifier": {"kind": "ConfigMap", "name": MODIFIER},
}
"""Every parameter of a restore that changes or chooses objects."""
