"""What objects need of others by name, as data: a claim its volume, a pod its account. Pure.

Where only some objects of a backup are restored, what these need comes in, too.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kubeferry.kube.names import Identity
from kubeferry.kube.objects import CONTAINER_LISTS, POD_SPEC_PATHS, Object
from kubeferry.transform.parameters.paths import Finder, path_of
from kubeferry.transform.patch.pointer import Tokens

PODS = "pods"
CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
ACCOUNTS = "serviceaccounts"
CLASSES = "storageclasses.storage.k8s.io"
ROLES = "clusterroles.rbac.authorization.k8s.io"
BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_SNAPSHOTS = "snapshot.storage.k8s.io"


class Need(NamedTuple):
    """Where an object names another, the kind of that, and whether it is in the same namespace."""

    path: Tokens
    kind: str
    namespaced: bool


_POD_NEEDS = (
    ("serviceAccountName", ACCOUNTS, True),
    ("imagePullSecrets/*/name", "secrets", True),
    ("volumes/*/persistentVolumeClaim/claimName", CLAIMS, True),
    ("volumes/*/secret/secretName", "secrets", True),
    ("volumes/*/configMap/name", "configmaps", True),
    ("volumes/*/projected/sources/*/secret/name", "secrets", True),
    ("volumes/*/projected/sources/*/configMap/name", "configmaps", True),
    ("volumes/*/ephemeral/volumeClaimTemplate/spec/storageClassName", CLASSES, False),
    ("priorityClassName", "priorityclasses.scheduling.k8s.io", False),
    ("runtimeClassName", "runtimeclasses.node.k8s.io", False),
    *(
        (f"{containers}/*/{path}/name", kind, True)
        for containers in CONTAINER_LISTS
        for path, kind in (
            ("envFrom/*/secretRef", "secrets"),
            ("envFrom/*/configMapRef", "configmaps"),
            ("env/*/valueFrom/secretKeyRef", "secrets"),
            ("env/*/valueFrom/configMapKeyRef", "configmaps"),
        )
    ),
)
_OTHER_NEEDS: Mapping[str, tuple[tuple[str, str, bool], ...]] = {
    CLAIMS: (
        ("spec/volumeName", VOLUMES, False),
        ("spec/storageClassName", CLASSES, False),
    ),
    VOLUMES: (("spec/storageClassName", CLASSES, False),),
    "statefulsets.apps": (("spec/volumeClaimTemplates/*/spec/storageClassName", CLASSES, False),),
    ACCOUNTS: (
        ("secrets/*/name", "secrets", True),
        ("imagePullSecrets/*/name", "secrets", True),
    ),
    "ingresses.networking.k8s.io": (
        ("spec/ingressClassName", "ingressclasses.networking.k8s.io", False),
        ("spec/tls/*/secretName", "secrets", True),
    ),
    "ingresses.extensions": (("spec/tls/*/secretName", "secrets", True),),
    f"volumesnapshots.{_SNAPSHOTS}": (
        ("spec/volumeSnapshotClassName", f"volumesnapshotclasses.{_SNAPSHOTS}", False),
        ("status/boundVolumeSnapshotContentName", f"volumesnapshotcontents.{_SNAPSHOTS}", False),
    ),
    "gateways.gateway.networking.k8s.io": (
        ("spec/gatewayClassName", "gatewayclasses.gateway.networking.k8s.io", False),
    ),
}

NEEDS: Mapping[str, tuple[Need, ...]] = {
    kind: (
        *(
            Need((*POD_SPEC_PATHS[kind], *path_of(path)), needed, namespaced)
            for path, needed, namespaced in (_POD_NEEDS if kind in POD_SPEC_PATHS else ())
        ),
        *(
            Need(path_of(path), needed, namespaced)
            for path, needed, namespaced in _OTHER_NEEDS.get(kind, ())
        ),
    )
    for kind in (*POD_SPEC_PATHS, *(set(_OTHER_NEEDS) - set(POD_SPEC_PATHS)))
}
"""What objects need, by their kind. Role bindings and definitions are apart: ``needed`` knows."""

_FINDERS = {kind: Finder((need.path, need) for need in listed) for kind, listed in NEEDS.items()}
_ROLE_BINDINGS = frozenset({f"rolebindings.{_RBAC}", BINDINGS})


def needed(kind: str, obj: Object) -> Iterator[Identity]:
    """The objects that one needs, if the backup has them; some more than once."""
    meta = obj.get("metadata")
    namespace = meta.get("namespace") if isinstance(meta, dict) else None
    own = namespace if isinstance(namespace, str) else ""
    find = _FINDERS.get(kind)
    for _, name, need in find(obj) if find is not None else ():
        if isinstance(name, str) and name:
            yield Identity(need.kind, own if need.namespaced else "", name)
    if kind in _ROLE_BINDINGS:
        role = obj.get("roleRef")
        if isinstance(role, dict) and isinstance(role.get("name"), str):
            if role.get("kind") == "ClusterRole":
                yield Identity(ROLES, "", role["name"])
            elif role.get("kind") == "Role" and own:
                yield Identity(f"roles.{_RBAC}", own, role["name"])


def accounts_of(binding: Object) -> Iterator[Identity]:
    """The service accounts that a binding grants something."""
    subjects = binding.get("subjects")
    for one in subjects if isinstance(subjects, list) else ():
        if isinstance(one, dict) and one.get("kind") == "ServiceAccount":
            namespace, name = one.get("namespace"), one.get("name")
            if isinstance(namespace, str) and isinstance(name, str):
                yield Identity(ACCOUNTS, namespace, name)


def reads_bodies(kind: str) -> bool:
    """Whether an object's body must be looked at for what it needs."""
    return kind in NEEDS or kind in _ROLE_BINDINGS
