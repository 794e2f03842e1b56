"""Structural schemas: those that ``apiextensions.k8s.io/v1`` asks of a definition. Pure.

A schema is structural when each field, item and value in it has a type, when what stands under
``allOf``, ``anyOf``, ``oneOf`` and ``not`` only restricts fields that are specified outside of it,
and when it does without a few words of JSON Schema (Kubernetes' documentation, "Specifying a
structural schema").
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
Path = tuple[str | int, ...]

INT_OR_STRING = "x-kubernetes-int-or-string"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"

UNKNOWN = ("id", "$schema", "$ref", "patternProperties", "dependencies", "definitions")
"""Words of JSON Schema that no definition may use."""
JUNCTORS = ("allOf", "anyOf", "oneOf", "not")
_NOT_NESTED = (
    *("type", "title", "description", "nullable"),
    *(PRESERVE, EMBEDDED, INT_OR_STRING, "x-kubernetes-list-map-keys", "x-kubernetes-list-type"),
    "x-kubernetes-map-type",
)
_EITHER = [{"type": "integer"}, {"type": "string"}]
_MANY = JUNCTORS[:3]


def is_structural(schema: Any) -> bool:
    """Whether a whole schema (``openAPIV3Schema``) is structural."""
    return (
        isinstance(schema, dict)
        and schema.get("type") == "object"
        and not schema.get("nullable")
        and "additionalProperties" not in schema
        and _is_node(schema, is_root=True)
    )


def nodes(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """The schema and those of its properties, values and items, outside first; what stands under
    ``allOf`` and the like is none.
    """
    if not isinstance(schema, dict):
        return
    yield path, schema
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        yield from nodes(inner, (*path, "properties", name))
    yield from nodes(schema.get("additionalProperties"), (*path, "additionalProperties"))
    yield from nodes(schema.get("items"), (*path, "items"))


def missing_type(schema: Schema) -> str:
    """The type that a schema leaves out and yet means; empty if nobody can tell."""
    if isinstance(schema.get("items"), dict):
        return "array"
    named = ("properties", "additionalProperties", "required")
    if any(isinstance(schema.get(key), (dict, list)) for key in named):
        return "object"
    values = schema.get("enum")
    if isinstance(values, list) and values and all(isinstance(one, str) for one in values):
        return "string"
    return "string" if schema.get("pattern") else ""


def has_type(schema: Schema) -> bool:
    """Whether a schema says what may stand there, anything included."""
    return any(schema.get(key) for key in ("type", INT_OR_STRING, PRESERVE))


def restricts_only(schema: Schema) -> bool:
    """Whether what stands under ``allOf`` and the like only restricts what stands outside."""
    return _restricts_only(schema, schema)


def _is_node(schema: Any, *, is_root: bool = False) -> bool:
    if not isinstance(schema, dict) or any(schema.get(key) for key in UNKNOWN):
        return False
    if schema.get("uniqueItems") or "additionalItems" in schema:
        return False
    if not has_type(schema):
        return False
    kind, is_either = schema.get("type"), bool(schema.get(INT_OR_STRING))
    if is_either and (kind or schema.get(PRESERVE) or schema.get(EMBEDDED)):
        return False
    if kind == "array" and "items" not in schema:
        return False
    if schema.get(EMBEDDED) and not _is_embedded(schema):
        return False
    values = schema.get("additionalProperties", True)
    if schema.get("properties") and "additionalProperties" in schema:
        return False
    if values is not True and not _is_node(values):
        return False
    if "items" in schema and not _is_node(schema["items"]):
        return False
    return _are_properties(schema, is_root=is_root) and restricts_only(schema)


def _is_embedded(schema: Schema) -> bool:
    return (
        schema.get("type") == "object"
        and "additionalProperties" not in schema
        and bool(schema.get("properties") or schema.get(PRESERVE))
    )


def _are_properties(schema: Schema, *, is_root: bool) -> bool:
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return False
    if is_root and not is_plain_metadata(properties.get("metadata")):
        return False
    if is_root or schema.get(EMBEDDED):
        for name, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
            inner = properties.get(name)
            if isinstance(inner, dict) and inner.get("type") != kind:
                return False
    return all(_is_node(inner) for inner in properties.values())


def is_plain_metadata(schema: Any) -> bool:
    """Whether a definition may say so much of the metadata: it may restrict names only."""
    if schema is None:
        return True
    if not isinstance(schema, dict) or not schema.keys() <= {"type", "properties"}:
        return False
    properties = schema.get("properties", {})
    return isinstance(properties, dict) and properties.keys() <= {"name", "generateName"}


def _restricts_only(schema: Schema, outside: Schema) -> bool:
    """Whether what stands under ``allOf`` and the like in ``schema`` only restricts ``outside``."""
    is_either = bool(outside.get(INT_OR_STRING))
    for word in _MANY:
        listed = schema.get(word, [])
        if not isinstance(listed, list):
            return False
        if is_either and word == "anyOf" and listed == _EITHER:
            continue
        for index, inner in enumerate(listed):
            is_pattern = is_either and word == "allOf" and not index
            if is_pattern and isinstance(inner, dict) and inner.get("anyOf") == _EITHER:
                inner = {key: inner[key] for key in inner if key != "anyOf"}
            if not _is_restriction(inner, outside):
                return False
    return "not" not in schema or _is_restriction(schema["not"], outside)


def _is_restriction(schema: Any, outside: Any) -> bool:
    if not isinstance(schema, dict) or not isinstance(outside, dict):
        return False
    if any(schema.get(key) not in (None, False, "") for key in _NOT_NESTED):
        return False
    if any(schema.get(key) for key in UNKNOWN):
        return False
    if "additionalProperties" in schema or schema.get("default") is not None:
        return False
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or "metadata" in properties:
        return False
    if "items" in schema and not _is_restriction(schema["items"], outside.get("items")):
        return False
    known = outside.get("properties")
    for name, inner in properties.items():
        specified = known.get(name) if isinstance(known, dict) else None
        values = outside.get("additionalProperties")
        if not _is_restriction(inner, specified if specified is not None else values):
            return False
    return _restricts_only(schema, outside)
