"""Where objects name images: the containers of every pod spec, and what a person says of custom
resources (``spec.imagePaths``).
"""

from collections.abc import Callable, Mapping, Sequence

from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import CONTAINER_LISTS, POD_SPEC_PATHS, Object, at
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.modifiers.kinds import BUILT_IN
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.paths import Finder, path_of
from kubeferry.transform.patch.pointer import Tokens, format_pointer

PLACE = "spec.imagePaths"

ImagePaths = Mapping[str, tuple[Tokens, ...]]
"""Group resource of a custom resource to the paths of the images in it."""
Mapped = Callable[[str], tuple[str, Cause] | None]


def compile_paths(paths: Mapping[str, Sequence[str]], *, place: str = PLACE) -> ImagePaths:
    """Checks what is written. Raises ``InvalidInput`` naming the field.

    Built-in kinds are refused: where they name images is known, and no other text of theirs is to
    be taken for one.
    """
    compiled: dict[str, tuple[Tokens, ...]] = {}
    for kind, texts in paths.items():
        where = f"{place}.{kind}"
        if kind in BUILT_IN or kind in POD_SPEC_PATHS or "." not in kind:
            raise InvalidInput(
                f"{kind!r} is no custom resource",
                place=where,
                remedy="write plural and group, such as prometheuses.monitoring.coreos.com",
            )
        for index, text in enumerate(texts):
            if not text.startswith("/") or "" in path_of(text):
                raise InvalidInput(
                    f"{text!r} is no path",
                    place=f"{where}[{index}]",
                    remedy="write /spec/image, or /spec/containers/*/image for each of a list",
                )
        compiled[kind] = tuple(map(path_of, texts))
    return compiled


def image_changes(
    group_resource: str, images: ImageMap, paths: ImagePaths
) -> Callable[[Object], list[Change]] | None:
    """The step for one kind, None if it names no images or none is mapped."""
    if not images:
        return None
    spec = POD_SPEC_PATHS.get(group_resource)
    if spec is not None:
        return ImageStep(spec, images.mapped)
    told = paths.get(group_resource)
    return None if told is None else PathStep(told, images.mapped)


class ImageStep:
    """Maps the images of every container list in the pod spec of one kind."""

    def __init__(self, path: Tokens, mapped: Mapped) -> None:
        self._path = path
        self._mapped = mapped
        self._lists = [(field, f"{format_pointer(path)}/{field}") for field in CONTAINER_LISTS]

    def __call__(self, obj: Object) -> list[Change]:
        """One change for each image that is mapped."""
        changes: list[Change] = []
        spec = at(obj, self._path)
        if not isinstance(spec, dict):
            return changes
        for field, pointer in self._lists:
            containers = spec.get(field)
            if not isinstance(containers, list):
                continue
            for index, container in enumerate(containers):
                if isinstance(container, dict):
                    image = container.get("image")
                    result = self._mapped(image) if isinstance(image, str) else None
                    if result is not None:
                        new, cause = result
                        changes.append(Change(f"{pointer}/{index}/image", image, new, cause))
        return changes


class PathStep:
    """Maps the images at some paths."""

    def __init__(self, paths: Sequence[Tokens], mapped: Mapped) -> None:
        self._find = Finder((path, None) for path in paths)
        self._mapped = mapped

    def __call__(self, obj: Object) -> list[Change]:
        """One change for each image that is mapped."""
        changes: list[Change] = []
        for pointer, image, _ in self._find(obj):
            result = self._mapped(image) if isinstance(image, str) else None
            if result is not None:
                new, cause = result
                changes.append(Change(pointer, image, new, cause))
        return changes
