"""People's regular expressions, with the meaning Go gives them. Pure; only here is re2 imported.

RE2 runs in linear time whatever the pattern, and refuses look-around and back-references just as
Velero does, so a rule means here what it means there (ecosystem.md §4).
"""

from dataclasses import dataclass, field

import re2

from kubeferry.errors import InvalidInput


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
    options = re2.Options()
    options.log_errors = False
    # A set of one only says whether it matches, which takes an eighth of the time of a search.
    program = re2.Set.SearchSet(options)
    try:
        program.Add(pattern)
        program.Compile()
        return Regex(pattern, program)
    except re2.error as error:
        raise InvalidInput(
            f"{pattern!r} is not a regular expression: {_reason(error)}",
            place=place,
            remedy="write it in RE2 syntax (no look-around, no back-references)",
        ) from error


def _reason(error: re2.error) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
