"""privilegedResources: what gives rights over the cluster is left out where ``Skip`` is written
(design.md, Security).

Kinds that grant rights or change what others create are left out whole, pods and workloads where
they ask for more than the ``baseline`` Pod Security Standard, and volumes that are directories of
nodes, for which a pod needs no more than ``baseline``. The pod-security labels of a namespace go:
the target's own rules are for it.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from kubeferry.kube.objects import Object, at, labels
from kubeferry.transform.change import Cause, Change, Note, removals
from kubeferry.transform.modifiers.kinds import pod_path
from kubeferry.transform.parameters.pod_security import beyond_baseline

NAME = "privilegedResources"
SKIPPED = "Privileged"
"""The reason of what is left out."""
VOLUMES_SKIPPED = "NodeVolumesSkipped"
"""The reason of the warning that tells which volumes are."""

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_OPENSHIFT = "authorization.openshift.io"
KINDS = frozenset(
    {
        *(f"{kind}.{_RBAC}" for kind in ("roles", "clusterroles")),
        *(f"{kind}.{_RBAC}" for kind in ("rolebindings", "clusterrolebindings")),
        f"mutatingwebhookconfigurations.{_ADMISSION}",
        f"validatingwebhookconfigurations.{_ADMISSION}",
        f"mutatingadmissionpolicies.{_ADMISSION}",
        f"mutatingadmissionpolicybindings.{_ADMISSION}",
        f"validatingadmissionpolicies.{_ADMISSION}",
        f"validatingadmissionpolicybindings.{_ADMISSION}",
        "customresourcedefinitions.apiextensions.k8s.io",
        "apiservices.apiregistration.k8s.io",
        "priorityclasses.scheduling.k8s.io",
        # A request is its creator's, and a node's is approved for whoever may create all: for us.
        "certificatesigningrequests.certificates.k8s.io",
        "podsecuritypolicies.policy",
        # OpenShift's: its roles are those of RBAC under another name.
        *(f"{kind}.{_OPENSHIFT}" for kind in ("roles", "clusterroles")),
        *(f"{kind}.{_OPENSHIFT}" for kind in ("rolebindings", "clusterrolebindings")),
        "securitycontextconstraints.security.openshift.io",
    }
)
"""Kinds that are privileged whatever is in them."""

LABEL_PREFIX = "pod-security.kubernetes.io/"
"""Of the labels of a namespace by which pods are admitted."""
_TOLD = 3


def privileged_kind(obj: Object) -> Note:
    """The verdict on an object of a privileged kind."""
    return Note(SKIPPED, "objects of this kind give rights, and privilegedResources is Skip")


def pod_verdict(group_resource: str) -> Callable[[Object], Note | None] | None:
    """The verdict on the objects of a kind with a pod spec, None for other kinds."""
    path = pod_path(group_resource)
    if path is None:
        return None

    def judge(obj: Object) -> Note | None:
        noted = at(obj, (*path[:-1], "metadata", "annotations"))
        found = beyond_baseline(at(obj, path), noted if isinstance(noted, dict) else None)
        told = list(islice(found, _TOLD + 1))
        if not told:
            return None
        more = " ..." if len(told) > _TOLD else ""
        return Note(
            SKIPPED,
            f"goes beyond the baseline Pod Security Standard ({'; '.join(told[:_TOLD])}{more}), "
            "and privilegedResources is Skip",
        )

    return judge


def volume_notes(names: Sequence[str]) -> tuple[Note, ...]:
    """What is told of volumes that are left out because they are directories or disks of nodes."""
    if not names:
        return ()
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    told = f"{', '.join(names[:_TOLD])}{more}"
    return (
        Note(
            VOLUMES_SKIPPED,
            "volumes of nodes (hostPath, local) are not restored, their claims are provisioned "
            f"anew, for privilegedResources is Skip: {told}",
        ),
    )


def namespace_labels(obj: Object) -> list[Change]:
    """The pod-security labels of a namespace go."""
    own = labels(obj)
    keys = [key for key in own if key.startswith(LABEL_PREFIX)]
    return removals(own, "/metadata/labels", keys, Cause("parameter", NAME))
