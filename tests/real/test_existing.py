"""Restores over what is there already, on real API servers with their controllers.

One application of many kinds is backed up and restored. What other restores do over that is quiet
while nothing differs, tells what differs, and changes only what it should.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "existing"
SHOP = "ex-shop"
COPY = "ex-copy"
RBAC = "rbac.authorization.k8s.io"
MAPPED = {"namespaceMapping": {SHOP: COPY}, "imageRegistryMapping": {"old.example.com": "new.io/a"}}
LABELS = {"app": "web"}


def named(kind: str, name: str, namespace: str = SHOP, **fields: Any) -> dict[str, Any]:
    api_version, _, kind = kind.rpartition("/")
    about = {"name": name} | ({"namespace": namespace} if namespace else {})
    about |= fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": about, **fields}


def pod_spec(**more: Any) -> dict[str, Any]:
    container = {
        "name": "web",
        "image": "old.example.com/web:1",
        "env": [{"name": "A", "value": ""}, {"name": "B", "value": "b"}],
        "ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        "livenessProbe": {"httpGet": {"port": 80}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    volumes = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "config", "configMap": {"name": "settings"}},
        {"name": "key", "secret": {"secretName": "key"}},
    ]
    tolerations = [{"key": "a", "operator": "Exists"}]
    return {"containers": [container], "volumes": volumes, "tolerations": tolerations, **more}


def template(app: str = "web", **more: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": app}}, "spec": pod_spec(**more)}


def selector(app: str) -> dict[str, Any]:
    return {"matchLabels": {"app": app}}


CLAIM = {
    "accessModes": ["ReadWriteOnce"],
    "storageClassName": "none-such",
    "resources": {"requests": {"storage": "1024Mi"}},
}
DEFINITION = named(
    "apiextensions.k8s.io/v1/CustomResourceDefinition",
    "carts.ex.example.com",
    "",
    spec={
        "group": "ex.example.com",
        "scope": "Namespaced",
        "names": {"plural": "carts", "singular": "cart", "kind": "Cart", "listKind": "CartList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "size": {"type": "integer", "default": 3},
                                    "items": {"type": "array", "items": {"type": "string"}},
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
)
OBJECTS = (
    named("v1/ServiceAccount", "robot", imagePullSecrets=[{"name": "pull"}]),
    named("v1/ConfigMap", "settings", data={"a": "1", "empty": ""}),
    named("v1/ConfigMap", "sealed", data={"a": "1"}, immutable=True),
    named("v1/Secret", "key", stringData={"password": "old"}),
    named(
        f"{RBAC}/v1/Role",
        "reader",
        rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    ),
    named(
        f"{RBAC}/v1/RoleBinding",
        "reader",
        roleRef={"apiGroup": RBAC, "kind": "Role", "name": "reader"},
        subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": SHOP}],
    ),
    named(
        "apps/v1/Deployment",
        "web",
        spec={
            "replicas": 1,
            "selector": selector("web"),
            "template": template(serviceAccountName="robot"),
        },
    ),
    named(
        "apps/v1/StatefulSet",
        "db",
        spec={
            "replicas": 1,
            "serviceName": "db",
            "selector": selector("db"),
            "template": template("db"),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
        },
    ),
    named(
        "apps/v1/DaemonSet",
        "agent",
        spec={"selector": selector("agent"), "template": template("agent")},
    ),
    named(
        "batch/v1/CronJob",
        "nightly",
        spec={
            "schedule": "0 3 * * *",
            "jobTemplate": {"spec": {"template": template("job", restartPolicy="Never")}},
        },
    ),
    named(
        "batch/v1/Job",
        "waiting",
        spec={"suspend": True, "template": template("once", restartPolicy="Never")},
    ),
    named("v1/Pod", "alone", spec=pod_spec()),
    named("v1/PersistentVolumeClaim", "files", spec=CLAIM),
    named("v1/Service", "web", spec={"selector": LABELS, "ports": [{"port": 80}]}),
    named(
        "v1/Service",
        "db",
        spec={
            "clusterIP": "None",
            "selector": {"app": "db"},
            "ports": [{"port": 53, "name": "t"}, {"port": 53, "name": "u", "protocol": "UDP"}],
        },
    ),
    named("v1/Service", "out", spec={"type": "ExternalName", "externalName": "example.com"}),
    named(
        "v1/Service", "port", spec={"type": "NodePort", "selector": LABELS, "ports": [{"port": 80}]}
    ),
    named(
        "networking.k8s.io/v1/Ingress",
        "web",
        spec={
            "rules": [
                {
                    "host": "a.example.com",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ]
        },
    ),
    named(
        "networking.k8s.io/v1/NetworkPolicy",
        "in",
        spec={
            "podSelector": {},
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}],
        },
    ),
    named(
        "policy/v1/PodDisruptionBudget",
        "web",
        spec={"minAvailable": 1, "selector": selector("web")},
    ),
    named(
        "autoscaling/v2/HorizontalPodAutoscaler",
        "web",
        spec={
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
        },
    ),
    named("v1/ResourceQuota", "all", spec={"hard": {"pods": "1k", "requests.storage": "1024Gi"}}),
    named(
        "v1/LimitRange",
        "all",
        spec={"limits": [{"type": "Container", "max": {"memory": "2048Mi"}}]},
    ),
    named("ex.example.com/v1/Cart", "full", spec={"items": ["a"]}),
    named(
        "storage.k8s.io/v1/StorageClass",
        "ex-fast",
        "",
        provisioner="x.example.com",
        parameters={"type": "a"},
    ),
    named("scheduling.k8s.io/v1/PriorityClass", "ex-high", "", value=10),
    named(
        "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
        "ex-hook",
        "",
        webhooks=[
            {
                "name": "a.ex.example.com",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Ignore",
                "clientConfig": {"service": {"name": "web", "namespace": SHOP}},
                "rules": [
                    {
                        "apiGroups": ["none.example.com"],
                        "apiVersions": ["v1"],
                        "resources": ["x"],
                        "operations": ["CREATE"],
                    }
                ],
            }
        ],
    ),
)


@pytest.fixture(scope="module")
def restored(source: Site, target: Site) -> Iterator[dict[str, Any]]:
    """The target with the application, as a first restore made it; the task."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    source.cluster.kubectl("create", "namespace", SHOP)
    source.apply(DEFINITION)
    source.cluster.kubectl("wait", "crd/carts.ex.example.com", "--for=condition=Established")
    for one in OBJECTS:
        source.apply(one)
    settled(source, SHOP)
    source.back_up("ex-backup", VAULT, SHOP, includeClusterResources=True)
    backup = source.ended("applicationbackup", "ex-backup")
    assert backup["status"]["phase"] == "Completed", backup["status"]
    until(
        lambda: target.phase("applicationbackup", "ex-backup") == "Completed",
        what="the backup appears in the other cluster",
    )
    target.restore("ex-first", "ex-backup", **MAPPED)
    first = target.ended("applicationrestore", "ex-first")
    settled(target, COPY)
    yield first
    for site, namespace in ((source, SHOP), (target, COPY)):
        site.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def settled(site: Site, namespace: str) -> None:
    """The controllers have made what they make."""

    def has_pods() -> bool:
        found = site.cluster.kubectl("get", "pods", "-n", namespace, "-o", "name").split()
        return any("web-" in one for one in found) and "pod/db-0" in found

    until(has_pods, what=f"the workloads of {namespace} have their pods")
    site.cluster.kubectl("rollout", "history", "deployment/web", "-n", namespace)


def over(target: Site, s3: S3Server, name: str, policy: str, **spec: Any) -> dict[str, Any]:
    """The status of another restore over the first, with what became of each object."""
    target.restore(name, "ex-backup", existingResourcePolicy=policy, **(MAPPED | spec))
    status: dict[str, Any] = target.ended("applicationrestore", name)["status"]
    lines = archives.restore_items(s3.folder / "cnfs-oss-test", name, VAULT)
    status["told"] = {f"{one['target'][0]}/{one['target'][2]}": one for one in lines}
    return status


def reasons(status: Mapping[str, Any]) -> dict[str, str]:
    """What was not quiet."""
    quiet = {"Identical", "Controlled", "OwnerThere"}
    return {
        what: f"{one['action']} {one.get('reason', '')} {one.get('message', '')}"
        for what, one in status["told"].items()
        if one["action"] != "skipped" or one.get("reason") not in quiet
    }


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_another_restore_over_the_first_is_quiet(
    restored: Any, target: Site, s3: S3Server, policy: str
) -> None:
    status = over(target, s3, f"ex-quiet-{policy}", policy)
    assert reasons(status) == {}
    assert status["phase"] == "Completed"


def test_the_first_restore_made_it_all(restored: Mapping[str, Any]) -> None:
    assert restored["status"]["counts"]["created"] > len(OBJECTS)
    assert "failed" not in restored["status"]["counts"]


def merge(target: Site, what: str, patch: Mapping[str, Any]) -> None:
    text = json.dumps(patch)
    target.cluster.kubectl("patch", what, "-n", COPY, "--type=merge", f"--patch={text}")


def edited(target: Site) -> None:
    """Somebody changes values of the backup, and adds what is his own."""
    merge(target, "configmap/settings", {"data": {"a": "2", "mine": "x"}})
    merge(target, "secret/key", {"data": {"password": "bmV3"}})
    merge(target, "cart/full", {"spec": {"size": 7, "items": ["a", "b"]}})
    merge(target, "role/reader", {"rules": [], "metadata": {"labels": {"team": "a"}}})
    strategic = {
        "metadata": {"annotations": {"note": "mine"}},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "side", "image": "side.example.com/x:1"},
                        {"name": "web", "image": "hotfix.example.com/web:9"},
                    ]
                }
            }
        },
    }
    text = json.dumps(strategic)
    target.cluster.kubectl("patch", "deployment/web", "-n", COPY, f"--patch={text}")


EDITED = {
    "carts.ex.example.com/full",
    "configmaps/settings",
    "deployments.apps/web",
    "roles.rbac.authorization.k8s.io/reader",
    "secrets/key",
}


def spec_of(target: Site, what: str) -> Any:
    """All that somebody wrote in it."""
    found = target.cluster.get(what, "-n", COPY)
    about = {key: found["metadata"].get(key) for key in ("labels", "uid", "annotations")}
    return {**found, "metadata": about, "status": None}


def test_what_differs_is_told_field_by_field_and_stays(
    restored: Any, target: Site, s3: S3Server
) -> None:
    edited(target)
    names = ("deployment/web", "configmap/settings", "secret/key", "role/reader", "cart/full")
    before = [spec_of(target, one) for one in names]
    status = over(target, s3, "ex-differs", "none")
    assert reasons(status).keys() == EDITED
    assert {status["told"][one]["reason"] for one in EDITED} == {"Differs"}
    assert (status["phase"], status["warnings"]) == ("Completed", len(EDITED))
    assert [spec_of(target, one) for one in names] == before
    found = status["told"]["deployments.apps/web"]["differences"]
    assert [one["pointer"] for one in found] == ["/spec/template/spec/containers/1/image"]
    found = status["told"]["secrets/key"]["differences"]
    assert [one["old"] for one in found] == ["(masked)"]


def test_an_update_changes_only_what_it_should(restored: Any, target: Site, s3: S3Server) -> None:
    edited(target)
    status = over(target, s3, "ex-update", "update")
    assert (status["phase"], status.get("warnings", 0)) == ("Completed", 0)
    assert {one for one, line in status["told"].items() if line["action"] == "updated"} == EDITED
    settings = target.cluster.get("configmap", "settings", "-n", COPY)
    assert settings["data"] == {"a": "1", "empty": "", "mine": "x"}
    assert target.cluster.get("secret", "key", "-n", COPY)["data"] == {"password": "b2xk"}
    role = target.cluster.get("role", "reader", "-n", COPY)
    assert role["rules"]
    assert role["metadata"]["labels"]["team"] == "a"
    assert target.cluster.get("cart", "full", "-n", COPY)["spec"] == {"size": 3, "items": ["a"]}
    web = target.cluster.get("deployment", "web", "-n", COPY)
    assert web["metadata"]["annotations"]["note"] == "mine"
    images = {one["name"]: one["image"] for one in web["spec"]["template"]["spec"]["containers"]}
    assert images == {"web": "new.io/a/web:1", "side": "side.example.com/x:1"}
    again = over(target, s3, "ex-update-again", "update")
    assert reasons(again) == {}


STUCK = {
    "configmaps/sealed",
    "persistentvolumeclaims/files",
    "rolebindings.rbac.authorization.k8s.io/reader",
    "services/db",
    "statefulsets.apps/db",
}
CLAIM = {"persistentvolumeclaims/files"}


def stuck(target: Site) -> None:
    """Somebody made objects anew with other values, which no update can change back."""
    kubectl = target.cluster.kubectl
    for what in ("statefulset/db", "configmap/sealed", "rolebinding/reader", "service/db"):
        kubectl("delete", what, "-n", COPY, "--cascade=orphan")
    kubectl("delete", "pvc/files", "-n", COPY)
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in OBJECTS}

    def other(kind: str, name: str, **fields: Any) -> None:
        made = json.loads(json.dumps(by_name[kind, name]))
        made["metadata"]["namespace"] = COPY
        spec = fields.pop("spec", None)
        made |= fields
        if spec:
            made["spec"] |= spec
        kubectl("create", "-f", "-", input=json.dumps(made))

    other("StatefulSet", "db", spec={"serviceName": "other"})
    other("ConfigMap", "sealed", data={"a": "2"})
    other(
        "RoleBinding", "reader", roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    )
    other("Service", "db", spec={"clusterIP": ""})
    other("PersistentVolumeClaim", "files", spec={"storageClassName": "other"})


def test_what_no_update_can_change_is_an_error_and_stays(
    restored: Any, target: Site, s3: S3Server
) -> None:
    stuck(target)
    status = over(target, s3, "ex-stuck", "update")
    assert status["phase"] == "PartiallyFailed"
    failed = {one for one, line in status["told"].items() if line["action"] == "failed"}
    assert failed == STUCK - CLAIM
    assert {status["told"][one]["reason"] for one in failed} == {"ImmutableField"}
    assert status["told"]["persistentvolumeclaims/files"]["reason"] == "Differs"


def test_what_no_update_can_change_is_made_anew_where_that_is_safe(
    restored: Any, target: Site, s3: S3Server
) -> None:
    pod = target.cluster.get("pod", "db-0", "-n", COPY)["metadata"]["uid"]
    claim = target.cluster.get("pvc", "files", "-n", COPY)["metadata"]["uid"]
    status = over(target, s3, "ex-anew", "recreate")
    made = {one for one, line in status["told"].items() if line["action"] == "recreated"}
    assert made == STUCK - CLAIM, reasons(status)
    assert status["told"]["persistentvolumeclaims/files"]["reason"] == "Differs"
    assert status["phase"] == "Completed"
    copies = archives.restore_items(s3.folder / "cnfs-oss-test", "ex-anew", VAULT, lines="replaced")
    old = {f"{one['target'][0]}/{one['target'][2]}": one["object"] for one in copies}
    assert set(old) == made
    assert old["statefulsets.apps/db"]["spec"]["serviceName"] == "other"
    assert target.cluster.get("statefulset", "db", "-n", COPY)["spec"]["serviceName"] == "db"
    assert target.cluster.get("pod", "db-0", "-n", COPY)["metadata"]["uid"] == pod
    assert target.cluster.get("pvc", "files", "-n", COPY)["metadata"]["uid"] == claim
    assert target.cluster.get("service", "db", "-n", COPY)["spec"]["clusterIP"] == "None"
    assert target.cluster.get("configmap", "sealed", "-n", COPY)["data"] == {"a": "1"}
