"""Who owns which field: ``metadata.managedFields`` after each write, and server-side apply.

A create, update or patch gives its manager the fields it changed and takes them from everybody
else. An apply owns what it names: a field of another manager that it would change is a conflict
unless forced, a field it named before and does not name now is removed unless others own it too.
"""

from typing import Any, NamedTuple

from kubeferry.kube.objects import Object
from kubeferry.sandbox.answers import Cause, Refused
from kubeferry.sandbox.fields import (
    Fields,
    changed_fields,
    fields_of,
    intersect,
    merge,
    paths,
    remove_fields,
    subtract,
    union,
)
from kubeferry.sandbox.schema import Node

Entry = dict[str, Any]


class Manager(NamedTuple):
    """Who writes: name, ``Apply`` or ``Update``, in which apiVersion, through which subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str = ""

    def entry(self, fields: Fields) -> Entry:
        """Its entry in managedFields."""
        entry: Entry = {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.api_version,
            **({"time": self.time} if self.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        if self.subresource:
            entry["subresource"] = self.subresource
        return entry


_SERVERS = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def _owned(obj: Object | None) -> Object:
    """The part of an object that has owners."""
    if obj is None:
        return {}
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    meta = rest.get("metadata") or {}
    rest["metadata"] = {key: value for key, value in meta.items() if key not in _SERVERS}
    if not rest["metadata"]:
        del rest["metadata"]
    return rest


def after_update(
    old: Object | None, new: Object, node: Node, manager: Manager, *, native: bool
) -> None:
    """Sets managedFields of an object that was created or updated, in place."""
    entries: list[Entry] = list(new["metadata"].get("managedFields") or ())
    if old is not None and new["metadata"].get("managedFields") == []:
        return
    if old is not None and not entries:
        entries = list(old["metadata"].get("managedFields") or ())
    before, after = _owned(old), _owned(new)
    if old is not None:
        before.setdefault("metadata", {})
    changed = changed_fields(before, after, node, native=native)
    gone = changed_fields(after, before, node, native=native) if old is not None else {}
    if not changed and not gone:
        _store(new, entries)
        return
    kept: list[Entry] = []
    mine: Fields = {}
    for entry in entries:
        same = _is(entry, manager)
        left = entry["fieldsV1"]
        if not same and changed:
            left = subtract(left, changed)
        if gone:
            left = subtract(left, subtract(gone, changed))
        if same:
            mine = left
        elif left:
            kept.append(entry if left == entry["fieldsV1"] else {**entry, "fieldsV1": left})
    mine = union(mine, changed)
    if mine:
        kept.append(manager.entry(mine))
    _store(new, kept)


def apply(
    live: Object | None,
    applied: Object,
    node: Node,
    manager: Manager,
    *,
    force: bool,
    native: bool,
) -> Object:
    """The object after a server-side apply, managedFields included.

    Raises ``Refused`` (409) naming each manager and field in conflict.
    """
    wanted = fields_of(_owned(applied), node)
    if live is None:
        created: Object = {**applied, "metadata": dict(applied["metadata"])}
        _store(created, [manager.entry(wanted)] if wanted else [])
        return created
    entries: list[Entry] = list(live["metadata"].get("managedFields") or ())
    merged: Object = merge(live, applied, node)
    changed = changed_fields(_owned(live), _owned(merged), node, native=native)
    others = [entry for entry in entries if not _is(entry, manager)]
    if not force:
        _refuse_conflicts(others, changed)
    before: Fields = next((e["fieldsV1"] for e in entries if _is(e, manager)), {})
    given_up = subtract(before, wanted)
    for entry in others:
        given_up = subtract(given_up, entry["fieldsV1"])
    if given_up:
        merged = remove_fields(merged, given_up, node)
    kept = []
    for entry in others:
        left = subtract(entry["fieldsV1"], changed)
        if left:
            kept.append({**entry, "fieldsV1": left})
    own = manager.entry(wanted)
    if wanted == before and merged == live:
        own = next(entry for entry in entries if _is(entry, manager))
    merged = {**merged, "metadata": dict(merged["metadata"])}
    _store(merged, [*kept, own] if wanted else kept)
    return merged


def _store(obj: Object, entries: list[Entry]) -> None:
    if entries:
        order = ("Apply", "Update")
        entries.sort(key=lambda e: (order.index(e["operation"]), e.get("time") or "", e["manager"]))
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _is(entry: Entry, manager: Manager) -> bool:
    return (
        entry.get("manager") == manager.name
        and entry.get("operation") == manager.operation
        and entry.get("subresource", "") == manager.subresource
        and (manager.operation == "Apply" or entry.get("apiVersion") == manager.api_version)
    )


def _refuse_conflicts(others: list[Entry], changed: Fields) -> None:
    causes: list[Cause] = []
    by_manager: dict[str, list[str]] = {}
    for entry in others:
        clash = intersect(entry["fieldsV1"], changed)
        using = f" using {entry['apiVersion']}" if entry["operation"] == "Update" else ""
        if entry.get("subresource"):
            using = f' with subresource "{entry["subresource"]}"{using}'
        who = f'conflict with "{entry["manager"]}"{using}'
        for path in paths(clash):
            causes.append(Cause("FieldManagerConflict", who, path))
            by_manager.setdefault(who, []).append(path)
    if not causes:
        return
    number = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    lines = []
    for who, fields in sorted(by_manager.items()):
        if len(fields) == 1:
            lines.append(f"{who}: {fields[0]}")
        else:
            plural = who.replace("conflict ", "conflicts ", 1)
            lines.append(f"{plural}:\n" + "\n".join(f"- {field}" for field in fields))
    raise Refused(
        409,
        "Conflict",
        f"Apply failed with {number}: " + "\n".join(lines),
        details={"causes": [cause._asdict() for cause in causes]},
    )
