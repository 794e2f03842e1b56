"""storageClassMapping: storage class to storage class, wherever an object names one (velero.md §3.7
``change-storage-class``).

The exact name is mapped, once. A claim without a class, or with the empty one that asks for no
class at all, stays as it is. A volume that is restored as it is follows, or its claim would not
bind to it.
"""

from collections.abc import Callable, Mapping

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import is_dns_subdomain
from kubeferry.kube.objects import POD_SPEC_PATHS, Object
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.parameters.paths import Finder, path_of
from kubeferry.transform.patch.pointer import Tokens

NAME = "storageClassMapping"
PLACE = f"spec.{NAME}"

_CLASS = path_of("spec/storageClassName")
_ANNOTATION = path_of("metadata/annotations/volume.beta.kubernetes.io~1storage-class")
"""What named the class before Kubernetes 1.6; it still wins over the field."""
_TEMPLATES = path_of("spec/volumeClaimTemplates/*")
_EPHEMERAL = path_of("volumes/*/ephemeral/volumeClaimTemplate")

PLACES: Mapping[str, tuple[Tokens, ...]] = {
    "persistentvolumeclaims": (_CLASS, _ANNOTATION),
    "persistentvolumes": (_CLASS, _ANNOTATION),
    **{
        kind: tuple(
            (*template, *path)
            for template in (
                *((_TEMPLATES,) if kind == "statefulsets.apps" else ()),
                (*spec, *_EPHEMERAL),
            )
            for path in (_CLASS, _ANNOTATION)
        )
        for kind, spec in POD_SPEC_PATHS.items()
    },
}
"""Where objects name a storage class, by kind."""


def check_classes(mapping: Mapping[str, str], *, place: str = PLACE) -> None:
    """Raises ``InvalidInput`` for what cannot be a storage class's name."""
    for source, target in mapping.items():
        for name, role in ((source, "source"), (target, "target")):
            if not is_dns_subdomain(name):
                raise InvalidInput(
                    f"the {role} {name!r} cannot be a storage class's name",
                    place=f"{place}.{source}",
                    remedy="see kubectl get storageclass",
                )


def class_changes(
    group_resource: str, mapping: Mapping[str, str]
) -> Callable[[Object], list[Change]] | None:
    """The step for one kind, None if it names no class or none is mapped."""
    paths = PLACES.get(group_resource)
    moved = {source: target for source, target in mapping.items() if source != target}
    if paths is None or not moved:
        return None
    find = Finder((path, None) for path in paths)

    def mapped(obj: Object) -> list[Change]:
        return [
            Change(pointer, value, moved[value], Cause("parameter", f"{NAME} {value}"))
            for pointer, value, _ in find(obj)
            if isinstance(value, str) and value in moved
        ]

    return mapped
