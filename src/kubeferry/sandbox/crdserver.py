"""Serving what CustomResourceDefinitions define, from the moment they are written."""

from kubeferry.sandbox.crds import established, kinds_of
from kubeferry.sandbox.deletion import CRD_FINALIZER, CRD_TABLE, Options, delete
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.storage import Entry
from kubeferry.sandbox.watchers import Watchers
from kubeferry.sandbox.writes import Objects, Write


class CrdServer:
    """Keeps what is served in step with the CRDs that are stored."""

    def __init__(self, objects: Objects, watchers: Watchers) -> None:
        self._objects = objects
        self._watchers = watchers
        objects.after_write.append(self._written)

    def _written(self, kind: Kind, entry: Entry) -> None:
        if kind.table != CRD_TABLE or "deletionTimestamp" in entry.object["metadata"]:
            return
        crd = entry.copy()
        established(crd, self._objects.kinds, now=self._objects.now())
        if crd["status"] != entry.object.get("status"):
            write = Write("kube-apiserver", subresource="status")
            self._objects.change(kind, entry, crd, write)
        spec = crd["spec"]
        if crd["status"]["conditions"][0]["status"] == "True":
            self._objects.kinds.replace(spec["group"], spec["names"]["plural"], kinds_of(crd))

    def clean_up(self, name: str) -> None:
        """Deletes the objects of a CRD that is being deleted, and then the CRD."""
        entry = self._objects.storage.get(CRD_TABLE, "", name)
        if entry is None or "deletionTimestamp" not in entry.object["metadata"]:
            return
        spec, kinds = entry.object["spec"], self._objects.kinds
        group, plural = spec["group"], spec["names"]["plural"]
        table = f"{plural}.{group}"
        for kind in [one for one in kinds if one.table == table][:1]:
            for held in list(self._objects.storage.entries(table)):
                if "deletionTimestamp" not in held.object["metadata"]:
                    delete(self._objects, kind, held, Options())
        if next(self._objects.storage.entries(table), None) is not None:
            return
        kinds.replace(group, plural, ())
        self._watchers.close_table(table)
        self._objects.storage.drop(table)
        crd = entry.copy()
        others = [one for one in crd["metadata"]["finalizers"] if one != CRD_FINALIZER]
        if others:
            crd["metadata"]["finalizers"] = others
            self._objects.storage.put(CRD_TABLE, entry.key, crd)
        else:
            self._objects.storage.remove(CRD_TABLE, entry.key)
