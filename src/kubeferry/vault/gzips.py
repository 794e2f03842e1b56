"""gzip, by isal where it is installed and by zlib elsewhere, and bounded gunzip. Pure.

isal (ecosystem.md §10) packs several times faster than zlib at level 2, and lets other threads run.
"""

import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Protocol, cast

_isal: ModuleType | None
try:
    from isal import isal_zlib as _isal
except ImportError:  # no wheel for this machine: pyproject asks for isal only where there is one
    _isal = None

_ERRORS: tuple[type[Exception], ...] = (zlib.error,)
if _isal is not None:
    _ERRORS = (zlib.error, _isal.error)

_WBITS = 31
_LEVEL = 2
_SLICE = 32 << 10
"""Bytes that are taken at a time: at the end of a member what follows is copied, and a file may
have a member every 20 bytes."""
OUTPUT_BYTES = 1 << 20
"""How many bytes are unpacked at a time, whatever a small input would unpack to."""


class BadGzip(Exception):
    """Not gzip, damaged or cut short; the message says which."""


class Packer(Protocol):
    """A gzip stream being written."""

    def compress(self, data: bytes, /) -> bytes:
        """Adds bytes; returns what is packed so far."""

    def flush(self) -> bytes:
        """Ends the stream; returns its end."""


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def packer() -> Packer:
    """A new gzip stream, without file name or time: equal bytes pack to equal bytes."""
    if _isal is not None:
        return cast(Packer, _isal.compressobj(_LEVEL, zlib.DEFLATED, _WBITS))
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _WBITS)


def pack(data: bytes) -> bytes:
    """A whole gzip file."""
    stream = packer()
    return stream.compress(data) + stream.flush()


def _inflater() -> _Inflater:
    if _isal is not None:
        return cast(_Inflater, _isal.decompressobj(_WBITS))
    return zlib.decompressobj(_WBITS)


class Unpacker:
    """A gzip file being read, of one or several members, zeros after the last allowed."""

    def __init__(self) -> None:
        self._inflater = _inflater()
        self._is_begun = False
        self._is_padding = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes unpack to, at most ``OUTPUT_BYTES`` at a time. Raises ``BadGzip``."""
        for at in range(0, len(data), _SLICE):
            yield from self._feed(data[at : at + _SLICE])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflater.eof:
                data = self._next_member(data)
                if not data:
                    return
            self._is_begun = True
            try:
                out = self._inflater.decompress(data, OUTPUT_BYTES)
                # A full output may leave more inside: the input ends with an empty one.
                while out:
                    yield out
                    if self._inflater.eof:
                        break
                    out = self._inflater.decompress(self._inflater.unconsumed_tail, OUTPUT_BYTES)
            except _ERRORS as error:
                raise BadGzip(f"is no gzip or damaged ({error})") from error
            data = self._inflater.unused_data if self._inflater.eof else b""

    def finish(self) -> None:
        """Call at the end of the file. Raises ``BadGzip`` when it is cut short."""
        if not self._inflater.eof:
            raise BadGzip("is cut short" if self._is_begun else "is empty")

    def _next_member(self, data: bytes) -> bytes:
        rest = data.lstrip(b"\0")
        if not rest or (rest is not data and len(rest) != len(data)):
            self._is_padding = True
        if rest and self._is_padding:
            raise BadGzip("has garbage after its end")
        if rest:
            self._inflater = _inflater()
        return rest


def unpack(data: bytes, *, limit: int) -> bytes:
    """A whole gzip file of at most ``limit`` bytes unpacked. Raises ``BadGzip``."""
    stream = Unpacker()
    parts: list[bytes] = []
    size = 0
    for part in stream.feed(data):
        size += len(part)
        if size > limit:
            raise BadGzip(f"unpacks to more than {limit} bytes")
        parts.append(part)
    stream.finish()
    return b"".join(parts)
