"""Places in objects of one kind, written down as data: ``spec/rules/*/backendRefs/*/namespace``.

A path is the keys from the root, divided by slashes; ``*`` stands for every item of a list. A slash
inside a key is written ``~1``, a tilde ``~0``, as in JSON pointers. What of a path an object lacks,
or has in another type, is passed over: the API server judges objects, not we.
"""

from collections.abc import Iterator
from typing import Any

from kubeferry.transform.patch.pointer import Tokens, escape

EACH = "*"
"""The token for every item of a list."""

Found = tuple[str, Any]
"""A JSON pointer and what is there."""


def path_of(text: str) -> Tokens:
    """The tokens of a path; a slash at its beginning means nothing."""
    tokens = text.removeprefix("/").split("/")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def found(value: Any, path: Tokens, pointer: str = "") -> Iterator[Found]:
    """Each place of the path in a value, with its pointer, in order."""
    for index, token in enumerate(path):
        if token == EACH:
            if isinstance(value, list):
                rest = path[index + 1 :]
                for number, item in enumerate(value):
                    yield from found(item, rest, f"{pointer}/{number}")
            return
        if not isinstance(value, dict) or token not in value:
            return
        value = value[token]
        pointer = f"{pointer}/{escape(token)}"
    yield pointer, value
