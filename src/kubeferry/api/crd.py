"""The CustomResourceDefinitions of our resources, generated from their types.

A schema of msgspec becomes a *structural* one, as an API server wants it: references are put in
place, an optional part is one that may be missing (null is pruned by the server, so no field is
nullable; a value of a map may be), titles and empty defaults go. Unknown fields are pruned; who
sends ``fieldValidation=Strict``, as kubectl and our commands do, is told of them.
"""

from typing import Any

import msgspec

from kubeferry.api import backup, location, restore
from kubeferry.api.definition import GROUP, NAME_LENGTH, VERSION, Definition

DEFINITIONS: tuple[Definition, ...] = (
    location.DEFINITION,
    backup.DEFINITION,
    restore.DEFINITION,
)
"""All our custom resources."""

Schema = dict[str, Any]

_LABELS = {"app.kubernetes.io/name": "kubeferry"}
_KEPT = (
    "type",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-preserve-unknown-fields",
)


def manifests() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions, ready to be applied."""
    return [manifest(definition) for definition in DEFINITIONS]


def manifest(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition of one resource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}", "labels": dict(_LABELS)},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.singular,
                "categories": ["kubeferry"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema(definition)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": column.name, "type": column.type, "jsonPath": column.path}
                        | ({"priority": 1} if column.wide else {})
                        for column in definition.columns
                    ],
                }
            ],
        },
    }


def schema(definition: Definition) -> Schema:
    """The structural schema of one resource, its rules included."""
    _, parts = msgspec.json.schema_components([definition.type])
    properties = parts[definition.kind]["properties"]
    result: Schema = {
        "description": parts[definition.kind]["description"],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": NAME_LENGTH}},
            },
            "spec": _structural(properties["spec"], parts, defaults=True),
            "status": _structural(properties["status"], parts, defaults=False),
        },
    }
    for path, rules in definition.rules.items():
        _at(result, path)["x-kubernetes-validations"] = [
            {"rule": rule.rule, "message": rule.message} for rule in rules
        ]
    return result


def _at(result: Schema, path: str) -> Schema:
    for name in filter(None, path.split(".")):
        result = result["properties"][name.removesuffix("[]")]
        if name.endswith("[]"):
            result = result["items"]
    return result


def _structural(given: Schema, parts: dict[str, Schema], *, defaults: bool) -> Schema:
    """One value's schema; ``defaults`` says whether the server fills in what is missing."""
    reference = given.get("$ref")
    if reference is not None:
        given = parts[reference.rpartition("/")[2]] | given
    for choice in given.get("anyOf", ()):
        if choice.get("type") != "null":
            given = choice | {key: value for key, value in given.items() if key != "anyOf"}
            return _structural(given, parts, defaults=defaults)
    result: Schema = {}
    if "description" in given:
        result["description"] = " ".join(given["description"].replace("``", "").split())
    # An empty part is a default of its own: the server then fills in what is in it.
    if defaults and (given.get("default") or (reference and given.get("default") == {})):
        result["default"] = given["default"]
    result |= {key: given[key] for key in _KEPT if key in given}
    if "enum" in given:
        result |= {"type": "string", "enum": [one for one in given["enum"] if one is not None]}
    if "items" in given:
        result["items"] = _structural(given["items"], parts, defaults=defaults)
    if isinstance(given.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(
            given["additionalProperties"], parts, defaults=defaults
        )
        if {"type": "null"} in given["additionalProperties"].get("anyOf", ()):
            result["additionalProperties"]["nullable"] = True
    if given.get("required"):
        result["required"] = list(given["required"])
    if "properties" in given:
        result["properties"] = {
            name: _structural(part, parts, defaults=defaults)
            for name, part in given["properties"].items()
        }
    return result
