"""What follows a namespace mapping beside the objects themselves: references to a namespace by name
(velero.md §3.8).
"""

from collections.abc import Callable, Mapping
from functools import partial

from kubeferry.kube.objects import Object, at
from kubeferry.transform.change import Change
from kubeferry.transform.parameters.namespaces import cause

_BINDINGS = frozenset(
    {"rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"}
)


def subjects(obj: Object, mapping: Mapping[str, str]) -> list[Change]:
    """The accounts that a binding grants to are those of the target namespace."""
    listed = obj.get("subjects")
    if not isinstance(listed, list):
        return []
    return [
        change
        for index, subject in enumerate(listed)
        if isinstance(subject, dict)
        for change in _followed(subject.get("namespace"), f"/subjects/{index}/namespace", mapping)
    ]


def claim_of_volume(obj: Object, mapping: Mapping[str, str]) -> list[Change]:
    """A volume restored as it is waits for its claim in the target namespace."""
    namespace = at(obj, ("spec", "claimRef", "namespace"))
    return _followed(namespace, "/spec/claimRef/namespace", mapping)


def references_for(
    group_resource: str, mapping: Mapping[str, str]
) -> list[Callable[[Object], list[Change]]]:
    """The steps for the references that one kind holds, bound to the mapping."""
    if not mapping:
        return []
    if group_resource in _BINDINGS:
        return [partial(subjects, mapping=mapping)]
    if group_resource == "persistentvolumes":
        return [partial(claim_of_volume, mapping=mapping)]
    return []


def _followed(namespace: object, pointer: str, mapping: Mapping[str, str]) -> list[Change]:
    target = mapping.get(namespace) if isinstance(namespace, str) else None
    if target is None or target == namespace or not isinstance(namespace, str):
        return []
    return [Change(pointer, namespace, target, cause(namespace))]
