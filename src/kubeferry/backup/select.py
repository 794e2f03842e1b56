"""What a backup takes: namespaces, kinds, objects. Pure.

Never archived, whatever is asked for (design.md, Contracts): the reserved namespaces and the
objects ``default/kubernetes``, which would send a mapped namespace's pods to the source's API
server. Left out because others generate them anew: the kinds and objects of ``GENERATED_*`` below.
"""

from collections.abc import Iterable, Mapping

import msgspec

from kubeferry.backup.generated import GENERATED_KINDS, is_generated
from kubeferry.backup.namespaces import Scope as Scope
from kubeferry.backup.namespaces import check_namespaces as check_namespaces
from kubeferry.backup.namespaces import choose_namespaces as choose_namespaces
from kubeferry.kube.names import Resource

EXCLUDE_LABEL = "velero.io/exclude-from-backup"
"""Leaves an object or a whole namespace out; only with the value ``true`` (velero.md §2.4)."""

NEVER_OBJECTS = frozenset(
    {
        ("services", "default", "kubernetes"),
        ("endpoints", "default", "kubernetes"),
        ("endpointslices.discovery.k8s.io", "default", "kubernetes"),
    }
)

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
    raw: bytes | msgspec.Raw = b"",
    *,
    generated: bool = False,
) -> bool:
    """Whether an object is archived that was listed, or that another one needs.

    ``secret_type`` is a Secret's; ``raw`` are the object's bytes (looked at for Endpoints alone);
    ``generated`` says that what others make anew is wanted too. That it is being deleted, and what
    label selectors say, is not asked here.
    """
    if labels.get(EXCLUDE_LABEL) == "true":
        return False
    if (group_resource, namespace, name) in NEVER_OBJECTS:
        return False
    return generated or not is_generated(group_resource, name, labels, secret_type, raw)
