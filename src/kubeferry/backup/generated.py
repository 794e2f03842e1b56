"""What others make, for themselves or anew wherever an application is restored, told by the object
itself. Pure.

An old copy would be in the way there: a Lease has its holder, an EndpointSlice the pods of another
cluster. ``generatedObjects: Include`` archives them all the same. Pods, ReplicaSets and Jobs that
have an owner are no noise: a restore needs them (velero.md §9.4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class Generated:
    """Objects of some kinds that others make. Without any mark: every object of these kinds.

    Attributes:
        kinds: group resources.
        made_by: who makes them, for people.
        names: of the objects.
        labels: a label with the values that tell it, any value where there are none.
        secret_type: of a Secret.
        manager: the field manager that wrote it.
    """

    kinds: tuple[str, ...]
    made_by: str
    names: tuple[str, ...] = ()
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    secret_type: str = ""
    manager: str = ""

    @property
    def is_whole_kind(self) -> bool:
        """Whether every object of these kinds is generated."""
        return not (self.names or self.labels or self.secret_type or self.manager)

    def tells(
        self, name: str, labels: Mapping[str, str], secret_type: str, raw: bytes | msgspec.Raw
    ) -> bool:
        """Whether an object of one of these kinds is one; ``raw`` are its bytes."""
        if self.is_whole_kind or (self.secret_type and secret_type == self.secret_type):
            return True
        for label, values in self.labels.items():
            value = labels.get(label)
            if value is not None and (not values or value in values):
                return True
        if name in self.names:
            return True
        return bool(self.manager) and f'"manager":"{self.manager}"'.encode() in bytes(raw)


GENERATED: tuple[Generated, ...] = (
    Generated(
        (
            "events",
            "events.events.k8s.io",
            "leases.coordination.k8s.io",
            "leasecandidates.coordination.k8s.io",
            "controllerrevisions.apps",
            "csistoragecapacities.storage.k8s.io",
            "resourceslices.resource.k8s.io",
        ),
        "controllers and drivers, for themselves",
    ),
    Generated(
        ("endpoints",),
        "the Service's selector",
        labels={"endpoints.kubernetes.io/managed-by": frozenset({"endpoint-controller"})},
        manager="kube-controller-manager",  # before 1.33 there is no label
    ),
    Generated(
        ("endpointslices.discovery.k8s.io",),
        "the Service's selector, or its Endpoints",
        labels={
            "endpointslice.kubernetes.io/managed-by": frozenset(
                {"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}
            )
        },
    ),
    Generated(("configmaps",), "each cluster, its own certificates", names=("kube-root-ca.crt",)),
    Generated(
        ("secrets",),
        "the server. Those you made yourself are left out too: make them again",
        secret_type="kubernetes.io/service-account-token",
    ),
    Generated(
        ("ipaddresses.networking.k8s.io", "certificatesigningrequests.certificates.k8s.io"),
        "each cluster, for its own addresses and nodes",
    ),
    Generated(("storageversions.internal.apiserver.k8s.io",), "API servers, for themselves"),
    Generated(
        (
            "clusterroles.rbac.authorization.k8s.io",
            "clusterrolebindings.rbac.authorization.k8s.io",
        ),
        "each cluster, when its API server starts",
        labels={"kubernetes.io/bootstrapping": frozenset({"rbac-defaults"})},
    ),
    Generated(
        ("priorityclasses.scheduling.k8s.io",),
        "each cluster, when its API server starts",
        names=("system-cluster-critical", "system-node-critical"),
    ),
    Generated(
        ("servicecidrs.networking.k8s.io",),
        "each cluster, when its API server starts",
        names=("kubernetes",),
    ),
    Generated(
        ("apiservices.apiregistration.k8s.io",),
        "each cluster, for its own groups and those of its definitions",
        labels={"kube-aggregator.kubernetes.io/automanaged": frozenset()},
    ),
    Generated(
        ("flowschemas.flowcontrol.apiserver.k8s.io",),
        "each cluster, when its API server starts",
        names=(
            "catch-all",
            "endpoint-controller",
            "exempt",
            "global-default",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-system-service-accounts",
            "probes",
            "service-accounts",
            "system-leader-election",
            "system-node-high",
            "system-nodes",
            "workload-leader-election",
        ),
    ),
    Generated(
        ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",),
        "each cluster, when its API server starts",
        names=(
            "catch-all",
            "exempt",
            "global-default",
            "leader-election",
            "node-high",
            "system",
            "workload-high",
            "workload-low",
        ),
    ),
)
"""All of them; ``docs/backups.md`` shows this table."""

GENERATED_KINDS = frozenset(kind for one in GENERATED if one.is_whole_kind for kind in one.kinds)
"""Group resources of which every object is generated: they are not listed at all."""

_BY_KIND = {kind: one for one in GENERATED for kind in one.kinds}


def is_generated(
    group_resource: str,
    name: str,
    labels: Mapping[str, str],
    secret_type: str = "",
    raw: bytes | msgspec.Raw = b"",
) -> bool:
    """Whether others make this object anew where its application is restored.

    ``secret_type`` is a Secret's; ``raw`` are the object's bytes as the server sent them.
    """
    rule = _BY_KIND.get(group_resource)
    return rule is not None and rule.tells(name, labels, secret_type, raw)
