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
from kubeferry.sandbox.cel import CelError, Rule
from kubeferry.sandbox.schema import Node

_NOTHING: Any = object()


def shown(value: Any) -> str:
    """A value as schema validation shows it: of maps and lists the type only."""
    if isinstance(value, dict | list):
        return '"object"' if isinstance(value, dict) else '"array"'
    return '"null"' if value is None else answers.shown(value)


def _invalid(field: str, value: object, detail: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def validate(value: Any, node: Node, path: str, old: Any = _NOTHING) -> Iterator[Cause]:
    """The causes for which the value is refused; ``old`` is the stored value, if there is one."""
    if old is not _NOTHING and old == value:
        return
    if value is None and node.nullable:
        return
    if not _has_type(value, node):
        yield Cause(
            "FieldValueTypeInvalid",
            f"Invalid value: {shown(value)}: {path} in body must be of type "
            f"{node.type or 'integer,string'}: {shown(value)}",
            path,
        )
        return
    yield from _checks(value, node, path)
    if isinstance(value, dict):
        yield from _map(value, node, path, old)
    elif isinstance(value, list) and node.items is not None:
        yield from _list(value, node, path, old)
    yield from _rules(value, node, path, old)


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
            yield from validate(held, known, here, before.get(key, _NOTHING))


def _list(value: list[Any], node: Node, path: str, old: Any) -> Iterator[Cause]:
    assert node.items is not None
    keys = node.map_keys if node.list_type == "map" else ()
    before: dict[Any, Any] = {}
    if isinstance(old, list):
        before = {_identity(item, keys, index): item for index, item in enumerate(old)}
    seen = set()
    for index, item in enumerate(value):
        identity = _identity(item, keys, index)
        here = f"{path}[{index}]"
        if node.list_type in ("map", "set"):
            identity = identity if keys else _frozen(item)
            if identity in seen:
                yield Cause("FieldValueDuplicate", f"Duplicate value: {_json(item, keys)}", here)
            seen.add(identity)
        yield from validate(item, node.items, here, before.get(identity, _NOTHING))


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
        yield _body(value, path, f"must be of type {node.format}: {shown(value)}")


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
