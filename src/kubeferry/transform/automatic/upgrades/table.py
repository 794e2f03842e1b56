"""The conversions between API versions, and the kinds that are gone (ack-backup-center.md §2.1).

Versions are those that clusters from Kubernetes 1.16 on served, and what they kept of older ones.
A target is taken from the target's discovery: the first of an entry's ``targets`` that is served.
"""

from collections.abc import Mapping
from functools import cache

from kubeferry.transform.automatic.upgrades import (
    autoscalers,
    bindings,
    budgets,
    definitions,
    devices,
    endpoint_slices,
    flowcontrol,
    ingresses,
    runtime_classes,
    webhooks,
)
from kubeferry.transform.automatic.upgrades.conversion import (
    Conversion,
    Removed,
    ServedKind,
    Upgrade,
    choose,
    group_resource_of,
)
from kubeferry.transform.automatic.upgrades.workloads import (
    ON_DELETE,
    TWO_REVISIONS,
    rolling_deployment,
    workload,
)
from kubeferry.transform.change import Note

_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_DEVICES = "resource.k8s.io"
_OLD_APPS = ("apps/v1beta1", "apps/v1beta2")


def _same(group: str, kind: str, plural: str, *sources: str) -> Conversion:
    """Older versions of a group's ``v1`` that differ from it in nothing."""
    return Conversion(kind, plural, tuple(f"{group}/{one}" for one in sources), (f"{group}/v1",))


CONVERSIONS: tuple[Conversion, ...] = (
    Conversion(
        "Ingress",
        "ingresses",
        ("extensions/v1beta1", "networking.k8s.io/v1beta1"),
        ("networking.k8s.io/v1",),
        ingresses.ingress,
    ),
    Conversion("Ingress", "ingresses", ("extensions/v1beta1",), ("networking.k8s.io/v1beta1",)),
    _same("networking.k8s.io", "IngressClass", "ingressclasses", "v1beta1"),
    _same("networking.k8s.io", "ServiceCIDR", "servicecidrs", "v1beta1"),
    Conversion(
        "NetworkPolicy", "networkpolicies", ("extensions/v1beta1",), ("networking.k8s.io/v1",)
    ),
    Conversion(
        "Deployment", "deployments", ("extensions/v1beta1",), ("apps/v1",), rolling_deployment
    ),
    Conversion(
        "Deployment",
        "deployments",
        ("apps/v1beta1",),
        ("apps/v1",),
        workload(TWO_REVISIONS, gone=("rollbackTo",)),
    ),
    Conversion("Deployment", "deployments", ("apps/v1beta2",), ("apps/v1",)),
    Conversion(
        "DaemonSet",
        "daemonsets",
        ("extensions/v1beta1",),
        ("apps/v1",),
        workload(ON_DELETE, gone=("templateGeneration",)),
    ),
    Conversion("DaemonSet", "daemonsets", ("apps/v1beta2",), ("apps/v1",)),
    Conversion("ReplicaSet", "replicasets", ("extensions/v1beta1",), ("apps/v1",), workload()),
    Conversion("ReplicaSet", "replicasets", ("apps/v1beta2",), ("apps/v1",)),
    Conversion("StatefulSet", "statefulsets", ("apps/v1beta1",), ("apps/v1",), workload(ON_DELETE)),
    Conversion("StatefulSet", "statefulsets", ("apps/v1beta2",), ("apps/v1",)),
    Conversion("ControllerRevision", "controllerrevisions", _OLD_APPS, ("apps/v1",)),
    _same("batch", "CronJob", "cronjobs", "v1beta1", "v2alpha1"),
    Conversion(
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        ("autoscaling/v2beta1",),
        ("autoscaling/v2", "autoscaling/v2beta2"),
        autoscalers.v2beta1,
    ),
    Conversion(
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        ("autoscaling/v2beta2",),
        ("autoscaling/v2",),
    ),
    Conversion(
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        ("policy/v1beta1",),
        ("policy/v1",),
        budgets.budget,
    ),
    Conversion(
        "CustomResourceDefinition",
        "customresourcedefinitions",
        ("apiextensions.k8s.io/v1beta1",),
        ("apiextensions.k8s.io/v1",),
        definitions.definition,
    ),
    _same("apiregistration.k8s.io", "APIService", "apiservices", "v1beta1"),
    Conversion(
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        (f"{_ADMISSION}/v1beta1",),
        (f"{_ADMISSION}/v1",),
        webhooks.webhooks,
    ),
    Conversion(
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        (f"{_ADMISSION}/v1beta1",),
        (f"{_ADMISSION}/v1",),
        webhooks.webhooks,
    ),
    *(
        _same(_ADMISSION, kind, plural, "v1beta1", "v1alpha1")
        for kind, plural in (
            ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
            ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
            ("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
            ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
        )
    ),
    *(
        _same("rbac.authorization.k8s.io", kind, plural, "v1beta1", "v1alpha1")
        for kind, plural in (("Role", "roles"), ("ClusterRole", "clusterroles"))
    ),
    *(
        conversion
        for kind, plural in (
            ("RoleBinding", "rolebindings"),
            ("ClusterRoleBinding", "clusterrolebindings"),
        )
        for conversion in (
            _same("rbac.authorization.k8s.io", kind, plural, "v1beta1"),
            Conversion(
                kind,
                plural,
                ("rbac.authorization.k8s.io/v1alpha1",),
                ("rbac.authorization.k8s.io/v1",),
                bindings.v1alpha1,
            ),
        )
    ),
    _same("storage.k8s.io", "StorageClass", "storageclasses", "v1beta1"),
    _same("storage.k8s.io", "CSIDriver", "csidrivers", "v1beta1"),
    _same("storage.k8s.io", "CSIStorageCapacity", "csistoragecapacities", "v1beta1", "v1alpha1"),
    _same(
        "storage.k8s.io", "VolumeAttributesClass", "volumeattributesclasses", "v1beta1", "v1alpha1"
    ),
    _same("scheduling.k8s.io", "PriorityClass", "priorityclasses", "v1beta1", "v1alpha1"),
    _same("coordination.k8s.io", "Lease", "leases", "v1beta1"),
    _same("node.k8s.io", "RuntimeClass", "runtimeclasses", "v1beta1"),
    Conversion(
        "RuntimeClass",
        "runtimeclasses",
        ("node.k8s.io/v1alpha1",),
        ("node.k8s.io/v1", "node.k8s.io/v1beta1"),
        runtime_classes.v1alpha1,
    ),
    Conversion(
        "EndpointSlice",
        "endpointslices",
        ("discovery.k8s.io/v1beta1",),
        ("discovery.k8s.io/v1",),
        endpoint_slices.v1beta1,
    ),
    Conversion(
        "FlowSchema",
        "flowschemas",
        (f"{_FLOW}/v1beta1",),
        (f"{_FLOW}/v1", f"{_FLOW}/v1beta3", f"{_FLOW}/v1beta2"),
    ),
    Conversion(
        "FlowSchema",
        "flowschemas",
        (f"{_FLOW}/v1beta2",),
        (f"{_FLOW}/v1", f"{_FLOW}/v1beta3"),
    ),
    _same(_FLOW, "FlowSchema", "flowschemas", "v1beta3"),
    Conversion(
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        (f"{_FLOW}/v1beta1", f"{_FLOW}/v1beta2"),
        (f"{_FLOW}/v1", f"{_FLOW}/v1beta3"),
        flowcontrol.assured_shares,
    ),
    Conversion(
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        (f"{_FLOW}/v1beta1",),
        (f"{_FLOW}/v1beta2",),
    ),
    Conversion(
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        (f"{_FLOW}/v1beta3",),
        (f"{_FLOW}/v1",),
        flowcontrol.nominal_shares,
    ),
    _same(_DEVICES, "DeviceClass", "deviceclasses", "v1beta2", "v1beta1"),
    *(
        conversion
        for kind, plural, spec in (
            ("ResourceClaim", "resourceclaims", ("spec",)),
            ("ResourceClaimTemplate", "resourceclaimtemplates", ("spec", "spec")),
        )
        for conversion in (
            _same(_DEVICES, kind, plural, "v1beta2"),
            Conversion(
                kind,
                plural,
                (f"{_DEVICES}/v1beta1",),
                (f"{_DEVICES}/v1", f"{_DEVICES}/v1beta2"),
                devices.requests(*spec),
            ),
        )
    ),
    *(
        _same("snapshot.storage.k8s.io", kind, plural, "v1beta1")
        for kind, plural in (
            ("VolumeSnapshot", "volumesnapshots"),
            ("VolumeSnapshotContent", "volumesnapshotcontents"),
            ("VolumeSnapshotClass", "volumesnapshotclasses"),
        )
    ),
)
"""Entries of one kind in the order in which they are tried."""

REMOVED: tuple[Removed, ...] = (
    Removed(
        "PodSecurityPolicy",
        "podsecuritypolicies",
        ("extensions/v1beta1", "policy/v1beta1"),
        "label the namespaces with pod-security.kubernetes.io/enforce, or use an admission policy",
    ),
    Removed(
        "PodPreset",
        "podpresets",
        ("settings.k8s.io/v1alpha1",),
        "write what it adds into the pod templates, or use a mutating admission policy",
    ),
    Removed(
        "AuditSink",
        "auditsinks",
        ("auditregistration.k8s.io/v1alpha1",),
        "configure the API server's audit webhook",
    ),
    Removed(
        "CertificateSigningRequest",
        "certificatesigningrequests",
        ("certificates.k8s.io/v1beta1",),
        "a request is signed once; who needs a certificate here asks for it",
    ),
)


def upgrades_for(name: str, served: frozenset[ServedKind]) -> Mapping[str, Upgrade | Note]:
    """What is done, by API version, to objects of one group resource that ``served`` lacks."""
    if name not in _concerned():
        return {}
    return choose(CONVERSIONS, REMOVED, name, served)


def successor(name: str) -> str:
    """What a group resource is called since it moved to another group; else its name itself."""
    return _successors().get(name, name)


@cache
def _concerned() -> frozenset[str]:
    entries: tuple[Conversion | Removed, ...] = (*CONVERSIONS, *REMOVED)
    return frozenset(
        group_resource_of(entry.plural, source) for entry in entries for source in entry.sources
    )


@cache
def _successors() -> dict[str, str]:
    return {
        group_resource_of(entry.plural, source): group_resource_of(entry.plural, entry.targets[0])
        for entry in CONVERSIONS
        for source in entry.sources
    }
