"""Whose volume data is asked for, and how it is to be taken; in a PvBackup also which claims. Pure.

In this order, the first that says no decides: the backup asks for no data; the claim is not bound,
or labelled out; the backup's storage classes, labels, mounted ones only; a resource policy, which
decides alone where one matches; the annotations of the pods that mount it (velero.md §2.10,
ack-backup-center.md §1.2). Without a word from anyone the data is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from kubeferry.backup.labels import LabelSelection
from kubeferry.backup.policies import Policies
from kubeferry.backup.select import EXCLUDE_LABEL
from kubeferry.backup.volume_facts import ASKED, REFUSED, Claim, Mount, Volume

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
        if claim.labels.get(EXCLUDE_LABEL) == "true":
            return f"the claim has the label {EXCLUDE_LABEL}=true"
        if not claim.is_bound:
            return "the claim is not bound to a volume"
        storage_class = claim.storage_class or (volume.storage_class if volume else "")
        if self.classes and storage_class not in self.classes:
            told = f"storage class {storage_class}" if storage_class else "claim without a class"
            return f"{told} is not among pvBackup.includedStorageClasses"
        if not self.labels.matches(claim.labels):
            return "none of pvBackup.labelSelectors selects the claim"
        if self.mounted_only and mount is Mount.NONE:
            return "no pod mounts the claim"
        return ""

    def choose(self, claim: Claim, volume: Volume | None, mount: Mount) -> VolumeChoice:
        """What becomes of the claim's data; ``volume`` is None where it is gone."""
        refusal = self.refusal or self.refuses(claim, volume, mount)
        if refusal:
            return VolumeChoice(False, reason=refusal)
        policy = self.policies.decide(claim, volume)
        if policy is not None:
            reason = f"{policy.title}: {policy.action}"
            match policy.action:
                case "skip":
                    return VolumeChoice(False, reason=reason)
                case "custom":
                    return VolumeChoice(False, reason=f"{reason}, which others take")
                case "fs-backup" | "snapshot":
                    return VolumeChoice(True, policy.action, reason)
        if mount is Mount.REFUSED:
            return VolumeChoice(False, reason=f"the annotation {REFUSED} of its pods")
        if mount is Mount.ASKED:
            return VolumeChoice(True, "fs-backup", f"the annotation {ASKED} of a pod")
        return VolumeChoice(True)


class UnmetWords:
    """The storage classes and labels of a backup that none of its claims has had so far."""

    def __init__(self, selection: VolumeSelection) -> None:
        self._classes = set(selection.classes)
        self._selectors = list(selection.labels.selectors)

    def meet(self, claim: Claim, volume: Volume | None) -> None:
        """Looks at one more claim; ``volume`` is None where it is gone or not known yet."""
        if self._classes:
            self._classes.discard(claim.storage_class or (volume.storage_class if volume else ""))
        if self._selectors:
            self._selectors = [one for one in self._selectors if not one.matches(claim.labels)]

    def notes(self) -> Iterator[str]:
        """What is left, each with its field."""
        for name in sorted(self._classes):
            yield f"spec.pvBackup.includedStorageClasses: no claim has the class {name!r}"
        for selector in self._selectors:
            yield f"spec.pvBackup.labelSelectors: {str(selector)!r} selects no claim"
