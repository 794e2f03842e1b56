"""Tar headers for regular files, made by hand because ``tarfile`` makes some 30,000 a second. Pure.

The form is Velero's (velero.md §1.1): regular files of mode 0755 without owners, no directory
entries. A path that fits is ustar's; any other (longer, or not ASCII) gets a PAX header, as Go's
writer does.
"""

from functools import lru_cache
from typing import NamedTuple

from kubeferry.errors import InvalidInput

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends a tar file."""
MAX_USTAR_SIZE = 0o77777777777
_NAME = 100
_PREFIX = 155
_SPACES = sum(b"        ")
_REGULAR = b"0"
_NO_PREFIX = bytes(_PREFIX + 12)
_FOLDERS = 512
_PADDING = tuple(bytes(-rest % BLOCK) for rest in range(BLOCK))


def padding(size: int) -> bytes:
    """The zeros that fill the last block of so many bytes."""
    return _PADDING[size % BLOCK]


class HeaderMaker:
    """Makes headers that share one modification time (seconds since 1970)."""

    def __init__(self, *, mtime: int) -> None:
        self._owner = b"0000755\x000000000\x000000000\x00"
        self._time = b"%011o\x00" % mtime
        self._end = b"ustar\x0000" + bytes(32 + 32) + b"0000000\x000000000\x00"
        self._rest = _REGULAR + bytes(_NAME) + self._end
        self._constant = sum(self._owner) + sum(self._time) + sum(self._end) + _SPACES

    def header(self, path: str, size: int) -> bytes:
        """The header, or PAX and header, of a regular file. Raises ``InvalidInput`` for an odd
        path.
        """
        name = path.encode()
        if b"\0" in name:
            raise InvalidInput(f"{path!r} cannot be a path", place="archive")
        if len(name) <= _NAME and len(name) == len(path) and size <= MAX_USTAR_SIZE:
            return self._ustar(name, b"", size, b"0")
        if len(name) == len(path) and size <= MAX_USTAR_SIZE:
            prefix, cut, rest = _split(name)
            if cut:
                return self._ustar(rest, prefix, size, b"0")
        records = _record("path", path)
        if size > MAX_USTAR_SIZE:
            records += _record("size", str(size))
        short = path.encode("ascii", "replace").replace(b"?", b"_")[-_NAME:]
        return (
            self._ustar(b"PaxHeaders.0/" + short[-80:], b"", len(records), b"x")
            + records
            + padding(len(records))
            + self._ustar(short, b"", min(size, MAX_USTAR_SIZE), b"0")
        )

    def pair(self, first: str, second: str, name: str, size: int) -> tuple[bytes, bytes]:
        """The headers of one object's two files, in folders with a final slash; the second may be
        none.
        """
        file = f"{name}.json"
        if file.isascii() and "\0" not in file and size <= MAX_USTAR_SIZE:
            encoded, length = file.encode(), b"%011o\x00" % size
            known = sum(encoded) + sum(length)
            one = self._short(_folder(first), encoded, length, known)
            two = self._short(_folder(second), encoded, length, known) if second else b""
            if one and (two or not second):
                return one, two
        return (
            self.header(first + file, size),
            self.header(second + file, size) if second else b"",
        )

    def _short(self, folder: "_Folder", file: bytes, length: bytes, known: int) -> bytes:
        """The header of a path that ustar can hold, else nothing; ``known`` is the checksum of
        the file's name and length.
        """
        if not folder.path:
            return b""
        total = self._constant + folder.sum + known + _REGULAR[0]
        name, prefix = folder.path + file, _NO_PREFIX
        if len(name) > _NAME:
            before, cut, name = _split(name)
            if not cut:
                return b""
            total -= cut[0]
            prefix = before.ljust(_PREFIX + 12, b"\0")
        return b"".join(
            (
                name.ljust(_NAME, b"\0"),
                self._owner,
                length,
                self._time,
                b"%06o\x00 " % total,
                self._rest,
                prefix,
            )
        )

    def _ustar(self, name: bytes, prefix: bytes, size: int, kind: bytes) -> bytes:
        length = b"%011o\x00" % size
        total = self._constant + sum(name) + sum(prefix) + sum(length) + kind[0]
        return b"".join(
            (
                name.ljust(_NAME, b"\0"),
                self._owner,
                length,
                self._time,
                b"%06o\x00 " % total,
                kind,
                bytes(_NAME),
                self._end,
                prefix.ljust(_PREFIX + 12, b"\0"),
            )
        )


class _Folder(NamedTuple):
    """A folder's path, empty if it is not plain ASCII, and the checksum of its bytes."""

    path: bytes
    sum: int


@lru_cache(maxsize=_FOLDERS)
def _folder(path: str) -> _Folder:
    """Remembered, because objects come folder by folder."""
    encoded = path.encode() if path.isascii() and "\0" not in path else b""
    return _Folder(encoded, sum(encoded))


def _split(name: bytes) -> tuple[bytes, bytes, bytes]:
    """Prefix, slash and name as ustar keeps a long path; no slash if it does not fit."""
    cut = name.rfind(b"/", 0, _PREFIX + 1)
    if cut <= 0 or len(name) - cut - 1 > _NAME or len(name) - cut - 1 == 0:
        return b"", b"", name
    return name[:cut], b"/", name[cut + 1 :]


def _record(key: str, value: str) -> bytes:
    """A PAX record: its own length, decimal, counts too."""
    body = f" {key}={value}\n".encode()
    size = len(body)
    length = size + len(str(size))
    length = size + len(str(length))
    return str(length).encode() + body
