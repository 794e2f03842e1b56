"""``ApplicationRestore``: one run of a restore (ack-backup-center.md §1.4)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry.api.backup import Kinds, TaskPhase
from kubeferry.api.definition import FROZEN_ONCE_STARTED, TASK_COLUMNS, Definition, Rule
from kubeferry.api.fields import (
    Count,
    Duration,
    Namespace,
    NamespacePattern,
    NamespacePatternOrAll,
    ObjectName,
    Progress,
    Strict,
    Time,
    Tolerant,
)
from kubeferry.api.hooks import HookCounts
from kubeferry.api.labels import OneSelector, SeveralSelectors
from kubeferry.api.metadata import Metadata
from kubeferry.api.restore_hooks import RULES as HOOK_RULES
from kubeferry.api.restore_hooks import RestoreHooks

AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
Annotations = Annotated[dict[str, str | None], Meta(max_length=100)]
Capacity = Annotated[
    str, Meta(pattern=r"^([0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?)?$", max_length=32)
]
"""A quantity of bytes such as ``20Gi``, or empty."""
Provider = Literal["alibaba", "aws", "azure", "gcp", "on-prem", "openshift"]
"""Whose clusters' own annotations, labels, drivers and so on are known."""
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


class References(Strict, kw_only=True, frozen=True):
    """Which references to namespaces follow the namespace mapping: all, unless one is false."""

    subjects: Annotated[
        bool, Meta(description="Accounts that role bindings and flow schemas name.")
    ] = True
    volume_claims: Annotated[
        bool, Meta(description="The claim of a volume, the snapshot of a snapshot's content.")
    ] = True
    volume_secrets: Annotated[
        bool, Meta(description="Secrets that volumes and storage classes name.")
    ] = True
    data_sources: Annotated[
        bool, Meta(description="What a claim is filled from: dataSourceRef.")
    ] = True
    webhooks: Annotated[
        bool, Meta(description="Services and namespace selectors of admission webhooks.")
    ] = True
    api_services: Annotated[bool, Meta(description="The Service behind an APIService.")] = True
    conversion_webhooks: Annotated[
        bool, Meta(description="The Service that converts a custom resource.")
    ] = True
    admission_policies: Annotated[
        bool, Meta(description="Namespaces of admission policies and their bindings.")
    ] = True
    network_policies: Annotated[
        bool, Meta(description="Namespaces that a NetworkPolicy selects by name.")
    ] = True
    affinity: Annotated[
        bool, Meta(description="Namespaces of affinity and anti-affinity between pods.")
    ] = True
    endpoints: Annotated[
        bool, Meta(description="Pods behind Endpoints and EndpointSlices made by hand.")
    ] = True
    ingress_classes: Annotated[bool, Meta(description="Parameters of an IngressClass.")] = True
    gateways: Annotated[
        bool, Meta(description="Gateways, certificates and Services that routes name.")
    ] = True
    reference_grants: Annotated[
        bool, Meta(description="From where a ReferenceGrant lets references come.")
    ] = True
    service_monitors: Annotated[
        bool, Meta(description="Namespaces that ServiceMonitors, PodMonitors and Probes watch.")
    ] = True


class ConvertedClaim(Strict, kw_only=True, frozen=True):
    """One claim that gets another storage class, access modes or capacity."""

    namespace: Annotated[Namespace, Meta(description="Source namespace of the claim.")]
    persistent_volume_claim: Annotated[ObjectName, Meta(description="Name of the claim.")]
    convert_to_storage_class_type: Annotated[
        str, Meta(max_length=253, description="Its storage class; empty: as it is.")
    ] = ""
    convert_to_access_modes: Annotated[
        list[AccessMode], Meta(max_length=4, description="Its access modes; empty: as they are.")
    ] = field(default_factory=list)
    convert_to_capacity: Annotated[
        Capacity, Meta(description="The size it asks for, such as 20Gi; empty: as it is.")
    ] = ""


class StatusKinds(Strict, kw_only=True, frozen=True):
    """Kinds whose objects get their status from the backup, once they were created."""

    included_resources: Annotated[
        Kinds, Meta(description="These kinds, or patterns such as *.example.com; * means all.")
    ] = field(default_factory=list)
    excluded_resources: Annotated[Kinds, Meta(description="Left out of those.")] = field(
        default_factory=list
    )


Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
"""In hexadecimal."""


class PlanDigest(Strict, kw_only=True, frozen=True):
    """The plan that was reviewed: a restore that would do anything else is refused before anything
    is written. ``restore plan --out`` writes it.
    """

    archive: Annotated[Sha256, Meta(description="Of the backup's archive.")]
    rules: Annotated[
        Sha256, Meta(description="Of all that decides what is changed: this spec, the modifier.")
    ]
    target: Annotated[
        Sha256, Meta(description="Of the API that the target serves, as far as it matters.")
    ]
    items: Annotated[
        dict[str, Annotated[str, Meta(pattern="^[0-9]+:[0-9a-f]{64}$", max_length=96)]],
        Meta(
            max_length=2000,
            description="Kind to how many objects of it there are and the SHA-256 of their actions "
            "and changes.",
        ),
    ]


class RestoreSpec(Strict, kw_only=True, frozen=True):
    """Which backup to restore, and what to change on the way."""

    backup_name: Annotated[ObjectName, Meta(description="Name of the backup to restore.")]
    included_namespaces: Annotated[
        list[NamespacePatternOrAll],
        Meta(
            max_length=5000,
            description="Source namespaces to restore, or patterns such as shop-*; empty or * "
            "means all of the backup.",
        ),
    ] = field(default_factory=list)
    excluded_namespaces: Annotated[
        list[NamespacePattern],
        Meta(max_length=5000, description="Source namespaces, or patterns, left out of those."),
    ] = field(default_factory=list)
    included_resources: Annotated[
        Kinds,
        Meta(description="Kinds to restore, or patterns such as *.apps; empty or * means all."),
    ] = field(default_factory=list)
    excluded_resources: Annotated[
        Kinds, Meta(description="Kinds left out, by relation too; they win.")
    ] = field(default_factory=list)
    include_cluster_resources: Annotated[
        bool | None,
        Meta(
            description="Cluster-scoped objects. true: all of the backup; false: none; unset: all, "
            "or where something is selected those that selected objects need."
        ),
    ] = None
    label_selector: OneSelector = None
    or_label_selectors: SeveralSelectors = field(default_factory=list)
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
    image_paths: Annotated[
        dict[str, list[Annotated[str, Meta(pattern="^/", max_length=512)]]],
        Meta(
            max_length=100,
            description="Where custom resources name images: group resource, such as "
            "prometheuses.monitoring.coreos.com, to paths, such as /spec/containers/*/image.",
        ),
    ] = field(default_factory=dict)
    references: Annotated[References | None, Meta(description=References.__doc__)] = None
    rewrite_service_names: Annotated[
        bool,
        Meta(
            description="Whether DNS names of Services in containers' commands, arguments and "
            "environment, in ConfigMaps and in Services follow the namespace mapping."
        ),
    ] = False
    storage_class_mapping: Annotated[
        dict[str, ObjectName],
        Meta(
            max_length=1000,
            description="Storage class to storage class; the new one must be in the target or in "
            "the backup.",
        ),
    ] = field(default_factory=dict)
    convertedarg: Annotated[
        list[ConvertedClaim], Meta(max_length=1000, description=ConvertedClaim.__doc__)
    ] = field(default_factory=list)
    overwrite_service_annotations: Annotated[
        Annotations,
        Meta(
            description="Annotations that every Service gets; null takes one out, and so does an "
            "empty KEY-, which kubectl apply does not lose."
        ),
    ] = field(default_factory=dict)
    overwrite_ingress_annotations: Annotated[
        Annotations,
        Meta(
            description="Annotations that every Ingress gets; null or an empty KEY- takes one "
            "out. Parts of an ingress controller's configuration are refused."
        ),
    ] = field(default_factory=dict)
    preserve_node_ports: Annotated[
        bool | None,
        Meta(
            description="Node ports of Services. true: all are kept, the health check's too; "
            "false: all are drawn anew; unset: kept, but the health check's."
        ),
    ] = None
    source_provider: Annotated[
        Provider | None,
        Meta(description="Provider that the backup's cluster is of; unset: what its objects tell."),
    ] = None
    target_provider: Annotated[
        Provider | None,
        Meta(description="Provider that this cluster is of; unset: what its nodes tell."),
    ] = None
    automatic: Annotated[
        dict[str, bool],
        Meta(
            max_length=100,
            description="Automatic rules by name, such as service-listeners: false switches one "
            "off; all others are on.",
        ),
    ] = field(default_factory=dict)
    existing_resource_policy: Annotated[
        Literal["none", "update", "recreate"],
        Meta(
            description="What is done with objects that are there already and differ. none: they "
            "are left as they are; update: they become as the restore would make them, what "
            "others wrote stays; recreate: those that no update can change so are deleted and "
            "created anew, where that is safe."
        ),
    ] = "none"
    restore_status: Annotated[StatusKinds | None, Meta(description=StatusKinds.__doc__)] = None
    app_restore_only: Annotated[
        bool,
        Meta(description="Objects only: that claims stay empty is no error then."),
    ] = False
    privileged_resources: Annotated[
        Literal["Restore", "Skip"],
        Meta(
            description="Skip: what gives rights over the cluster is left out: RBAC, webhooks, "
            "definitions, API services, admission policies, priority classes, and pods beyond "
            "the baseline Pod Security Standard."
        ),
    ] = "Restore"
    owner_references: Annotated[
        Literal["Restore", "Drop"],
        Meta(
            description="Restore: what is owned by an object that is restored too belongs to it "
            "again, by its new uid; but for what Kubernetes' workloads adopt themselves. Drop: "
            "nothing is owned."
        ),
    ] = "Restore"
    resource_modifier: Annotated[
        ModifierReference | None, Meta(description=ModifierReference.__doc__)
    ] = None
    hooks: Annotated[RestoreHooks | None, Meta(description=RestoreHooks.__doc__)] = None
    dry_run: Annotated[
        bool,
        Meta(
            description="Only plan: the task ends Completed with its plan in the vault, as restore "
            "describe --changes shows it, and nothing is restored."
        ),
    ] = False
    retry_of: Annotated[
        ObjectName | None,
        Meta(
            description="The restore of which this one does again only what it left undone; all "
            "else of the spec must be the same."
        ),
    ] = None
    plan_digest: Annotated[PlanDigest | None, Meta(description=PlanDigest.__doc__)] = None
    wait_for_ready: Annotated[
        Duration | None,
        Meta(
            description="How long the restore waits until the workloads and pods that it wrote are "
            "ready; what is not then is an error. Unset: it does not wait."
        ),
    ] = None


class ItemCounts(Tolerant, kw_only=True, frozen=True):
    """How many objects met which end."""

    created: Annotated[Count, Meta(description="Created.")] = 0
    updated: Annotated[Count, Meta(description="There before, and changed.")] = 0
    recreated: Annotated[Count, Meta(description="There before, and made anew.")] = 0
    skipped: Annotated[Count, Meta(description="Left as they were, each with a reason.")] = 0
    refused: Annotated[Count, Meta(description="Not written: a rule must not do that.")] = 0
    failed: Annotated[Count, Meta(description="Not written: the API server refused.")] = 0


class ReasonCount(Tolerant, kw_only=True, frozen=True):
    """How often a reason was given, for what became of an object or for a problem."""

    outcome: Annotated[
        Literal["failed", "refused", "error", "warning", "skipped", "note"],
        Meta(description="What became of the objects, or how bad the problems are."),
    ]
    reason: Annotated[str, Meta(description="The reason code: docs/errors.md.")]
    count: Annotated[Count, Meta(description="How many.")]


class GrantCount(Tolerant, kw_only=True, frozen=True):
    """How much of one sort the restore granted."""

    what: Annotated[str, Meta(description="binding, role, webhook, privilegedPod and so on.")]
    count: Annotated[Count, Meta(description="How many.")]
    first: Annotated[
        list[str], Meta(description="The first of them; the journal in the vault has all.")
    ] = field(default_factory=list)


class RuleResult(Tolerant, kw_only=True, frozen=True):
    """What came of one modifier rule."""

    title: Annotated[str, Meta(description="The rule: its number, its name, its groupResource.")]
    objects: Annotated[Count, Meta(description="Objects that met its conditions.")]
    operations: Annotated[Count, Meta(description="Operations that were applied.")] = 0
    failed: Annotated[Count, Meta(description="Objects for which it failed.")] = 0
    skipped: Annotated[Count, Meta(description="Objects for which a test of it did not hold.")] = 0


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
    reasons: Annotated[
        list[ReasonCount],
        Meta(
            description="Why objects were not written, and what problems there were: the most "
            "frequent reasons, with their counts."
        ),
    ] = field(default_factory=list)
    grants: Annotated[
        list[GrantCount],
        Meta(
            description="What the restore granted: rights, webhooks, pods beyond the baseline Pod "
            "Security Standard."
        ),
    ] = field(default_factory=list)
    rollouts: Annotated[
        list[str], Meta(description="The first workloads whose pods will be replaced, and why.")
    ] = field(default_factory=list)
    hooks: Annotated[HookCounts | None, Meta(description=HookCounts.__doc__)] = None
    rules: Annotated[
        list[RuleResult],
        Meta(
            description="What came of the modifier's rules; of more than 100 those that failed or "
            "that no object met come first."
        ),
    ] = field(default_factory=list)
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
    rules={
        "": (FROZEN_ONCE_STARTED,),
        "spec": (
            Rule(
                "!(has(self.labelSelector) && has(self.orLabelSelectors) && "
                "size(self.orLabelSelectors) > 0)",
                "labelSelector and orLabelSelectors exclude each other",
            ),
        ),
        "spec.convertedarg[]": (
            Rule(
                "(has(self.convertToStorageClassType) && size(self.convertToStorageClassType) > 0)"
                " || (has(self.convertToAccessModes) && size(self.convertToAccessModes) > 0)"
                " || (has(self.convertToCapacity) && size(self.convertToCapacity) > 0)",
                "a conversion needs convertToStorageClassType, convertToAccessModes or "
                "convertToCapacity",
            ),
        ),
        **HOOK_RULES,
    },
)
