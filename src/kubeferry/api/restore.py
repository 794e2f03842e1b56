"""``ApplicationRestore``: one run of a restore (ack-backup-center.md §1.4)."""

from typing import Annotated

from msgspec import Meta, field

from kubeferry.api.backup import TaskPhase
from kubeferry.api.definition import FROZEN_ONCE_STARTED, TASK_COLUMNS, Definition
from kubeferry.api.fields import Count, Namespace, ObjectName, Progress, Strict, Time, Tolerant
from kubeferry.api.hooks import HookCounts
from kubeferry.api.metadata import Metadata
from kubeferry.api.restore_hooks import RULES as HOOK_RULES
from kubeferry.api.restore_hooks import RestoreHooks

ImagePrefix = Annotated[str, Meta(pattern=r"^[^\s]+$", min_length=1, max_length=512)]


class ModifierReference(Strict, kw_only=True, frozen=True):
    """The ConfigMap with the rules of a resource modifier."""

    kind: Annotated[
        str, Meta(pattern="(?i)^configmap$", description="ConfigMap; nothing else is read.")
    ]
    name: Annotated[
        ObjectName,
        Meta(
            description="Name of the ConfigMap, in the namespace of the restore; by convention "
            "<backup>-resource-modifier."
        ),
    ]
    api_group: Annotated[
        str, Meta(max_length=0, description="The core group: empty, as ConfigMaps are in it.")
    ] = ""


class RestoreSpec(Strict, kw_only=True, frozen=True):
    """Which backup to restore, and what to change on the way."""

    backup_name: Annotated[ObjectName, Meta(description="Name of the backup to restore.")]
    namespace_mapping: Annotated[
        dict[str, Namespace],
        Meta(
            max_length=5000,
            description="Source namespace to target namespace; others keep their names.",
        ),
    ] = field(default_factory=dict)
    image_registry_mapping: Annotated[
        dict[str, ImagePrefix],
        Meta(
            max_length=1000,
            description="Prefix of an image's name to the prefix that replaces it; the longest "
            "that ends where a part of the path ends is taken. Images are not copied.",
        ),
    ] = field(default_factory=dict)
    resource_modifier: Annotated[
        ModifierReference | None, Meta(description=ModifierReference.__doc__)
    ] = None
    hooks: Annotated[RestoreHooks | None, Meta(description=RestoreHooks.__doc__)] = None


class ItemCounts(Tolerant, kw_only=True, frozen=True):
    """How many objects met which end."""

    created: Annotated[Count, Meta(description="Created.")] = 0
    skipped: Annotated[Count, Meta(description="Left as they were, each with a reason.")] = 0
    refused: Annotated[Count, Meta(description="Not created: a rule must not do that.")] = 0
    failed: Annotated[Count, Meta(description="Not created: the API server refused.")] = 0


class RestoreStatus(Tolerant, kw_only=True, frozen=True):
    """How the restore goes, or how it ended."""

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
    progress: Annotated[Progress | None, Meta(description="How far it is.")] = None
    warnings: Annotated[Count, Meta(description="Warnings so far.")] = 0
    errors: Annotated[Count, Meta(description="Errors so far.")] = 0
    counts: Annotated[ItemCounts | None, Meta(description=ItemCounts.__doc__)] = None
    hooks: Annotated[HookCounts | None, Meta(description=HookCounts.__doc__)] = None
    resource_modifier_digest: Annotated[
        str, Meta(description="SHA-256 of the resource modifier as it was read.")
    ] = ""
    images: Annotated[
        list[str], Meta(description="Images, by their new names, that must exist.")
    ] = field(default_factory=list)


class ApplicationRestore(Tolerant, kw_only=True, frozen=True):
    """One run of a restore: a backup into this cluster, adapted on the way."""

    metadata: Metadata
    spec: RestoreSpec
    status: RestoreStatus = RestoreStatus()


DEFINITION = Definition(
    type=ApplicationRestore,
    plural="applicationrestores",
    columns=TASK_COLUMNS,
    rules={"": (FROZEN_ONCE_STARTED,), **HOOK_RULES},
)
