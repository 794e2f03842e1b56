"""FlexVolumes that a pod has without a PersistentVolume: Alibaba's CSI drivers mount only what has
one. So the pod names a claim instead, and the restore adds that claim and its volume.

The claim is called after what it holds: pods, their workload and its older ReplicaSets name the
same one.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from kubeferry import codec
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.automatic.flexvolume import DISK, csi_driver, volume
from kubeferry.transform.change import Cause, Change, Note, apply_changes
from kubeferry.transform.facts import Facts

CAUSE = Cause("automatic", "flexvolume-claim")
_SIZE = "20Gi"
"""Of volume and claim, for both must say one: an inline volume says none, and nothing asks it."""


class Added(NamedTuple):
    """A volume and its claim, which the restore adds, and what to tell of them."""

    volume: Object
    claim: Object
    note: Note


def claims(facts: Facts, obj: Object, *, path: tuple[str, ...]) -> list[Change]:
    """Each such volume of a pod spec (at ``path``) becomes one by a claim."""
    spec = at(obj, path)
    listed = spec.get("volumes") if isinstance(spec, dict) else None
    if not isinstance(listed, list):
        return []
    for one in listed:
        if isinstance(one, dict) and "flexVolume" in one:
            break
    else:  # nearly always
        return []
    editor = Editor(obj, CAUSE)
    for place, one in editor.items((*path, "volumes")):
        flex = _inline(one)
        if flex is None:
            continue
        claim: dict[str, Any] = {"claimName": _name(flex)}
        if flex.get("readOnly"):
            claim["readOnly"] = True
        editor.set((*place, "persistentVolumeClaim"), claim)
        for name in at(flex, ("options",)) or ():  # keys among them are told by nothing but this
            editor.remove((*place, "flexVolume", "options", name))
        editor.remove((*place, "flexVolume"))
    return editor.changes


def added(obj: Object, path: tuple[str, ...], namespace: str) -> Iterator[Added]:
    """What the pod spec at ``path`` needs in the namespace that its object is restored into.

    ``obj`` is the object as it was archived.
    """
    found = at(obj, (*path, "volumes"))
    for one in found if isinstance(found, list) else ():
        flex = _inline(one)
        if flex is not None:
            yield _added(flex, namespace, f"{obj.get('kind')} {metadata(obj).get('name')}")


def _inline(one: Any) -> dict[str, Any] | None:
    flex = one.get("flexVolume") if isinstance(one, dict) else None
    options = flex.get("options", {}) if isinstance(flex, dict) else None
    return flex if csi_driver(flex) and isinstance(options, dict) else None


def _name(flex: dict[str, Any]) -> str:
    return f"flexvolume-{hashlib.sha256(codec.encode_sorted(flex)).hexdigest()[:16]}"


def _added(flex: dict[str, Any], namespace: str, whose: str) -> Added:
    name = _name(flex)
    own = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:16]
    modes = ["ReadWriteOnce" if flex["driver"] == DISK else "ReadWriteMany"]
    spec = {
        "accessModes": modes,
        "capacity": {"storage": _SIZE},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name},
        "flexVolume": flex,
    }
    made: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"flexvolume-{own}"},
        "spec": spec,
    }
    claim: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": modes,
            "resources": {"requests": {"storage": _SIZE}},
            "storageClassName": "",
            "volumeName": made["metadata"]["name"],
        },
    }
    note = Note("FlexVolumeClaim", f"added for a FlexVolume of {whose}, which had no claim")
    return Added(apply_changes(made, volume(Facts(), made)), claim, note)
