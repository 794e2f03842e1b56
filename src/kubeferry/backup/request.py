"""What a backup is asked for, and what came of it: plain facts, apart from any custom resource."""

from dataclasses import dataclass, field
from typing import Any

from kubeferry.backup.hooks import Command
from kubeferry.backup.selection import Selection
from kubeferry.report import Problem, ReasonCount
from kubeferry.vault.metadata import SourceCluster


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """One backup.

    Attributes:
        name: unique in the vault; names the folder.
        uid: of the task, so that a resumed one is recognised as the same.
        location: the vault's name.
        selection: what is taken.
        all_versions: whether an object is archived in every version that its group serves.
        asked: what was asked for, in the fields that Velero's Backup has for it.
        ttl: seconds after which the backup has expired.
        labels: of the backup's own document in the vault.
        cluster: the source cluster.
        hooks: of the backup's spec; pods have their own in annotations.
        earlier: what went wrong before this process took the task over.
    """

    name: str
    uid: str
    location: str
    selection: Selection = field(default_factory=Selection)
    all_versions: bool = True
    asked: dict[str, Any] = field(default_factory=dict)
    ttl: float = 30 * 24 * 3600.0
    labels: dict[str, str] = field(default_factory=dict)
    cluster: SourceCluster = field(default_factory=SourceCluster)
    hooks: tuple[Command, ...] = ()
    earlier: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupResult:
    """What came of it. ``phase`` is ``Completed`` or ``PartiallyFailed``; times are RFC 3339.

    ``hooks_attempted`` are the hooks that were run, ``hooks_failed`` those that did not end well;
    ``reasons`` say what problems there were.
    """

    phase: str
    items: int
    size: int
    warnings: int
    errors: int
    started: str
    completed: str
    expiration: str
    hooks_attempted: int
    hooks_failed: int
    first_problem: Problem | None
    reasons: tuple[ReasonCount, ...] = ()
