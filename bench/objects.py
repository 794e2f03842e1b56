"""The objects that are created, backed up and restored: mixed kinds of 1 to 8 KB, seeded.

The same count and seed give the same bytes. They come in the order in which a restore creates them,
kind by kind, and within a kind by namespace and name.
"""

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubeferry import codec

NAMESPACES = 20
REGISTRY = "registry.example.com/shop"
MIRROR = "mirror.example.net/restored/shop"
SMALLEST, LARGEST = 1_000, 8_000
"""About how many bytes an object has, as it is sent."""
SHARES = (
    ("ConfigMap", 30),
    ("Secret", 25),
    ("Deployment", 20),
    ("Service", 10),
    ("Widget", 15),
)
"""Kinds in the order of a restore, and how many of 100 objects are of each."""
_WITH_ADDRESS = 5
"""One in so many Services has a cluster IP, the others are headless: each address costs the API
server more than the one before (13 Services a second when there are 14,000)."""
_PATHS = {
    "ConfigMap": ("v1", "/api/v1/namespaces/{}/configmaps"),
    "Secret": ("v1", "/api/v1/namespaces/{}/secrets"),
    "Deployment": ("apps/v1", "/apis/apps/v1/namespaces/{}/deployments"),
    "Service": ("v1", "/api/v1/namespaces/{}/services"),
    "Widget": (
        "bench.example.com/v1",
        "/apis/bench.example.com/v1/namespaces/{}/widgets",
    ),
}
_WORDS = [
    f"{first}{second}"
    for first in ("north", "blue", "order", "cache", "user", "price", "queue", "green", "stock")
    for second in ("bridge", "-timeout", ".host", "_size", "line", "=true", ":8080", "/path", "Key")
]


@dataclass(frozen=True, slots=True)
class Made:
    """One object: the path to POST it to, and its JSON."""

    path: str
    body: bytes


def namespace(index: int) -> str:
    """The name of the namespace with this index, from 0."""
    return f"bench-{index:02}"


def mapping() -> dict[str, str]:
    """The namespace mapping of the restore: every namespace gets another name."""
    return {namespace(index): f"restored-{index:02}" for index in range(NAMESPACES)}


DEFINITION_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEFINITION_NAME = "widgets.bench.example.com"


def definition() -> Made:
    """The definition of the one custom kind."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "image": {"type": "string"},
                    "replicas": {"type": "integer", "minimum": 0, "default": 1},
                    "settings": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            }
        },
    }
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION_NAME},
        "spec": {
            "group": "bench.example.com",
            "scope": "Namespaced",
            "names": {
                "plural": "widgets",
                "singular": "widget",
                "kind": "Widget",
                "listKind": "WidgetList",
            },
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
    return Made(DEFINITION_PATH, codec.encode(body))


def namespaces() -> list[Made]:
    """The namespaces that the objects are in."""
    return [
        Made(
            "/api/v1/namespaces",
            codec.encode(
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": namespace(index), "labels": {"team": f"team-{index % 5}"}},
                }
            ),
        )
        for index in range(NAMESPACES)
    ]


def objects(count: int, *, seed: int = 1) -> Iterator[Made]:
    """``count`` objects, the definition and the namespaces not among them."""
    random_ = random.Random(seed)
    made = 0
    for position, (kind, share) in enumerate(SHARES):
        last = position == len(SHARES) - 1
        wanted = count - made if last else count * share // 100
        for index in range(wanted):
            where = namespace(index * NAMESPACES // wanted)
            yield _made(random_, kind, where, index)
        made += wanted


def _made(random_: random.Random, kind: str, where: str, index: int) -> Made:
    name = f"{kind.lower()}-{index:06}"
    api_version, path = _PATHS[kind]
    size = random_.randint(SMALLEST, LARGEST)
    obj: dict[str, Any] = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": where,
            "labels": {"app": f"app-{random_.randrange(50)}", "tier": random_.choice("abcdefghij")},
            "annotations": {"example.com/owner": f"team-{random_.randrange(5)}"},
        },
    }
    rest = size - 320
    if kind == "ConfigMap":
        obj["data"] = {f"part-{part}.properties": _text(random_, rest // 3) for part in range(3)}
    elif kind == "Secret":
        raw = random_.randbytes(rest * 3 // 4)
        obj |= {"type": "Opaque", "data": {"blob": base64.b64encode(raw).decode()}}
    elif kind == "Deployment":
        obj["spec"] = _deployment(random_, name, rest)
    elif kind == "Service":
        obj["metadata"]["annotations"]["example.com/notes"] = _text(random_, rest)
        obj["spec"] = {
            "selector": {"app": name},
            "ports": [{"name": "web", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
        }
        if index % _WITH_ADDRESS:
            obj["spec"]["clusterIP"] = "None"
    else:
        obj["spec"] = {
            "image": f"{REGISTRY}/widget:1.{random_.randrange(20)}",
            "replicas": 2,
            "settings": {f"setting-{n}": _text(random_, rest // 8) for n in range(8)},
        }
    return Made(path.format(where), codec.encode(obj))


def _deployment(random_: random.Random, name: str, rest: int) -> dict[str, Any]:
    labels = {"app": name}
    values = max(4, (rest - 700) // 90)
    container = {
        "name": "main",
        "image": f"{REGISTRY}/app-{random_.randrange(50)}:2.{random_.randrange(20)}",
        "ports": [{"containerPort": 8080, "name": "web"}],
        "env": [{"name": f"SETTING_{n}", "value": _text(random_, 55)} for n in range(values)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/usr/share/data"}],
    }
    return {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "data", "emptyDir": {}}],
                "nodeSelector": {"example.com/pool": "general"},
            },
        },
    }


def _text(random_: random.Random, size: int) -> str:
    """Words of a small vocabulary, which pack as configuration does."""
    words = " ".join(random_.choices(_WORDS, k=size // 9 + 1))
    return words[:size]
