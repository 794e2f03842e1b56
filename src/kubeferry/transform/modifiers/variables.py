r"""What a task fills into the values of version v2: ``${source.namespace}`` and its like.

Variables stand in texts of values and in replacements, nowhere else, and a text stays a text
whatever is put in: nothing of it is read again as a variable, a group or YAML. ``$${`` is a plain
``${``. A rule's values are parsed once; ``bind`` fills them in for one namespace.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from kubeferry.errors import InvalidInput, PatchFailed
from kubeferry.kube.regex import Pattern

NAMES: Mapping[str, str] = {
    "source.namespace": "the namespace that the object was in",
    "target.namespace": "the namespace that it gets",
    "backup": "the backup's name",
    "restore": "the restore's name",
}
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_GROUP = re.compile(r"\\(.?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Variable:
    """The place of a variable in a text."""

    name: str

    def value(self, variables: Mapping[str, str]) -> str:
        """Raises ``PatchFailed`` where it has none."""
        value = variables.get(self.name)
        if not value:
            raise PatchFailed(f"${{{self.name}}} has no value for this object")
        return value


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables."""

    parts: tuple[str | Variable, ...]


@dataclass(frozen=True, slots=True)
class Substitution:
    """All that ``pattern`` finds becomes ``parts``: texts, groups by number, variables."""

    pattern: Pattern
    parts: tuple[str | int | Variable, ...]

    def __call__(self, text: str, longest: int) -> str:
        """The text with everything replaced. Its variables must be bound.

        Raises ``PatchFailed`` where it would be longer.
        """
        return self.pattern.replace(text, self._put, longest=longest)

    def _put(self, groups: Sequence[str]) -> str:
        return "".join(groups[one] if isinstance(one, int) else str(one) for one in self.parts)


def compile_value(value: Any, *, place: str) -> Any:
    """The value with ``Template`` where a text of it has variables. Raises ``InvalidInput``."""
    if isinstance(value, str):
        if "${" not in value:
            return value
        parts = tuple(_parts(value, place))
        if any(isinstance(one, Variable) for one in parts):
            return Template(parts)
        return "".join(str(one) for one in parts)
    if isinstance(value, list):
        return [compile_value(one, place=f"{place}[{n}]") for n, one in enumerate(value)]
    if isinstance(value, dict):
        return {key: compile_value(one, place=f"{place}.{key}") for key, one in value.items()}
    return value


def compile_substitution(pattern: Pattern, replacement: str, *, place: str) -> Substitution:
    r"""``\0`` is all that was found, ``\1`` to ``\9`` are groups, ``\\`` is a backslash.

    Raises ``InvalidInput``: no such group, an unknown variable.
    """
    parts: list[str | int | Variable] = []
    for part in _parts(replacement, place):
        if isinstance(part, Variable):
            parts.append(part)
        else:
            parts += _groups(part, pattern.groups, place)
    return Substitution(pattern, tuple(parts))


def has_variables(value: Any) -> bool:
    """Whether a compiled value must be bound."""
    if isinstance(value, Substitution):
        return any(isinstance(one, Variable) for one in value.parts)
    if isinstance(value, list):
        return any(map(has_variables, value))
    if isinstance(value, dict):
        return any(map(has_variables, value.values()))
    return isinstance(value, Template)


def bind(value: Any, variables: Mapping[str, str]) -> Any:
    """The compiled value with its variables filled in. Raises ``PatchFailed`` for one that has no
    value: the namespace of an object that is in none.
    """
    match value:
        case Template():
            return "".join(_filled(one, variables) for one in value.parts)
        case Substitution():
            parts = (
                one if isinstance(one, int) else _filled(one, variables) for one in value.parts
            )
            return Substitution(value.pattern, tuple(parts))
        case list():
            return [bind(one, variables) for one in value]
        case dict():
            return {key: bind(one, variables) for key, one in value.items()}
    return value


def _filled(part: str | Variable, variables: Mapping[str, str]) -> str:
    return part.value(variables) if isinstance(part, Variable) else part


def _parts(text: str, place: str) -> Iterator[str | Variable]:
    end = 0
    for found in _VARIABLE.finditer(text):
        yield text[end : found.start()]
        end = found.end()
        if found[0] == "$${":
            yield "${"
            continue
        if not found[2]:
            raise InvalidInput("${ is not closed", place=place, remedy="write $${ for a plain ${")
        if found[1] not in NAMES:
            close = get_close_matches(found[1], NAMES, n=1)
            raise InvalidInput(
                f"there is no variable ${{{found[1]}}}",
                place=place,
                remedy=f"did you mean ${{{close[0]}}}?"
                if close
                else f"there are {', '.join(NAMES)}; write $${{ for a plain ${{",
            )
        yield Variable(found[1])
    yield text[end:]


def _groups(text: str, groups: int, place: str) -> Iterator[str | int]:
    end = 0
    for found in _GROUP.finditer(text):
        yield text[end : found.start()]
        end = found.end()
        if found[1] == "\\":
            yield "\\"
        elif found[1].isdecimal() and found[1].isascii():
            if int(found[1]) > groups:
                raise InvalidInput(
                    f"the pattern has no group {found[1]}, it has {groups}", place=place
                )
            yield int(found[1])
        else:
            raise InvalidInput(
                f"{found[0]!r} stands for nothing",
                place=place,
                remedy=r"write \1 for a group and \\ for a backslash",
            )
    yield text[end:]
