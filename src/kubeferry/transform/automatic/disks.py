"""New volumes on Alibaba Cloud: the least size and the one access mode of a disk, and a class where
the claim's own is missing (ack-backup-center.md A9, A10, A17).

Only claims that get a new volume and that no ``convertedarg`` speaks of; the class is the one that
``storageClassMapping`` gives.
"""

from kubeferry.kube.objects import OLD_CLASS_ANNOTATION, Object, annotations, at, metadata
from kubeferry.kube.quantities import parse_quantity
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.automatic.flexvolume import DISK, DRIVERS
from kubeferry.transform.change import Cause, Change, Note
from kubeferry.transform.facts import Facts

LEAST = "20Gi"
"""Of a disk (A9)."""
DISK_CLASS, FILES_CLASS = "alicloud-disk-topology-alltype", "alibabacloud-cnfs-nas"
"""Classes that ACK makes: for one node at a time, and for many (A17)."""

_SIZE = Cause("automatic", "disk-size")
_MODES = Cause("automatic", "disk-access-mode")
_CLASS = Cause("automatic", "missing-class")
_MANY = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_REQUEST = ("spec", "resources", "requests", "storage")


def size(facts: Facts, obj: Object) -> list[Change]:
    """A disk has 20 GiB at least."""
    asked = at(obj, _REQUEST)
    if not _is_on_disk(facts, obj) or not isinstance(asked, str | int):
        return []
    try:
        is_enough = parse_quantity(str(asked)) >= parse_quantity(LEAST)
    except ValueError:
        return []
    if is_enough:
        return []
    editor = Editor(obj, _SIZE)
    editor.set(_REQUEST, LEAST)
    return editor.changes


def access_modes(facts: Facts, obj: Object) -> list[Change]:
    """A disk is mounted by one node."""
    modes = at(obj, ("spec", "accessModes"))
    if not isinstance(modes, list) or _MANY.isdisjoint(modes) or not _is_on_disk(facts, obj):
        return []
    editor = Editor(obj, _MODES)
    editor.set(("spec", "accessModes"), ["ReadWriteOnce"])
    return editor.changes


def missing_class(facts: Facts, obj: Object) -> list[Change]:
    """A claim whose class neither target nor backup has gets one that ACK makes, if the target has
    that.
    """
    chosen = _substitute(facts, obj)
    if not chosen:
        return []
    editor = Editor(obj, _CLASS)
    editor.set(("spec", "storageClassName"), chosen)
    return editor.changes


def told(facts: Facts, obj: Object, *, rule: str) -> list[Note]:
    """What one of the rules changes, for it is not what the claim asked for."""
    if rule == "disk-size" and size(facts, obj):
        return [Note("DiskSize", f"a disk has {LEAST} at least: the claim asks for that")]
    if rule == "disk-access-mode" and access_modes(facts, obj):
        text = (
            "a disk is mounted by one node: its access mode is ReadWriteOnce. For several choose "
        )
        return [Note("DiskAccessMode", f"{text}a class of NAS (storageClassMapping)")]
    if rule == "missing-class" and _is_missing(facts, obj):
        chosen = _substitute(facts, obj)
        name = at(obj, ("spec", "storageClassName"))
        text = f"neither target nor backup has its storage class {name}: "
        what = f"it gets {chosen}; name another by" if chosen else "it would wait; map that by"
        return [Note("StorageClassMissing", f"{text}{what} storageClassMapping")]
    return []


def _is_new(facts: Facts, obj: Object) -> bool:
    """Whether the claim gets a new volume, of which nobody said more. One that names its class in
    the old annotation, which wins over the field, is left alone.
    """
    about = metadata(obj)
    if OLD_CLASS_ANNOTATION in annotations(obj):
        return False
    if (about.get("namespace"), about.get("name")) in facts.converted_claims:
        return False
    return at(obj, ("spec", "volumeName")) not in facts.restored_volumes


def _class(facts: Facts, obj: Object) -> str:
    """The class that the claim has in the end; empty: the default one, or none."""
    name = at(obj, ("spec", "storageClassName"))
    if not isinstance(name, str) or not name:
        return ""
    return _substitute(facts, obj) or facts.class_mapping.get(name, name)


def _is_on_disk(facts: Facts, obj: Object) -> bool:
    classes = facts.classes or {}
    return classes.get(_class(facts, obj)) == DRIVERS[DISK] and _is_new(facts, obj)


def _is_missing(facts: Facts, obj: Object) -> bool:
    name = at(obj, ("spec", "storageClassName"))
    if facts.classes is None or not isinstance(name, str) or not name:
        return False
    return facts.class_mapping.get(name, name) not in facts.classes and _is_new(facts, obj)


def _substitute(facts: Facts, obj: Object) -> str:
    """The class that a claim gets instead of a missing one, empty if there is none."""
    if "missing-class" in facts.off or not _is_missing(facts, obj):
        return ""
    modes = at(obj, ("spec", "accessModes"))
    is_shared = isinstance(modes, list) and not _MANY.isdisjoint(modes)
    chosen = FILES_CLASS if is_shared else DISK_CLASS
    provisioner = (facts.classes or {}).get(chosen)
    return chosen if provisioner in DRIVERS.values() else ""
