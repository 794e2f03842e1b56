"""One application, restored into another cluster with every parameter; a part of it; what may not
be restored.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "parameters"
SHOP, DB = "pm-shop", "pm-db"
RBAC = "rbac.authorization.k8s.io"
IMAGE = "old.example.com/team/web:1"


def named(kind: str, name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    api_version, _, kind = kind.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    labels = fields.pop("labels", None)
    annotations = fields.pop("annotations", None)
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"annotations": annotations} if annotations else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def workload(name: str, **spec: Any) -> dict[str, Any]:
    web = {"app": name}
    pod = {"containers": [{"name": "web", "image": IMAGE, "env": ENV}], **spec}
    return named(
        "apps/v1/Deployment",
        name,
        SHOP,
        labels=web,
        spec={
            "replicas": 0,
            "selector": {"matchLabels": web},
            "template": {"metadata": {"labels": web}, "spec": pod},
        },
    )


ENV = [{"name": "DB", "value": f"store.{DB}:5432"}]
BY_NAME = {"matchLabels": {"kubernetes.io/metadata.name": SHOP}}
AFFINITY = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "namespaces": [DB], "labelSelector": {}}
        ]
    }
}
DEFINITION = named(
    "apiextensions.k8s.io/v1/CustomResourceDefinition",
    "carts.pm.example.com",
    spec={
        "group": "pm.example.com",
        "scope": "Namespaced",
        "names": {"plural": "carts", "singular": "cart", "kind": "Cart", "listKind": "CartList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
)
SUBJECT = {"kind": "ServiceAccount", "name": "robot", "namespace": SHOP}
OBJECTS = (
    named("v1/ServiceAccount", "robot", SHOP),
    named(
        f"{RBAC}/v1/Role",
        "reader",
        SHOP,
        rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
    ),
    named(
        f"{RBAC}/v1/RoleBinding",
        "reader",
        SHOP,
        roleRef={"apiGroup": RBAC, "kind": "Role", "name": "reader"},
        subjects=[SUBJECT],
    ),
    workload("web", affinity=AFFINITY, serviceAccountName="robot"),
    workload("agent", hostNetwork=True),
    named(
        "networking.k8s.io/v1/NetworkPolicy",
        "from-shop",
        DB,
        spec={"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": BY_NAME}]}]},
    ),
    named("v1/Service", "store", DB, spec={"type": "NodePort", "ports": [{"port": 5432}]}),
    named(
        "networking.k8s.io/v1/Ingress",
        "web",
        SHOP,
        annotations={"example.com/class": "old", "example.com/gone": "1"},
        spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    ),
    named("v1/ConfigMap", "settings", SHOP, data={"url": f"postgres://store.{DB}.svc:5432/x"}),
    named(
        "v1/PersistentVolumeClaim",
        "data",
        SHOP,
        spec={
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "pm-slow",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    ),
    named("pm.example.com/v1/Cart", "cart", SHOP, spec={"image": IMAGE}),
)
TARGET_CLASS = named("storage.k8s.io/v1/StorageClass", "pm-fast", provisioner="a.example.com")


def applied(site: Site, *objects: dict[str, Any]) -> None:
    for obj in objects:
        site.cluster.kubectl("apply", "-f", "-", input=json.dumps(obj))


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> Path:
    return s3.folder / "cnfs-oss-test"


@pytest.fixture(scope="module")
def backup(source: Site, target: Site) -> str:
    """The application on the source, and its backup."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    for namespace in (SHOP, DB):
        source.cluster.kubectl("create", "namespace", namespace)
    for site in (source, target):
        applied(site, DEFINITION)
        site.cluster.kubectl(
            "wait", "crd/carts.pm.example.com", "--for=condition=Established", "--timeout=30s"
        )
    applied(source, *OBJECTS)
    source.cluster.kubectl(
        *("patch", "carts.pm.example.com", "cart", "-n", SHOP, "--subresource=status"),
        *("--type=merge", "-p", '{"status": {"items": 3}}'),
    )
    applied(target, TARGET_CLASS)
    source.back_up("pm", VAULT, SHOP, DB)
    assert source.ended("applicationbackup", "pm")["status"]["phase"] == "Completed"
    return "pm"


def ended(site: Site, name: str, backup: str, **spec: Any) -> dict[str, Any]:
    site.restore(name, backup, **spec)
    status: dict[str, Any] = site.ended("applicationrestore", name)["status"]
    return status


def test_every_parameter_at_once(backup: str, target: Site) -> None:
    shop, db = f"{SHOP}-2", f"{DB}-2"
    status = ended(
        target,
        "pm-all",
        backup,
        namespaceMapping={SHOP: shop, DB: db},
        references={"affinity": False},
        rewriteServiceNames=True,
        imageRegistryMapping={"old.example.com": "new.example.com"},
        imagePaths={"carts.pm.example.com": ["/spec/image"]},
        storageClassMapping={"pm-slow": "pm-fast"},
        convertedarg=[
            {"namespace": SHOP, "persistentVolumeClaim": "data", "convertToCapacity": "20Gi"}
        ],
        overwriteServiceAnnotations={"example.com/id": "lb"},
        overwriteIngressAnnotations={"example.com/class": "new", "example.com/gone-": ""},
        preserveNodePorts=False,
        appRestoreOnly=True,
        restoreStatus={"includedResources": ["carts.pm.example.com"]},
    )
    assert status["phase"] == "Completed", status
    get = target.cluster.get
    web = get("deployment", "web", "-n", shop)["spec"]["template"]["spec"]
    assert web["containers"][0]["image"] == "new.example.com/team/web:1"
    assert web["containers"][0]["env"][0]["value"] == f"store.{db}:5432"
    assert web["affinity"] == AFFINITY
    assert get("rolebinding", "reader", "-n", shop)["subjects"] == [SUBJECT | {"namespace": shop}]
    policy = get("networkpolicy", "from-shop", "-n", db)["spec"]
    selected = policy["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"]
    assert selected == {"kubernetes.io/metadata.name": shop}
    assert get("service", "store", "-n", db)["metadata"]["annotations"]["example.com/id"] == "lb"
    ingress = get("ingress", "web", "-n", shop)["metadata"]["annotations"]
    assert ingress["example.com/class"] == "new"
    assert "example.com/gone" not in ingress
    settings = get("configmap", "settings", "-n", shop)["data"]
    assert settings == {"url": f"postgres://store.{db}.svc:5432/x"}
    claim = get("pvc", "data", "-n", shop)["spec"]
    assert claim["storageClassName"] == "pm-fast"
    assert claim["resources"] == {"requests": {"storage": "20Gi"}}
    cart = get("carts.pm.example.com", "cart", "-n", shop)
    assert cart["spec"]["image"] == "new.example.com/team/web:1"
    assert cart["status"] == {"items": 3}


def test_a_part_comes_with_what_it_needs(backup: str, target: Site) -> None:
    part = f"{SHOP}-4"
    status = ended(
        target,
        "pm-part",
        backup,
        includedNamespaces=["pm-sh*"],
        labelSelector={"matchLabels": {"app": "web"}},
        namespaceMapping={SHOP: part},
    )
    assert status["phase"] == "Completed", status
    names = target.cluster.kubectl(
        "get", "deploy,sa,cm,pvc,cart,ing", "-n", part, "-o", "name"
    ).split()
    own = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
    assert set(names) - own == {"deployment.apps/web", "serviceaccount/robot"}


def test_what_gives_rights_is_left_out_where_that_is_said(
    backup: str, target: Site, bucket: Path
) -> None:
    status = ended(
        target,
        "pm-plain",
        backup,
        includedNamespaces=[SHOP],
        namespaceMapping={SHOP: f"{SHOP}-5"},
        privilegedResources="Skip",
    )
    assert status["phase"] == "Completed", status
    assert "status" not in target.cluster.get("carts.pm.example.com", "cart", "-n", f"{SHOP}-5")
    skipped = {
        one["source"][2]
        for one in archives.restore_items(bucket, "pm-plain", VAULT)
        if one.get("reason") == "Privileged"
    }
    replica_sets = {name for name in skipped if name.startswith("agent-")}
    assert skipped - replica_sets == {"reader", "agent", "carts.pm.example.com"}
    assert target.cluster.get("deployment", "web", "-n", f"{SHOP}-5")


@pytest.mark.parametrize(
    ("number", "spec", "said"),
    [
        pytest.param(
            1,
            {"storageClassMapping": {"pm-slow": "pm-none"}},
            "spec.storageClassMapping.pm-slow: storageclass pm-none not exists",
            id="a storage class that is nowhere",
        ),
        pytest.param(
            2,
            {"includedNamespaces": ["pm-x*"]},
            "selects nothing of the backup",
            id="an empty glob",
        ),
        pytest.param(
            3,
            {"includedNamespaces": [DB], "namespaceMapping": {SHOP: "pm-6"}},
            f"nothing of the namespace '{SHOP}' is selected",
            id="a mapping of what is not selected",
        ),
        pytest.param(
            4,
            {"overwriteIngressAnnotations": {"nginx.org/server-snippets": "x"}},
            "cannot be overwritten",
            id="a snippet",
        ),
    ],
)
def test_what_cannot_be_fails_before_anything_is_created(
    backup: str, target: Site, number: int, spec: dict[str, Any], said: str
) -> None:
    status = ended(target, f"pm-bad-{number}", backup, **spec)
    assert status["phase"] == "Failed"
    assert said in status["message"]
    assert "counts" not in status
