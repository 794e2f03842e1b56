"""Volumes: restored only where they are reused, and then bound anew (velero.md §3.9)."""

from kubeferry.kube.objects import Object, annotations, at, metadata
from kubeferry.transform.change import Cause, Change, Note, removals
from kubeferry.transform.facts import Facts

_BINDING = Cause("automatic", "volume-binding")


def not_restored(facts: Facts, obj: Object) -> Note | None:
    """A volume that is not reused is left out: its claim is provisioned anew."""
    name = metadata(obj).get("name")
    if name in facts.restored_volumes:
        return None
    return Note("VolumeProvisionedAnew", "its claim gets a new volume, so this one is not created")


def binding(facts: Facts, obj: Object) -> list[Change]:
    """The volume stays reserved for its claim by name, whatever uid the claim gets."""
    claim = at(obj, ("spec", "claimRef"))
    return [
        *removals(claim, "/spec/claimRef", ("uid", "resourceVersion"), _BINDING),
        *removals(
            annotations(obj),
            "/metadata/annotations",
            ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"),
            _BINDING,
        ),
    ]
