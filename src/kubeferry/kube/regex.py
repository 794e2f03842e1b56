"""People's regular expressions, with the meaning Go gives them. Pure; only here is re2 imported.

RE2 runs in linear time whatever the pattern, and refuses look-around and back-references just as
Velero does, so a rule means here what it means there (ecosystem.md §4).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import re2

from kubeferry.errors import InvalidInput, PatchFailed


@dataclass(frozen=True, slots=True)
class Regex:
    """A compiled pattern; equal when the pattern is."""

    pattern: str
    _program: re2.Set = field(repr=False, compare=False)

    def search(self, text: str) -> bool:
        """Whether the pattern occurs anywhere in the text (Go's ``MatchString``: not anchored)."""
        return bool(self._program.Match(text))


def compile_regex(pattern: str, *, place: str) -> Regex:
    """An RE2 pattern. Raises ``InvalidInput`` with the place of the field and RE2's own reason."""
    # A set of one only says whether it matches, which takes an eighth of the time of a search.
    try:
        return Regex(pattern, _set([pattern], _MEMORY))
    except re2.error as error:
        raise _refused(pattern, error, place) from error


class RegexSet:
    """Many compiled patterns that are searched for in one pass over a text."""

    def __init__(self, patterns: Iterable[Regex]) -> None:
        self._patterns = tuple(patterns)
        # The first pattern is in every text: where it is not found, memory did not suffice.
        try:
            everywhere = ("", *(one.pattern for one in self._patterns))
            self._program: re2.Set | None = _set(everywhere, _SET_MEMORY)
        except re2.error:
            self._program = None

    def search(self, text: str) -> list[int]:
        """The indexes of those that occur in the text, ascending."""
        found = self._program.Match(text) or () if self._program is not None else ()
        if 0 in found:
            return sorted(index - 1 for index in found if index)
        return [index for index, one in enumerate(self._patterns) if one.search(text)]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern that says where it matches; equal when the pattern is."""

    pattern: str
    groups: int
    _program: re2._Regexp = field(repr=False, compare=False)

    def replace(self, text: str, put: Callable[[Sequence[str]], str], *, longest: int) -> str:
        """The text with all that matches replaced by what ``put`` makes of its groups; group 0 is
        the whole match, a group that took no part is empty.

        Raises ``PatchFailed`` where it would have more than ``longest`` characters.
        """
        parts: list[str] = []
        end = length = 0
        for match in self._program.finditer(text):
            if parts and match.start() == match.end() == end:
                continue  # as in Go, nothing is found where something was found just before
            groups = [match.group(number) or "" for number in range(self.groups + 1)]
            parts += (text[end : match.start()], put(groups))
            length += len(parts[-2]) + len(parts[-1])
            if length > longest:
                raise PatchFailed(f"the text would have more than {longest} characters")
            end = match.end()
        return "".join((*parts, text[end:]))


def compile_pattern(pattern: str, *, place: str) -> Pattern:
    """An RE2 pattern to replace by. Raises ``InvalidInput`` as ``compile_regex`` does."""
    try:
        program = re2.compile(pattern, _options())
    except re2.error as error:
        raise _refused(pattern, error, place) from error
    return Pattern(pattern, program.groups, program)


_MEMORY = 8 << 20
_SET_MEMORY = 64 << 20
"""Bytes that a set of patterns may take for what it learns of texts; it begins with almost none."""


def _set(patterns: Iterable[str], memory: int) -> re2.Set:
    program = re2.Set.SearchSet(_options(memory))
    for pattern in patterns:
        program.Add(pattern)
    program.Compile()
    return program


def _options(memory: int = _MEMORY) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    return options


def _refused(pattern: str, error: re2.error, place: str) -> InvalidInput:
    return InvalidInput(
        f"{pattern!r} is not a regular expression: {_reason(error)}",
        place=place,
        remedy="write it in RE2 syntax (no look-around, no back-references)",
    )


def _reason(error: re2.error) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
