"""What a backup of Velero's is made of, for the generator: its age, its objects, its volumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

STARTED, COMPLETED = "2026-01-02T03:04:05Z", "2026-01-02T03:04:09Z"
EXPIRES = "2126-01-02T03:04:05Z"
BACKUP_UID = "0f0c6d2e-7f0f-4f43-9f0a-3f8f0d1f9b11"

Method = Literal["", "NativeSnapshot", "PodVolumeBackup", "CSISnapshot", "DataMover"]
"""Who took a volume's data; empty where nobody did."""


@dataclass(frozen=True)
class Era:
    """What the Velero of a time writes (velero.md §1.2, §1.4).

    ``files`` are the gzipped files beside the archive, ``nulls`` says whether an empty list of them
    is ``null``, as a nil slice of Go's is.
    """

    server: str
    files: frozenset[str]
    format_version: str = "1.1.0"
    preferred_copies: bool = True
    nulls: bool = False


_ALWAYS = {"logs.gz", "resource-list.json.gz", "podvolumebackups.json.gz"}
_CSI = {
    "csi-volumesnapshots.json.gz",
    "csi-volumesnapshotcontents.json.gz",
    "csi-volumesnapshotclasses.json.gz",
}
NOW = Era(
    "v1.18.1",
    frozenset(
        {
            *_ALWAYS,
            "results.gz",
            "volumesnapshots.json.gz",
            "itemoperations.json.gz",
            "volumeinfo.json.gz",
        }
    ),
)
NULLS = Era(NOW.server, NOW.files, nulls=True)
"""The same where everything that is empty is a nil slice."""
BEFORE_1_13 = Era(
    "v1.12.4",
    frozenset({*_ALWAYS, *_CSI, "results.gz", "volumesnapshots.json.gz", "itemoperations.json.gz"}),
)
"""Without ``volumeinfo``: what was taken must be told from the other files."""
OLDEST = Era(
    "v1.3.2",
    frozenset({*_ALWAYS, "volumesnapshots.json.gz"}),
    format_version="",
    preferred_copies=False,
)
"""Before format 1.1.0: no copies by version."""
BARE = Era("v1.18.1", frozenset())
"""Every optional file is gone: a reader needs the metadata and the archive."""


@dataclass(frozen=True)
class Item:
    """One object: ``group_resource`` is the folder it is in; ``others`` are its other versions, as
    a Velero with EnableAPIGroupVersions adds them.
    """

    group_resource: str
    object: dict[str, Any]
    others: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Volume:
    """A claim, its volume, and who took its data; a pod's for ``PodVolumeBackup``."""

    claim: str
    volume: str
    method: Method = ""
    pod: str = ""
    reclaim_policy: str = "Delete"

    @property
    def namespace(self) -> str:
        return self.claim.partition("/")[0]

    @property
    def claim_name(self) -> str:
        return self.claim.partition("/")[2]


@dataclass(frozen=True)
class Backup:
    """A backup to write.

    ``rewritten`` are items that finalising wrote once more, at the end; ``strays`` are files of the
    tar that nobody expects.
    """

    name: str
    items: Sequence[Item]
    era: Era = NOW
    volumes: Sequence[Volume] = ()
    rewritten: Sequence[Item] = ()
    strays: Mapping[str, bytes] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
