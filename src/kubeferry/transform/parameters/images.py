"""imageRegistryMapping: image prefixes to image prefixes (ack-backup-center.md §2.2.2).

A prefix matches at a boundary of the path only: ``reg/open`` is no prefix of
``reg/openanolis/nginx``. The longest matching prefix wins, once; its result is not mapped again. A
slash at the end of either side means nothing. What follows the prefix stays as it is: repository,
tag and digest. A digest is therefore right only if the image was copied with its manifest
unchanged.

A prefix may be a whole repository (``docker.io/library/nginx``). A name without a registry means
Docker Hub to every runtime: if no prefix matches ``nginx:1.7`` as it is written, those that match
``docker.io/library/nginx:1.7`` are used, and at last ``docker.io/nginx:1.7``.

What no prefix matches, the rows of the cluster's ConfigMap may rename: ``image_rows``.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from kubeferry.errors import InvalidInput, PatchFailed
from kubeferry.transform.change import Cause, Outcome
from kubeferry.transform.parameters import image_rows
from kubeferry.transform.parameters.image_reference import DOCKER_HUB, parse_image
from kubeferry.transform.parameters.image_rows import ImageRows
from kubeferry.transform.patch.pointer import lookup, pointer_of

PLACE = "spec.imageRegistryMapping"
_CAUSE = "imageRegistryMapping"
_CAUSES = (_CAUSE, image_rows.CAUSE)
_REMEMBERED = 4096
_HUB_ALIAS = "index.docker.io"


class ImageMap:
    """A checked mapping, ready to be asked, and the rows for what it does not map.

    Raises ``InvalidInput`` for what is no image prefix.
    """

    def __init__(
        self, mapping: Mapping[str, str], *, rows: ImageRows = image_rows.NONE, place: str = PLACE
    ) -> None:
        self._targets: dict[str, str] = {}
        self._causes: dict[str, Cause] = {}
        self._rows = rows
        for source, target in mapping.items():
            prefix = _hub(_prefix(source, f"{place}.{source}"))
            new = _prefix(target, f"{place}.{source}")
            if self._targets.get(prefix, new) != new:
                raise InvalidInput(
                    f"{prefix!r} is mapped twice", place=f"{place}.{source}", remedy="keep one"
                )
            self._targets[prefix] = new
            self._causes[prefix] = Cause("parameter", f"{_CAUSE} {source}")
        self.mapped = lru_cache(_REMEMBERED)(self._map)
        """The new name of an image and the cause, or None if nothing changes it."""

    def __bool__(self) -> bool:
        return bool(self._targets or self._rows)

    def rename(self, image: str) -> str:
        """The image's name in the target; the same text if nothing maps it."""
        found = self.mapped(image)
        return image if found is None else found[0]

    def _map(self, image: str) -> tuple[str, Cause] | None:
        reference = parse_image(image)
        if reference is None:
            return None
        for name in reference.names:
            for prefix in _prefixes(name):
                if prefix in self._targets:
                    rest = name[len(prefix) :]
                    new = f"{self._targets[prefix]}{rest}{reference.version}"
                    return None if new == image else (new, self._causes[prefix])
        return self._rows.rename(image)


def target_images(outcome: Outcome) -> tuple[str, ...]:
    """The mapped images that the object now names: they must exist in the target's registry."""
    images: dict[str, None] = {}
    for change in outcome.changes:
        if change.cause.mechanism == "parameter" and change.cause.rule.startswith(_CAUSES):
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


def _hub(prefix: str) -> str:
    """A prefix with Docker Hub called by its one name."""
    first, slash, rest = prefix.partition("/")
    return f"{DOCKER_HUB}{slash}{rest}" if first == _HUB_ALIAS else prefix


def _prefixes(name: str) -> Iterator[str]:
    """What a name begins with, as far as a boundary; the longest, itself, first."""
    yield name
    slash = name.rfind("/")
    while slash > 0:
        yield name[:slash]
        slash = name.rfind("/", 0, slash)
