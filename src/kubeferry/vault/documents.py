"""Decodes the JSON documents of a vault, which anybody may have written."""

from typing import TypeVar

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged

T = TypeVar("T")


def decoded(data: bytes, to: type[T], *, place: str) -> T:
    """A document as one of our types; what it has beyond them is passed over.

    Raises ``ArchiveDamaged`` for what does not decode, is of another form, or is nested deeper than
    anything that is meant.
    """
    try:
        return codec.Decoder(to).decode(data)
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"does not decode: {error}", place=place) from error
