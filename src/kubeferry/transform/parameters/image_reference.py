"""An image's name in its parts: registry, repository, tag, digest.

As runtimes read it: the first part of the path is a registry if it has a dot or a colon, or is
``localhost``; a name without one is Docker Hub's, ``nginx`` being ``docker.io/library/nginx``.
"""

from typing import NamedTuple

DOCKER_HUB = "docker.io"
_OTHER_NAME = "index.docker.io"
_OFFICIAL = "library/"


class ImageReference(NamedTuple):
    """``docker.io/library/nginx:1.7`` in parts.

    ``written`` is registry and repository as they were written, ``nginx``; ``tag`` and ``digest``
    are empty where there is none.
    """

    written: str
    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def names(self) -> tuple[str, ...]:
        """What registry and repository may be called, the name that was written first."""
        full = f"{self.registry}/{self.repository}"
        if self.registry != DOCKER_HUB:
            return (self.written, full)
        return (self.written, full, f"{DOCKER_HUB}/{self.repository.removeprefix(_OFFICIAL)}")

    @property
    def version(self) -> str:
        """What comes after the name: ``:1.7``, ``@sha256:...``, both or nothing."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_image(text: str) -> ImageReference | None:
    """The parts of a name; None for what names no image, such as a template's ``$(IMAGE)``."""
    name, _, digest = text.partition("@")
    slash = name.rfind("/")
    colon = name.rfind(":")
    tag = ""
    if colon > slash:
        name, tag = name[:colon], name[colon + 1 :]
    if not name or name[0] in "/$" or name[-1] == "/" or any(map(str.isspace, text)):
        return None
    registry, repository = split_registry(name)
    return ImageReference(name, registry, repository, tag, digest)


def split_registry(name: str) -> tuple[str, str]:
    """Registry and repository of a name without tag and digest."""
    first, slash, rest = name.partition("/")
    if not slash:
        return DOCKER_HUB, f"{_OFFICIAL}{name}"
    if first in (DOCKER_HUB, _OTHER_NAME):
        return DOCKER_HUB, rest if "/" in rest else f"{_OFFICIAL}{rest}"
    if "." in first or ":" in first or first == "localhost":
        return first, rest
    return DOCKER_HUB, name
