"""What is not restored at all: work that is done, and what the target makes for itself."""

from kubeferry.kube.objects import Object, annotations, at, labels, metadata
from kubeferry.transform.change import Note
from kubeferry.transform.facts import Facts

NEVER_RESTORED = frozenset(
    {
        "nodes",
        "events",
        "events.events.k8s.io",
        "componentstatuses",
        "csinodes.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "backups.velero.io",
        "restores.velero.io",
        "resticrepositories.velero.io",
        "backuprepositories.velero.io",
        "datauploads.velero.io",
    }
)
"""Group resources that no restore creates (velero.md §3.1; ``dataupload`` of §3.7)."""

_ENDPOINTS = "endpoints.kubernetes.io/managed-by", ("endpoint-controller",)
_SLICES = (
    "endpointslice.kubernetes.io/managed-by",
    ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"),
)


def never_restored(facts: Facts, obj: Object) -> Note:
    """Kinds that describe the source cluster itself."""
    return Note("NeverRestored", "objects of this kind describe the source cluster")


def completed_pod(facts: Facts, obj: Object) -> Note | None:
    """A pod that has ended (velero.md §3.4 step 2)."""
    status = obj.get("status")
    phase = status.get("phase") if isinstance(status, dict) else None
    if phase in ("Succeeded", "Failed"):
        return Note("Completed", f"the pod has ended ({phase}) and would run again")
    return None


def completed_job(facts: Facts, obj: Object) -> Note | None:
    """A Job that has ended (velero.md §3.4 step 2)."""
    if at(obj, ("status", "completionTime")):
        return Note("Completed", "the Job has ended and would run again")
    return None


def mirror_pod(facts: Facts, obj: Object) -> Note | None:
    """A static pod of a node, which only that node's kubelet makes (velero.md §3.4 step 4)."""
    if "kubernetes.io/config.mirror" in annotations(obj):
        return Note("MirrorPod", "it is a static pod of a node")
    return None


def root_certificate(facts: Facts, obj: Object) -> Note | None:
    """Every namespace is given its own cluster's certificates; the source's are wrong there."""
    if metadata(obj).get("name") == "kube-root-ca.crt":
        return Note("GeneratedObject", "each cluster publishes its own root certificates")
    return None


def made_endpoints(facts: Facts, obj: Object) -> Note | None:
    """The target makes a Service's endpoints of its own pods; until it has done away with the
    source's, they would be sent requests.
    """
    made = any(labels(obj).get(label) in makers for label, makers in (_ENDPOINTS, _SLICES))
    if not made and obj.get("kind") == "Endpoints":  # before Kubernetes 1.33 they had no label
        fields = metadata(obj).get("managedFields")
        writers = [one.get("manager") for one in fields or () if isinstance(one, dict)]
        made = "kube-controller-manager" in writers
    return Note("GeneratedObject", "the target makes it of its own pods") if made else None


def api_server_service(facts: Facts, obj: Object) -> Note | None:
    """``default/kubernetes`` is the API server's own (design.md, Never archived, never
    restored).
    """
    meta = metadata(obj)
    if meta.get("namespace") == "default" and meta.get("name") == "kubernetes":
        return Note("ApiServerService", "it leads to the source cluster's API server")
    return None
