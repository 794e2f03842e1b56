"""Reads a tar stream in pieces, in bounded memory: ustar, PAX and GNU long names. Pure.

Made for archives of many small files: a header costs some microseconds, a body that nobody wants is
skipped without being copied. Only regular files are handed out; directories are passed over, links
and devices are noted (velero.md §1.1, Reading side). Paths are as the archive has them, less a
leading ``./``; who uses them must check them. Of two files of one path both are handed out, in
their order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from kubeferry.errors import ArchiveDamaged
from kubeferry.vault.documents import quoted

BLOCK = 512
MAX_EXTENSION = 1 << 20
"""Bytes a PAX header or a long name may have."""
MAX_PATH = 4096
"""Bytes of a path: group, namespace and name of an object have some hundreds together."""
MAX_NOTES = 20
Tag = TypeVar("Tag")
"""What a reader's ``wanted`` makes of a path."""
_ZERO = bytes(BLOCK)
_REGULAR = (b"0", b"\0", b"7")
_EXTENSIONS = (b"x", b"L")
_DIRECTORY = b"5"
_PASSED = (b"g", b"K", _DIRECTORY)
_BARE = (b"1", b"2", b"3", b"4", b"6", _DIRECTORY)
"""Links, devices, pipes and directories have a header alone; readers differ where one says more."""
_LENGTH_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold at most, in bytes; more is taken for damage or an attack.

    Attributes:
        file: of one file that is handed out.
        total: of the archive, unpacked.
        remedy: what to do about an archive that is larger.
    """

    file: int = 16 << 20
    total: int = 1 << 40
    remedy: str = ""


class _Header(NamedTuple, Generic[Tag]):
    kind: bytes
    size: int
    is_taken: bool = False
    tag: Tag | None = None


class TarReader(Generic[Tag]):
    """Feed it bytes, get files.

    Attributes:
        notes: what was passed over, at most ``MAX_NOTES`` lines.
        files: how many regular files there were.
    """

    def __init__(
        self, *, wanted: Callable[[str], Tag | None], place: str, limits: Limits | None = None
    ) -> None:
        """Makes a reader.

        Args:
            wanted: what to hand a path's body out with, None to pass the file over.
            place: what the archive is called in an error.
            limits: what it may hold.
        """
        self.notes: list[str] = []
        self.files = 0
        self._wanted = wanted
        self._place = place
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._consumed = 0
        self._skip = 0
        self._header: _Header[Tag] | None = None
        self._is_ended = False
        self._path: str | None = None
        self._size: int | None = None

    def feed(self, data: bytes) -> list[tuple[Tag, bytes]]:
        """The wanted files that are complete now. Raises ``ArchiveDamaged``."""
        if self._is_ended:
            self._advance(len(data))
            return []
        buffer = self._buffer
        buffer += data
        end = len(buffer)
        found: list[tuple[Tag, bytes]] = []
        at = 0
        while True:
            if self._skip:
                step = min(self._skip, end - at)
                at += step
                self._skip -= step
                if self._skip:
                    break
            header = self._header
            if header is None:
                if end - at < BLOCK:
                    break
                block = bytes(buffer[at : at + BLOCK])
                if block == _ZERO:
                    self._is_ended = True
                    at = end
                    break
                header = self._read_header(block, self._consumed + at)
                at += BLOCK
            if not header.is_taken:
                self._skip = header.size + -header.size % BLOCK
                continue
            if end - at < header.size:
                self._header = header
                break
            body = bytes(buffer[at : at + header.size])
            at += header.size
            self._skip = -header.size % BLOCK
            self._header = None
            if header.kind in _EXTENSIONS:
                self._extend(header.kind, body, self._consumed + at)
            elif header.tag is not None:
                found.append((header.tag, body))
        del buffer[:at]
        self._advance(at)
        return found

    def finish(self) -> None:
        """Call at the end of the data. Raises ``ArchiveDamaged`` when a file is cut short.

        An end without the two blocks of zeros is accepted when it is between files, as Go does.
        """
        if self._buffer or self._skip or self._header is not None:
            raise self._damaged("is cut short", self._consumed + len(self._buffer))

    def _advance(self, count: int) -> None:
        self._consumed += count
        if self._consumed > self._limits.total:
            raise ArchiveDamaged(
                f"unpacks to more than {self._limits.total} bytes",
                place=self._place,
                remedy=self._limits.remedy,
            )

    def _read_header(self, block: bytes, offset: int) -> _Header[Tag]:
        checksum = self._number(block[148:156], offset)
        if sum(block) - sum(block[148:156]) + 256 != checksum:
            raise self._damaged("a header's checksum is wrong", offset)
        kind = block[156:157]
        size = self._number(block[124:136], offset)
        if kind in _EXTENSIONS:
            if size > MAX_EXTENSION:
                raise self._damaged(f"a header of {size} bytes", offset)
            return _Header(kind, size, is_taken=True)
        if kind in _BARE and (size or self._size):
            raise self._damaged(
                f"a file of type {kind.decode()!r} that is said to hold bytes", offset
            )
        if kind in _PASSED:
            if kind == _DIRECTORY:
                self._path = self._size = None
            return _Header(kind, size)
        path = self._path if self._path is not None else self._ustar_path(block, offset)
        size = self._size if self._size is not None else size
        self._path = self._size = None
        if kind not in _REGULAR:
            self._note(f"{quoted(path)!r} is no regular file (type {kind.decode('latin-1')!r})")
            return _Header(kind, size)
        return self._regular(kind, path.removeprefix("./"), size, offset)

    def _regular(self, kind: bytes, path: str, size: int, offset: int) -> _Header[Tag]:
        if path.endswith("/"):  # a directory as the oldest tar wrote it
            return _Header(kind, size)
        self.files += 1
        tag = self._wanted(path)
        if tag is not None and size > self._limits.file:
            text = f"{quoted(path)!r} has {size} bytes, more than {self._limits.file}"
            raise self._damaged(text, offset)
        return _Header(kind, size, tag is not None, tag)

    def _extend(self, kind: bytes, body: bytes, offset: int) -> None:
        """Keeps what a PAX or GNU header says of the next file."""
        if kind == b"L":
            self._path = self._text(body.split(b"\0", 1)[0], offset)
            return
        at = 0
        while at < len(body):
            space = body.find(b" ", at, at + _LENGTH_DIGITS + 1)
            length = body[at : max(space, at)]
            if not _is_number(length) or not len(length) + 3 <= int(length) <= len(body) - at:
                raise self._damaged("a PAX header does not parse", offset)
            at += int(length)
            key, is_pair, value = body[space + 1 : at - 1].partition(b"=")
            if not is_pair or body[at - 1 : at] != b"\n":
                raise self._damaged("a PAX header does not parse", offset)
            if key == b"path":
                self._path = self._text(value, offset)
            elif key == b"size":
                if not _is_number(value):
                    raise self._damaged("a PAX header does not parse", offset)
                self._size = int(value)
            elif key.startswith(b"GNU.sparse"):
                raise self._damaged("holds a sparse file", offset)

    def _ustar_path(self, block: bytes, offset: int) -> str:
        name = block[:100].split(b"\0", 1)[0]
        if block[257:263] == b"ustar\0":
            prefix = block[345:500].split(b"\0", 1)[0]
            if prefix:
                name = prefix + b"/" + name
        return self._text(name, offset)

    def _text(self, path: bytes, offset: int) -> str:
        """A path; Velero's names are Kubernetes', which are UTF-8."""
        if len(path) > MAX_PATH:
            raise self._damaged(f"a path of {len(path)} bytes", offset)
        if b"\0" in path:
            raise self._damaged(f"the path {quoted(path)} has a zero in it", offset)
        try:
            return path.decode()
        except UnicodeDecodeError:
            raise self._damaged(f"the path {quoted(path)} is no UTF-8", offset) from None

    def _number(self, field: bytes, offset: int) -> int:
        """Octal text, or GNU's binary form for what is too large for it."""
        if field[0] & 0x80:
            if field[0] & 0x40:
                raise self._damaged("a header's number is negative", offset)
            return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        text = field.strip(b"\0 ")
        if text and not text.isdigit():  # int() takes signs and more
            raise self._damaged("is no tar, or damaged: a header's number", offset)
        try:
            return int(text, 8) if text else 0
        except ValueError:
            raise self._damaged("is no tar, or damaged: a header's number", offset) from None

    def _note(self, text: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def _damaged(self, problem: str, offset: int) -> ArchiveDamaged:
        return ArchiveDamaged(f"{problem} (byte {offset} of the unpacked tar)", place=self._place)


def _is_number(digits: bytes) -> bool:
    """Whether it is a number of a length that can be meant; int() refuses very long ones."""
    return digits.isdigit() and len(digits) <= _LENGTH_DIGITS
