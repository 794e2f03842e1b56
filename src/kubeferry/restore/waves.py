"""The order of a restore: Velero's order (velero.md §3.2) grouped into waves. Pure.

Within a step objects are created concurrently. A step that says ``barrier`` waits until everything
before it is through, because it needs it: objects need their kinds and namespaces, pods their
service accounts and secrets, workloads the pods they adopt.
"""

from dataclasses import dataclass
from itertools import accumulate

from kubeferry.transform.automatic.upgrades.table import successor


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its wave's number and title, its group resources (empty: all others)."""

    wave: int
    title: str
    kinds: tuple[str, ...]
    barrier: bool = False


DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
NAMESPACES = "namespaces"

STEPS: tuple[Step, ...] = (
    Step(1, "definitions and namespaces", (DEFINITIONS,)),
    Step(1, "definitions and namespaces", (NAMESPACES,)),
    Step(
        2,
        "classes",
        (
            "storageclasses.storage.k8s.io",
            "volumesnapshotclasses.snapshot.storage.k8s.io",
            "volumesnapshotcontents.snapshot.storage.k8s.io",
            "volumesnapshots.snapshot.storage.k8s.io",
            "priorityclasses.scheduling.k8s.io",
            "ingressclasses.networking.k8s.io",
        ),
        barrier=True,
    ),
    Step(3, "volumes and claims", ("persistentvolumes",), barrier=True),
    Step(3, "volumes and claims", ("persistentvolumeclaims",), barrier=True),
    Step(
        4,
        "accounts and configuration",
        ("clusterroles.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io"),
    ),
    Step(4, "accounts and configuration", ("serviceaccounts",)),
    Step(
        4,
        "accounts and configuration",
        (
            "clusterrolebindings.rbac.authorization.k8s.io",
            "rolebindings.rbac.authorization.k8s.io",
        ),
    ),
    # The token controller deletes a Secret whose service account is not there.
    Step(4, "accounts and configuration", ("secrets", "configmaps", "limitranges"), barrier=True),
    Step(5, "pods", ("pods",), barrier=True),
    Step(5, "pods", ("replicasets.apps",), barrier=True),
    Step(6, "workloads, services and everything else", (), barrier=True),
    Step(
        7,
        "quotas, budgets and autoscalers",
        (
            "resourcequotas",
            "poddisruptionbudgets.policy",
            "horizontalpodautoscalers.autoscaling",
        ),
        barrier=True,
    ),
    Step(
        8,
        "webhooks and API services",
        (
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            "apiservices.apiregistration.k8s.io",
        ),
        barrier=True,
    ),
)

LAST_STEP = Step(8, "what workloads of the restore must serve first", (), barrier=True)

_OWNERS_WAVE = 4
ROUNDS = tuple(accumulate(int(step.barrier) for step in STEPS))
"""For each step the number of its round: steps between which there is no barrier share one."""

_RANKS = {kind: rank for rank, step in enumerate(STEPS) for kind in step.kinds}
OTHERS = next(rank for rank, step in enumerate(STEPS) if not step.kinds)
"""The step of everything that no other step names."""
OWNERS = next(rank for rank, step in enumerate(STEPS) if step.wave == _OWNERS_WAVE)
"""The step before which what others may belong to is created."""
OWNERS_STEP = Step(_OWNERS_WAVE, "owners of other objects", (), barrier=True)
OWNED_STEP = Step(STEPS[OTHERS].wave, "what workloads own", (), barrier=True)


def rank(group_resource: str) -> int:
    """The index in ``STEPS`` of the step that restores this kind; one that has moved to another
    group since (``replicasets.extensions``) goes with what it has become.
    """
    return _RANKS.get(successor(group_resource), OTHERS)
