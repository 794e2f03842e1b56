"""Cleaning up, as the namespace and garbage controllers of a real cluster do.

A deleted namespace is emptied before it goes; what belonged to a deleted owner goes with it, or is
let go of (Orphan), or goes first (Foreground); claims and volumes stay as long as they are used.
"""

from collections.abc import Hashable, Iterator
from typing import Any

from kubeferry.kube.objects import Object, at
from kubeferry.sandbox.crdserver import CrdServer
from kubeferry.sandbox.deletion import CRD_TABLE, FOREGROUND, ORPHAN, Options, delete
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.storage import Entry, Event, Key
from kubeferry.sandbox.worker import Worker
from kubeferry.sandbox.writes import Objects, Write

_PROTECTED = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
}
Place = tuple[str, Key]


class Garbage:
    """The clean-up of one server."""

    def __init__(self, objects: Objects, crds: CrdServer) -> None:
        self._objects = objects
        self._storage = objects.storage
        self._crds = crds
        self._dependents: dict[str, set[Place]] = {}
        self._worker = Worker(self._handle)
        self._storage.listen(self._see)

    def start(self) -> None:
        """Begins to clean up."""
        self._worker.start()

    async def stop(self) -> None:
        """Ends."""
        await self._worker.stop()

    async def settle(self) -> None:
        """Returns when there is nothing to clean up."""
        await self._worker.idle()

    def _see(self, event: Event) -> None:
        entry, table = event.entry, event.table
        meta = entry.object["metadata"]
        place = (table, entry.key)
        for owner in meta.get("ownerReferences") or ():
            held = self._dependents.setdefault(owner["uid"], set())
            if event.type == "DELETED":
                held.discard(place)
            else:
                held.add(place)
                self._worker.add(("dependent", place))
        if event.type == "DELETED":
            self._gone(table, entry)
        elif "deletionTimestamp" in meta:
            self._marked(table, entry)

    def _gone(self, table: str, entry: Entry) -> None:
        meta = entry.object["metadata"]
        for place in self._dependents.pop(meta["uid"], ()):
            self._worker.add(("dependent", place))
        for owner in meta.get("ownerReferences") or ():
            self._worker.add(
                (
                    "owner",
                    owner["uid"],
                    owner["kind"],
                    owner["apiVersion"],
                    owner["name"],
                    entry.key[0],
                )
            )
        if entry.key[0]:
            self._worker.add(("namespace", entry.key[0]))
        if table == "pods":
            for volume in at(entry.object, ("spec", "volumes")) or ():
                claim = at(volume, ("persistentVolumeClaim", "claimName"))
                if claim:
                    key = (entry.key[0], claim)
                    self._worker.add(("protected", ("persistentvolumeclaims", key)))
        self._worker.add(("crd", table))

    def _marked(self, table: str, entry: Entry) -> None:
        place = (table, entry.key)
        if table == "namespaces":
            self._worker.add(("namespace", entry.key[1]))
        elif table == CRD_TABLE:
            self._worker.add(("crd", entry.key[1]))
        elif table in _PROTECTED:
            self._worker.add(("protected", place))
        if {FOREGROUND, ORPHAN}.intersection(entry.object["metadata"].get("finalizers") or ()):
            self._worker.add(("finalize", place))

    def _handle(self, key: Hashable) -> None:
        assert isinstance(key, tuple)
        match key:
            case ("namespace", str(name)):
                self._empty_namespace(name)
            case ("crd", str(name)):
                self._crds.clean_up(name)
            case ("dependent", (table, at_key)):
                self._check_owners(table, at_key)
            case ("finalize", (table, at_key)):
                self._finalize(table, at_key)
            case ("protected", (table, at_key)):
                self._release(table, at_key)
            case ("owner", str(uid), str(kind), str(version), str(name), str(namespace)):
                self._owner_lost_one(uid, kind, version, name, namespace)

    def _kind(self, table: str) -> Kind | None:
        return next((kind for kind in self._objects.kinds.stored() if kind.table == table), None)

    def _empty_namespace(self, name: str) -> None:
        entry = self._storage.get("namespaces", "", name)
        if entry is None or "deletionTimestamp" not in entry.object["metadata"]:
            return
        left = False
        for kind in list(self._objects.kinds.stored()):
            if not kind.resource.namespaced:
                continue
            for held in list(self._storage.entries(kind.table, name)):
                if "deletionTimestamp" in held.object["metadata"]:
                    left = True
                else:
                    left = not delete(self._objects, kind, held, Options())[1] or left
        if left:
            return
        entry = self._storage.get("namespaces", "", name)
        if entry is None:
            return
        namespace = entry.copy()
        others = [one for one in at(namespace, ("spec", "finalizers")) or () if one != "kubernetes"]
        if others or namespace["metadata"].get("finalizers"):
            if others != at(entry.object, ("spec", "finalizers")):
                namespace["spec"]["finalizers"] = others
                self._storage.put("namespaces", entry.key, namespace)
            return
        self._storage.remove("namespaces", entry.key)

    def _check_owners(self, table: str, key: Key) -> None:
        entry = self._storage.get(table, *key)
        if entry is None or "deletionTimestamp" in entry.object["metadata"]:
            return
        owners = entry.object["metadata"].get("ownerReferences") or []
        found = [self._owner_lives(owner, key[0]) for owner in owners]
        if not owners or None in found or all(found):
            return
        kind = self._kind(table)
        if kind is None:
            return
        if not any(found):
            delete(self._objects, kind, entry, Options("Background"))
            return
        obj = entry.copy()
        obj["metadata"]["ownerReferences"] = [
            owner for owner, lives in zip(owners, found, strict=True) if lives
        ]
        self._write(kind, entry, obj)

    def _owner_lives(self, owner: dict[str, Any], namespace: str) -> bool | None:
        """Whether an owner is there; None where its kind is not served, so nobody knows."""
        kind = self._objects.kinds.of(owner["apiVersion"], owner["kind"])
        if kind is None:
            return None
        where = namespace if kind.resource.namespaced else ""
        entry = self._storage.get(kind.table, where, owner["name"])
        return entry is not None and entry.object["metadata"]["uid"] == owner["uid"]

    def _places(self, owner: Object) -> Iterator[tuple[Kind, Entry]]:
        for table, key in list(self._dependents.get(owner["metadata"]["uid"], ())):
            kind, entry = self._kind(table), self._storage.get(table, *key)
            if kind is not None and entry is not None:
                yield kind, entry

    def _owner_lost_one(self, uid: str, kind: str, version: str, name: str, namespace: str) -> None:
        known = self._objects.kinds.of(version, kind)
        if known is None or not name:
            return
        where = namespace if known.resource.namespaced else ""
        self._finalize(known.table, (where, name))

    def _finalize(self, table: str, key: Key) -> None:
        entry = self._storage.get(table, *key)
        if entry is None or "deletionTimestamp" not in entry.object["metadata"]:
            return
        finalizers = entry.object["metadata"].get("finalizers") or []
        if ORPHAN in finalizers:
            for kind, dependent in self._places(entry.object):
                obj = dependent.copy()
                obj["metadata"]["ownerReferences"] = [
                    owner
                    for owner in obj["metadata"]["ownerReferences"]
                    if owner["uid"] != entry.object["metadata"]["uid"]
                ]
                self._write(kind, dependent, obj)
            self._without(table, entry, ORPHAN)
        elif FOREGROUND in finalizers:
            waiting = False
            for kind, dependent in self._places(entry.object):
                if "deletionTimestamp" in dependent.object["metadata"]:
                    waiting = True
                    continue
                _, gone = delete(self._objects, kind, dependent, Options("Foreground"))
                waiting = waiting or not gone
            if not waiting:
                self._without(table, entry, FOREGROUND)

    def _write(self, kind: Kind, entry: Entry, obj: Object) -> None:
        if not obj["metadata"]["ownerReferences"]:
            del obj["metadata"]["ownerReferences"]
        self._objects.change(kind, entry, obj, Write("kube-controller-manager"))

    def _release(self, table: str, key: Key) -> None:
        entry = self._storage.get(table, *key)
        if entry is None or "deletionTimestamp" not in entry.object["metadata"]:
            return
        if table == "persistentvolumeclaims" and self._claim_used(key):
            return
        if table == "persistentvolumes" and at(entry.object, ("status", "phase")) == "Bound":
            return
        self._without(table, entry, _PROTECTED[table])

    def _claim_used(self, key: Key) -> bool:
        return any(
            at(volume, ("persistentVolumeClaim", "claimName")) == key[1]
            for pod in self._storage.entries("pods", key[0])
            for volume in at(pod.object, ("spec", "volumes")) or ()
        )

    def _without(self, table: str, entry: Entry, finalizer: str) -> None:
        """Takes a finalizer off; the object goes when it was the last."""
        obj = entry.copy()
        left = [one for one in obj["metadata"].get("finalizers") or () if one != finalizer]
        if left:
            if left != obj["metadata"].get("finalizers"):
                obj["metadata"]["finalizers"] = left
                self._storage.put(table, entry.key, obj)
            return
        self._storage.remove(table, entry.key)
