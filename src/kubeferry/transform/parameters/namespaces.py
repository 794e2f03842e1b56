"""namespaceMapping: which mappings can be, and the names of Namespace objects.

Source to target; namespaces that are not listed keep their names. Targets are created if they are
not there.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import RESERVED_NAMESPACES, Identity, is_dns_label
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.transform.change import Cause, Change

PLACE = "spec.namespaceMapping"
_NAME_LABEL = "kubernetes.io/metadata.name"
_IN_EVERY_NAMESPACE = frozenset(
    {
        ("serviceaccounts", "default"),
        ("configmaps", "kube-root-ca.crt"),
        ("configmaps", "istio-ca-root-cert"),  # Istio
        ("configmaps", "openshift-service-ca.crt"),  # OpenShift, with the rest of these
        ("serviceaccounts", "builder"),
        ("serviceaccounts", "deployer"),
        ("rolebindings.rbac.authorization.k8s.io", "system:deployers"),
        ("rolebindings.rbac.authorization.k8s.io", "system:image-builders"),
        ("rolebindings.rbac.authorization.k8s.io", "system:image-pullers"),
    }
)
"""What a controller publishes in each namespace under one name: the target's controller does, too,
so one of them more or less loses nothing."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Objects of one kind and name that a mapping would put into one namespace."""

    target: str
    group_resource: str
    name: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        sources = " and ".join(self.sources)
        return f"{self.group_resource} {self.name} of {sources} would be one in {self.target}"


def cause(source: str) -> Cause:
    """The cause of a change that follows the mapping of one source namespace."""
    return Cause("parameter", f"namespaceMapping {source}")


def check_mapping(
    mapping: Mapping[str, str],
    *,
    reserved: Set[str] = RESERVED_NAMESPACES,
    place: str = PLACE,
) -> None:
    """Raises ``InvalidInput`` for a name that cannot be a namespace's and for reserved
    namespaces.
    """
    for source, target in mapping.items():
        where = f"{place}.{source}"
        for name, role in ((source, "source"), (target, "target")):
            if not isinstance(name, str) or not is_dns_label(name):
                raise InvalidInput(
                    f"the {role} {name!r} cannot be a namespace's name",
                    place=where,
                    remedy="use at most 63 lower-case letters, digits and dashes",
                )
            if name in reserved:
                raise InvalidInput(
                    f"the {role} {name!r} is a reserved namespace",
                    place=where,
                    remedy="choose another one; reserved are " + ", ".join(sorted(reserved)),
                )


def check_sources(
    mapping: Mapping[str, str],
    present: Collection[str],
    *,
    selected: Collection[str] | None = None,
    place: str = PLACE,
) -> None:
    """Raises ``InvalidInput`` for a source namespace that the backup does not hold, or that is not
    ``selected`` (None: all are).
    """
    for source in mapping:
        if source not in present:
            raise InvalidInput(
                f"the backup has no namespace {source!r}",
                place=f"{place}.{source}",
                remedy=f"it has {', '.join(sorted(present)) or 'none'}",
            )
        if selected is not None and source not in selected:
            raise InvalidInput(
                f"nothing of the namespace {source!r} is selected",
                place=f"{place}.{source}",
                remedy="leave it out of the mapping, or select it",
            )


def shared_targets(mapping: Mapping[str, str], present: Iterable[str]) -> dict[str, list[str]]:
    """Each target that more than one of the source namespaces present goes to, with those
    sources.
    """
    sources: dict[str, list[str]] = {}
    for namespace in sorted(present):
        sources.setdefault(mapping.get(namespace, namespace), []).append(namespace)
    return {target: names for target, names in sources.items() if len(names) > 1}


def find_clashes(
    mapping: Mapping[str, str], present: Collection[str], objects: Iterable[Identity]
) -> list[Clash]:
    """What would collide when several source namespaces become one.

    ``objects`` are the selected objects under their source namespaces. What every namespace has by
    itself (the account ``default``, ``kube-root-ca.crt`` ...) does not count. Memory grows only
    with the objects of shared targets.
    """
    shared = shared_targets(mapping, present)
    target_of = {source: target for target, sources in shared.items() for source in sources}
    seen: dict[Identity, list[str]] = {}
    for identity in objects:
        target = target_of.get(identity.namespace)
        if target is None or (identity.group_resource, identity.name) in _IN_EVERY_NAMESPACE:
            continue
        sources = seen.setdefault(identity._replace(namespace=target), [])
        if identity.namespace not in sources:
            sources.append(identity.namespace)
    return [
        Clash(target, group_resource, name, tuple(sources))
        for (group_resource, target, name), sources in seen.items()
        if len(sources) > 1
    ]


def check_clashes(clashes: Collection[Clash], *, place: str = PLACE) -> None:
    """Raises ``InvalidInput`` with the first clashes, if there are any."""
    if clashes:
        first = "; ".join(str(clash) for clash in list(clashes)[:5])
        more = f" and {len(clashes) - 5} more" if len(clashes) > 5 else ""
        raise InvalidInput(
            f"two namespaces become one and names clash: {first}{more}",
            place=place,
            remedy="map them to different namespaces, or restore them one after the other",
        )


def renamed_namespace(obj: Object, mapping: Mapping[str, str]) -> list[Change]:
    """A Namespace object under its mapped name, its name label with it."""
    name = metadata(obj).get("name")
    target = mapping.get(name) if isinstance(name, str) else None
    if name is None or target is None or target == name:
        return []
    changes = [Change("/metadata/name", name, target, cause(name))]
    if _NAME_LABEL in labels(obj):
        old = labels(obj)[_NAME_LABEL]
        pointer = "/metadata/labels/kubernetes.io~1metadata.name"
        changes.append(Change(pointer, old, target, cause(name)))
    return changes
