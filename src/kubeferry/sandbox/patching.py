"""PATCH: the four kinds of patches, each made into a change of the stored object.

The patch types are those of ``transform.patch``; server-side apply is of ``managed``.
"""

from collections.abc import Callable
from typing import Any

from kubeferry import codec
from kubeferry.errors import FerryError, InvalidInput, PatchFailed
from kubeferry.kube.objects import Object
from kubeferry.sandbox import answers, managed, strategies
from kubeferry.sandbox.answers import Refused
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.storage import Entry
from kubeferry.sandbox.versions import convert
from kubeferry.sandbox.writes import Objects, Write
from kubeferry.transform.patch.json_patch import apply_json_patch
from kubeferry.transform.patch.merge_keys import merge_keys
from kubeferry.transform.patch.merge_patch import apply_merge_patch
from kubeferry.transform.patch.strategic import apply_strategic_patch

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

Patched = Callable[[Object], Any]


def patch(
    objects: Objects,
    kind: Kind,
    *,
    namespace: str,
    name: str,
    form: str,
    body: bytes,
    write: Write,
) -> tuple[Entry, bool]:
    """Patches one object; returns it and whether the patch created it (apply only)."""
    if form == APPLY:
        return _apply(objects, kind, namespace, name, body, write)
    change = _reader(kind, form, body)
    entry = objects.read(kind, namespace, name)
    shown = convert(entry.copy(), objects.kinds.storage(kind), kind)
    try:
        patched = change(shown)
    except PatchFailed as error:
        raise _unprocessable(
            "the server rejected our request due to an error in our request"
        ) from error
    new = _decoded(objects, kind, patched, write)
    _same_identity(kind, new, name, namespace)
    return objects.change(kind, entry, new, write), False


def _decoded(objects: Objects, kind: Kind, patched: Any, write: Write) -> Object:
    """What the patch made, decoded; that it cannot be is the patch's fault, so 422 and not 400."""
    try:
        return objects.decode(kind, patched, write)
    except Refused as refused:
        if kind.custom or "cannot unmarshal" not in refused.message:
            raise
        why = refused.message.partition(f"handled as a {kind.resource.kind}: ")[2]
        cause = answers.invalid_value("patch", codec.encode(patched).decode(), why)
        raise answers.invalid("", "", "", [cause]) from refused


def _unprocessable(message: str) -> Refused:
    return Refused(422, "Invalid", message, details={})


def _same_identity(kind: Kind, new: Object, name: str, namespace: str) -> None:
    meta = new["metadata"]
    if meta.get("name") != name:
        raise answers.bad_request(
            f"the name of the object ({meta.get('name', '')}) does not match the name on the URL "
            f"({name})"
        )
    if kind.resource.namespaced and meta.get("namespace") != namespace:
        raise answers.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _reader(kind: Kind, form: str, body: bytes) -> Patched:
    try:
        read = codec.decode(body)
    except ValueError as error:
        raise answers.bad_request(f"error decoding patch: {error}") from error
    if form == JSON:
        if not isinstance(read, list):
            raise answers.bad_request(
                "error decoding patch: json: cannot unmarshal object into Go value of type "
                "[]handlers.jsonPatchOp"
            )
        return lambda document: _json_patch(document, read)
    if not isinstance(read, dict):
        raise answers.bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type "
            "map[string]interface {}"
        )
    if form == MERGE:
        return lambda document: apply_merge_patch(document, read)
    if form == STRATEGIC and not kind.custom:
        rules = merge_keys(kind.resource.group_resource)
        return lambda document: apply_strategic_patch(document, read, rules)
    accepted = [JSON, MERGE, APPLY] if kind.custom else [JSON, MERGE, STRATEGIC, APPLY]
    raise answers.unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )


def _json_patch(document: Object, operations: list[Any]) -> Any:
    try:
        return apply_json_patch(document, operations)
    except InvalidInput as error:
        raise answers.bad_request(str(error)) from error


def _apply(
    objects: Objects, kind: Kind, namespace: str, name: str, body: bytes, write: Write
) -> tuple[Entry, bool]:
    try:
        read = codec.load_yaml(body, place="apply")
    except FerryError as error:
        raise answers.bad_request(f"error decoding YAML: {error}") from error
    applied = objects.decode(kind, read, write)
    meta = applied["metadata"]
    if meta.get("name", name) != name:
        _same_identity(kind, applied, name, namespace)
    if "managedFields" in (read.get("metadata") or {}):
        raise answers.bad_request("metadata.managedFields must be nil")
    meta["name"] = name
    if kind.resource.namespaced:
        if meta.get("namespace", namespace) != namespace:
            _same_identity(kind, applied, name, namespace)
        meta["namespace"] = namespace
    write.operation = "Apply"
    stored = objects.kinds.storage(kind)
    manager = objects.manager(kind, write)
    entry = objects.storage.get(kind.table, namespace, name)
    _forget_other_parts(stored, applied, write.subresource)
    if entry is None:
        if meta.get("uid") or meta.get("resourceVersion"):
            raise answers.not_found(kind.resource, name)
        created = managed.apply(
            None, applied, stored.node, manager, force=write.force, native=not kind.custom
        )
        return objects.create(stored, namespace, created, write), True
    if (
        meta.get("resourceVersion", entry.object["metadata"]["resourceVersion"])
        != (entry.object["metadata"]["resourceVersion"])
    ):
        raise answers.conflict(kind.resource, name)
    merged = managed.apply(
        entry.copy(), applied, stored.node, manager, force=write.force, native=not kind.custom
    )
    return objects.change(stored, entry, merged, write), False


def _forget_other_parts(kind: Kind, applied: Object, subresource: str) -> None:
    """An apply owns nothing of what its endpoint does not write."""
    if subresource == "status":
        for key in [key for key in applied if key not in strategies.STATUS_PARTS]:
            del applied[key]
    elif kind.has_status:
        applied.pop("status", None)


def patched_scale(scale: Object, form: str, body: bytes) -> Any:
    """A Scale object after a patch. Raises ``Refused``."""
    read = codec.decode(body)
    try:
        return apply_json_patch(scale, read) if form == JSON else apply_merge_patch(scale, read)
    except (PatchFailed, InvalidInput) as error:
        raise _unprocessable(str(error)) from error
