r"""Globs as Velero's modifiers read them: the syntax of ``gobwas/glob`` (velero.md §4.3). Pure.

=============== =======================================================
``*``           any characters but the separator (any at all if there is none)
``**``          any characters, the separator too
``?``           one character but the separator
``[abc]``       one of them; ``[!abc]`` one other
``[a-z]``       one in the range; ``[!a-z]`` one outside; a range stands alone, not ``[a-z0]``
``{a,b}``       one of the patterns; they nest
``\``           the next character as it is
=============== =======================================================

Case counts, and the whole text must match. An unclosed ``{`` or ``[`` is refused.
"""

import re
from dataclasses import dataclass, field

from kubeferry.errors import InvalidInput
from kubeferry.kube.regex import Regex, compile_regex

_LITERAL = re.compile(r"[^*?\\\[\]{}]*")


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob; ``literal`` is true when it is a plain text without any wildcard."""

    pattern: str
    literal: bool
    _regex: Regex | None = field(repr=False, compare=False)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        return text == self.pattern if self._regex is None else self._regex.search(text)


def compile_glob(pattern: str, *, separator: str = "", place: str) -> Glob:
    """A glob whose ``*`` and ``?`` stop at the separator (one character, or none).

    Raises ``InvalidInput`` with the place of the field and what is wrong.
    """
    if _LITERAL.fullmatch(pattern):
        return Glob(pattern, True, None)
    try:
        expression = _Translation(pattern, separator).whole()
    except ValueError as error:
        raise InvalidInput(
            f"{pattern!r} is not a pattern: {error}",
            place=place,
            remedy="use * ** ? [abc] [!abc] [a-z] {a,b}, and a backslash to take one literally",
        ) from error
    return Glob(pattern, False, compile_regex(expression, place=place))


class _Translation:
    """One pass over a glob, which becomes an anchored regular expression."""

    def __init__(self, pattern: str, separator: str) -> None:
        self.rest = pattern
        self.inside = f"[^{re.escape(separator)}]" if separator else "."

    def whole(self) -> str:
        parts = ["(?s)^(?:"]
        depth = 0
        while self.rest:
            char = self.take()
            if char == "{":
                depth += 1
                parts.append("(?:")
            elif char == "," and depth:
                parts.append("|")
            elif char == "}" and depth:
                depth -= 1
                parts.append(")")
            else:
                parts.append(self.one(char))
        if depth:
            raise ValueError("a { is not closed")
        parts.append(r")\z")
        return "".join(parts)

    def one(self, char: str) -> str:
        """The expression of what begins with this character, braces aside."""
        if char == "*":
            if self.rest.startswith("*"):
                self.take()
                return ".*"
            return f"{self.inside}*"
        if char == "?":
            return self.inside
        if char == "[":
            return self.set()
        if char == "\\":
            if not self.rest:
                raise ValueError("a backslash at the end escapes nothing")
            return re.escape(self.take())
        return re.escape(char)

    def set(self) -> str:
        """The expression of ``abc]``, ``!abc]``, ``a-z]`` or ``!a-z]``."""
        negation = ""
        if self.rest.startswith("!"):
            self.take()
            negation = "^"
        if len(self.rest) > 1 and self.rest[1] == "-":
            low, high, close = self.rest[0], self.rest[2:3], self.rest[3:4]
            if close != "]":
                raise ValueError("a range is [a-z], alone in its brackets")
            if high < low:
                raise ValueError(f"the range {low}-{high} runs backwards")
            self.rest = self.rest[4:]
            return f"[{negation}{re.escape(low)}-{re.escape(high)}]"
        chars: list[str] = []
        while True:
            if not self.rest:
                raise ValueError("a [ is not closed")
            char = self.take()
            if char == "]":
                break
            if char == "\\" and self.rest:
                char = self.take()
            chars.append(re.escape(char))
        if not chars:
            raise ValueError("[] names no character")
        return f"[{negation}{''.join(chars)}]"

    def take(self) -> str:
        char, self.rest = self.rest[0], self.rest[1:]
        return char
