"""The application that goes through archives in both directions, with contents that bend."""

from typing import Any

from tests.foreign.writer import Item, Volume

BIG = 9_007_199_254_740_993
"""2^53 + 1: what a reader that takes numbers for floats gets wrong."""
_WORDS = 'a <b href="x">&amp;</b> \u2028 \u00fc\u00f1\u00ef \N{SNOWMAN} \\ "quoted" \t end'
Object = dict[str, Any]


def _object(kind: str, name: str, namespace: str = "", **fields: Any) -> Object:
    api_version, _, kind = kind.rpartition("/")
    meta = {"name": name, "labels": {"app": "shop"}}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def definition() -> Object:
    """Of a kind that is served in two versions."""
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {
                "openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            },
        }
        for name in ("v1", "v1beta1")
    ]
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    kind = "apiextensions.k8s.io/v1/CustomResourceDefinition"
    return _object(kind, "widgets.example.com", spec=spec)


def widget(version: str = "v1") -> Object:
    spec = {
        "big": BIG,
        "ratio": 0.5,
        "text": _WORDS,
        "none": None,
        "map": {},
        "list": [],
        "zero": 0,
    }
    return _object(f"example.com/{version}/Widget", "blue", "shop", spec=spec)


def namespace() -> Object:
    return _object("v1/Namespace", "shop")


def settings() -> Object:
    return _object("v1/ConfigMap", "settings.d", "shop", data={"page": _WORDS, "empty": ""})


def secret() -> Object:
    return _object("v1/Secret", "key", "shop", type="Opaque", data={"key": "aHVudGVyMg=="})


def account() -> Object:
    return _object("v1/ServiceAccount", "runner", "shop")


def service() -> Object:
    ports = [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 80}]
    spec = {"clusterIP": "None", "selector": {"app": "shop"}, "ports": ports}
    return _object("v1/Service", "web", "shop", spec=spec)


def deployment() -> Object:
    pod = {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "web", "image": "nginx:1"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": pod}
    return _object("apps/v1/Deployment", "web", "shop", spec=spec)


def claim(volume: str) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "manual",
        "volumeMode": "Filesystem",
        "volumeName": volume,
    }
    return _object("v1/PersistentVolumeClaim", "data", "shop", spec=spec)


def volume(name: str, *, policy: str) -> Object:
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": policy,
        "storageClassName": "manual",
        "volumeMode": "Filesystem",
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": "shop",
            "name": "data",
        },
        "hostPath": {"path": f"/data/{name}", "type": ""},
    }
    return _object("v1/PersistentVolume", name, spec=spec)


def as_served(obj: Object, *, number: int) -> Object:
    """The object with what a server adds: an archive has all of it (velero.md §0, rule 3)."""
    meta = obj["metadata"] | {
        "uid": f"00000000-0000-4000-8000-{number:012}",
        "resourceVersion": str(1000 + number),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [
            {
                "apiVersion": obj["apiVersion"],
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}},
                "manager": "kubectl",
                "operation": "Update",
                "time": "2026-01-01T00:00:00Z",
            }
        ],
    }
    status: Object = {}
    if obj["kind"] in ("PersistentVolumeClaim", "PersistentVolume"):
        status = {"phase": "Bound"}
    elif obj["kind"] == "Deployment":
        status = {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1}
    return obj | {"metadata": meta} | ({"status": status} if status else {})


def items(disk: Volume, *, other_versions: bool) -> list[Item]:
    """The application as archived, in the order in which Velero backs kinds up."""
    others = (as_served(widget("v1beta1"), number=1),) if other_versions else ()
    claimed = volume(disk.volume, policy=disk.reclaim_policy)
    found = [
        ("persistentvolumes", claimed, ()),
        ("persistentvolumeclaims", claim(disk.volume), ()),
        ("namespaces", namespace(), ()),
        ("configmaps", settings(), ()),
        ("secrets", secret(), ()),
        ("serviceaccounts", account(), ()),
        ("services", service(), ()),
        ("deployments.apps", deployment(), ()),
        ("customresourcedefinitions.apiextensions.k8s.io", definition(), ()),
        ("widgets.example.com", widget(), others),
    ]
    return [
        Item(resource, as_served(obj, number=number), more)
        for number, (resource, obj, more) in enumerate(found, start=2)
    ]
