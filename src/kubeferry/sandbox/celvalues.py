"""What CEL's operators, functions and methods do with values, as functions of a scope.

They keep CEL's strictness: a boolean is no number, a missing field is an error and not null.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
Expression = Callable[[Scope], Any]


class CelError(Exception):
    """An expression failed while it was evaluated: a missing field, a wrong type."""


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def literal(kind: str, value: str) -> Any:
    """The value of a literal token."""
    if kind == "number":
        return float(value) if re.search(r"[.]", value) else int(value, 0)
    if kind == "raw":
        return value[2:-1]
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), value[1:-1])


def boolean(value: Any) -> bool:
    """A boolean, or ``CelError``."""
    if not isinstance(value, bool):
        raise CelError("no such overload")
    return value


def either(left: Expression, right: Expression, *, decides: bool) -> Expression:
    """``||`` (True decides) or ``&&`` (False decides)."""

    def evaluate(scope: Scope) -> bool:
        try:
            if boolean(left(scope)) is decides:
                return decides
        except CelError:
            if boolean(right(scope)) is decides:
                return decides
            raise
        return boolean(right(scope))

    return evaluate


def relation(sign: str, left: Expression, right: Expression) -> Expression:
    """A comparison, or ``in``."""
    if sign in ("==", "!="):
        return lambda scope: _equal(left(scope), right(scope)) is (sign == "==")
    if sign == "in":
        return lambda scope: _contains(right(scope), left(scope))
    compare = _COMPARISONS[sign]

    def evaluate(scope: Scope) -> bool:
        try:
            return compare(left(scope), right(scope))
        except TypeError as error:
            raise CelError("no such overload") from error

    return evaluate


def _equal(left: Any, right: Any) -> bool:
    """Equality that keeps booleans apart from numbers."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _contains(holder: Any, value: Any) -> bool:
    if not isinstance(holder, list | dict):
        raise CelError("no such overload")
    return value in holder


def arithmetic(sign: str, left: Expression, right: Expression) -> Expression:
    """``+ - * / %``; whole numbers divide towards zero."""

    def evaluate(scope: Scope) -> Any:
        one, two = left(scope), right(scope)
        try:
            match sign:
                case "+":
                    return one + two
                case "-":
                    return one - two
                case "*":
                    return one * two
            if isinstance(one, int):
                quotient = abs(one) // abs(two) * (1 if (one < 0) == (two < 0) else -1)
                return quotient if sign == "/" else one - two * quotient
            return one / two
        except (TypeError, ZeroDivisionError) as error:
            raise CelError(str(error)) from error

    return evaluate


def field_of(target: Expression, name: str) -> Expression:
    """A field that must be there."""

    def evaluate(scope: Scope) -> Any:
        holder = target(scope)
        if not isinstance(holder, dict) or name not in holder:
            raise CelError(f"no such key: {name}")
        return holder[name]

    return evaluate


def index_of(target: Expression, index: Expression) -> Expression:
    """An item of a list or map that must be there."""

    def evaluate(scope: Scope) -> Any:
        key = index(scope)
        try:
            return target(scope)[key]
        except (KeyError, IndexError, TypeError) as error:
            raise CelError(f"no such key: {key}") from error

    return evaluate


def has_field(holder: Any, name: str) -> bool:
    """Whether a map has a field."""
    return isinstance(holder, dict) and name in holder


def _size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise CelError("no such overload")
    return len(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise CelError(str(error)) from error


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(target: Any, *arguments: Any) -> Any:
        if not isinstance(target, str):
            raise CelError("no such overload")
        return function(target, *arguments)

    return call


FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {"size": _size, "string": _text, "int": _whole}
METHODS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "startsWith": (1, _method(str.startswith)),
    "endsWith": (1, _method(str.endswith)),
    "contains": (1, _method(str.__contains__)),
    "lowerAscii": (0, _method(str.lower)),
    "upperAscii": (0, _method(str.upper)),
    "trim": (0, _method(str.strip)),
    "size": (0, _size),
}
MACROS: Mapping[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "all": lambda items, holds: all(boolean(holds(item)) for item in items),
    "exists": lambda items, holds: any(boolean(holds(item)) for item in items),
    "exists_one": lambda items, holds: sum(boolean(holds(item)) for item in items) == 1,
    "filter": lambda items, holds: [item for item in items if boolean(holds(item))],
    "map": lambda items, of: [of(item) for item in items],
}
