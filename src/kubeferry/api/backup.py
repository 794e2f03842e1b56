"""``ApplicationBackup``: one run of a backup (ack-backup-center.md §1.2)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry.api.definition import FROZEN_ONCE_STARTED, TASK_COLUMNS, Definition, Rule
from kubeferry.api.fields import (
    Count,
    Duration,
    KindWord,
    NamespacePattern,
    NamespacePatternOrAll,
    ObjectName,
    Progress,
    Strict,
    Time,
    Tolerant,
)
from kubeferry.api.hooks import BackupHooks, HookCounts, PendingHook
from kubeferry.api.labels import MOST_SELECTORS, Labels, OneSelector, SeveralSelectors
from kubeferry.api.metadata import Metadata

TaskPhase = Literal["InProgress", "Completed", "PartiallyFailed", "Failed"]
RESTORABLE_PHASES = frozenset({"Completed", "PartiallyFailed"})
"""The phases in which there is something to restore."""
TERMINAL_PHASES = frozenset({"Completed", "PartiallyFailed", "Failed"})


WOULD_END = "a dry run: the backup would end "
"""Begins the message of a dry run; the phase follows."""
MOST_WORDS = 1000
"""Of a list of kinds, so that a rule about it stays cheap."""
MOST_KINDS = 500
"""Kinds that a preview in a status names."""
MOST_RELATED = 100
"""Related objects that a preview in a status names; a command shows all."""


class VolumeBackup(Strict, kw_only=True, frozen=True):
    """Whose data is asked for; in a PvBackup also which claims are taken at all."""

    default_pv_backup: Annotated[
        bool, Meta(description="false: claims and volumes are taken without their data.")
    ] = True
    included_storage_classes: Annotated[
        list[ObjectName],
        Meta(max_length=MOST_WORDS, description="Only claims of these classes; empty means all."),
    ] = field(default_factory=list)
    label_selectors: Annotated[
        list[Labels],
        Meta(
            max_length=MOST_SELECTORS,
            description="Only claims that one of these selects; empty means all.",
        ),
    ] = field(default_factory=list)
    mounted_only: Annotated[
        bool | None,
        Meta(
            description="Only claims that a pod mounts. Unset: true, but false in a PvBackup.",
        ),
    ] = None


class PolicyReference(Strict, kw_only=True, frozen=True):
    """The ConfigMap with the resource policies."""

    kind: Annotated[
        str, Meta(pattern="(?i)^configmap$", description="ConfigMap; nothing else is read.")
    ]
    name: Annotated[
        ObjectName, Meta(description="Name of the ConfigMap, in the namespace of the backup.")
    ]
    api_group: Annotated[
        str, Meta(max_length=0, description="The core group: empty, as ConfigMaps are in it.")
    ] = ""


Kinds = Annotated[list[KindWord], Meta(max_length=MOST_WORDS)]


class BackupSpec(Strict, kw_only=True, frozen=True):
    """What to back up, and where to."""

    storage_location: Annotated[ObjectName, Meta(description="Name of the vault.")]
    backup_type: Annotated[
        Literal["AppBackup", "AppAndPvBackup", "PvBackup"],
        Meta(
            description="AppBackup: objects only; AppAndPvBackup: objects and volume data; "
            "PvBackup: claims, their volumes and the data, nothing else."
        ),
    ] = "AppAndPvBackup"
    included_namespaces: Annotated[
        list[NamespacePatternOrAll],
        Meta(
            max_length=5000,
            description="Namespaces to back up, or patterns such as shop-*; empty or * means all "
            "but the reserved ones.",
        ),
    ] = field(default_factory=list)
    excluded_namespaces: Annotated[
        list[NamespacePattern],
        Meta(max_length=5000, description="Namespaces, or patterns, left out of those."),
    ] = field(default_factory=list)
    included_resources: Annotated[
        Kinds,
        Meta(description="Kinds to back up, or patterns such as *.apps; empty or * means all."),
    ] = field(default_factory=list)
    excluded_resources: Annotated[
        Kinds, Meta(description="Kinds left out, by relation too; they win.")
    ] = field(default_factory=list)
    include_cluster_resources: Annotated[
        bool | None,
        Meta(
            description="Cluster-scoped objects. true: all of them; false: none; unset: those that "
            "selected objects need."
        ),
    ] = None
    included_cluster_scoped_resources: Annotated[
        Kinds,
        Meta(
            description="Cluster-scoped kinds of which all objects are taken; * means all kinds. "
            "Of others come those that selected objects need."
        ),
    ] = field(default_factory=list)
    excluded_cluster_scoped_resources: Annotated[
        Kinds,
        Meta(description="Cluster-scoped kinds left out, by relation too; * means all; they win."),
    ] = field(default_factory=list)
    included_namespace_scoped_resources: Annotated[
        Kinds, Meta(description="Namespaced kinds to back up; empty or * means all.")
    ] = field(default_factory=list)
    excluded_namespace_scoped_resources: Annotated[
        Kinds,
        Meta(description="Namespaced kinds left out, by relation too; * means all; they win."),
    ] = field(default_factory=list)
    label_selector: OneSelector = None
    or_label_selectors: SeveralSelectors = field(default_factory=list)
    generated_objects: Annotated[
        Literal["Skip", "Include"],
        Meta(
            description="Include: also what others make, for themselves or anew where it is "
            "restored."
        ),
    ] = "Skip"
    all_versions: Annotated[
        bool,
        Meta(description="Whether an object is archived in every version that its group serves."),
    ] = True
    pv_backup: Annotated[VolumeBackup, Meta(description=VolumeBackup.__doc__)] = VolumeBackup()
    resource_policy: Annotated[
        PolicyReference | None, Meta(description=PolicyReference.__doc__)
    ] = None
    ttl: Annotated[
        Duration, Meta(description="How long the backup is kept; afterwards it cannot be restored.")
    ] = "720h0m0s"
    hooks: Annotated[BackupHooks | None, Meta(description=BackupHooks.__doc__)] = None
    dry_run: Annotated[
        bool,
        Meta(description="Whether the task only tells in status.preview what would be taken."),
    ] = False

    @property
    def wants_volume_data(self) -> bool:
        """Whether the data of volumes is asked for."""
        return self.backup_type != "AppBackup" and self.pv_backup.default_pv_backup


class PreviewKind(Tolerant, kw_only=True, omit_defaults=False, frozen=True):
    """How much of one kind would be in a backup."""

    kind: Annotated[str, Meta(description="The kind, such as deployments.apps.")]
    objects: Annotated[Count, Meta(description="How many objects.")] = 0
    bytes: Annotated[Count, Meta(description="Bytes of their JSON.")] = 0


class PreviewRelated(Tolerant, kw_only=True, frozen=True):
    """An object that would come in because another one needs it."""

    object: Annotated[str, Meta(description="The object, such as persistentvolumes pv-1.")]
    because: Annotated[str, Meta(description="Which object needs it.")]


class Preview(Tolerant, kw_only=True, omit_defaults=False, frozen=True):
    """What would be in the backup: the answer to a dry run."""

    objects: Annotated[Count, Meta(description="How many objects.")] = 0
    bytes: Annotated[Count, Meta(description="Bytes of their JSON.")] = 0
    other_versions_bytes: Annotated[
        Count, Meta(description="Bytes of their JSON in versions beside the preferred one.")
    ] = 0
    kinds: Annotated[
        list[PreviewKind],
        Meta(
            max_length=MOST_KINDS,
            description=f"The same by kind, the most objects first; {MOST_KINDS} at most.",
        ),
    ] = field(default_factory=list)
    related: Annotated[
        list[PreviewRelated],
        Meta(
            max_length=MOST_RELATED,
            description=f"Which objects come in because of another; {MOST_RELATED} at most.",
        ),
    ] = field(default_factory=list)


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
    preview: Annotated[Preview | None, Meta(description=Preview.__doc__)] = None
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


def _are_given(*names: str) -> str:
    """The rule that one of some lists has an item."""
    return " || ".join(f"(has(self.{name}) && size(self.{name}) > 0)" for name in names)


_OLD = (
    f"has(self.includeClusterResources) || {_are_given('includedResources', 'excludedResources')}"
)
_SCOPED = _are_given(
    "includedClusterScopedResources",
    "excludedClusterScopedResources",
    "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources",
)

_SELECTS_DATA = " || ".join(
    (
        "has(self.pvBackup.mountedOnly)",
        _are_given("pvBackup.includedStorageClasses", "pvBackup.labelSelectors"),
    )
)

DEFINITION = Definition(
    type=ApplicationBackup,
    plural="applicationbackups",
    columns=TASK_COLUMNS,
    rules={
        "": (FROZEN_ONCE_STARTED,),
        "spec": (
            Rule(
                f"!(has(self.labelSelector) && {_are_given('orLabelSelectors')})",
                "labelSelector and orLabelSelectors exclude each other",
            ),
            Rule(
                f"!(({_OLD}) && ({_SCOPED}))",
                "includedResources, excludedResources and includeClusterResources do not go "
                "together with the lists of cluster-scoped and namespace-scoped resources",
            ),
            Rule(
                f"self.backupType != 'PvBackup' || !({_OLD} || {_SCOPED})",
                "a PvBackup takes claims and what they need: it has no lists of resources",
            ),
            Rule(
                "self.backupType == 'PvBackup' || "
                "(self.backupType == 'AppAndPvBackup' && self.pvBackup.defaultPvBackup) || "
                f"!({_SELECTS_DATA})",
                "pvBackup selects whose data is taken, and this backup takes none",
            ),
        ),
    },
)
