"""Where the objects of a backup go: into an archive, into a count, into a comparison."""

from collections.abc import Callable
from typing import Protocol

from kubeferry.kube.names import Identity
from kubeferry.vault.writer import Entry

CameIn = Callable[[Identity, Identity], None]
"""Told of each object that came in by relation, and of the object because of which it did."""


class Sink(Protocol):
    """Takes objects as they come; ``vault.writer.ArchiveWriter`` is one."""

    @property
    def objects(self) -> int:
        """How many objects were added; one in several versions counts once."""

    def add(self, entry: Entry) -> None:
        """Takes one object in one version; returns at once."""

    async def flush(self) -> None:
        """Waits until the sink can take more; called after each page."""
