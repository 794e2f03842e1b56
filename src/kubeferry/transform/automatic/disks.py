"""New volumes on Alibaba Cloud: the least size and the one access mode of a disk, and a class where
the claim's own is missing (ack-backup-center.md A9, A10, A17).

Claims, and what makes claims later: the claim templates of StatefulSets and of pods' ephemeral
volumes. Of claims only those that get a new volume and that no ``convertedarg`` speaks of; the
class is the one that ``storageClassMapping`` gives.
"""

from collections.abc import Iterator
from typing import NamedTuple

from kubeferry.kube.objects import (
    OLD_CLASS_ANNOTATION,
    POD_SPEC_PATHS,
    Object,
    annotations,
    at,
    metadata,
)
from kubeferry.kube.quantities import parse_quantity
from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.automatic.flexvolume import DISK, DRIVERS
from kubeferry.transform.change import Cause, Change, Note
from kubeferry.transform.facts import Facts

LEAST = "20Gi"
"""Of a disk (A9)."""
DISK_CLASS, FILES_CLASS = "alicloud-disk-topology-alltype", "alibabacloud-cnfs-nas"
"""Classes that ACK makes: for one node at a time, and for many (A17)."""
KINDS = ("persistentvolumeclaims", *POD_SPEC_PATHS)
"""Kinds that are claims or have templates of some."""

_SIZE = Cause("automatic", "disk-size")
_MODES = Cause("automatic", "disk-access-mode")
_CLASS = Cause("automatic", "missing-class")
_MANY = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_REQUEST = ("spec", "resources", "requests", "storage")
_TEMPLATES = ("spec", "volumeClaimTemplates")
_EPHEMERAL = ("ephemeral", "volumeClaimTemplate")


class _Claim(NamedTuple):
    """A claim or a template of claims: where it is in its object, what it says, and of which
    ephemeral volume it is.
    """

    path: Path
    object: Object
    volume: str | None = None

    def __str__(self) -> str:
        if self.volume is not None:
            return f"the volume {self.volume}"
        return f"the template {metadata(self.object).get('name')}" if self.path else "the claim"


def size(facts: Facts, obj: Object, *, kind: str) -> list[Change]:
    """A disk has 20 GiB at least."""
    editor = Editor(obj, _SIZE)
    for claim in _claims(obj, kind):
        if _is_too_small(facts, claim):
            editor.set((*claim.path, *_REQUEST), LEAST)
    return editor.changes


def access_modes(facts: Facts, obj: Object, *, kind: str) -> list[Change]:
    """A disk is mounted by one node."""
    editor = Editor(obj, _MODES)
    for claim in _claims(obj, kind):
        if _is_shared_disk(facts, claim):
            editor.set((*claim.path, "spec", "accessModes"), ["ReadWriteOnce"])
    return editor.changes


def missing_class(facts: Facts, obj: Object, *, kind: str) -> list[Change]:
    """A claim whose class neither target nor backup has gets one that ACK makes, if the target has
    that, else the one that the controller's configuration names.
    """
    editor = Editor(obj, _CLASS)
    for claim in _claims(obj, kind):
        chosen = _substitute(facts, claim)
        if chosen:
            editor.set((*claim.path, "spec", "storageClassName"), chosen)
    return editor.changes


def told(facts: Facts, obj: Object, *, kind: str, rule: str) -> list[Note]:
    """What one of the rules changes, for it is not what the claim asked for."""
    return [note for claim in _claims(obj, kind) for note in _told(facts, claim, rule)]


def _told(facts: Facts, claim: _Claim, rule: str) -> Iterator[Note]:
    if rule == "disk-size" and _is_too_small(facts, claim):
        yield Note("DiskSize", f"a disk has {LEAST} at least: {claim} asks for that")
    if rule == "disk-access-mode" and _is_shared_disk(facts, claim):
        text = f"a disk is mounted by one node: the access mode of {claim} is ReadWriteOnce. For "
        more = "several choose a class of NAS (storageClassMapping)"
        yield Note("DiskAccessMode", f"{text}{more}")
    if rule == "missing-class" and _is_missing(facts, claim):
        chosen = _substitute(facts, claim)
        name = at(claim.object, ("spec", "storageClassName"))
        text = f"neither target nor backup has the storage class {name}, which {claim} asks for: "
        what = f"it gets {chosen}; name another by" if chosen else "it would wait; map that by"
        yield Note("StorageClassMissing", f"{text}{what} storageClassMapping")


def _claims(obj: Object, kind: str) -> Iterator[_Claim]:
    """The claim that the object is, or the templates that it has."""
    pods = POD_SPEC_PATHS.get(kind)
    if pods is None:
        yield _Claim((), obj)
        return
    if kind == "statefulsets.apps":
        for path, one in _listed(obj, _TEMPLATES):
            yield _Claim(path, one)
    for path, one in _listed(obj, (*pods, "volumes")):
        template = at(one, _EPHEMERAL)
        if isinstance(template, dict):
            yield _Claim((*path, *_EPHEMERAL), template, one.get("name"))


def _listed(obj: Object, path: tuple[str, ...]) -> Iterator[tuple[Path, Object]]:
    """The objects of a list, each with where it is."""
    listed = at(obj, path)
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield (*path, index), one


def _is_too_small(facts: Facts, claim: _Claim) -> bool:
    asked = at(claim.object, _REQUEST)
    if not isinstance(asked, str | int) or not _is_on_disk(facts, claim):
        return False
    try:
        return parse_quantity(str(asked)) < parse_quantity(LEAST)
    except ValueError:
        return False


def _is_shared(claim: _Claim) -> bool:
    modes = at(claim.object, ("spec", "accessModes"))
    return isinstance(modes, list) and not _MANY.isdisjoint(modes)


def _is_shared_disk(facts: Facts, claim: _Claim) -> bool:
    return _is_shared(claim) and _is_on_disk(facts, claim)


def _is_new(facts: Facts, claim: _Claim) -> bool:
    """Whether the claim gets a new volume, of which nobody said more. One that names its class in
    the old annotation, which wins over the field, is left alone.
    """
    about = metadata(claim.object)
    if OLD_CLASS_ANNOTATION in annotations(claim.object):
        return False
    if claim.path:
        return True
    if (about.get("namespace"), about.get("name")) in facts.converted_claims:
        return False
    return at(claim.object, ("spec", "volumeName")) not in facts.restored_volumes


def _class(facts: Facts, claim: _Claim) -> str:
    """The class that the claim has in the end; empty: the default one, or none."""
    name = at(claim.object, ("spec", "storageClassName"))
    if not isinstance(name, str) or not name:
        return ""
    return _substitute(facts, claim) or facts.class_mapping.get(name, name)


def _is_on_disk(facts: Facts, claim: _Claim) -> bool:
    classes = facts.classes or {}
    return classes.get(_class(facts, claim)) == DRIVERS[DISK] and _is_new(facts, claim)


def _is_missing(facts: Facts, claim: _Claim) -> bool:
    name = at(claim.object, ("spec", "storageClassName"))
    if facts.classes is None or not isinstance(name, str) or not name:
        return False
    return facts.class_mapping.get(name, name) not in facts.classes and _is_new(facts, claim)


def _substitute(facts: Facts, claim: _Claim) -> str:
    """The class that a claim gets instead of a missing one, empty if there is none."""
    if "missing-class" in facts.off or not _is_missing(facts, claim):
        return ""
    classes, is_shared = facts.classes or {}, _is_shared(claim)
    chosen = FILES_CLASS if is_shared else DISK_CLASS
    if classes.get(chosen) in DRIVERS.values():
        return chosen
    fallback = facts.fallback_shared_class if is_shared else facts.fallback_class
    return fallback if fallback in classes else ""
