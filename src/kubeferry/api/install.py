"""What ``kubeferry install`` prints: everything a cluster needs to run the controller. Pure.

Namespace, custom resources, service account, rights, roles for people and Deployment, in the order
in which ``kubectl apply -f -`` has to meet them. The pod satisfies the ``restricted`` pod security
standard.

An older installation is replaced in place: names, labels and the Deployment's selector are for
ever, and kubectl takes away what an object no longer has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeferry.api import crd, guard
from kubeferry.api.definition import NAMESPACE
from kubeferry.api.rights import AT_HOME, CONTROLLER, EVERYWHERE, PEOPLE, RBAC, Rule
from kubeferry.settings import Settings, read_size

HEALTH_PORT = 8081
"""Where the controller answers ``/healthz`` and ``/readyz``."""
LEAST_MEMORY = 128 << 20
"""Bytes: with that limit a backup and a restore of 20,000 objects are tried on nodes."""
PART_OF = ("app.kubernetes.io/name", "kubeferry")
"""The label that everything of ours carries."""
LABELS = {PART_OF[0]: PART_OF[1], "app.kubernetes.io/component": "controller"}
"""The labels of the controller's pods, and of what is there for its sake."""
API_SERVER = "KUBERNETES_SERVICE_HOST"
"""The variable that tells a pod the API server's host. Kubernetes puts the Service's address there;
ours is its DNS name, so that what is on the certificate of every cluster, and in each proxy's list
of exceptions, is what is asked for. There is no way around a cluster whose DNS is out of order: the
vault could not be found either. An administrator may give another one."""

Manifest = dict[str, Any]

_FOR_PEOPLE = {PART_OF[0]: PART_OF[1], "app.kubernetes.io/component": "people"}
_USER = 65532
_SECURITY = "restricted"
_SECURITY_VERSION = "v1.36"
"""What the pod was tried under. Older servers take it for their newest, and a newer server does not
refuse tomorrow's pod by rules that were not there when it was made."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What may differ between clusters.

    Attributes:
        image: the container image of kubeferry.
        image_pull_policy: ``Always``, ``IfNotPresent`` or ``Never``; empty leaves it to Kubernetes.
        image_pull_secrets: Secrets of the namespace with the registry's credentials.
        namespace: where the controller and our resources live.
        replicas: processes, of which the holder of the Lease works.
        memory: the container's limit, at least ``LEAST_MEMORY``.
        spool: how much of the node's disk one restore's spool may take.
        environ: more variables of the controller, such as its settings by their names.
        guarded: whether the guard comes, which servers before 1.30 do not know.
    """

    image: str
    image_pull_policy: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    namespace: str = NAMESPACE
    replicas: int = 1
    memory: str = "1Gi"
    spool: str = "10Gi"
    environ: Mapping[str, str] = field(default_factory=dict)
    guarded: bool = True


def manifests(installation: Installation) -> list[Manifest]:
    """All objects, in the order of their creation."""
    return [
        _namespace(installation),
        *crd.manifests(),
        _object("v1", "ServiceAccount", CONTROLLER, installation.namespace),
        _controller_role(),
        _binding("ClusterRole", installation),
        _rbac("Role", CONTROLLER, installation.namespace, rules=_rules(AT_HOME)),
        _binding("Role", installation, namespace=installation.namespace),
        *(_role_for_people(name, rules) for name, rules in PEOPLE.items()),
        *_guard(installation),
        _deployment(installation),
    ]


def _object(api_version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> Manifest:
    metadata: dict[str, Any] = {"name": name, "labels": dict(LABELS)}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _namespace(installation: Installation) -> Manifest:
    namespace = _object("v1", "Namespace", installation.namespace)
    for mode in ("enforce", "warn", "audit"):
        label = f"pod-security.kubernetes.io/{mode}"
        namespace["metadata"]["labels"] |= {label: _SECURITY, f"{label}-version": _SECURITY_VERSION}
    return namespace


def _guard(installation: Installation) -> Iterable[Manifest]:
    """Before the controller begins: nobody may be faster."""
    for manifest in guard.manifests(installation.namespace) if installation.guarded else ():
        manifest["metadata"]["labels"] = dict(LABELS)
        yield manifest


def _rbac(kind: str, name: str, namespace: str = "", **rest: Any) -> Manifest:
    return _object(f"{RBAC}/v1", kind, name, namespace, **rest)


def _rules(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    return [rule.manifest() for rule in rules]


def _controller_role() -> Manifest:
    role = _rbac("ClusterRole", CONTROLLER, rules=_rules(EVERYWHERE))
    role["metadata"]["annotations"] = {
        "kubernetes.io/description": "Reads and creates objects of any kind, which is what backing "
        "up and restoring an application takes; changes and deletes them for a restore that says "
        "so. Who may create kubeferry's tasks and vaults acts with these rights."
    }
    return role


def _binding(kind: str, installation: Installation, namespace: str = "") -> Manifest:
    """Gives the controller its role of this kind."""
    account = {"kind": "ServiceAccount", "name": CONTROLLER, "namespace": installation.namespace}
    return _rbac(
        f"{kind}Binding",
        CONTROLLER,
        namespace,
        roleRef={"apiGroup": RBAC, "kind": kind, "name": CONTROLLER},
        subjects=[account],
    )


def _role_for_people(name: str, rules: Iterable[Rule]) -> Manifest:
    """A role for people.

    It is part of none of the aggregated roles (``view``, ``edit``, ``admin``): those are bound for
    whole clusters to people who are not meant to have the controller's rights.
    """
    role = _rbac("ClusterRole", name, rules=_rules(rules))
    role["metadata"]["labels"] = dict(_FOR_PEOPLE)
    return role


def _deployment(installation: Installation) -> Manifest:
    """The controller.

    An update starts the new pod before the old one ends: the Lease lets one of them work, and an
    image that does not start ends nothing. There is no PodDisruptionBudget: it would block a
    node's drain for a single pod, and of several any one may go.
    """
    tasks = Settings.from_environ(installation.environ).max_tasks
    spool = read_size(installation.spool, place="spool")
    pod: dict[str, Any] = {
        "serviceAccountName": CONTROLLER,
        # A Service named kubeferry... would put variables of our own prefix into the pod.
        "enableServiceLinks": False,
        "nodeSelector": {"kubernetes.io/os": "linux"},
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
            # The kubelet evicts a pod that takes more: room for all restores and their indexes.
            {"name": "spool", "emptyDir": {"sizeLimit": _quantity(spool * (tasks + 1))}},
        ],
    }
    if installation.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in installation.image_pull_secrets]
    if installation.replicas > 1:
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(LABELS)},
            }
        ]
    return _object(
        "apps/v1",
        "Deployment",
        CONTROLLER,
        installation.namespace,
        spec={
            "replicas": installation.replicas,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "selector": {"matchLabels": dict(LABELS)},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": pod},
        },
    )


def _container(installation: Installation) -> dict[str, Any]:
    def probe(path: str, *, seconds: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": "health"},
            "periodSeconds": seconds,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        }

    container: dict[str, Any] = {
        "name": "controller",
        "image": installation.image,
        "args": ["controller", "--health-port", str(HEALTH_PORT)],
        "env": _environment(installation),
        "ports": [{"name": "health", "containerPort": HEALTH_PORT}],
        # Asked every second, so that it is in use once it can be; a slow node has two minutes.
        "startupProbe": probe("/healthz", seconds=1, failures=120),
        "livenessProbe": probe("/healthz", seconds=10, failures=3),
        "readinessProbe": probe("/readyz", seconds=5, failures=1),
        "resources": {
            "requests": {"cpu": "100m", "memory": _request(installation.memory)},
            # No limit on the processor: it would stretch every pause between two renewals of the
            # Lease, and the API server sets the pace anyway.
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
    if installation.image_pull_policy:
        container["imagePullPolicy"] = installation.image_pull_policy
    return container


def _environment(installation: Installation) -> list[dict[str, Any]]:
    values = {
        API_SERVER: "kubernetes.default.svc",
        "KUBEFERRY_SPOOL_DIR": "/spool",
        "KUBEFERRY_SPOOL_LIMIT": installation.spool,
        **dict(sorted(installation.environ.items())),
    }
    where = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return [
        {"name": "KUBEFERRY_NAMESPACE", "valueFrom": where},
        *({"name": name, "value": value} for name, value in values.items()),
    ]


def _request(limit: str) -> str:
    """What is set aside of a memory limit: a quarter, but no less than the least limit."""
    return _quantity(max(LEAST_MEMORY, read_size(limit, place="memory") // 4))


def _quantity(size: int) -> str:
    """Bytes as Kubernetes writes them: ``256Mi``."""
    for unit, shift in (("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)
