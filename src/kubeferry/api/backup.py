"""``ApplicationBackup``: one run of a backup (ack-backup-center.md §1.2)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry.api.definition import FROZEN_ONCE_STARTED, TASK_COLUMNS, Definition
from kubeferry.api.fields import (
    Count,
    Duration,
    Namespace,
    NamespaceOrAll,
    ObjectName,
    Progress,
    Strict,
    Time,
    Tolerant,
)
from kubeferry.api.hooks import BackupHooks, HookCounts, PendingHook
from kubeferry.api.metadata import Metadata

TaskPhase = Literal["InProgress", "Completed", "PartiallyFailed", "Failed"]
RESTORABLE_PHASES = frozenset({"Completed", "PartiallyFailed"})
"""The phases in which there is something to restore."""
TERMINAL_PHASES = frozenset({"Completed", "PartiallyFailed", "Failed"})


class VolumeBackup(Strict, kw_only=True, frozen=True):
    """What is done about the data of volumes."""

    default_pv_backup: Annotated[
        bool, Meta(description="Whether the data of mounted volumes is asked for.")
    ] = True


class BackupSpec(Strict, kw_only=True, frozen=True):
    """What to back up, and where to."""

    storage_location: Annotated[ObjectName, Meta(description="Name of the vault.")]
    backup_type: Annotated[
        Literal["AppBackup", "AppAndPvBackup"],
        Meta(description="AppBackup: objects only; AppAndPvBackup: objects and volume data."),
    ] = "AppAndPvBackup"
    included_namespaces: Annotated[
        list[NamespaceOrAll],
        Meta(
            max_length=5000,
            description="Namespaces to back up; empty or * means all but the reserved ones.",
        ),
    ] = field(default_factory=list)
    excluded_namespaces: Annotated[
        list[Namespace], Meta(max_length=5000, description="Namespaces left out of those.")
    ] = field(default_factory=list)
    pv_backup: Annotated[VolumeBackup, Meta(description=VolumeBackup.__doc__)] = VolumeBackup()
    ttl: Annotated[
        Duration, Meta(description="How long the backup is kept; afterwards it cannot be restored.")
    ] = "720h0m0s"
    hooks: Annotated[BackupHooks | None, Meta(description=BackupHooks.__doc__)] = None

    @property
    def wants_volume_data(self) -> bool:
        """Whether the data of mounted volumes is asked for."""
        return self.backup_type == "AppAndPvBackup" and self.pv_backup.default_pv_backup


class BackupStatus(Tolerant, kw_only=True, frozen=True):
    """How the backup goes, or how it ended."""

    phase: Annotated[
        TaskPhase | None,
        Meta(description="InProgress, Completed, PartiallyFailed or Failed; unset: not started."),
    ] = None
    message: Annotated[str, Meta(description="Why it ended as it did, in a sentence.")] = ""
    attempts: Annotated[
        Count,
        Meta(
            description="How many controllers began it; one that stopped in order does not count."
        ),
    ] = 0
    start_timestamp: Annotated[Time | None, Meta(description="When it started.")] = None
    completion_timestamp: Annotated[Time | None, Meta(description="When it ended.")] = None
    expiration: Annotated[Time | None, Meta(description="From when on it cannot be restored.")] = (
        None
    )
    progress: Annotated[Progress | None, Meta(description="How far it is.")] = None
    warnings: Annotated[Count, Meta(description="Warnings so far.")] = 0
    errors: Annotated[Count, Meta(description="Errors so far.")] = 0
    bytes: Annotated[Count, Meta(description="Size of the archive, compressed.")] = 0
    source_cluster: Annotated[str, Meta(description="The cluster it was taken from.")] = ""
    hooks: Annotated[HookCounts | None, Meta(description=HookCounts.__doc__)] = None
    pending_hooks: Annotated[
        list[PendingHook],
        Meta(
            description="Post hooks that are still to be run; a controller that finds some runs "
            "them before anything else, and keeps the task until then by a finalizer."
        ),
    ] = field(default_factory=list)


class ApplicationBackup(Tolerant, kw_only=True, frozen=True):
    """One run of a backup: the applications of some namespaces into a vault."""

    metadata: Metadata
    spec: BackupSpec
    status: BackupStatus = BackupStatus()


DEFINITION = Definition(
    type=ApplicationBackup,
    plural="applicationbackups",
    columns=TASK_COLUMNS,
    rules={"": (FROZEN_ONCE_STARTED,)},
)
