"""What one object needs beside it: a pod its claims, an ingress its class. Pure.

``references`` reads what an object names; ``traces`` and ``seeks`` are for what names it: a binding
seeks the trace of a service account, a snapshot class that of its driver. Of an object only these
fields are decoded.

The table is the ``RULES`` below. What a custom resource needs (its definition) and where an object
lives (its namespace) goes by kind, and is nobody's rule (``relating``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.backup.volume_facts import read_claim, read_volume
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import POD_SPEC_PATHS
from kubeferry.kube.selectors import LabelSelector, parse_selector

CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
SECRETS = "secrets"
ACCOUNTS = "serviceaccounts"
NAMESPACES = "namespaces"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
PRIORITY_CLASSES = "priorityclasses.scheduling.k8s.io"
RUNTIME_CLASSES = "runtimeclasses.node.k8s.io"
STORAGE_CLASSES = "storageclasses.storage.k8s.io"
SNAPSHOT_CLASSES = "volumesnapshotclasses.snapshot.storage.k8s.io"
INGRESS_CLASSES = "ingressclasses.networking.k8s.io"
CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
CLUSTER_ROLE_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
ROLES = "roles.rbac.authorization.k8s.io"
ROLE_BINDINGS = "rolebindings.rbac.authorization.k8s.io"
DRIVERS = "drivers"
"""The kind of a trace that is no object: the driver of a storage class."""
GROUPS = "groups"
"""Likewise: the group of the service accounts of one namespace."""
AGGREGATES = "aggregates"
"""Likewise: a ClusterRole that gathers the rules of others."""


class Reference(NamedTuple):
    """An object that another one names; ``needed`` is false where it may well not exist."""

    target: Identity
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind's references are read.

    Attributes:
        kinds: its target kinds.
        read: the references in an object's bytes; raises ``msgspec.DecodeError``.
    """

    kinds: tuple[str, ...]
    read: Callable[[bytes], Iterable[Reference]]


def references(kind: str, body: bytes) -> list[Reference]:
    """What an object of a kind (a group resource) names, in order, each once.

    Raises ``msgspec.DecodeError`` for an object whose fields are not what its kind has.
    """
    rule = RULES.get(kind)
    if rule is None:
        return []
    return list(dict.fromkeys(rule.read(body)))


def traces(one: Identity, body: bytes) -> list[Identity]:
    """By what others seek an object: a service account by itself and by the group of those in its
    namespace, a storage class by its driver, an aggregated role by itself.

    Raises ``msgspec.DecodeError``.
    """
    if one.group_resource == ACCOUNTS:
        return [one, Identity(GROUPS, "", f"{_ACCOUNTS_OF}{one.namespace}")]
    if one.group_resource == STORAGE_CLASSES:
        return [Identity(DRIVERS, "", _storage_class.decode(body).provisioner)]
    if one.group_resource == CLUSTER_ROLES and _cluster_role.decode(body).aggregation_rule:
        return [Identity(AGGREGATES, "", one.name)]
    return []


LEAVES_TRACES = frozenset({ACCOUNTS, STORAGE_CLASSES, CLUSTER_ROLES})
"""The kinds that leave some."""


def seeks(kind: str, body: bytes) -> list[Identity]:
    """The traces that make an object of a kind of ``SEEKERS`` come in.

    Raises ``msgspec.DecodeError``.
    """
    if kind == SNAPSHOT_CLASSES:
        return [Identity(DRIVERS, "", _snapshot_class.decode(body).driver)]
    binding = _binding.decode(body)
    sought = (_sought(one, binding.metadata.namespace) for one in binding.subjects or ())
    return [one for one in sought if one is not None]


def _sought(subject: "_Subject", namespace: str) -> Identity | None:
    """The service accounts that a subject stands for: one, or those of a namespace."""
    if subject.kind == "ServiceAccount":
        return Identity(ACCOUNTS, subject.namespace or namespace, subject.name)
    if subject.kind == "User" and subject.name.startswith(_ACCOUNT_NAMED):
        where, _, name = subject.name.removeprefix(_ACCOUNT_NAMED).partition(":")
        return Identity(ACCOUNTS, where, name)
    if subject.kind == "Group" and subject.name.startswith(_ACCOUNTS_OF):
        return Identity(GROUPS, "", subject.name)
    return None


_ACCOUNT_NAMED = "system:serviceaccount:"
_ACCOUNTS_OF = "system:serviceaccounts:"


def aggregated(body: bytes) -> tuple[LabelSelector, ...]:
    """What selects the roles whose rules a ClusterRole gathers; none for an ordinary one.

    Raises ``msgspec.DecodeError``.
    """
    rule = _cluster_role.decode(body).aggregation_rule
    try:
        return tuple(map(parse_selector, (rule.cluster_role_selectors if rule else None) or ()))
    except InvalidInput as error:
        raise msgspec.DecodeError(str(error)) from error


SEEKERS: Mapping[str, tuple[str, ...]] = {
    SNAPSHOT_CLASSES: (DRIVERS,),
    ROLE_BINDINGS: (ACCOUNTS, GROUPS),
    CLUSTER_ROLE_BINDINGS: (ACCOUNTS, GROUPS),
}
"""Kinds that come in because of what they name, not because something names them, and the kinds of
the traces that they seek.
"""


class _Named(msgspec.Struct):
    name: str = ""
    optional: bool = False


class _ClaimSource(msgspec.Struct, rename="camel"):
    claim_name: str = ""


class _SecretSource(msgspec.Struct, rename="camel"):
    secret_name: str = ""
    optional: bool | None = None


class _Projection(msgspec.Struct):
    secret: _Named | None = None


class _Projected(msgspec.Struct):
    sources: list[_Projection] | None = None


class _WithSecret(msgspec.Struct, rename="camel"):
    """A volume of whatever type whose one Secret is in the pod's namespace."""

    secret_ref: _Named | None = None
    node_publish_secret_ref: _Named | None = None
    secret_name: str = ""


class _There(msgspec.Struct):
    """Something of which it matters only that it is there."""


class _PodVolume(msgspec.Struct, rename="camel"):
    name: str = ""
    persistent_volume_claim: _ClaimSource | None = None
    ephemeral: _There | None = None
    secret: _SecretSource | None = None
    projected: _Projected | None = None
    azure_file: _WithSecret | None = None
    cephfs: _WithSecret | None = None
    cinder: _WithSecret | None = None
    csi: _WithSecret | None = None
    flex_volume: _WithSecret | None = None
    iscsi: _WithSecret | None = None
    rbd: _WithSecret | None = None
    scale_io: _WithSecret | None = msgspec.field(default=None, name="scaleIO")
    storageos: _WithSecret | None = None

    def secrets(self) -> Iterator[tuple[str, bool]]:
        """The names of its Secrets, and whether each is needed."""
        if self.secret is not None:
            yield self.secret.secret_name, not self.secret.optional
        for source in (self.projected.sources if self.projected else None) or ():
            if source.secret is not None:
                yield source.secret.name, not source.secret.optional
        for one in (
            self.azure_file,
            self.cephfs,
            self.cinder,
            self.csi,
            self.flex_volume,
            self.iscsi,
            self.rbd,
            self.scale_io,
            self.storageos,
        ):
            if one is not None:
                for named in (one.secret_ref, one.node_publish_secret_ref):
                    if named is not None:
                        yield named.name, True
                yield one.secret_name, True


class _PodSpec(msgspec.Struct, rename="camel"):
    volumes: list[_PodVolume] | None = None
    service_account_name: str = ""
    priority_class_name: str = ""
    runtime_class_name: str | None = None


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    annotations: dict[str, str] | None = None


def _decoder(field: str, to: Any) -> "codec.Decoder[Any]":
    """Decodes an object's metadata and one field of it."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("metadata", _Metadata),
        (field, to | None, None),
    ]
    return codec.Decoder(msgspec.defstruct("_Object", fields))


def _pod_specs(kind: str) -> Callable[[bytes], tuple[_Metadata, _PodSpec | None]]:
    """Reads the pod spec of a kind at its place, and who holds it."""
    path = POD_SPEC_PATHS[kind]
    inner: Any = _PodSpec
    for key in reversed(path[1:]):
        inner = msgspec.defstruct("_Step", [(key, inner | None, None)])
    decoder = _decoder(path[0], inner)

    def read(body: bytes) -> tuple[_Metadata, _PodSpec | None]:
        decoded = decoder.decode(body)
        value: Any = decoded
        for key in path:
            value = getattr(value, key) if value is not None else None
        return decoded.metadata, value

    return read


def _pod(kind: str) -> Callable[[bytes], Iterator[Reference]]:
    read_spec = _pod_specs(kind)

    def read(body: bytes) -> Iterator[Reference]:
        about, spec = read_spec(body)
        if spec is None:
            return
        namespace = about.namespace
        for volume in spec.volumes or ():
            if volume.persistent_volume_claim is not None:
                claim = volume.persistent_volume_claim.claim_name
                yield Reference(Identity(CLAIMS, namespace, claim))
            elif volume.ephemeral is not None and kind == "pods":
                yield Reference(Identity(CLAIMS, namespace, f"{about.name}-{volume.name}"))
            for name, needed in volume.secrets():
                if name:
                    yield Reference(Identity(SECRETS, namespace, name), needed)
        if spec.service_account_name:
            yield Reference(Identity(ACCOUNTS, namespace, spec.service_account_name))
        if spec.priority_class_name:
            yield Reference(Identity(PRIORITY_CLASSES, "", spec.priority_class_name))
        if spec.runtime_class_name:
            yield Reference(Identity(RUNTIME_CLASSES, "", spec.runtime_class_name))

    return read


def _claim(body: bytes) -> Iterator[Reference]:
    claim = read_claim(body)
    if claim.is_bound:
        yield Reference(Identity(VOLUMES, "", claim.volume))
    if claim.storage_class:
        # A class that nobody was asked to make a volume by is a word that need not exist.
        target = Identity(STORAGE_CLASSES, "", claim.storage_class)
        yield Reference(target, claim.is_provisioned)


def _volume(body: bytes) -> Iterator[Reference]:
    volume = read_volume(body)
    for namespace, name in _secrets_of(volume.details):
        if name and (namespace or volume.claim_namespace):
            yield Reference(Identity(SECRETS, namespace or volume.claim_namespace, name))
    if volume.storage_class:
        target = Identity(STORAGE_CLASSES, "", volume.storage_class)
        yield Reference(target, volume.is_provisioned)


def _secrets_of(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The Secrets that a volume's source names, whatever its type: namespace (empty: that of the
    claim) and name.
    """
    for key, value in details.items():
        if (key == "secretRef" or key.endswith("SecretRef")) and isinstance(value, dict):
            yield str(value.get("namespace") or ""), str(value.get("name") or "")
        elif key == "secretName":
            yield str(details.get("secretNamespace") or ""), str(value or "")


class _ClassOfTemplate(msgspec.Struct, rename="camel"):
    storage_class_name: str | None = None


class _ClaimTemplate(msgspec.Struct):
    spec: _ClassOfTemplate = msgspec.field(default_factory=_ClassOfTemplate)


class _StatefulSpec(msgspec.Struct, rename="camel"):
    volume_claim_templates: list[_ClaimTemplate] | None = None


_stateful = _decoder("spec", _StatefulSpec)


def _stateful_set(kind: str) -> Callable[[bytes], Iterator[Reference]]:
    read_pod = _pod(kind)

    def read(body: bytes) -> Iterator[Reference]:
        yield from read_pod(body)
        spec = _stateful.decode(body).spec
        for template in (spec.volume_claim_templates if spec else None) or ():
            if template.spec.storage_class_name:
                target = Identity(STORAGE_CLASSES, "", template.spec.storage_class_name)
                yield Reference(target, needed=False)

    return read


class _StorageClass(msgspec.Struct):
    provisioner: str = ""


class _SnapshotClass(msgspec.Struct):
    driver: str = ""


class _AggregationRule(msgspec.Struct, rename="camel"):
    cluster_role_selectors: list[dict[str, Any]] | None = None


class _ClusterRole(msgspec.Struct, rename="camel"):
    aggregation_rule: _AggregationRule | None = None


class _Subject(msgspec.Struct):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class _RoleRef(msgspec.Struct):
    kind: str = ""
    name: str = ""


class _Binding(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    role_ref: _RoleRef = msgspec.field(default_factory=_RoleRef)
    subjects: list[_Subject] | None = None


_storage_class = codec.Decoder(_StorageClass)
_snapshot_class = codec.Decoder(_SnapshotClass)
_binding = codec.Decoder(_Binding)
_cluster_role = codec.Decoder(_ClusterRole)


def _role(body: bytes) -> Iterator[Reference]:
    binding = _binding.decode(body)
    role = binding.role_ref
    if role.kind == "ClusterRole":
        yield Reference(Identity(CLUSTER_ROLES, "", role.name))
    elif role.kind == "Role":
        yield Reference(Identity(ROLES, binding.metadata.namespace, role.name))


class _IngressSpec(msgspec.Struct, rename="camel"):
    ingress_class_name: str | None = None


_ingress_decoder = _decoder("spec", _IngressSpec)
_INGRESS_ANNOTATION = "kubernetes.io/ingress.class"


def _ingress(body: bytes) -> Iterator[Reference]:
    ingress = _ingress_decoder.decode(body)
    if ingress.spec is not None and ingress.spec.ingress_class_name:
        yield Reference(Identity(INGRESS_CLASSES, "", ingress.spec.ingress_class_name))
    annotated = (ingress.metadata.annotations or {}).get(_INGRESS_ANNOTATION)
    if annotated:  # a word that a controller knows; an object of that name may be there
        yield Reference(Identity(INGRESS_CLASSES, "", annotated), needed=False)


_POD_TARGETS = (CLAIMS, SECRETS, ACCOUNTS, PRIORITY_CLASSES, RUNTIME_CLASSES)
_STATEFUL = "statefulsets.apps"

RULES: Mapping[str, Rule] = {
    **{kind: Rule(_POD_TARGETS, _pod(kind)) for kind in POD_SPEC_PATHS if kind != _STATEFUL},
    _STATEFUL: Rule((*_POD_TARGETS, STORAGE_CLASSES), _stateful_set(_STATEFUL)),
    CLAIMS: Rule((VOLUMES, STORAGE_CLASSES), _claim),
    VOLUMES: Rule((SECRETS, STORAGE_CLASSES), _volume),
    ROLE_BINDINGS: Rule((ROLES, CLUSTER_ROLES), _role),
    CLUSTER_ROLE_BINDINGS: Rule((CLUSTER_ROLES,), _role),
    "ingresses.networking.k8s.io": Rule((INGRESS_CLASSES,), _ingress),
    "ingresses.extensions": Rule((INGRESS_CLASSES,), _ingress),
}
"""Kind to what it refers to."""

TARGETS = frozenset(kind for rule in RULES.values() for kind in rule.kinds).union(SEEKERS)
"""Kinds that may come in by relation, beside definitions and namespaces."""
