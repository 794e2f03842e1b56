"""Globs over the names of namespaces, in Velero's grammar for them (velero.md §2.1). Pure.

``*`` stands for any characters, ``?`` for one, ``[abc]`` and ``[a-z]`` for one of them; the whole
name must match. What Velero refuses is refused (``**``, ``{a,b}``, ``[!a]``, an open bracket), and
so is a character that no namespace's name has: it could never match.
"""

import re
from collections.abc import Set

from kubeferry.api.fields import NAMESPACE_PATTERN
from kubeferry.errors import InvalidInput
from kubeferry.kube.globs import compile_glob
from kubeferry.kube.names import is_dns_label

_WILD = frozenset("*?[]")
_PATTERN = re.compile(NAMESPACE_PATTERN)


def is_glob(text: str) -> bool:
    """Whether it is a glob, not a name."""
    return not _WILD.isdisjoint(text)


def check_namespace(text: str, *, place: str) -> None:
    """Raises ``InvalidInput`` for what is neither a name nor a glob; a lone ``*`` is neither."""
    if not is_glob(text):
        if not is_dns_label(text):
            raise InvalidInput(f"{text!r} is no namespace's name", place=place)
        return
    if _PATTERN.fullmatch(text) is None:
        raise InvalidInput(
            f"{text!r} is no pattern for the names of namespaces",
            place=place,
            remedy="use * ? [abc] [a-z] beside lower-case letters, digits and hyphens, no **; "
            "write {a,b} as two patterns",
        )
    compile_glob(text, place=place)


def matching(text: str, names: Set[str]) -> set[str]:
    """The names that a name or glob stands for; ``*`` stands for all."""
    if not is_glob(text):
        return {text} & names
    glob = compile_glob(text, place="namespaces")
    return {name for name in names if glob.matches(name)}
