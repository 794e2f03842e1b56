"""Deleting objects: preconditions, finalizers, how dependents are to be treated."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubeferry import codec
from kubeferry.kube.objects import Object, at
from kubeferry.sandbox import answers
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.storage import Entry, Stored
from kubeferry.sandbox.writes import Objects

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
CRD_TABLE = "customresourcedefinitions.apiextensions.k8s.io"
CRD_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_RETURNED = frozenset(
    {
        "pods",
        "services",
        "persistentvolumeclaims",
        "persistentvolumes",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "namespaces",
        CRD_TABLE,
        "nodes",
    }
)
"""Kinds whose deletion answers with the object although it is gone."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a DELETE asks for; ``propagation`` is Background, Foreground, Orphan or empty."""

    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


def read_options(body: Any, query: Mapping[str, str]) -> Options:
    """The options of a body (which wins) and of the query. Raises ``Refused`` (422)."""
    body = body if isinstance(body, dict) else {}
    conditions = body.get("preconditions") or {}
    propagation = body.get("propagationPolicy") or query.get("propagationPolicy", "")
    if not propagation and body.get("orphanDependents") is not None:
        propagation = "Orphan" if body["orphanDependents"] else "Background"
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        raise answers.invalid(
            "meta.k8s.io",
            "DeleteOptions",
            "",
            [
                answers.invalid_value(
                    "propagationPolicy",
                    propagation,
                    "valid values are Foreground, Background, Orphan",
                )
            ],
        )
    return Options(
        propagation=propagation,
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
        dry_run=bool(body.get("dryRun") or query.get("dryRun")),
    )


def delete(objects: Objects, kind: Kind, entry: Entry, options: Options) -> tuple[Entry, bool]:
    """Deletes an object or marks it; returns its last state and whether it is gone."""
    _check_preconditions(kind, entry, options)
    stored = objects.kinds.storage(kind)
    obj = entry.copy()
    meta = obj["metadata"]
    finalizers = _finalizers(stored, obj, options)
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    held = finalizers or (stored.table == "namespaces" and at(obj, ("spec", "finalizers")))
    if not held:
        if options.dry_run:
            return entry, True
        removed = objects.storage.remove(stored.table, entry.key)
        return (_marked(removed, objects.now()) if stored.table == "pods" else removed), True
    if not meta.get("deletionTimestamp"):
        meta["deletionTimestamp"] = objects.now()
        if stored.table == "namespaces":
            obj.setdefault("status", {})["phase"] = "Terminating"
        elif stored.table == CRD_TABLE:
            obj["status"]["conditions"].append(_terminating(objects.now()))
        else:
            meta["deletionGracePeriodSeconds"] = 0
            if meta.get("generation"):
                meta["generation"] += 1
    if options.dry_run or obj == entry.object:
        return Stored(entry.key, obj, codec.encode(obj), entry.revision), False
    changed = objects.storage.put(stored.table, entry.key, obj)
    for listener in objects.after_write:
        listener(stored, changed)
    return changed, False


def _marked(entry: Entry, now: str) -> Entry:
    """A deleted pod as it is answered: as if it had been asked to stop first."""
    obj = entry.copy()
    meta = obj["metadata"]
    meta |= {"deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
    meta["generation"] = meta.get("generation", 0) + 1
    return Stored(entry.key, obj, codec.encode(obj), entry.revision)


def _terminating(now: str) -> dict[str, str]:
    return {
        "type": "Terminating",
        "status": "True",
        "lastTransitionTime": now,
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will "
        "begin soon",
    }


def _check_preconditions(kind: Kind, entry: Entry, options: Options) -> None:
    meta = entry.object["metadata"]
    if options.uid and options.uid != meta["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({meta['uid']}). The object might have been deleted and then recreated"
        )
        raise answers.conflict(replace(kind.resource, plural=kind.resource.kind), meta["name"], why)
    if options.resource_version and options.resource_version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
            f"the ResourceVersion in record ({meta['resourceVersion']}). The object might have "
            "been modified"
        )
        raise answers.conflict(kind.resource, meta["name"], why)


def _finalizers(kind: Kind, obj: Object, options: Options) -> list[str]:
    policy = options.propagation
    if not policy and kind.table == "jobs.batch":
        policy = "Orphan"
    held = list(obj["metadata"].get("finalizers") or ())
    if policy:
        held = [one for one in held if one not in (FOREGROUND, ORPHAN)]
    if policy == "Foreground":
        held.append(FOREGROUND)
    elif policy == "Orphan":
        held.append(ORPHAN)
    if kind.table == CRD_TABLE and CRD_FINALIZER not in held:
        held.append(CRD_FINALIZER)
    return held


def answer(kind: Kind, entry: Entry, *, gone: bool) -> Object | None:
    """What a DELETE says: a Status, or None for the object itself."""
    if not gone or kind.table in _RETURNED:
        return None
    resource, meta = kind.resource, entry.object["metadata"]
    details = {
        "name": meta["name"],
        "group": resource.group,
        "kind": resource.plural,
        "uid": meta["uid"],
    }
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
