"""``<backup>-checksums.json``: SHA-256 of every file of a backup, to find damage (design.md,
Security).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged, ChecksumMismatch, ObjectMissing
from kubeferry.vault import layout
from kubeferry.vault.documents import decoded, quoted
from kubeferry.vault.signature import check_signature
from kubeferry.vault.store import DOCUMENT_BYTES, Store

ALGORITHM = "sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class _File(msgspec.Struct):
    algorithm: str
    files: dict[str, str]


def sha256(data: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def checksums_document(name: str, files: Mapping[str, str]) -> bytes:
    """The file's content, from keys to hexadecimal digests; it names files, not keys."""
    folder = layout.backup_folder(name)
    names = {key.removeprefix(folder): digest for key, digest in sorted(files.items())}
    return codec.encode_pretty(_File(ALGORITHM, names))


@dataclass(frozen=True, slots=True)
class Checksums:
    """What a backup's files are held against.

    Attributes:
        files: key to hexadecimal digest of each; None where the backup has no checksums.
        notes: what a person should know: that nothing proves who wrote them.
    """

    files: Mapping[str, str] | None
    notes: tuple[str, ...] = ()


async def load_checksums(store: Store, name: str) -> Checksums:
    """The checksums of a backup, with the proof that the vault's key asks for (``signature``).

    Raises ``ArchiveDamaged``, ``ArchiveUnsigned``, ``ArchiveForged``.
    """
    key = layout.checksums(name)
    try:
        data = await store.get(key, limit=DOCUMENT_BYTES)
    except ObjectMissing:
        return Checksums(None, await check_signature(store, name, None))
    notes = await check_signature(store, name, data)
    place = f"{store.url}/{key}"
    found = decoded(data, _File, place=place)
    if found.algorithm != ALGORITHM:
        raise ArchiveDamaged(f"checksums by {quoted(found.algorithm)} are unknown", place=place)
    if not all(map(_DIGEST.fullmatch, found.files.values())):
        raise ArchiveDamaged("what it says of a file is no SHA-256", place=place)
    folder = layout.backup_folder(name)
    return Checksums({f"{folder}{file}": digest for file, digest in found.files.items()}, notes)


def verify(found: str, key: str, sums: Mapping[str, str], *, place: str) -> None:
    """Compares a file's digest. Raises ``ChecksumMismatch``, also when the file is not listed."""
    expected = sums.get(key)
    if expected is None:
        raise ChecksumMismatch("has no checksum", place=f"{place}/{key}")
    if expected != found:
        raise ChecksumMismatch(
            f"its SHA-256 is {found}, when it was written it was {expected}",
            place=f"{place}/{key}",
            remedy="the file was damaged or changed; use another backup",
        )
