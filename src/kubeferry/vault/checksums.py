"""``<backup>-checksums.json``: SHA-256 of every file of a backup, to find damage (design.md,
Security).
"""

import hashlib
from collections.abc import Mapping

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged, ChecksumMismatch, ObjectMissing
from kubeferry.vault import layout
from kubeferry.vault.documents import decoded
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store

ALGORITHM = "sha256"


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


async def load_checksums(store: Store, name: str) -> Mapping[str, str] | None:
    """Key to digest of each file of a backup; None when it has no such file. Raises
    ``ArchiveDamaged``.
    """
    key = layout.checksums(name)
    try:
        data = await store.get(key)
    except ObjectMissing:
        return None
    found = decoded(data, _File, place=f"{store.url}/{key}")
    if found.algorithm != ALGORITHM:
        raise ArchiveDamaged(
            f"checksums by {found.algorithm!r} are unknown", place=f"{store.url}/{key}"
        )
    folder = layout.backup_folder(name)
    return {f"{folder}{file}": digest for file, digest in found.files.items()}


async def required_checksums(store: Store, facts: BackupFacts) -> Mapping[str, str] | None:
    """``load_checksums`` of a backup that is to be used; None only for one of Velero's.

    Raises ``ArchiveDamaged`` for a backup of ours without them.
    """
    sums = await load_checksums(store, facts.name)
    if sums is None and facts.is_ours:
        raise ArchiveDamaged(
            "kubeferry wrote this backup with checksums and they are gone",
            place=f"{store.url}/{layout.checksums(facts.name)}",
            remedy="use another backup",
        )
    return sums


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
