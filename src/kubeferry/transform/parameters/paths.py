"""Places in objects of one kind, written down as data: ``spec/rules/*/backendRefs/*/namespace``.

A path is the keys from the root, divided by slashes; ``*`` stands for every item of a list. A slash
inside a key is written ``~1``, a tilde ``~0``, as in JSON pointers. What of a path an object lacks,
or has in another type, is passed over: the API server judges objects, not we.

Many paths are looked for at once, each part that they share a single time: nearly all objects have
none of the places, and that must cost next to nothing.
"""

from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from kubeferry.transform.patch.pointer import Tokens, format_pointer

EACH = "*"
"""The token for every item of a list."""

T = TypeVar("T")


def path_of(text: str) -> Tokens:
    """The tokens of a path; a slash at its beginning means nothing."""
    tokens = text.removeprefix("/").split("/")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


class Found(NamedTuple, Generic[T]):
    """A place that an object has: its JSON pointer, what is there, what was said of the path."""

    pointer: str
    value: Any
    meaning: T


class _Node(Generic[T]):
    """What comes after some tokens: more tokens, and what is meant by a path that ends here."""

    __slots__ = ("branches", "meanings")

    def __init__(self) -> None:
        self.branches: dict[str, _Node[T]] = {}
        self.meanings: list[T] = []

    def chain(self) -> tuple[Tokens, "_Node[T]"]:
        """The keys that all paths share from here on, and the node after them."""
        node, keys = self, list[str]()
        while len(node.branches) == 1 and not node.meanings and EACH not in node.branches:
            [(key, node)] = node.branches.items()
            keys.append(key)
        return tuple(keys), node


class _Part(Generic[T]):
    """A node, ready to be looked for in objects.

    ``fields`` are the keys it knows, each with the keys that come after it in all paths and the
    part at their end; ``item`` is the part of a list's items. ``keys`` are those of ``fields``: a
    map without any of them has nothing; None where the part itself means something.
    """

    __slots__ = ("fields", "item", "keys", "meanings")

    def __init__(self, node: _Node[T]) -> None:
        self.meanings = tuple(node.meanings)
        self.item = _Part(node.branches[EACH]) if EACH in node.branches else None
        self.fields: list[tuple[str, Tokens, _Part[T]]] = []
        for token, branch in node.branches.items():
            if token != EACH:
                rest, end = branch.chain()
                self.fields.append((token, rest, _Part(end)))
        keys = frozenset(token for token, _, _ in self.fields)
        self.keys = None if self.meanings else keys


class Finder(Generic[T]):
    """Finds the places of some paths, each with what it means, in the order of the paths' parts."""

    def __init__(self, paths: Iterable[tuple[Tokens, T]]) -> None:
        root: _Node[T] = _Node()
        for path, meaning in paths:
            node = root
            for token in path:
                node = node.branches.setdefault(token, _Node())
            if meaning not in node.meanings:
                node.meanings.append(meaning)
        self._is_empty = not root.branches
        self._begin, first = root.chain()
        self._first = _Part(first)

    def __bool__(self) -> bool:
        return not self._is_empty

    def __call__(self, value: Any) -> list[Found[T]]:
        """Every place that the value has."""
        found: list[Found[T]] = []
        try:
            for token in self._begin:
                value = value[token]
        except (KeyError, TypeError):  # it has no such field, or no fields
            return found
        _walk(self._first, value, self._begin, found)
        return found


def _walk(part: _Part[T], value: Any, tokens: Tokens, found: list[Found[T]]) -> None:
    """A map that has none of a part's keys, as most have, is not gone into."""
    if part.meanings:
        pointer = format_pointer(tokens)
        found += [Found(pointer, value, meaning) for meaning in part.meanings]
    if isinstance(value, dict):
        for token, rest, inner in part.fields:
            if token in value:
                here = value[token]
                for key in rest:
                    if not isinstance(here, dict) or key not in here:
                        break
                    here = here[key]
                else:
                    keys = inner.keys
                    if keys is None or not isinstance(here, dict) or not keys.isdisjoint(here):
                        _walk(inner, here, (*tokens, token, *rest), found)
    elif part.item is not None and isinstance(value, list):
        inner, keys = part.item, part.item.keys
        for index, item in enumerate(value):
            if keys is None or not isinstance(item, dict) or not keys.isdisjoint(item):
                _walk(inner, item, (*tokens, str(index)), found)
