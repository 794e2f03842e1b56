"""The format of modifiers as one table: the reader takes its field names from it, and the JSON
Schemas that editors use are made of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kubeferry.transform.modifiers.operations import OPERATIONS_V2
from kubeferry.transform.patch.json_patch import OPERATIONS

Version = Literal["v1", "v2"]
VERSIONS: tuple[Version, ...] = ("v1", "v2")
ON_ERROR = ("record", "skipObject", "abort")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a part of the format.

    ``type``: ``text`` (a YAML scalar), ``flag``, ``value`` (a scalar in v1, anything in v2),
    ``patch`` (a text in v1, a text or a map in v2), ``texts`` (a map of scalars), or the name of a
    part; with ``many`` a list of them. ``since`` is the first version that has it.
    """

    name: str
    type: str
    text: str
    many: bool = False
    required: bool = False
    since: Version = "v1"
    choices: tuple[str, ...] = ()


_DOCUMENT_PATCH = "one patch of the whole object; several apply in their order"

PARTS: Mapping[str, tuple[Field, ...]] = {
    "document": (
        Field("version", "text", "of the format", required=True),
        Field("resourceModifierRules", "rule", "apply in their order", many=True, required=True),
    ),
    "rule": (
        Field("name", "text", "names the rule in causes and reports", since="v2"),
        Field("conditions", "conditions", "which objects; all must hold", required=True),
        Field("patches", "patch", "operations on fields, as in a JSON patch", many=True),
        Field("mergePatches", "documentPatch", "merge patches (RFC 7386)", many=True),
        Field(
            "strategicPatches",
            "documentPatch",
            "strategic merge patches, for built-in kinds",
            many=True,
        ),
        Field(
            "onError",
            "text",
            "what a failure does: it is recorded, the object is not created, the restore stops",
            since="v2",
            choices=ON_ERROR,
        ),
    ),
    "conditions": (
        Field(
            "groupResource",
            "text",
            "<plural>.<group>, core kinds without a group; * and ? do not cross a dot",
            required=True,
        ),
        Field("namespaces", "text", "source namespaces, or globs of them", many=True),
        Field("resourceNameRegex", "text", "an RE2 expression that occurs in the name"),
        Field("labelSelector", "labelSelector", "of the object's labels"),
        Field("matches", "match", "fields and their values", many=True),
    ),
    "labelSelector": (
        Field("matchLabels", "texts", "labels and their values"),
        Field("matchExpressions", "matchExpression", "all must hold", many=True),
    ),
    "matchExpression": (
        Field("key", "text", "of a label", required=True),
        Field(
            "operator",
            "text",
            "how it is compared",
            required=True,
            choices=("In", "NotIn", "Exists", "DoesNotExist"),
        ),
        Field("values", "text", "for In and NotIn", many=True),
    ),
    "match": (
        Field("path", "text", "a JSON pointer", required=True),
        Field("value", "value", "what must be there"),
    ),
    "patch": (
        Field("operation", "text", "what it does", required=True),
        Field("path", "text", "a JSON pointer: where", required=True),
        Field("from", "text", "a JSON pointer: where move and copy take it"),
        Field("value", "value", "for add, replace and test"),
        Field("createParents", "flag", "add makes the maps that are missing", since="v2"),
        Field("pattern", "text", "for substitute: an RE2 expression", since="v2"),
        Field("replacement", "text", r"for substitute: \1 is a group", since="v2"),
    ),
    "documentPatch": (Field("patchData", "patch-data", _DOCUMENT_PATCH, required=True),),
}
"""The parts of the format; a rule has at most one of the three kinds of patches."""

PATCH_KINDS = ("patches", "mergePatches", "strategicPatches")


def fields_of(part: str, version: Version) -> tuple[str, ...]:
    """The names of the fields that a part has in a version."""
    return tuple(one.name for one in _fields(part, version))


def operations_of(version: Version) -> tuple[str, ...]:
    """The operations of a version."""
    return OPERATIONS if version == "v1" else OPERATIONS_V2


def json_schema(version: Version) -> dict[str, Any]:
    """The JSON Schema (draft 7) of a ConfigMap's text in a version."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Resource modifiers, version {version}",
        **_part("document", version),
        "definitions": {name: _part(name, version) for name in PARTS if name != "document"},
    }


def _fields(part: str, version: Version) -> Iterator[Field]:
    for one in PARTS[part]:
        if one.since == "v1" or version == "v2":
            yield one


def _part(name: str, version: Version) -> dict[str, Any]:
    fields = list(_fields(name, version))
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _field(name, one, version) for one in fields},
        "additionalProperties": False,
    }
    required = [one.name for one in fields if one.required]
    if required:
        schema["required"] = required
    if name == "rule":
        schema["oneOf"] = [{"required": [kind]} for kind in PATCH_KINDS]
    return schema


def _field(part: str, field: Field, version: Version) -> dict[str, Any]:
    inner = _type(field, version)
    if part == "document" and field.name == "version":
        inner = {"enum": [version]}
    elif part == "patch" and field.name == "operation":
        inner = {"enum": list(operations_of(version))}
    elif field.choices:
        inner = {"enum": list(field.choices)}
    if field.many:
        inner = {"type": "array", "items": inner}
        if part == "document" or field.name in PATCH_KINDS:
            inner["minItems"] = 1
    if "$ref" in inner:  # draft 7 ignores what stands beside a reference
        inner = {"allOf": [inner]}
    return {"description": field.text, **inner}


_SCALAR = ["string", "number", "boolean", "null"]


def _type(field: Field, version: Version) -> dict[str, Any]:
    match field.type:
        case "text":
            return {"type": _SCALAR}
        case "flag":
            return {"type": "boolean"}
        case "value":
            return {"type": _SCALAR} if version == "v1" else {}
        case "patch-data":
            return {"type": "string" if version == "v1" else ["string", "object"]}
        case "texts":
            return {"type": "object", "additionalProperties": {"type": _SCALAR}}
    return {"$ref": f"#/definitions/{field.type}"}
