"""Velero's resource list, ``{"v1/Pod": ["default/web-0"]}`` (velero.md §1.2, §1.3). Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from kubeferry import codec
from kubeferry.vault import gzips

_TYPE = itemgetter(0)


def resource_list(rows: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """The file's JSON in chunks, a type at a time; rows are type and entry, sorted by type."""
    yield b"{"
    before = b""
    for type_key, group in groupby(rows, key=_TYPE):
        yield before + codec.encode(type_key) + b":["
        glue = b""
        for _, entry in group:
            yield glue + codec.encode(entry)
            glue = b","
        yield b"]"
        before = b","
    yield b"}\n"


def packed(chunks: Iterable[bytes]) -> bytes:
    """The chunks as one gzip file; only what is packed is held."""
    packer = gzips.packer()
    parts = [part for chunk in chunks if (part := packer.compress(chunk))]
    parts.append(packer.flush())
    return b"".join(parts)
