"""JSON pointers (RFC 6901), and editing by copying the path.

An edit copies the containers from the root to the place, and only those. Array indexes follow the
library that Kubernetes and Velero use: ``-1`` is the last element, ``01`` is 1 (velero.md §4.6).
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from kubeferry.errors import InvalidInput, PatchFailed

Tokens = tuple[str, ...]
"""A parsed pointer: ``/a~1b/0`` is ``("a/b", "0")``."""

_INDEX = re.compile(r"[-+]?[0-9]{1,18}")
_REMEMBERED = 4096
_SMALL = {str(index): index for index in range(64)}


class Missing:
    """No value at all, which is not null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()
"""Stands for "there is no such field"."""


class Pointer(msgspec.Struct, frozen=True):
    """A parsed pointer: its text, the tokens that lead to the container, and the last one.

    The pointer of the whole document has the empty text and no tokens; its ``last`` is empty.
    """

    text: str
    parents: Tokens
    last: str

    @property
    def tokens(self) -> Tokens:
        """All tokens."""
        return (*self.parents, self.last) if self.text else ()

    def element(self, index: int) -> str:
        """The text of a pointer to another element of the same list."""
        return f"{self.text[: self.text.rindex('/')]}/{index}"


def parse_pointer(text: str, *, place: str = "pointer") -> Pointer:
    """Raises ``InvalidInput`` unless the text is empty (the whole document) or begins with
    ``/``.
    """
    if text and not text.startswith("/"):
        raise InvalidInput(
            f"{text!r} is no JSON pointer", place=place, remedy=f"begin it with a slash: /{text}"
        )
    return pointer_of(text)


@lru_cache(_REMEMBERED)
def pointer_of(text: str) -> Pointer:
    """The pointer of a text known to be one; what was asked lately is remembered."""
    tokens = text.split("/")[1:]
    if "~" in text:
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in tokens]
    return Pointer(text, tuple(tokens[:-1]), tokens[-1] if tokens else "")


def escape(key: str) -> str:
    """A map key as a pointer's token."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def format_pointer(tokens: Tokens) -> str:
    """The text of a pointer: the inverse of ``parse_pointer``."""
    return "".join(f"/{escape(token)}" for token in tokens)


def element_index(token: str, length: int) -> int:
    """The index of an existing element. Raises ``PatchFailed``."""
    index = _SMALL.get(token)
    if index is None:
        index = _integer(token)
    if not -length <= index < length:
        raise PatchFailed(f"index {token} is out of range, the list has {length} elements")
    return index + length if index < 0 else index


def insertion_index(token: str, length: int) -> int:
    """The index at which ``add`` inserts, the end included; ``-`` and ``-1`` append.

    Raises ``PatchFailed``.
    """
    if token == "-":
        return length
    index = _integer(token)
    if not -length - 1 <= index <= length:
        raise PatchFailed(f"index {token} is out of range, the list has {length} elements")
    return index + length + 1 if index < 0 else index


def _integer(token: str) -> int:
    if _INDEX.fullmatch(token) is None:
        raise PatchFailed(f"{token[:80]!r} is no index of a list")
    return int(token)


def child(container: Any, token: str) -> Any:
    """What a token names in a map or a list. Raises ``PatchFailed``."""
    if isinstance(container, dict):
        if token in container:
            return container[token]
        raise PatchFailed(f"there is no field {token!r}")
    if isinstance(container, list):
        return container[element_index(token, len(container))]
    raise PatchFailed(f"there is no field {token!r}: around it is {describe(container)}")


def lookup(document: Any, tokens: Tokens) -> Any:
    """What is at a pointer. Raises ``PatchFailed`` with the part that is missing."""
    value = document
    for token in tokens:
        value = child(value, token)
    return value


def open_path(document: Any, parents: Tokens) -> tuple[Any, Any]:
    """Copies the containers from the root along ``parents``: the new root, and the last of them.

    The last one may then be changed in place. Raises ``PatchFailed``.
    """
    try:
        root = here = document.copy()
        key: Any
        for key in parents:
            if isinstance(here, list):
                key = element_index(key, len(here))
            here[key] = here = here[key].copy()
    except (KeyError, AttributeError):  # no such field, or nothing that has fields
        lookup(document, parents)
        raise PatchFailed("there is nothing here that has fields") from None
    return root, here


def describe(value: Any) -> str:
    """What kind of JSON value it is, for messages; never the value itself, which may be secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a map" if isinstance(value, dict) else "a list"


def equal(one: Any, other: Any) -> bool:
    """JSON equality as ``test`` has it: ``1`` is not ``1.0``, ``true`` is not ``1`` (velero.md
    §4.6).
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
