"""What a backup takes: namespaces, kinds, objects. Pure.

Never archived, whatever is asked for (design.md, Contracts): the reserved namespaces and the
objects ``default/kubernetes``, which would send a mapped namespace's pods to the source's API
server. Left out because others generate them anew: the kinds and objects of ``GENERATED_*`` below.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import RESERVED_NAMESPACES, Resource, is_dns_label

EXCLUDE_LABEL = "velero.io/exclude-from-backup"
"""Leaves an object or a whole namespace out; only with the value ``true`` (velero.md §2.4)."""

NEVER_OBJECTS = frozenset(
    {
        ("services", "default", "kubernetes"),
        ("endpoints", "default", "kubernetes"),
        ("endpointslices.discovery.k8s.io", "default", "kubernetes"),
    }
)

GENERATED_KINDS = frozenset(
    {
        "events",
        "events.events.k8s.io",
        "leases.coordination.k8s.io",
        "controllerrevisions.apps",
    }
)
"""Kinds that controllers write for themselves."""

GENERATED_LABELS = {
    "endpoints": ("endpoints.kubernetes.io/managed-by", frozenset({"endpoint-controller"})),
    "endpointslices.discovery.k8s.io": (
        "endpointslice.kubernetes.io/managed-by",
        frozenset({"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}),
    ),
}
"""Objects that a Service's selector or another object makes, told by their controller's label."""

_COHABITING = {
    "deployments.extensions": "deployments.apps",
    "daemonsets.extensions": "daemonsets.apps",
    "replicasets.extensions": "replicasets.apps",
    "networkpolicies.extensions": "networkpolicies.networking.k8s.io",
    "ingresses.extensions": "ingresses.networking.k8s.io",
}
"""The same objects under two groups: the first is left out where the second is served."""

_VERBS = frozenset({"list", "get", "create", "delete"})
_FIRST = ("pods", "persistentvolumeclaims")
_NEVER_KINDS = frozenset(
    {
        "volumesnapshots.snapshot.storage.k8s.io",
        "volumesnapshotcontents.snapshot.storage.k8s.io",
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces of one backup, all sorted.

    Attributes:
        namespaces: to back up.
        missing: asked for by name and not there.
        left_out: asked for by name, there, and not to be backed up.
        most: whether ``namespaces`` is most of the cluster.
    """

    namespaces: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    most: bool


def check_namespaces(
    included: Sequence[str],
    excluded: Sequence[str],
    *,
    reserved: Set[str] = RESERVED_NAMESPACES,
) -> None:
    """Refuses what a backup may not ask for. Raises ``InvalidInput`` naming the field and value."""
    for index, name in enumerate(included):
        place = f"spec.includedNamespaces[{index}]"
        if name in reserved:
            raise InvalidInput(
                f"the namespace {name!r} cannot be backed up",
                place=place,
                remedy=f"reserved are {', '.join(sorted(reserved))}",
            )
        if name != "*" and not is_dns_label(name):
            raise InvalidInput(f"{name!r} is no namespace's name", place=place)
        if name in excluded:
            raise InvalidInput(f"{name!r} is also in spec.excludedNamespaces", place=place)
    if "*" in included and len(included) > 1:
        raise InvalidInput(
            "'*' stands for all namespaces", place="spec.includedNamespaces", remedy="name no other"
        )
    for index, name in enumerate(excluded):
        if not is_dns_label(name):
            raise InvalidInput(
                f"{name!r} is no namespace's name", place=f"spec.excludedNamespaces[{index}]"
            )


def choose_namespaces(
    existing: Iterable[tuple[str, bool]],
    *,
    included: Sequence[str],
    excluded: Sequence[str],
    reserved: Set[str] = RESERVED_NAMESPACES,
) -> Scope:
    """The namespaces to back up of those that exist.

    ``existing`` are names with whether the namespace itself says it is not to be backed up (by
    ``EXCLUDE_LABEL``, or because it is being deleted).
    """
    everything = not included or "*" in included
    there = dict(existing)
    usable = {name for name, left_out in there.items() if not left_out}
    wanted = usable if everything else usable & set(included)
    names = sorted(wanted - set(excluded) - reserved)
    asked = set() if everything else set(included)
    return Scope(
        namespaces=tuple(names),
        missing=tuple(sorted(asked - there.keys())),
        left_out=tuple(sorted(asked & (there.keys() - usable))),
        most=2 * len(names) >= len(there),
    )


def choose_resources(resources: Iterable[Resource]) -> list[Resource]:
    """The namespaced resources that are listed, in order: pods and claims first, then by name."""
    by_name = {one.group_resource: one for one in resources if one.namespaced}
    chosen = [
        one
        for name, one in by_name.items()
        if one.verbs >= _VERBS
        and name not in GENERATED_KINDS
        and name not in _NEVER_KINDS
        and _COHABITING.get(name) not in by_name
    ]
    return sorted(chosen, key=_order)


def _order(resource: Resource) -> tuple[int, str]:
    name = resource.group_resource
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def is_taken(
    group_resource: str,
    namespace: str,
    name: str,
    labels: Mapping[str, str],
    secret_type: str = "",
) -> bool:
    """Whether a listed object is archived; ``secret_type`` is a Secret's."""
    if labels.get(EXCLUDE_LABEL) == "true":
        return False
    if (group_resource, namespace, name) in NEVER_OBJECTS:
        return False
    return not is_generated(group_resource, name, labels, secret_type)


def is_generated(
    group_resource: str, name: str, labels: Mapping[str, str], secret_type: str
) -> bool:
    """Whether others make this object anew where its application is restored."""
    label = GENERATED_LABELS.get(group_resource)
    if label is not None:
        return labels.get(label[0]) in label[1]
    if group_resource == "configmaps":
        return name == "kube-root-ca.crt"
    return group_resource == "secrets" and secret_type == "kubernetes.io/service-account-token"
