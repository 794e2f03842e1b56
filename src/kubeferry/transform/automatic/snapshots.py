"""Snapshots of volumes: those that the source's storage took stay there (velero.md §3.7).

No data is restored from them: a claim whose data was taken so gets a new volume and an error. One
created again would be another snapshot, of that empty volume, under the old one's name. Contents
that name a snapshot's handle a person wrote; they are restored, as is the snapshot for which they
are.
"""

from kubeferry.kube.objects import Object, at
from kubeferry.transform.change import Note
from kubeferry.transform.facts import Facts

_REASON = "SnapshotOfSource"


def taken(facts: Facts, obj: Object) -> Note | None:
    """A snapshot of a claim that was taken."""
    claim = at(obj, ("spec", "source", "persistentVolumeClaimName"))
    if not claim or not at(obj, ("status", "boundVolumeSnapshotContentName")):
        return None
    return Note(_REASON, f"created again it would be one of the restored claim {claim}")


def taken_content(facts: Facts, obj: Object) -> Note | None:
    """What the source's storage made for a snapshot: it names a volume there."""
    if at(obj, ("spec", "source", "volumeHandle")) is None:
        return None
    return Note(_REASON, "it was made for a snapshot of a volume of the source's storage")
