"""The seal at the end of a restore's item file: whose key says that the restore wrote it.

HMAC-SHA-256 over a prefix of its own, the restore's uid, its folder, the file's number and the
file's bytes: no file proves anything as another's, and no signature of a backup proves a file. The
seal is one more gzip member that unpacks to nothing and has its text as a comment, so whoever reads
gzip reads the lines as ever, and file and seal are stored as one.
"""

import hashlib
import hmac
import re

from kubeferry.vault.keys import Key, KeyRing

_PREFIX = b"kubeferry restore items v1"
_BEGIN = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff" + b"kubeferry hmac-sha256 "
"""A gzip header that has a comment and nothing else, and how the comment begins."""
_END = b"\0\x03\0" + b"\0" * 8
"""The comment's end, an empty deflate stream, its CRC and its length."""
_SEAL = re.compile(rb"([A-Za-z0-9]{1,64}) ([0-9a-f]{64})" + re.escape(_END))


def sealed(data: bytes, key: Key, *, uid: str, folder: str, number: int) -> bytes:
    """A gzip file with its seal."""
    mac = _mac(key, data, uid, folder, number)
    return b"".join((data, _BEGIN, key.id.encode(), b" ", mac.encode(), _END))


def is_sealed(data: bytes, ring: KeyRing, *, uid: str, folder: str, number: int) -> bool:
    """Whether one of the keys has sealed the file, as this one and with these bytes."""
    lines, begin, text = data.rpartition(_BEGIN)
    found = _SEAL.fullmatch(text) if begin else None
    key = ring.find(found[1].decode()) if found is not None else None
    if found is None or key is None:
        return False
    expected = _mac(key, lines, uid, folder, number)
    return hmac.compare_digest(expected.encode(), found[2])


def _mac(key: Key, data: bytes, uid: str, folder: str, number: int) -> str:
    """Hexadecimal. Only the last part may have a NUL, so no two lists of parts run together."""
    parts = (_PREFIX, uid.encode(), folder.encode(), str(number).encode(), data)
    return hmac.new(key.secret, b"\0".join(parts), hashlib.sha256).hexdigest()
