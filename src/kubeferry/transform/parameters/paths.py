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

    def lacks(self, value: Any) -> bool:
        """Whether a map has nothing of what comes next: most have not."""
        return isinstance(value, dict) and self.branches.keys().isdisjoint(value)


class Finder(Generic[T]):
    """Finds the places of some paths, each with what it means, in the order of the paths' parts."""

    def __init__(self, paths: Iterable[tuple[Tokens, T]]) -> None:
        node: _Node[T] = _Node()
        self._root = node
        for path, meaning in paths:
            node = self._root
            for token in path:
                node = node.branches.setdefault(token, _Node())
            if meaning not in node.meanings:
                node.meanings.append(meaning)
        # What all paths begin with is gone through without looking left and right.
        begin: list[str] = []
        node = self._root
        while len(node.branches) == 1 and not node.meanings and EACH not in node.branches:
            [(token, node)] = node.branches.items()
            begin.append(token)
        self._begin, self._first = tuple(begin), node

    def __bool__(self) -> bool:
        return bool(self._root.branches)

    def __call__(self, value: Any) -> list[Found[T]]:
        """Every place that the value has."""
        found: list[Found[T]] = []
        for token in self._begin:
            if not isinstance(value, dict) or token not in value:
                return found
            value = value[token]
        _arrive(self._first, value, self._begin, found)
        return found


def _walk(node: _Node[T], value: Any, tokens: Tokens, found: list[Found[T]]) -> None:
    if isinstance(value, dict):
        for token, branch in node.branches.items():
            if token in value and token != EACH:
                inner = value[token]
                if branch.meanings or not branch.lacks(inner):
                    _arrive(branch, inner, (*tokens, token), found)
    elif isinstance(value, list) and EACH in node.branches:
        branch = node.branches[EACH]
        for index, item in enumerate(value):
            if branch.meanings or not branch.lacks(item):
                _arrive(branch, item, (*tokens, str(index)), found)


def _arrive(node: _Node[T], value: Any, tokens: Tokens, found: list[Found[T]]) -> None:
    if node.meanings:
        pointer = format_pointer(tokens)
        found += [Found(pointer, value, meaning) for meaning in node.meanings]
    if node.branches:
        _walk(node, value, tokens, found)
