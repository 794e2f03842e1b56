"""Stand-ins for the controllers of workloads: small, and no more than a person expects to see.

There is no scheduler, no kubelet and no provisioner behind a sandbox. ``StatefulSets`` makes a
StatefulSet's pods and claims and adopts the pods that are there, as its controller does; the pods
stay ``Pending``, or with ``run_pods`` are marked ``Running`` (nothing runs), and claims stay
``Pending``. It replaces no pod of another revision and scales nothing down.

``furnish_namespace`` gives each namespace what controllers give it: the service account ``default``
and the ConfigMap ``kube-root-ca.crt``.
"""

import hashlib
from collections.abc import Hashable
from typing import Any

from kubeferry import codec
from kubeferry.kube.objects import Object, at, labels
from kubeferry.kube.selectors import parse_selector
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.storage import Entry, Event
from kubeferry.sandbox.worker import Worker
from kubeferry.sandbox.writes import Objects, Write

_MANAGER = "kube-controller-manager"
_SETS = "statefulsets.apps"
FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def furnish_cluster(objects: Objects) -> None:
    """The namespaces a cluster begins with, and what each new namespace gets."""

    def written(kind: Kind, entry: Entry) -> None:
        if kind.table == "namespaces" and entry.object["metadata"].get("generation") is None:
            furnish_namespace(objects, entry.object["metadata"]["name"])

    objects.after_write.append(written)
    kind = objects.kinds.get("", "v1", "namespaces")
    assert kind is not None
    for name in FIRST_NAMESPACES:
        objects.create(kind, "", {"metadata": {"name": name}}, Write("kube-apiserver"))


def furnish_namespace(objects: Objects, namespace: str) -> None:
    """Creates what every namespace has, where it is missing."""
    found = objects.storage.get("namespaces", "", namespace)
    if found is None or "deletionTimestamp" in found.object["metadata"]:
        return
    contents = {
        "serviceaccounts": {"metadata": {"name": "default"}},
        "configmaps": {
            "metadata": {"name": "kube-root-ca.crt"},
            "data": {"ca.crt": "(the sandbox speaks plain HTTP on 127.0.0.1)\n"},
        },
    }
    for plural, body in contents.items():
        kind = objects.kinds.get("", "v1", plural)
        assert kind is not None
        name = str(body["metadata"]["name"])
        if objects.storage.get(plural, namespace, name) is None:
            objects.create(kind, namespace, body, Write(_MANAGER))


class StatefulSets:
    """The stand-in for the StatefulSet controller."""

    def __init__(self, objects: Objects, *, run_pods: bool = False) -> None:
        self._objects = objects
        self._storage = objects.storage
        self._run_pods = run_pods
        self._worker = Worker(self._reconcile)
        self._storage.listen(self._see)
        kinds = [
            objects.kinds.get("", "v1", "pods"),
            objects.kinds.get("", "v1", "persistentvolumeclaims"),
            objects.kinds.get("apps", "v1", "statefulsets"),
        ]
        pods, claims, sets = (kind for kind in kinds if kind is not None)
        self._pods, self._claims, self._sets = pods, claims, sets

    def start(self) -> None:
        """Begins."""
        self._worker.start()

    async def stop(self) -> None:
        """Ends."""
        await self._worker.stop()

    async def settle(self) -> None:
        """Returns when every StatefulSet has what it asks for."""
        await self._worker.idle()

    def _see(self, event: Event) -> None:
        if event.table == _SETS and event.type != "DELETED":
            self._worker.add(event.entry.key)
        elif event.table == "pods":
            for entry in self._storage.entries(_SETS, event.entry.key[0]):
                if self._selects(entry.object, event.entry.object):
                    self._worker.add(entry.key)

    @staticmethod
    def _selects(owner: Object, pod: Object) -> bool:
        return parse_selector(at(owner, ("spec", "selector")) or {}).matches(labels(pod))

    def _reconcile(self, key: Hashable) -> None:
        assert isinstance(key, tuple)
        entry = self._storage.get(_SETS, *key)
        if entry is None or "deletionTimestamp" in entry.object["metadata"]:
            return
        owner = entry.object
        namespace, name = entry.key
        revision = revision_name(owner)
        start = at(owner, ("spec", "ordinals", "start")) or 0
        for ordinal in range(start, start + (at(owner, ("spec", "replicas")) or 0)):
            pod = f"{name}-{ordinal}"
            found = self._storage.get("pods", namespace, pod)
            self._make_claims(owner, namespace, pod)
            if found is None:
                self._make_pod(owner, namespace, pod, ordinal, revision)
            elif self._selects(owner, found.object):
                self._adopt(owner, found)
        self._tell(entry, revision)

    def _make_claims(self, owner: Object, namespace: str, pod: str) -> None:
        for template in at(owner, ("spec", "volumeClaimTemplates")) or ():
            name = f"{template['metadata']['name']}-{pod}"
            if self._storage.get("persistentvolumeclaims", namespace, name) is not None:
                continue
            selected = at(owner, ("spec", "selector", "matchLabels")) or {}
            meta = {
                "name": name,
                "labels": {**(template["metadata"].get("labels") or {}), **selected},
            }
            if template["metadata"].get("annotations"):
                meta["annotations"] = template["metadata"]["annotations"]
            body = {"metadata": meta, "spec": template.get("spec") or {}}
            self._objects.create(self._claims, namespace, body, Write(_MANAGER))

    def _make_pod(
        self, owner: Object, namespace: str, name: str, ordinal: int, revision: str
    ) -> None:
        template: Object = codec.decode(codec.encode(at(owner, ("spec", "template")) or {}))
        meta = template.get("metadata") or {}
        spec = template.get("spec") or {}
        spec.update({"hostname": name, "subdomain": at(owner, ("spec", "serviceName")) or ""})
        claims = [
            {"name": one["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim}}
            for one in at(owner, ("spec", "volumeClaimTemplates")) or ()
            if (claim := f"{one['metadata']['name']}-{name}")
        ]
        replaced = {one["name"] for one in claims}
        kept = [one for one in spec.get("volumes") or () if one["name"] not in replaced]
        if claims or kept:
            spec["volumes"] = [*claims, *kept]
        body = {
            "metadata": {
                "name": name,
                "generateName": f"{owner['metadata']['name']}-",
                "labels": {
                    **(meta.get("labels") or {}),
                    "apps.kubernetes.io/pod-index": str(ordinal),
                    "controller-revision-hash": revision,
                    "statefulset.kubernetes.io/pod-name": name,
                },
                "annotations": meta.get("annotations") or {},
                "ownerReferences": [_reference(owner)],
            },
            "spec": spec,
        }
        created = self._objects.create(self._pods, namespace, body, Write(_MANAGER))
        if self._run_pods:
            self._mark_running(created)

    def _mark_running(self, entry: Entry) -> None:
        pod, now = entry.copy(), self._objects.now()
        statuses = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for container in at(pod, ("spec", "containers")) or ()
        ]
        pod["status"] |= {"phase": "Running", "startTime": now, "containerStatuses": statuses}
        self._objects.change(self._pods, entry, pod, Write("kubelet", subresource="status"))

    def _adopt(self, owner: Object, found: Entry) -> None:
        owners = found.object["metadata"].get("ownerReferences") or []
        if any(one.get("controller") for one in owners):
            return
        pod = found.copy()
        pod["metadata"]["ownerReferences"] = [*owners, _reference(owner)]
        self._objects.change(self._pods, found, pod, Write(_MANAGER))

    def _tell(self, entry: Entry, revision: str) -> None:
        obj = entry.copy()
        uid = obj["metadata"]["uid"]
        mine = [
            pod.object
            for pod in self._storage.entries("pods", entry.key[0])
            if any(
                owner["uid"] == uid for owner in pod.object["metadata"].get("ownerReferences") or ()
            )
        ]
        running = sum(at(pod, ("status", "phase")) == "Running" for pod in mine)
        obj["status"] = {
            "observedGeneration": obj["metadata"].get("generation", 1),
            "replicas": len(mine),
            "currentReplicas": len(mine),
            "updatedReplicas": len(mine),
            "availableReplicas": running,
            "readyReplicas": running,
            "currentRevision": revision,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        write = Write(_MANAGER, subresource="status")
        self._objects.change(self._sets, entry, obj, write)


def revision_name(owner: Object) -> str:
    """What a StatefulSet's pods carry as their revision: it changes with the pod template."""
    template: Any = at(owner, ("spec", "template"))
    digest = hashlib.sha256(codec.encode_sorted(template)).hexdigest()[:10]
    return f"{owner['metadata']['name']}-{digest}"


def _reference(owner: Object) -> dict[str, Any]:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
