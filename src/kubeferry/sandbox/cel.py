"""The part of CEL that validation rules of custom resources use, read and evaluated.

Understood: literals (texts, whole numbers, decimals, true, false, null, lists), ``self`` and
``oldSelf``, fields and indexes, ``== != < <= > >= in && || ! + - * / %``, the ternary, parentheses,
``has()``, ``size()``, ``string()``, ``int()``, the text methods ``startsWith endsWith contains
matches size lowerAscii upperAscii trim``, and the list macros ``all exists exists_one filter map``.
Anything else is refused when the CRD is created (``InvalidInput``), never passed over. As in CEL,
``&&`` and ``||`` take a side that decides even where the other one fails.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeferry.errors import InvalidInput
from kubeferry.kube.regex import compile_regex
from kubeferry.sandbox.celvalues import (
    FUNCTIONS,
    MACROS,
    METHODS,
    CelError,
    Expression,
    Scope,
    arithmetic,
    boolean,
    either,
    field_of,
    has_field,
    index_of,
    literal,
    relation,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One validation rule: its text and what to say when it does not hold."""

    text: str
    message: str
    reason: str
    field: str
    transition: bool
    evaluate: Expression
    message_expression: Expression | None = None


def compile_rule(rule: Mapping[str, Any], *, place: str) -> Rule:
    """A rule of ``x-kubernetes-validations``. Raises ``InvalidInput`` for what it cannot read."""
    text = rule.get("rule", "")
    names, evaluate = parse(text, place=place)
    spoken = rule.get("messageExpression")
    return Rule(
        text=text,
        message=rule.get("message", ""),
        reason=rule.get("reason", "FieldValueInvalid"),
        field=rule.get("fieldPath", ""),
        transition="oldSelf" in names and not rule.get("optionalOldSelf"),
        evaluate=evaluate,
        message_expression=parse(spoken, place=place)[1] if spoken else None,
    )


def parse(text: str, *, place: str = "rule") -> tuple[frozenset[str], Expression]:
    """The names a text refers to, and the function that evaluates it."""
    parser = _Parser(text, place)
    return parser.names, parser.whole()


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+\.\d+(?:[eE][-+]?\d+)?|0x[0-9a-fA-F]+|\d+)u?
        | (?P<raw>[rR](?:"[^"]*"|'[^']*'))
        | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
        | (?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    )""",
    re.VERBOSE,
)


class _Parser:
    """Recursive descent over the tokens; each method returns the function of what it read."""

    def __init__(self, text: str, place: str) -> None:
        self.place = place
        self.text = text
        self.tokens = self._split()
        self.position = 0
        self.names: frozenset[str] = frozenset(
            value for kind, value in self.tokens if kind == "name"
        )
        self.bound: list[str] = ["self", "oldSelf"]

    def _split(self) -> list[tuple[str, str]]:
        tokens, position = [], 0
        end = len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._refused(f"cannot read {self.text[position : position + 20]!r}")
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        return tokens

    def _refused(self, why: str) -> InvalidInput:
        return InvalidInput(
            f"the rule {self.text!r} is beyond the sandbox's CEL: {why}", place=self.place
        )

    def _peek(self) -> str:
        if self.position >= len(self.tokens):
            return ""
        kind, value = self.tokens[self.position]
        return value if kind in ("sign", "name") else ""

    def _take(self, *signs: str) -> str:
        if self._peek() in signs:
            self.position += 1
            return self.tokens[self.position - 1][1]
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._refused(f"{sign!r} is missing")

    def whole(self) -> Expression:
        expression = self._ternary()
        if self.position < len(self.tokens):
            raise self._refused(f"{self.tokens[self.position][1]!r} is not expected")
        return expression

    def _ternary(self) -> Expression:
        condition = self._or()
        if not self._take("?"):
            return condition
        yes = self._ternary()
        self._expect(":")
        no = self._ternary()
        return lambda scope: yes(scope) if boolean(condition(scope)) else no(scope)

    def _or(self) -> Expression:
        left = self._and()
        while self._take("||"):
            left = either(left, self._and(), decides=True)
        return left

    def _and(self) -> Expression:
        left = self._relation()
        while self._take("&&"):
            left = either(left, self._relation(), decides=False)
        return left

    def _relation(self) -> Expression:
        left = self._sum()
        while sign := self._take("==", "!=", "<", "<=", ">", ">=", "in"):
            left = relation(sign, left, self._sum())
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while sign := self._take("+", "-"):
            left = arithmetic(sign, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._unary()
        while sign := self._take("*", "/", "%"):
            left = arithmetic(sign, left, self._unary())
        return left

    def _unary(self) -> Expression:
        if self._take("!"):
            inner = self._unary()
            return lambda scope: not boolean(inner(scope))
        if self._take("-"):
            inner = self._unary()
            return lambda scope: -inner(scope)
        return self._member()

    def _member(self) -> Expression:
        value = self._primary()
        while sign := self._take(".", "["):
            if sign == "[":
                index = self._ternary()
                self._expect("]")
                value = index_of(value, index)
                continue
            name = self._name()
            value = self._method(value, name) if self._take("(") else field_of(value, name)
        return value

    def _name(self) -> str:
        if self.position < len(self.tokens) and self.tokens[self.position][0] == "name":
            self.position += 1
            return self.tokens[self.position - 1][1]
        raise self._refused("a name is missing")

    def _primary(self) -> Expression:
        if self._take("("):
            inner = self._ternary()
            self._expect(")")
            return inner
        if self._take("["):
            items = self._arguments("]")
            return lambda scope: [item(scope) for item in items]
        if self.position >= len(self.tokens):
            raise self._refused("it ends too early")
        kind, value = self.tokens[self.position]
        self.position += 1
        if kind == "sign":
            raise self._refused(f"{value!r} is not expected")
        if kind != "name":
            read = literal(kind, value)
            return lambda scope: read
        if value in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[value]
            return lambda scope: constant
        if self._take("("):
            return self._function(value)
        if value not in self.bound:
            raise self._refused(f"nothing is called {value!r}")
        return lambda scope: scope[value]

    def _arguments(self, end: str) -> list[Expression]:
        found: list[Expression] = []
        while not self._take(end):
            found.append(self._ternary())
            if not self._take(","):
                self._expect(end)
                break
        return found

    def _function(self, name: str) -> Expression:
        if name == "has":
            return self._has()
        arguments = self._arguments(")")
        if name in FUNCTIONS and len(arguments) == 1:
            function, only = FUNCTIONS[name], arguments[0]
            return lambda scope: function(only(scope))
        raise self._refused(f"{name}() is not known")

    def _has(self) -> Expression:
        start = self.position
        depth, last_dot = 1, -1
        while self.position < len(self.tokens) and depth:
            sign = self._peek()
            depth += (sign in ("(", "[")) - (sign in (")", "]"))
            if sign == "." and depth == 1:
                last_dot = self.position
            self.position += 1
        if depth or last_dot < 0 or self.position != last_dot + 3:
            raise self._refused("has() takes a field, has(self.a)")
        field = self.tokens[last_dot + 1][1]
        end, whole = self.position, self.tokens
        self.tokens, self.position = whole[start:last_dot], 0
        holder = self._member()
        complete = self.position == len(self.tokens)
        self.tokens, self.position = whole, end
        if not complete:
            raise self._refused("has() takes a field, has(self.a)")
        return lambda scope: has_field(holder(scope), field)

    def _method(self, target: Expression, name: str) -> Expression:
        if name in MACROS:
            return self._macro(target, name)
        arguments = self._arguments(")")
        if name == "matches" and len(arguments) == 1:
            return self._matches(target, arguments[0])
        if name in METHODS and len(arguments) == METHODS[name][0]:
            method = METHODS[name][1]
            return lambda scope: method(target(scope), *(one(scope) for one in arguments))
        raise self._refused(f".{name}() is not known")

    def _matches(self, target: Expression, pattern: Expression) -> Expression:
        place = self.place

        def evaluate(scope: Scope) -> bool:
            return compile_regex(pattern(scope), place=place).search(target(scope))

        return evaluate

    def _macro(self, target: Expression, name: str) -> Expression:
        variable = self._name()
        self._expect(",")
        self.bound.append(variable)
        body = self._ternary()
        self.bound.pop()
        self._expect(")")
        macro = MACROS[name]

        def evaluate(scope: Scope) -> Any:
            items = target(scope)
            if not isinstance(items, list | dict):
                raise CelError(f"{name}() needs a list or a map")
            return macro(items, lambda item: body({**scope, variable: item}))

        return evaluate
