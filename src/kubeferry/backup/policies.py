"""Resource policies: the text of a ConfigMap to compiled rules about volumes (velero.md §2.10). Pure.

Every field is checked before anything is listed; what Velero ignores or leaves to chance is refused
with its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kubeferry.backup.kinds import ResourceFilters
from kubeferry.backup.volume_facts import Claim, Volume
from kubeferry.errors import InvalidInput

Action = Literal["skip", "fs-backup", "snapshot", "custom"]


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """One rule; ``title`` names it in reasons: ``volume policy 2 (skip)``."""

    title: str
    action: Action

    def matches(self, claim: Claim, volume: Volume | None) -> bool:
        """Whether every condition holds; those of a volume that is gone do not."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Policies:
    """The rules of one ConfigMap.

    Attributes:
        volumes: the first that matches decides alone.
        filters: scoped filters, which the backup's own go before; None if it has none.
    """

    volumes: tuple[VolumePolicy, ...] = ()
    filters: ResourceFilters | None = None

    def decide(self, claim: Claim, volume: Volume | None) -> VolumePolicy | None:
        """The first rule that matches."""
        return next((one for one in self.volumes if one.matches(claim, volume)), None)


def parse_policies(data: Mapping[str, str], *, place: str) -> Policies:
    """The policies in a ConfigMap's ``data``, which has exactly one key.

    ``place`` names the ConfigMap in messages. Raises ``InvalidInput``.
    """
    raise InvalidInput("not read yet", place=place)
