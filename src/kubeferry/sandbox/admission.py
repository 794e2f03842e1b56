"""Admission: what a real server's plugins do to a new object, or refuse it for.

NamespaceLifecycle, ServiceAccount, DefaultTolerationSeconds, Priority, DefaultStorageClass and the
allocation of cluster IPs and node ports: what a restored object meets on its way into a cluster.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at
from kubeferry.sandbox import answers
from kubeferry.sandbox.answers import Cause
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.storage import Storage
from kubeferry.sandbox.strategies import SERVICE_RANGE

_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", namespaced=True)
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def admit_create(kind: Kind, obj: Object, storage: Storage) -> None:
    """Changes or refuses a new object, in place."""
    if kind.resource.namespaced:
        _namespace_takes(kind, obj, storage)
    admit = _BY_TABLE.get(kind.table)
    if admit is not None:
        admit(kind, obj, storage)


def _namespace_takes(kind: Kind, obj: Object, storage: Storage) -> None:
    name, namespace = obj["metadata"].get("name", ""), obj["metadata"]["namespace"]
    found = storage.get("namespaces", "", namespace)
    if found is None:
        raise answers.not_found(_NAMESPACES, namespace)
    if "deletionTimestamp" in found.object["metadata"]:
        why = f"namespace {namespace} is being terminated"
        raise answers.forbidden(
            kind.resource,
            name,
            f"unable to create new content in namespace {namespace} because it is being terminated",
            [Cause("NamespaceTerminating", why, "metadata.namespace")],
        )


def _pod(kind: Kind, obj: Object, storage: Storage) -> None:
    spec = obj.setdefault("spec", {})
    namespace, name = obj["metadata"]["namespace"], obj["metadata"].get("name", "")
    account = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    if "kubernetes.io/config.mirror" not in (obj["metadata"].get("annotations") or {}):
        entry = storage.get("serviceaccounts", namespace, account)
        if entry is None:
            raise answers.forbidden(
                kind.resource,
                name,
                f"error looking up service account {namespace}/{account}: "
                f'serviceaccount "{account}" not found',
            )
        mounts = spec.get("automountServiceAccountToken")
        if mounts is None:
            mounts = entry.object.get("automountServiceAccountToken")
        if mounts is not False:
            _mount_token(spec)
        pulls = entry.object.get("imagePullSecrets")
        if pulls and not spec.get("imagePullSecrets"):
            spec["imagePullSecrets"] = pulls
    _tolerate(spec)
    _prioritise(kind, obj, storage)


def _mount_token(spec: dict[str, Any]) -> None:
    everyone = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    without = [
        container
        for container in everyone
        if all(one.get("mountPath") != _TOKEN_PATH for one in container.get("volumeMounts") or ())
    ]
    if not without:
        return
    name = "kube-api-access-" + secrets.token_hex(8)[:5]
    for container in without:
        mount = {"name": name, "readOnly": True, "mountPath": _TOKEN_PATH}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [
                    {
                        "path": "namespace",
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                    }
                ]
            }
        },
    ]
    volume = {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
    spec["volumes"] = [*(spec.get("volumes") or ()), volume]


def _tolerate(spec: dict[str, Any]) -> None:
    held = list(spec.get("tolerations") or ())
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_covers(one, key) for one in held):
            held.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
            )
    spec["tolerations"] = held


def _covers(toleration: dict[str, Any], key: str) -> bool:
    return toleration.get("key") in (None, "", key) and toleration.get("effect") in (
        None,
        "",
        "NoExecute",
    )


def _prioritise(kind: Kind, obj: Object, storage: Storage) -> None:
    spec = obj["spec"]
    name = spec.get("priorityClassName")
    value, preempts = 0, "PreemptLowerPriority"
    if name:
        entry = storage.get("priorityclasses.scheduling.k8s.io", "", name)
        if entry is None:
            raise answers.forbidden(
                kind.resource,
                obj["metadata"].get("name", ""),
                f"no PriorityClass with name {name} was found",
            )
        value = entry.object.get("value", 0)
        preempts = entry.object.get("preemptionPolicy", preempts)
    spec["priority"] = value
    spec.setdefault("preemptionPolicy", preempts)


def _service(kind: Kind, obj: Object, storage: Storage) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("type") == "ExternalName":
        return
    wanted = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
    if not wanted:
        wanted = _free_address(storage)
    elif wanted != "None":
        _refuse_taken(kind, obj, wanted, storage)
    spec["clusterIP"] = wanted
    spec["clusterIPs"] = spec.get("clusterIPs") or [wanted]
    family = "IPv6" if ":" in wanted else "IPv4"
    spec["ipFamilies"] = spec.get("ipFamilies") or [family]
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        _node_ports(spec, storage)


def _addresses(storage: Storage) -> set[str]:
    return {str(at(entry.object, ("spec", "clusterIP"))) for entry in storage.entries("services")}


def _free_address(storage: Storage) -> str:
    taken = _addresses(storage)
    size = SERVICE_RANGE.num_addresses
    for _ in range(1000):
        candidate = str(SERVICE_RANGE[secrets.randbelow(size - 512) + 256])
        if candidate not in taken:
            return candidate
    return next(str(one) for one in SERVICE_RANGE.hosts() if str(one) not in taken)


def _refuse_taken(kind: Kind, obj: Object, wanted: str, storage: Storage) -> None:
    if wanted in _addresses(storage):
        shown = f'["{wanted}"]'
        raise answers.invalid(
            "",
            kind.resource.kind,
            obj["metadata"]["name"],
            [
                Cause(
                    "FieldValueInvalid",
                    f"Invalid value: {shown}: failed to allocate IP {wanted}: "
                    "provided IP is already allocated",
                    "spec.clusterIPs",
                )
            ],
        )


def _node_ports(spec: dict[str, Any], storage: Storage) -> None:
    taken = {
        port.get("nodePort")
        for entry in storage.entries("services")
        for port in at(entry.object, ("spec", "ports")) or ()
    }
    for port in spec.get("ports") or ():
        while not port.get("nodePort"):
            candidate = 30000 + secrets.randbelow(2768)
            if candidate not in taken:
                port["nodePort"] = candidate
        taken.add(port["nodePort"])


def _claim(kind: Kind, obj: Object, storage: Storage) -> None:
    obj["metadata"].setdefault("finalizers", [])
    if "kubernetes.io/pvc-protection" not in obj["metadata"]["finalizers"]:
        obj["metadata"]["finalizers"].append("kubernetes.io/pvc-protection")
    spec = obj.setdefault("spec", {})
    if spec.get("storageClassName") is None:
        chosen = _default_class(storage.entries("storageclasses.storage.k8s.io"))
        if chosen:
            spec["storageClassName"] = chosen


def _default_class(entries: Iterable[Any]) -> str:
    for entry in entries:
        notes = entry.object["metadata"].get("annotations") or {}
        if notes.get("storageclass.kubernetes.io/is-default-class") == "true":
            return str(entry.object["metadata"]["name"])
    return ""


def _volume(kind: Kind, obj: Object, storage: Storage) -> None:
    obj["metadata"].setdefault("finalizers", [])
    if "kubernetes.io/pv-protection" not in obj["metadata"]["finalizers"]:
        obj["metadata"]["finalizers"].append("kubernetes.io/pv-protection")


_BY_TABLE: dict[str, Callable[[Kind, Object, Storage], None]] = {
    "pods": _pod,
    "services": _service,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
}
