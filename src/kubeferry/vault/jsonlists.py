"""A long JSON list, taken apart as it arrives: one entry is held at a time. Pure."""

import re
from collections.abc import Iterator

ENTRY_BYTES = 1 << 20
"""Bytes that one entry may have."""
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)
"""A string, the beginning of one that is not there to its end, or a sign of the structure."""


class BadList(Exception):
    """Not a list of JSON, or an entry of it is too long; the message says which."""


class ListReader:
    """Takes a list apart; whether each entry is JSON shows when it is decoded. ``null`` is no
    entries.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._count = 0
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The entries that end in the next bytes. Raises ``BadList``."""
        self._buffer += data
        start = 0
        while (token := _TOKEN.search(self._buffer, self._at)) is not None:
            sign = token[0]
            if sign == b'"':
                self._at = token.start()
                break
            self._at = token.end()
            if self._depth == 0:
                self._begin(token)
                start = token.end()
            elif sign in (b"[", b"{"):
                self._depth += 1
            elif sign in (b"]", b"}"):
                self._depth -= 1
            if self._depth == 0 or (self._depth == 1 and sign == b","):
                entry = bytes(self._buffer[start : token.start()])
                start = token.end()
                self._is_over = self._depth == 0
                if self._count or entry.strip() or not self._is_over:
                    self._count += 1
                    yield entry
        else:
            self._at = len(self._buffer)
        del self._buffer[:start]
        self._at -= start
        if len(self._buffer) > ENTRY_BYTES:
            raise BadList(f"has an entry of more than {ENTRY_BYTES:,} bytes")

    def finish(self) -> None:
        """Call at the end of the document. Raises ``BadList`` when that is not the list's."""
        rest = self._buffer.strip()
        is_null = rest == b"null" and self._depth == 0
        if (rest and not is_null) or not (self._is_over or is_null):
            raise BadList("is no list, or is cut short")

    def _begin(self, token: re.Match[bytes]) -> None:
        if self._is_over or token[0] != b"[" or self._buffer[: token.start()].strip():
            raise BadList("is no list")
        self._depth = 1
