"""What the server does not know it does not keep: unknown fields go, and are told of.

Custom resources are pruned to their schema. Built-in kinds are decoded into it, as Go would: null
is no value, a field of the wrong type fails the request, a quantity that is a number becomes text.
"""

from typing import Any

from kubeferry.sandbox.answers import Refused, bad_request
from kubeferry.sandbox.schema import Node


def prune(value: Any, node: Node, path: str, unknown: list[str]) -> None:
    """Removes what a structural schema does not name, in place; adds their paths to ``unknown``."""
    if isinstance(value, dict):
        properties, additional = node.properties, node.additional
        loose = node.preserve or (not properties and additional is None and not node.type)
        for key in list(value):
            inner = properties.get(key) or additional
            if inner is not None:
                prune(value[key], inner, f"{path}.{key}" if path else key, unknown)
            elif not loose and not (node.embedded and key in _EMBEDDED):
                del value[key]
                unknown.append(f"{path}.{key}" if path else key)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            prune(item, node.items, f"{path}[{index}]", unknown)


_EMBEDDED = ("apiVersion", "kind", "metadata")


class WrongType(Exception):
    """A field whose JSON type the kind cannot hold."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        super().__init__(path)
        self.path = path
        self.found = found
        self.wanted = wanted

    def refusal(self, kind: str, version: str) -> Refused:
        """The 400 that Go's decoder gives."""
        return bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: json: cannot unmarshal '
            f"{self.found} into Go struct field {kind}.{self.path} of type {self.wanted}"
        )


def decode_native(value: Any, node: Node, path: str, unknown: list[str]) -> Any:
    """The value as a built-in kind holds it; raises ``WrongType``."""
    if isinstance(value, dict):
        return _decode_map(value, node, path, unknown)
    if isinstance(value, list):
        items = node.items
        if items is None:
            if node.type or node.properties:
                raise WrongType(path, "array", node.type or "object")
            return value
        return [
            decode_native(item, items, f"{path}[{index}]", unknown)
            for index, item in enumerate(value)
        ]
    if value is None or not (node.type or node.int_or_string or "oneOf" in node.checks):
        return value
    return _scalar(value, node, path)


def _decode_map(value: dict[str, Any], node: Node, path: str, unknown: list[str]) -> dict[str, Any]:
    properties, additional = node.properties, node.additional
    if not properties and additional is None:
        if node.type not in ("", "object"):
            raise WrongType(path, "object", node.type)
        return value
    result = {}
    for key, inner in value.items():
        here = f"{path}.{key}" if path else key
        known = properties.get(key)
        if known is None and additional is not None:
            # Go's decoder names the map in its errors, not the key.
            known, here = additional, path
        if known is None:
            unknown.append(here)
        elif inner is not None:
            made = decode_native(inner, known, here, unknown)
            if made not in ({}, []) or key in node.required or not _omitted_when_empty(key, known):
                result[key] = made
        elif additional is not None and additional.type == "string":
            result[key] = ""
    return result


def _omitted_when_empty(key: str, node: Node) -> bool:
    """Whether Go leaves an empty value out: a list or map, not a struct that is pointed to."""
    return (node.items is not None or node.additional is not None) and key != "managedFields"


_JSON_NAMES = {bool: "bool", int: "number", float: "number", str: "string"}
_PYTHON = {"string": str, "boolean": bool, "integer": int, "number": float}


def _scalar(value: Any, node: Node, path: str) -> Any:
    wanted = node.type
    if node.int_or_string:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise WrongType(path, _JSON_NAMES[type(value)], "intstr.IntOrString")
        return value
    if not wanted:
        return _quantity(value)
    if wanted == "string" and isinstance(value, str):
        return value
    if wanted == "boolean" and isinstance(value, bool):
        return value
    if wanted in ("integer", "number") and not isinstance(value, bool):
        if isinstance(value, int):
            return value
        if isinstance(value, float) and (wanted == "number" or value.is_integer()):
            return int(value) if wanted == "integer" else value
    if wanted == "integer" and isinstance(value, float):
        raise WrongType(path, f"number {value}", node.format or "int64")
    names = {"boolean": "bool", "integer": node.format or "int64", "object": "map[string]"}
    raise WrongType(path, _JSON_NAMES[type(value)], names.get(wanted, wanted))


def _quantity(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(value)
