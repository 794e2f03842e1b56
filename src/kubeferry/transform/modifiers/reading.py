"""Reads the maps and lists of a modifier's text, as Velero's reader does: field names in any case,
null for nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from kubeferry.errors import InvalidInput, InvalidModifier


def fields(value: Any, names: tuple[str, ...], place: str) -> dict[str, Any]:
    """A map's fields under their right names; None is an empty map. Raises ``InvalidModifier``."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidModifier(f"must be a map with {', '.join(names)}", place=place)
    right = {name.lower(): name for name in names}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = right.get(key.lower())
        if name is None:
            close = get_close_matches(key.lower(), right, n=1) or [
                one for one in right if one.startswith(key.lower())
            ]
            raise InvalidModifier(
                f"unknown field {key!r}",
                place=place,
                remedy=f"did you mean {right[close[0]]}?"
                if close
                else f"it has {', '.join(names)}",
            )
        if name in found:
            raise InvalidModifier(f"field {name!r} is there twice", place=place)
        found[name] = inner
    return found


def items(value: Any, place: str) -> list[Any]:
    """A list's elements; None is an empty list. Raises ``InvalidModifier``."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidModifier("must be a list", place=place)
    return value


@contextmanager
def modifier_errors() -> Iterator[None]:
    """What the parts of a rule refuse is refused as the modifier's."""
    try:
        yield
    except InvalidModifier:
        raise
    except InvalidInput as error:
        raise InvalidModifier(error.problem, place=error.place, remedy=error.remedy) from error
