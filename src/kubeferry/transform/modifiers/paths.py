"""Paths of version v2: JSON pointers in which ``*`` and ``[name=web]`` stand for list elements.

``*`` is each element; behind it an element that lacks the rest of the path is passed over where
something must be there. ``[name=web]`` is each element whose field ``name`` has that value, and
there must be one. In a map both are plain keys.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubeferry.errors import InvalidInput, PatchFailed
from kubeferry.transform.patch.pointer import (
    Pointer,
    Tokens,
    child,
    element_index,
    format_pointer,
    parse_pointer,
    pointer_of,
)

_WHERE = re.compile(r"\[([^=\]]+)=(.*)\]", re.DOTALL)
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Where:
    """The elements of a list whose field ``key`` has a value that reads as ``value``."""

    key: str
    value: str

    def holds(self, element: Any) -> bool:
        """Whether it is one of them."""
        if not isinstance(element, dict) or self.key not in element:
            return False
        value = element[self.key]
        if isinstance(value, bool):
            return self.value == ("true" if value else "false")
        return isinstance(value, (str, int, float)) and str(value) == self.value


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A path with ``*`` or ``[name=web]`` in it; ``pointer`` is how it was written."""

    pointer: Pointer
    wheres: tuple[Where | None, ...]

    @property
    def has_every(self) -> bool:
        """Whether there is a ``*``."""
        return EVERY in self.pointer.tokens

    @property
    def ends_in_pattern(self) -> bool:
        """Whether the last token stands for elements itself."""
        return self.wheres[-1] is not None or self.pointer.last == EVERY

    def places(self, document: Any, *, there: bool, makes: bool = False) -> list[Pointer]:
        """The pointers that it stands for in a document, in order; with ``there``, of ``*`` only
        those that have a value. Whoever ``makes`` parents gets those that lack some, too.

        Raises ``PatchFailed`` for what is missing on the way, other than ``there`` behind ``*``.
        """
        return [
            pointer_of(format_pointer(tokens))
            for tokens in self._walk(document, (), there=there, makes=makes, lax=False)
        ]

    def _walk(
        self, value: Any, tokens: Tokens, *, there: bool, makes: bool, lax: bool
    ) -> Iterator[Tokens]:
        depth = len(tokens)
        if depth == len(self.wheres):
            yield tokens
            return
        token, where = self.pointer.tokens[depth], self.wheres[depth]
        if isinstance(value, list) and (where is not None or token == EVERY):
            chosen = [n for n, one in enumerate(value) if where is None or where.holds(one)]
            if where is not None and not chosen and not (lax and there):
                raise PatchFailed(f"no element of the list is {token}")
            for index in chosen:
                inside = (*tokens, str(index))
                lax_there = lax or where is None
                yield from self._walk(value[index], inside, there=there, makes=makes, lax=lax_there)
            return
        is_last = depth == len(self.wheres) - 1
        if is_last and not (there and lax):
            yield (*tokens, token)
            return
        if lax and there and not _has(value, token):
            return
        if makes and not _has(value, token) and not self._is_pattern_from(depth):
            yield (*tokens, *self.pointer.tokens[depth:])
            return
        yield from self._walk(
            child(value, token), (*tokens, token), there=there, makes=makes, lax=lax
        )

    def _is_pattern_from(self, depth: int) -> bool:
        """Whether an element is still to be named."""
        return EVERY in self.pointer.tokens[depth:] or any(self.wheres[depth:])


def _has(value: Any, token: str) -> bool:
    if isinstance(value, list):
        try:
            element_index(token, len(value))
        except PatchFailed:
            return False
        return True
    return isinstance(value, dict) and token in value


def compile_path(text: str, *, place: str) -> Pointer | PathPattern:
    """A path of version v2. Raises ``InvalidInput`` where it is no pointer."""
    pointer = parse_pointer(text, place=place)
    wheres: list[Where | None] = []
    for token in pointer.tokens:
        found = _WHERE.fullmatch(token)
        if found is None and token.startswith("[") and token.endswith("]"):
            raise InvalidInput(
                f"{token!r} names no element", place=place, remedy="write [name=web]"
            )
        wheres.append(Where(found[1], found[2]) if found else None)
    if EVERY in pointer.tokens or any(wheres):
        return PathPattern(pointer, tuple(wheres))
    return pointer
