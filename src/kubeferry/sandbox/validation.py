"""Values checked against a structural schema, with the causes a real API server gives.

What did not change since the stored object is not judged again (ratcheting), so that a schema that
became stricter does not lock objects in.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from kubeferry.durations import parse_duration
from kubeferry.errors import InvalidInput
from kubeferry.kube.regex import compile_regex
from kubeferry.sandbox import answers
from kubeferry.sandbox.answers import Cause, required
from kubeferry.sandbox.cel import Rule
from kubeferry.sandbox.celvalues import CelError
from kubeferry.sandbox.schema import Node

_NOTHING: Any = object()


def shown(value: Any) -> str:
    """A value as schema validation shows it: of maps and lists the type only."""
    if isinstance(value, dict | list):
        return '"object"' if isinstance(value, dict) else '"array"'
    return '"null"' if value is None else answers.shown(value)


def _invalid(field: str, value: object, detail: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def validate(value: Any, node: Node, old: Any = None) -> list[Cause]:
    """The causes for which an object is refused; ``old`` is the stored one, if there is one.

    Rules are judged only where the structure allows it; that some were not is a cause of its own.
    """
    before = _NOTHING if old is None else old
    causes = list(_structure(value, node, "", before))
    if not any(cause.reason in _BLOCKING for cause in causes):
        return causes + list(_all_rules(value, node, "", before))
    return [*causes, _UNCHECKED] if _has_rules(node) else causes


_BLOCKING = frozenset(
    {
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
        "FieldValueNotSupported",
    }
)
_UNCHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)


def _has_rules(node: Node) -> bool:
    inner = [*node.properties.values(), node.additional, node.items]
    return bool(node.rules) or any(_has_rules(one) for one in inner if one is not None)


def _all_rules(value: Any, node: Node, path: str, old: Any) -> Iterator[Cause]:
    """The rules of a value and of all that is in it; what did not change is not judged again."""
    if old is not _NOTHING and old == value:
        return
    yield from _rules(value, node, path, old)
    for key, held, inner, before in _inside(value, node, old):
        yield from _all_rules(held, inner, f"{path}{key}".removeprefix("."), before)


def _inside(value: Any, node: Node, old: Any) -> Iterator[tuple[str, Any, Node, Any]]:
    if isinstance(value, dict):
        earlier = old if isinstance(old, dict) else {}
        for key, held in value.items():
            known = node.properties.get(key) or node.additional
            if known is not None:
                yield f".{key}", held, known, earlier.get(key, _NOTHING)
    elif isinstance(value, list) and node.items is not None:
        keys = node.map_keys if node.list_type == "map" else ()
        before = _by_identity(old, keys)
        for index, item in enumerate(value):
            found = before.get(_identity(item, keys, index), _NOTHING)
            yield f"[{index}]", item, node.items, found


def _by_identity(items: Any, keys: tuple[str, ...]) -> dict[Any, Any]:
    if not isinstance(items, list):
        return {}
    return {_identity(item, keys, index): item for index, item in enumerate(items)}


def _structure(value: Any, node: Node, path: str, old: Any) -> Iterator[Cause]:
    if old is not _NOTHING and old == value:
        return
    if value is None and node.nullable:
        return
    if not _has_type(value, node):
        yield Cause(
            "FieldValueTypeInvalid",
            f'Invalid value: "{_type_name(value)}": {path} in body must be of type '
            f'{node.type or "integer,string"}: "{_type_name(value)}"',
            path,
        )
        return
    yield from _checks(value, node, path)
    if isinstance(value, dict):
        yield from _map(value, node, path, old)
    elif isinstance(value, list) and node.items is not None:
        yield from _list(value, node, path, old)


def _type_name(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def _has_type(value: Any, node: Node) -> bool:
    if node.int_or_string:
        return isinstance(value, int | str) and not isinstance(value, bool)
    match node.type:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case "number":
            return not isinstance(value, bool) and isinstance(value, int | float)
    return True


def _map(value: dict[str, Any], node: Node, path: str, old: Any) -> Iterator[Cause]:
    for name in node.required:
        if name not in value:
            yield required(f"{path}.{name}" if path else name)
    before = old if isinstance(old, dict) else {}
    for key, held in value.items():
        known = node.properties.get(key) or node.additional
        if known is not None:
            here = f"{path}.{key}" if path else key
            yield from _structure(held, known, here, before.get(key, _NOTHING))


def _list(value: list[Any], node: Node, path: str, old: Any) -> Iterator[Cause]:
    assert node.items is not None
    keys = node.map_keys if node.list_type == "map" else ()
    before = _by_identity(old, keys)
    seen = set()
    for index, item in enumerate(value):
        identity = _identity(item, keys, index)
        here = f"{path}[{index}]"
        if node.list_type in ("map", "set"):
            identity = identity if keys else _frozen(item)
            if identity in seen:
                yield Cause("FieldValueDuplicate", f"Duplicate value: {_json(item, keys)}", here)
            seen.add(identity)
        yield from _structure(item, node.items, here, before.get(identity, _NOTHING))


def _identity(item: Any, keys: tuple[str, ...], index: int) -> Any:
    if keys and isinstance(item, dict):
        return tuple(_frozen(item.get(key)) for key in keys)
    return index


def _frozen(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _json(item: Any, keys: tuple[str, ...]) -> str:
    return _frozen({key: item.get(key) for key in keys}) if keys else _frozen(item)


Check = Callable[[Any, Any, str], Cause | None]


def _body(value: Any, path: str, words: str) -> Cause:
    return _invalid(path, value, f"{path} in body {words}")


def _enum(value: Any, allowed: Any, path: str) -> Cause | None:
    if any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in allowed):
        return None
    names = ", ".join(shown(one) for one in allowed)
    return Cause(
        "FieldValueNotSupported",
        f"Unsupported value: {shown(value)}: supported values: {names}",
        path,
    )


def _pattern(value: Any, pattern: Any, path: str) -> Cause | None:
    if not isinstance(value, str) or compile_regex(pattern, place=path).search(value):
        return None
    return _body(value, path, f"should match '{pattern}'")


def _minimum(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, int | float) or value >= limit:
        return None
    return _body(value, path, f"should be greater than or equal to {limit}")


def _maximum(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, int | float) or value <= limit:
        return None
    return _body(value, path, f"should be less than or equal to {limit}")


def _min_length(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, str) or len(value) >= limit:
        return None
    return _body(value, path, f"should be at least {limit} chars long")


def _max_length(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, str) or len(value) <= limit:
        return None
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", path)


def _min_items(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, list) or len(value) >= limit:
        return None
    return _invalid(path, len(value), f"{path} in body should have at least {limit} items")


def _max_items(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, list) or len(value) <= limit:
        return None
    return Cause(
        "FieldValueTooMany", f"Too many: {len(value)}: must have at most {limit} items", path
    )


def _min_properties(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, dict) or len(value) >= limit:
        return None
    return _body(value, path, f"should have at least {limit} properties")


def _max_properties(value: Any, limit: Any, path: str) -> Cause | None:
    if not isinstance(value, dict) or len(value) <= limit:
        return None
    return Cause(
        "FieldValueTooMany", f"Too many: {len(value)}: must have at most {limit} items", path
    )


def _multiple_of(value: Any, factor: Any, path: str) -> Cause | None:
    if not isinstance(value, int | float) or value % factor == 0:
        return None
    return _body(value, path, f"should be a multiple of {factor}")


_CHECKS: dict[str, Check] = {
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "maximum": _maximum,
    "minLength": _min_length,
    "maxLength": _max_length,
    "minItems": _min_items,
    "maxItems": _max_items,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
    "multipleOf": _multiple_of,
}


def _checks(value: Any, node: Node, path: str) -> Iterator[Cause]:
    for name, limit in node.checks.items():
        check = _CHECKS.get(name)
        cause = check(value, limit, path) if check else None
        if cause is not None:
            yield cause
    if node.format and isinstance(value, str) and not _FORMATS.get(node.format, _any)(value):
        words = f"{path} in body must be of type {node.format}: {shown(value)}"
        yield Cause("FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {words}", path)


def _any(_: str) -> bool:
    return True


def _date_time(text: str) -> bool:
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(datetime.strptime(text, "%Y-%m-%d"))
    except ValueError:
        return False


def _duration(text: str) -> bool:
    try:
        parse_duration(text.removeprefix("-"))
    except ValueError:
        return False
    return True


_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _date_time,
    "date": _date,
    "duration": _duration,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "byte": lambda text: _BASE64.fullmatch(text) is not None,
}


def _rules(value: Any, node: Node, path: str, old: Any) -> Iterator[Cause]:
    for rule in node.rules:
        if rule.transition and old is _NOTHING:
            continue
        scope = {"self": value, "oldSelf": None if old is _NOTHING else old}
        try:
            if rule.evaluate(scope) is True:
                continue
            message = _message(rule, scope)
        except (CelError, InvalidInput) as error:
            message = f'rule evaluation error: {error} evaluating rule: "{rule.text}"'
        where = f"{path}{rule.field}" if rule.field else path
        label = "Invalid value: "
        if rule.reason == "FieldValueForbidden":
            yield Cause(rule.reason, f"Forbidden: {message}", where)
        elif rule.reason == "FieldValueRequired":
            yield required(where, message)
        else:
            yield Cause(rule.reason, f"{label}{message}", where)


def _message(rule: Rule, scope: dict[str, Any]) -> str:
    if rule.message_expression is not None:
        try:
            return str(rule.message_expression(scope))
        except CelError:
            pass
    return rule.message or f"failed rule: {rule.text}"
