"""How fast the transform is, against decoding and encoding the same objects on the same core.

Three ratios, each the median of three rounds of A-B-A, where A decodes and encodes every object
with msgspec:

- ``every``: decoded object in, outcome out; the seed's rules match every object (StatefulSets,
pods);
- ``tenth``: the same where they match one object in ten of a mix of kinds;
- ``bytes``: from bytes to bytes (decode, pipeline, encode) where they match every object.

The objects have about 4 KB as a server sends them, with managed fields and status; half of them
were applied with kubectl (its annotation repeats the object as one text), half with Helm. In A and
in B objects come in batches of 20, as in a restore, so that both find their input in the
processor's cache. The garbage collector runs in both; what is older than the measurement is frozen.
Image and namespace mapping and both labels are in force throughout.

    python -m bench.transform [--objects 2000] [--profile]
"""

import argparse
import cProfile
import gc
import pstats
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Figure, print_table
from kubeferry import codec
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.pipeline import Pipeline, Rules, restore_labels

REGISTRY = "anolis-registry.cn-zhangjiakou.cr.aliyuncs.com/openanolis"
MODIFIER = Path(__file__).parent.parent / "examples" / "03-resource-modifier.yaml"
ROUNDS = 3
BATCH = 20
Case = list[tuple[str, bytes]]


def owned(value: Any) -> Any:
    """The ``fieldsV1`` of a value, as a server records who owns which field."""
    if not isinstance(value, dict):
        return {}
    fields: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict) and "name" in inner[0]:
            fields[f"f:{key}"] = {
                f'k:{{"name":"{one["name"]}"}}': {".": {}, **owned(one)} for one in inner
            }
        else:
            fields[f"f:{key}"] = owned(inner)
    return fields


def as_served(
    random_: random.Random, applied: dict[str, Any], status: dict[str, Any], *, by_kubectl: bool
) -> None:
    """Adds what the server, the controllers, and kubectl (not Helm) add to an applied object."""
    meta = applied["metadata"]
    text = codec.encode(applied).decode()
    fields: dict[str, Any] = {"f:metadata": {"f:labels": owned(meta["labels"])}}
    for key in ("spec", "data"):
        if key in applied:
            fields[f"f:{key}"] = owned(applied[key])
    managers = [("kubectl-client-side-apply" if by_kubectl else "helm", fields)]
    if status:
        applied["status"] = status
        managers.append(("kube-controller-manager", {"f:status": owned(status)}))
    meta.update(
        uid=f"{random_.getrandbits(128):032x}",
        resourceVersion=str(random_.randrange(10**7)),
        generation=1,
        creationTimestamp="2026-01-02T03:04:05Z",
        managedFields=[
            {
                "manager": manager,
                "operation": "Update",
                "apiVersion": applied["apiVersion"],
                "time": "2026-01-02T03:04:05Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": fields,
            }
            for manager, fields in managers
        ],
    )
    if by_kubectl:
        meta["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": text}
    else:
        meta["annotations"] = {"meta.helm.sh/release-name": "web"}


def pod_spec(name: str, variables: int) -> dict[str, Any]:
    return {
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "preference": {
                            "matchExpressions": [
                                {
                                    "key": "node-role.kubernetes.io/control-plane",
                                    "operator": "Exists",
                                }
                            ]
                        },
                    }
                ]
            }
        },
        "containers": [
            {
                "name": name,
                "image": f"{REGISTRY}/{name}:1.14.1-8.6",
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "name": "web", "protocol": "TCP"}],
                "env": [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(variables)],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                "volumeMounts": [{"mountPath": "/usr/share/nginx/html/", "name": "www"}],
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
            for name in (name,)
        ],
        "volumes": [{"name": "www", "emptyDir": {}}],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


def make(random_: random.Random, kind: str, index: int, app: str) -> tuple[str, bytes]:
    """One object as a server sends it."""
    obj: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": f"web-{kind.lower()}-{index}",
            "namespace": "default",
            "labels": {"app": app, "tier": "front"},
        },
    }
    status: dict[str, Any] = {}
    by_kubectl = index % 4 < 2
    size = 2 if by_kubectl else 14
    conditions = [
        {"type": kind_, "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z"}
        for kind_ in ("Available", "Progressing")
    ]
    if kind == "ConfigMap":
        keys = 16 if by_kubectl else 36
        obj["data"] = {f"key-{n}": f"{random_.getrandbits(256):064x}" for n in range(keys)}
    elif kind == "Pod":
        obj["spec"] = {**pod_spec("nginx", size), "nodeName": "node-1", "priority": 0}
        status = {"phase": "Running", "podIP": "10.0.0.1", "conditions": conditions}
    else:
        obj["apiVersion"] = "apps/v1"
        obj["spec"] = {
            "replicas": 2,
            "selector": {"matchLabels": {"app": app}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": pod_spec("nginx", size)},
        }
        status = {"replicas": 2, "observedGeneration": 1, "conditions": conditions}
    as_served(random_, obj, status, by_kubectl=by_kubectl)
    plural = {"ConfigMap": "configmaps", "Pod": "pods"}.get(kind, f"{kind.lower()}s.apps")
    return plural, codec.encode(obj)


def every_object(count: int) -> Case:
    random_ = random.Random(1)
    kinds = ("StatefulSet", "Pod")
    return [make(random_, kinds[n % 2], n, "nginx") for n in range(count)]


def one_in_ten(count: int) -> Case:
    random_ = random.Random(2)
    others = ("Deployment", "StatefulSet", "ConfigMap")
    return [
        make(random_, ("StatefulSet", "Pod")[n // 10 % 2], n, "nginx")
        if n % 10 == 0
        else make(random_, others[n % 3], n, "other")
        for n in range(count)
    ]


Work = Callable[[str, Any], object]


def seconds(prepare: Callable[[bytes], Any], work: Work, case: Case) -> float:
    """The time of the work alone; each batch is prepared just before, as a restore streams."""
    total = 0.0
    for start in range(0, len(case), BATCH):
        batch = [(kind, prepare(body)) for kind, body in case[start : start + BATCH]]
        started = time.perf_counter()
        for kind, value in batch:
            work(kind, value)
        total += time.perf_counter() - started
    return total


def as_it_is(body: bytes) -> bytes:
    return body


def decode_and_encode(kind: str, body: bytes) -> None:
    codec.encode(codec.decode(body))


def ratio(case: Case, prepare: Callable[[bytes], Any], work: Work) -> tuple[float, float, float]:
    """The work's rate against decode and encode, and both rates in objects a second."""
    ratios, works, bases = [], [], []
    for _ in range(ROUNDS):
        before = seconds(as_it_is, decode_and_encode, case)
        middle = seconds(prepare, work, case)
        after = seconds(as_it_is, decode_and_encode, case)
        ratios.append((before + after) / 2 / middle)
        works.append(len(case) / middle)
        bases.append(2 * len(case) / (before + after))
    return statistics.median(ratios), statistics.median(works), statistics.median(bases)


def figures(count: int = 2000, *, profile: bool = False) -> list[Figure]:
    """The three ratios against their goals."""
    data = codec.load_yaml(MODIFIER.read_text())["data"]
    pipeline = Pipeline(
        Rules(
            namespaces={"default": "default1"},
            images=ImageMap({REGISTRY: "registry.cn-beijing.aliyuncs.com/acr-team"}),
            modifiers=parse_modifiers(data, place="modifier"),
            labels=restore_labels("nginx-backup", "nginx-restore"),
        )
    )
    every, tenth = every_object(count), one_in_ten(count)

    def transform(kind: str, obj: Any) -> None:
        pipeline(obj, kind)

    def through(kind: str, body: bytes) -> None:
        codec.encode(pipeline(codec.decode(body), kind).object)

    gc.collect()
    gc.freeze()
    if profile:
        for case in (every, tenth):
            print_profile(transform, case)
    found = []
    for name, goal, case, prepare, work in (
        ("every object matches", 1.5, every, codec.decode, transform),
        ("one in ten matches", 4.5, tenth, codec.decode, transform),
        ("bytes to bytes", 0.6, every, as_it_is, through),
    ):
        times, rate, base = ratio(case, prepare, work)
        note = f"{rate:,.0f}/s against {base:,.0f}/s"
        found.append(Figure(f"transform: {name}", times, goal, "at least", note))
    return found


def print_profile(work: Work, case: Case) -> None:
    decoded = [(kind, codec.decode(body)) for kind, body in case]
    profile = cProfile.Profile()
    profile.runcall(lambda: [work(*pair) for pair in decoded])
    pstats.Stats(profile).sort_stats("tottime").print_stats(14)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    options = parser.parse_args()
    print_table(figures(options.objects, profile=options.profile))


if __name__ == "__main__":
    main()
