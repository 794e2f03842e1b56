"""Tar files that nobody writes by mistake, block by block; every header's checksum is right."""

import gzip

BLOCK = 512
GOOD = "resources/configmaps/namespaces/default/good.json"


def header(path: bytes | str, *, size: bytes | int = 0, kind: bytes = b"0") -> bytes:
    """A header; a size in bytes is the field as it is, 12 bytes of it."""
    name = path.encode() if isinstance(path, str) else path
    field = b"%011o\0" % size if isinstance(size, int) else size.ljust(12, b"\0")
    before = name.ljust(100, b"\0") + b"0000755\x000000000\x000000000\0" + field + b"%011o\0" % 0
    after = kind + bytes(100) + b"ustar\x0000" + bytes(247)
    checksum = b"%06o\0 " % (sum(before) + sum(after) + 8 * ord(" "))
    return before + checksum + after


def blocks(body: bytes) -> bytes:
    """A body, filled to whole blocks."""
    return body + bytes(-len(body) % BLOCK)


def file(path: bytes | str, body: bytes = b"{}", *, kind: bytes = b"0") -> bytes:
    """A header and its body."""
    return header(path, size=len(body), kind=kind) + blocks(body)


def record(key: bytes, value: bytes) -> bytes:
    """A PAX record."""
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + len(str(len(body)))
    length = len(body) + len(str(length))
    return str(length).encode() + body


def pax(*records: tuple[bytes, bytes]) -> bytes:
    """A PAX header, for the file that follows."""
    return file("pax", b"".join(record(*one) for one in records), kind=b"x")


def long_name(path: bytes) -> bytes:
    """GNU's header for a long name."""
    return file("././@LongLink", path + b"\0", kind=b"L")


def archive(*parts: bytes) -> bytes:
    """A tar.gz of these, with its end."""
    return gzip.compress(b"".join(parts) + bytes(2 * BLOCK), compresslevel=1, mtime=0)
