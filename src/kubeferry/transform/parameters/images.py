"""imageRegistryMapping: image prefixes to image prefixes (ack-backup-center.md §2.2.2).

A prefix matches at a boundary of the path only: ``reg/open`` is no prefix of
``reg/openanolis/nginx``. The longest matching prefix wins, once; its result is not mapped again. A
slash at the end of either side means nothing. What follows the prefix stays as it is: repository,
tag and digest. A digest is therefore right only if the image was copied with its manifest
unchanged.

A prefix may be a whole repository (``docker.io/library/nginx``), matched before ``:tag``,
``@digest`` or the end. A name without a registry means Docker Hub to every runtime: if no prefix
matches ``nginx:1.7`` as it is written, those that match ``docker.io/library/nginx:1.7`` are used.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from kubeferry.errors import InvalidInput, PatchFailed
from kubeferry.kube.objects import CONTAINER_LISTS, POD_SPEC_PATHS, Object, at
from kubeferry.transform.change import Cause, Change, Outcome
from kubeferry.transform.patch.pointer import format_pointer, lookup, pointer_of

PLACE = "spec.imageRegistryMapping"
_CAUSE = "imageRegistryMapping"
_REMEMBERED = 4096
_DOCKER_HUB = "docker.io"


class ImageMap:
    """A checked mapping, ready to be asked. Raises ``InvalidInput`` for what is no image prefix."""

    def __init__(self, mapping: Mapping[str, str], *, place: str = PLACE) -> None:
        self._targets: dict[str, str] = {}
        self._causes: dict[str, Cause] = {}
        for source, target in mapping.items():
            prefix = _prefix(source, f"{place}.{source}")
            new = _prefix(target, f"{place}.{source}")
            if self._targets.get(prefix, new) != new:
                raise InvalidInput(
                    f"{prefix!r} is mapped twice", place=f"{place}.{source}", remedy="keep one"
                )
            self._targets[prefix] = new
            self._causes[prefix] = Cause("parameter", f"{_CAUSE} {source}")
        self.mapped = lru_cache(_REMEMBERED)(self._map)

    def __bool__(self) -> bool:
        return bool(self._targets)

    def rename(self, image: str) -> str:
        """The image's name in the target; the same text if nothing maps it."""
        found = self.mapped(image)
        return image if found is None else found[0]

    def _map(self, image: str) -> tuple[str, Cause] | None:
        """The new name and the cause, or None if no prefix matches."""
        for name in (image, _qualified(image)):
            for prefix in _boundaries(name):
                if prefix in self._targets:
                    new = self._targets[prefix] + name[len(prefix) :]
                    return None if new == image else (new, self._causes[prefix])
        return None


def image_changes(group_resource: str, images: ImageMap) -> "ImageStep | None":
    """The step for one kind, None if it holds no pod spec."""
    path = POD_SPEC_PATHS.get(group_resource)
    return None if path is None or not images else ImageStep(path, images)


class ImageStep:
    """Maps the images of every container list in the pod spec of one kind."""

    def __init__(self, path: tuple[str, ...], images: ImageMap) -> None:
        self._path = path
        self._mapped = images.mapped
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
                    found = self._mapped(image) if isinstance(image, str) else None
                    if found is not None:
                        new, cause = found
                        changes.append(Change(f"{pointer}/{index}/image", image, new, cause))
        return changes


def target_images(outcome: Outcome) -> tuple[str, ...]:
    """The mapped images that the object now names: they must exist in the target's registry."""
    images: dict[str, None] = {}
    for change in outcome.changes:
        if change.cause.mechanism == "parameter" and change.cause.rule.startswith(_CAUSE):
            try:
                image = lookup(outcome.object, pointer_of(change.pointer).tokens)
            except PatchFailed:  # a modifier took the container out
                continue
            if isinstance(image, str):
                images[image] = None
    return tuple(images)


def _prefix(text: object, place: str) -> str:
    plain = text.rstrip("/") if isinstance(text, str) else ""
    if not plain or "://" in plain or any(char.isspace() for char in plain) or plain[0] == "/":
        raise InvalidInput(
            f"{text!r} is no image prefix",
            place=place,
            remedy="write a registry and path, such as registry.example.com/team",
        )
    last = plain.rpartition("/")[2]
    if "@" in plain or (":" in last and last != plain):
        raise InvalidInput(
            f"{text!r} has a tag or digest",
            place=place,
            remedy="write a registry and path only; tags and digests are kept",
        )
    return plain


def _boundaries(image: str) -> Iterator[str]:
    """The prefixes of an image's name that end at a boundary, longest first."""
    yield image
    name, _, digest = image.partition("@")
    if digest:
        yield name
    slash = name.rfind("/")
    colon = name.rfind(":")
    if colon > slash:
        yield name[:colon]
    while slash > 0:
        yield name[:slash]
        slash = name.rfind("/", 0, slash)


def _qualified(image: str) -> str:
    """The name as a runtime reads it: Docker Hub where no registry is named."""
    first, slash, _ = image.partition("/")
    if not slash:
        return f"{_DOCKER_HUB}/library/{image}"
    if "." in first or ":" in first or first == "localhost":
        return image
    return f"{_DOCKER_HUB}/{image}"
