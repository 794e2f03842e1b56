"""Schemas, compiled: one tree of ``Node`` for built-in kinds (OpenAPI) and for custom ones (CRD).

A node says what a value may be and how it is written: its defaults, how its lists are merged, its
rules. References between OpenAPI schemas are followed once and may be recursive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeferry.sandbox.cel import Rule, compile_rule

_ABSENT: Any = object()


@dataclass(slots=True, eq=False)
class Node:
    """What one value may be. An empty ``type`` allows anything."""

    type: str = ""
    format: str = ""
    properties: dict[str, "Node"] = field(default_factory=dict)
    additional: "Node | None" = None
    items: "Node | None" = None
    required: tuple[str, ...] = ()
    default: Any = _ABSENT
    nullable: bool = False
    preserve: bool = False
    embedded: bool = False
    int_or_string: bool = False
    atomic: bool = False
    list_type: str = ""
    map_keys: tuple[str, ...] = ()
    merge_key: str = ""
    merge_strategy: str = ""
    rules: tuple[Rule, ...] = ()
    checks: Mapping[str, Any] = field(default_factory=dict)
    defaults_inside: bool | None = None

    @property
    def has_default(self) -> bool:
        """Whether there is a default (which may be null)."""
        return self.default is not _ABSENT


_CHECKS = (
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "multipleOf",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
)


class Compiler:
    """Makes nodes; ``definitions`` are what ``$ref`` may name."""

    def __init__(self, definitions: Mapping[str, Any] | None = None) -> None:
        self._definitions = definitions or {}
        self._named: dict[str, Node] = {}

    def named(self, name: str) -> Node:
        """The node of a definition, compiled once."""
        if name not in self._named:
            node = self._named[name] = Node()
            self._fill(node, self._definitions[name], name)
        return self._named[name]

    def compile(self, schema: Mapping[str, Any], *, place: str = "") -> Node:
        """A node of a schema. Raises ``InvalidInput`` for a CEL rule that cannot be read."""
        reference = _reference(schema)
        if reference:
            target = self.named(reference)
            if len(schema) == 1:
                return target
            node = Node(**{name: getattr(target, name) for name in Node.__slots__})
            if "default" in schema:
                node.default = schema["default"]
            _merging(node, schema)
            return node
        node = Node()
        self._fill(node, schema, place)
        return node

    def _fill(self, node: Node, schema: Mapping[str, Any], place: str) -> None:
        node.type = schema.get("type", "")
        node.format = schema.get("format", "")
        node.int_or_string = bool(
            schema.get("x-kubernetes-int-or-string") or node.format == "int-or-string"
        )
        node.nullable = bool(schema.get("nullable"))
        node.preserve = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
        node.embedded = bool(schema.get("x-kubernetes-embedded-resource"))
        node.required = tuple(schema.get("required", ()))
        node.default = schema.get("default", _ABSENT)
        _merging(node, schema)
        for name, inner in (schema.get("properties") or {}).items():
            node.properties[name] = self.compile(inner, place=f"{place}.{name}")
        additional = schema.get("additionalProperties")
        if isinstance(additional, Mapping):
            node.additional = self.compile(additional, place=f"{place}.*")
        elif additional is True:
            node.additional = Node()
        if "items" in schema:
            node.items = self.compile(schema["items"], place=f"{place}[]")
        node.checks = {key: schema[key] for key in _CHECKS if key in schema}
        node.rules = tuple(
            compile_rule(rule, place=place) for rule in schema.get("x-kubernetes-validations", ())
        )


def _merging(node: Node, schema: Mapping[str, Any]) -> None:
    node.list_type = schema.get("x-kubernetes-list-type", node.list_type)
    node.map_keys = tuple(schema.get("x-kubernetes-list-map-keys", node.map_keys))
    node.atomic = node.atomic or schema.get("x-kubernetes-map-type") == "atomic"
    node.merge_key = schema.get("x-kubernetes-patch-merge-key", node.merge_key)
    node.merge_strategy = schema.get("x-kubernetes-patch-strategy", node.merge_strategy)


def _reference(schema: Mapping[str, Any]) -> str:
    one = schema.get("allOf")
    reference = schema.get("$ref") or (
        one[0].get("$ref") if isinstance(one, list) and len(one) == 1 else None
    )
    return str(reference).rpartition("/")[2] if reference else ""
