"""Sets of fields in the form of ``fieldsV1``: what an object has, what differs, set algebra.

A set is a tree of maps. A key is ``f:<field>``, ``k:<keys of a list item>`` or ``v:<value of a set
item>``; an empty map is a leaf that is in the set; a map with the key ``.`` is in the set itself
beside what is below it. https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from kubeferry.sandbox.schema import Node

Fields = dict[str, Any]

_SELF = "."
_LOOSE = Node()
_STRUCTS = frozenset({"podSelector"})
"""Fields that are structs in Go although the OpenAPI document does not tell."""
_MISSING: Any = object()


def children(value: Any, node: Node) -> Iterator[tuple[str, Any, Node]]:
    """The parts of a value that have owners of their own: key, value, schema."""
    if isinstance(value, dict):
        for name, held in value.items():
            yield f"f:{name}", held, node.properties.get(name) or node.additional or _LOOSE
    elif isinstance(value, list):
        items = node.items or _LOOSE
        for item in value:
            yield item_key(item, node), item, items


def item_key(item: Any, node: Node) -> str:
    """How a list item is named among its fellows."""
    if node.list_type == "map" and isinstance(item, dict):
        keys = {}
        for key in node.map_keys:
            known = node.items.properties.get(key) if node.items else None
            value = item.get(key, known.default if known and known.has_default else None)
            keys[key] = value
        return "k:" + msgspec.json.encode(keys, order="sorted").decode()
    return "v:" + msgspec.json.encode(item).decode()


def divisible(value: Any, node: Node) -> bool:
    """Whether its parts have owners of their own, or the whole has one."""
    if isinstance(value, dict):
        return not node.atomic
    return isinstance(value, list) and node.list_type in ("map", "set")


def fields_of(value: Any, node: Node) -> Fields:
    """All fields that a value sets, as an apply owns them."""
    found: Fields = {}
    if not divisible(value, node):
        return found
    for key, held, inner in children(value, node):
        below = fields_of(held, inner)
        if below and key[0] == "k":
            below = {_SELF: {}, **below}
        found[key] = below
    return found


def changed_fields(old: Any, new: Any, node: Node, *, native: bool) -> Fields:
    """The fields of ``new`` that ``old`` has not, or has with another value.

    A map that was not there is in the set itself. In a ``native`` (built-in) kind some always are:
    what its Go type writes although it is empty.
    """
    found: Fields = {}
    before = {key: held for key, held, _ in children(old, node)} if divisible(old, node) else {}
    for key, held, inner in children(new, node):
        earlier = before.get(key, _MISSING)
        if earlier is not _MISSING and earlier == held:
            continue
        if not divisible(held, inner):
            if earlier is _MISSING and held == {} and native and _always_there(key, inner, node):
                continue
            found[key] = {}
            continue
        absent = earlier is _MISSING or (earlier is not None and not divisible(earlier, inner))
        written = native and _always_there(key, inner, node)
        below = changed_fields(
            None if absent else earlier, held, inner, native=native and (written or not absent)
        )
        if absent and not written:
            found[key] = {_SELF: {}, **below} if below else {}
        elif below:
            found[key] = below
    return found


def _always_there(key: str, inner: Node, node: Node) -> bool:
    """Whether a Go type writes a field even if it is empty: a struct, or a required list or map."""
    name = key[2:]
    return key[0] == "f" and (inner.default == {} or name in node.required or name in _STRUCTS)


def contains_self(fields: Fields) -> bool:
    """Whether a node of a set is in it, not only what is below."""
    return not fields or _SELF in fields


def union(one: Fields, two: Fields) -> Fields:
    """What is in either."""
    result = dict(one)
    for key, below in two.items():
        if key == _SELF:
            continue
        result[key] = _joined(result[key], below) if key in result else below
    return result


def _joined(one: Fields, two: Fields) -> Fields:
    joined = union(one, two)
    joined.pop(_SELF, None)
    if joined and (contains_self(one) or contains_self(two)):
        return {_SELF: {}, **joined}
    return joined


def subtract(one: Fields, two: Fields) -> Fields:
    """What is in the first and not in the second."""
    return _filtered(one, two, keep_common=False)


def intersect(one: Fields, two: Fields) -> Fields:
    """What is in both."""
    return _filtered(one, two, keep_common=True)


def _filtered(one: Fields, two: Fields, *, keep_common: bool) -> Fields:
    result: Fields = {}
    for key, below in one.items():
        if key == _SELF:
            continue
        other = two.get(key)
        if other is None:
            if not keep_common:
                result[key] = below
            continue
        inside = _filtered(below, other, keep_common=keep_common)
        inside.pop(_SELF, None)
        itself = contains_self(below) and contains_self(other) is keep_common
        if inside:
            result[key] = {_SELF: {}, **inside} if itself else inside
        elif itself:
            result[key] = {}
    return result


def paths(fields: Fields, prefix: str = "") -> Iterator[str]:
    """The members as texts: ``.spec.containers[name="web"].image``."""
    for key, below in sorted(fields.items()):
        if key == _SELF:
            continue
        kind, _, rest = key.partition(":")
        match kind:
            case "f":
                here = f"{prefix}.{rest}"
            case "k":
                keys = msgspec.json.decode(rest)
                named = ",".join(f"{k}={msgspec.json.encode(v).decode()}" for k, v in keys.items())
                here = f"{prefix}[{named}]"
            case _:
                here = f"{prefix}[={rest}]"
        if contains_self(below):
            yield here
        yield from paths(below, here)


def remove_fields(value: Any, fields: Fields, node: Node) -> Any:
    """The value without the members of a set; what becomes empty by that is kept."""
    if not divisible(value, node):
        return value
    kept_items = []
    kept_fields = {}
    for key, held, inner in children(value, node):
        below = fields.get(key)
        if below is not None:
            if contains_self(below):
                continue
            held = remove_fields(held, below, inner)
        if isinstance(value, dict):
            kept_fields[key[2:]] = held
        else:
            kept_items.append(held)
    return kept_fields if isinstance(value, dict) else kept_items


def merge(live: Any, applied: Any, node: Node) -> Any:
    """The live value with what is applied: parts one by one where they have owners of their own."""
    if not divisible(applied, node) or not divisible(live, node):
        return applied
    if isinstance(applied, dict):
        result = dict(live)
        for name, value in applied.items():
            inner = node.properties.get(name) or node.additional or _LOOSE
            result[name] = merge(live[name], value, inner) if name in live else value
        return result
    return _merge_lists(live, applied, node)


def _merge_lists(live: list[Any], applied: list[Any], node: Node) -> list[Any]:
    """The applied items in their order; live ones that are not applied keep their place before."""
    items = node.items or _LOOSE
    by_key = {item_key(item, node): item for item in applied}
    held = {item_key(item, node): item for item in live}
    result: list[Any] = []
    order = list(by_key)
    done: set[str] = set()
    for key, item in held.items():
        if key not in by_key:
            result.append(item)
            continue
        while order and key not in done:
            first = order.pop(0)
            done.add(first)
            result.append(
                merge(held[first], by_key[first], items) if first in held else by_key[first]
            )
    result.extend(by_key[key] for key in order)
    return result
