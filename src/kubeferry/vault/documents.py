"""Decodes the JSON documents of a vault, which anybody may have written."""

from typing import TypeVar

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged

T = TypeVar("T")

QUOTED = 80
"""Characters of a vault's own words in a message."""


def decoded(data: bytes, to: type[T], *, place: str) -> T:
    """A document as one of our types; what it has beyond them is passed over.

    Raises ``ArchiveDamaged`` for what does not decode, is of another form, or is nested deeper than
    anything that is meant.
    """
    try:
        return codec.Decoder(to).decode(data)
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"does not decode: {quoted(error)}", place=place) from error


def quoted(text: object) -> str:
    """What a vault says, for a message: one line of at most ``QUOTED`` characters, what does not
    print as escapes. Anybody may have written it, and of any length.
    """
    shown = "".join(one if one.isprintable() else _escaped(one) for one in str(text)[:QUOTED])
    return shown if len(shown) <= QUOTED and len(str(text)) <= QUOTED else f"{shown[:QUOTED]}..."


def _escaped(one: str) -> str:
    return one.encode("unicode_escape", errors="backslashreplace").decode()
