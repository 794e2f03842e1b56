"""Whose volume data is asked for, and how it is to be taken; in a PvBackup also which claims. Pure.

In this order, the first that says no decides: the backup asks for no data; the claim is not bound,
or labelled out; the backup's storage classes, labels, mounted ones only; a resource policy, which
decides alone where one matches; the annotations of the pods that mount it (velero.md §2.10,
ack-backup-center.md §1.2). Without a word from anyone the data is asked for.
"""

from dataclasses import dataclass, field
from typing import Literal

from kubeferry.backup.labels import LabelSelection
from kubeferry.backup.policies import Policies
from kubeferry.backup.select import EXCLUDE_LABEL
from kubeferry.backup.volume_facts import Claim, Mount, Volume

Method = Literal["", "fs-backup", "snapshot"]


@dataclass(frozen=True, slots=True)
class VolumeChoice:
    """What becomes of one claim's data.

    Attributes:
        asked: whether it is to be taken.
        method: how; empty where nobody says.
        reason: who or what decided so, for people; empty where data is asked for without a word.
    """

    asked: bool
    method: Method = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VolumeSelection:
    """The volumes of one backup.

    Attributes:
        refusal: why no data is asked for at all; empty if it is.
        mounted_only: only claims that a pod mounts.
        classes: storage classes; none: all.
        labels: of claims.
        policies: of volumes.
    """

    refusal: str = ""
    mounted_only: bool = True
    classes: frozenset[str] = frozenset()
    labels: LabelSelection = field(default_factory=LabelSelection)
    policies: Policies = field(default_factory=Policies)

    def refuses(self, claim: Claim, volume: Volume | None, mount: Mount) -> str:
        """Why the backup does not select this claim; empty if it does.

        A PvBackup takes the claims that are selected, whatever becomes of their data; another
        backup takes the data of those alone. ``volume`` is None where it is gone.
        """
        raise NotImplementedError

    def choose(self, claim: Claim, volume: Volume | None, mount: Mount) -> VolumeChoice:
        """What becomes of the claim's data; ``volume`` is None where it is gone."""
        raise NotImplementedError
