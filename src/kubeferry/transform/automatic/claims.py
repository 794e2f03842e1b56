"""Claims: what binds them to the source's volumes and nodes (velero.md §3.7 ``pvc``, §3.4 step
8).
"""

from kubeferry.kube.objects import Object, annotations
from kubeferry.transform.change import Cause, Change, removals
from kubeferry.transform.facts import Facts

_BINDING = Cause("automatic", "claim-binding")
_VOLUME = Cause("automatic", "claim-volume")

_BINDING_ANNOTATIONS = (
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "velero.io/volume-snapshot-name",
    "velero.io/data-upload-name",
)


def binding(facts: Facts, obj: Object) -> list[Change]:
    """The annotations of binding, provisioning and scheduling go."""
    return removals(annotations(obj), "/metadata/annotations", _BINDING_ANNOTATIONS, _BINDING)


def volume_name(facts: Facts, obj: Object) -> list[Change]:
    """A claim keeps its volume only if that volume is restored as it is; else it gets a new one."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return []
    volume = spec.get("volumeName")
    if isinstance(volume, str) and volume in facts.restored_volumes:
        return []
    return removals(spec, "/spec", ("volumeName",), _VOLUME)
