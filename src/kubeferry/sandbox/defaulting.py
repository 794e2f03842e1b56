"""Defaults of schemas: a CRD's as its author wrote them, a built-in kind's as Go writes it."""

import copy
from typing import Any

from kubeferry.sandbox.schema import Node


def apply_defaults(value: Any, node: Node) -> None:
    """Fills in a structural schema's defaults, in place.

    A null in a field that is not nullable and has a default is replaced; without one it is dropped.
    """
    if isinstance(value, dict):
        for key, inner in node.properties.items():
            if key not in value:
                if inner.has_default:
                    value[key] = copy.deepcopy(inner.default)
            elif value[key] is None and not inner.nullable:
                if inner.has_default:
                    value[key] = copy.deepcopy(inner.default)
                else:
                    del value[key]
        for key, held in value.items():
            known = node.properties.get(key) or node.additional
            if known is not None and isinstance(held, dict | list):
                apply_defaults(held, known)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            if isinstance(item, dict | list):
                apply_defaults(item, node.items)


def apply_native_defaults(value: dict[str, Any], node: Node) -> None:
    """Fills in what a built-in kind's Go type writes although nobody set it, in place.

    A struct that is no pointer is written as ``{}``; a required text or number as its zero.
    """
    for key, inner in node.properties.items():
        held = value.get(key)
        if held is None:
            if not inner.has_default or (inner.default != {} and key not in node.required):
                continue
            if inner.default == {} and inner.format == "date-time":
                continue
            held = value[key] = copy.copy(inner.default)
        if isinstance(held, dict):
            if inner.properties:
                apply_native_defaults(held, inner)
            elif inner.additional is not None and inner.additional.properties:
                for one in held.values():
                    apply_native_defaults(one, inner.additional)
        elif isinstance(held, list) and inner.items is not None and inner.items.properties:
            for one in held:
                if isinstance(one, dict):
                    apply_native_defaults(one, inner.items)
