"""Field by field: what was archived, against what stands in a cluster after a restore.

``LEFT_OUT`` is all that is not compared, and why; every other field must be the same.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from tests.clusters import Cluster

LEFT_OUT = {
    "metadata": (
        ("uid", "the target's own"),
        ("resourceVersion", "the target's own"),
        ("generation", "counted by the target"),
        ("creationTimestamp", "the target's own"),
        ("managedFields", "who wrote which field in the target"),
        ("ownerReferences", "by uid; the target's controllers adopt what is theirs"),
        ("generateName", "only a create without a name uses it"),
    ),
    "": (("status", "written by the target's controllers"),),
    "Service": (
        ("spec.clusterIP", "given out by the target, but None"),
        ("spec.clusterIPs", "the same"),
    ),
    "PersistentVolume": (
        ("spec.claimRef.uid", "of the target's claim"),
        ("spec.claimRef.resourceVersion", "of the target's claim"),
    ),
    "Job": (
        ("spec.selector", "by uid of the Job, made by the target"),
        ("spec.template.metadata.labels", "the same, and nothing else in this application"),
    ),
    "ServiceAccount": (("secrets", "given by the target"),),
}
_RESTORE_LABELS = ("velero.io/backup-name", "velero.io/restore-name")


class Key(NamedTuple):
    """One object: ``apps/v1/Deployment``, namespace, name."""

    kind: str
    namespace: str
    name: str

    @property
    def listed(self) -> tuple[str, str]:
        """As Velero's list of resources has it: ``apps/v1/Deployment`` and ``shop/web``."""
        return self.kind, "/".join(filter(None, (self.namespace, self.name)))


class Archived(NamedTuple):
    """An object of an archive; ``resource`` is ``deployments.apps``."""

    resource: str
    body: dict[str, Any]


def archived(folder: Path) -> dict[Key, Archived]:
    """The objects of a backup's archive, from the copies that a restore reads."""
    found = {}
    with tarfile.open(folder / f"{folder.name}.tar.gz", "r:gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if parts[0] != "resources" or parts[2] not in ("cluster", "namespaces"):
                continue
            content = archive.extractfile(member)
            assert content is not None
            body = json.load(content)
            found[key_of(body)] = Archived(parts[1], body)
    return found


def key_of(obj: Mapping[str, Any]) -> Key:
    """What an object is."""
    meta = obj["metadata"]
    return Key(f"{obj['apiVersion']}/{obj['kind']}", meta.get("namespace", ""), meta["name"])


def differences(
    objects: Mapping[Key, Archived], target: Cluster, *, mapping: Mapping[str, str]
) -> list[str]:
    """Each object that is missing in the target and each field that is not the same there."""
    standing = _standing(objects, target, mapping)
    found = []
    for key, one in objects.items():
        expected = compared(mapped(one.body, mapping))
        restored = standing.get(key_of(expected))
        if restored is None:
            found.append(f"{key} is missing")
        else:
            found += [f"{key} {field}" for field in _differing(expected, compared(restored))]
    return found


def compared(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what ``LEFT_OUT`` names."""
    copy = deepcopy(dict(obj))
    for field, _ in LEFT_OUT["metadata"]:
        copy["metadata"].pop(field, None)
    labels = copy["metadata"].get("labels", {})
    for label in _RESTORE_LABELS:
        labels.pop(label, None)
    if not labels:
        copy["metadata"].pop("labels", None)
    for field, _ in (*LEFT_OUT[""], *LEFT_OUT.get(copy["kind"], ())):
        *path, last = field.split(".")
        place: Any = copy
        for part in path:
            place = place.get(part, {})
        if copy["kind"] == "Service" and place.get(last) in ("None", ["None"]):
            continue
        place.pop(last, None)
    return copy


def mapped(obj: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """An object as a restore with this namespace mapping is to create it."""
    copy = deepcopy(dict(obj))
    meta = copy["metadata"]

    def move(place: dict[str, Any], field: str) -> None:
        if place.get(field):
            place[field] = mapping.get(place[field], place[field])

    move(meta, "namespace")
    if copy["kind"] == "Namespace":
        move(meta, "name")
        move(meta.get("labels", {}), "kubernetes.io/metadata.name")
    for subject in copy.get("subjects", ()):
        move(subject, "namespace")
    if copy["kind"] == "PersistentVolume":
        move(copy["spec"].get("claimRef", {}), "namespace")
    return copy


def _standing(
    objects: Mapping[Key, Archived], target: Cluster, mapping: Mapping[str, str]
) -> dict[Key, dict[str, Any]]:
    places = {
        (key.kind, one.resource, mapping.get(key.namespace, key.namespace))
        for key, one in objects.items()
    }
    found = {}
    for kind, resource, namespace in places:
        plural, _, group = resource.partition(".")
        version = kind.split("/")[-2]
        where = ("-n", namespace) if namespace else ()
        asked = f"{plural}.{version}.{group}" if group else plural
        for one in target.get(asked, *where)["items"]:
            found[key_of(one)] = one
    return found


def _differing(expected: Any, restored: Any, at: str = "") -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(restored, dict):
        for field in sorted({*expected, *restored}):
            if field not in restored:
                yield f"{at}/{field}: {expected[field]!r} is gone"
            elif field not in expected:
                yield f"{at}/{field}: {restored[field]!r} was not there"
            else:
                yield from _differing(expected[field], restored[field], f"{at}/{field}")
    elif isinstance(expected, list) and isinstance(restored, list):
        if len(expected) != len(restored):
            yield f"{at}: {expected!r} became {restored!r}"
            return
        for number, pair in enumerate(zip(expected, restored, strict=True)):
            yield from _differing(*pair, f"{at}/{number}")
    elif expected != restored or type(expected) is not type(restored):
        yield f"{at}: {expected!r} became {restored!r}"
