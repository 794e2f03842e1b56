"""``<backup>-checksums.hmac``: proof that who wrote a backup's checksums holds a key of the vault.

HMAC-SHA-256 over a prefix of its own, the backup's name and the checksum file as it is stored: one
backup's checksums prove nothing under another's name, and a key used for anything else would prove
nothing here. The checksums cover every other file, the commit mark too.
"""

import hashlib
import hmac

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveForged, ArchiveUnsigned, ObjectMissing
from kubeferry.vault import layout
from kubeferry.vault.documents import decoded
from kubeferry.vault.keys import Key, KeyRing
from kubeferry.vault.store import DOCUMENT_BYTES, Store

ALGORITHM = "hmac-sha256"
_PREFIX = b"kubeferry backup checksums v1"


class _File(msgspec.Struct, rename="camel"):
    algorithm: str
    key_id: str
    mac: str


def signature_document(key: Key, name: str, checksums: bytes) -> bytes:
    """The file's content for a backup's checksum file."""
    return codec.encode_pretty(_File(ALGORITHM, key.id, _mac(key, name, checksums)))


async def check_signature(store: Store, name: str, checksums: bytes | None) -> tuple[str, ...]:
    """Holds a backup's checksum file, None if there is none, against the keys of its vault.

    Returns what a person should know: that it passed without proof, because that is allowed. A
    vault without keys asks for no proof. Raises ``ArchiveForged`` for a signature that is wrong,
    ``ArchiveUnsigned`` for one that is missing or of a key that is not known here,
    ``ArchiveDamaged`` for one that cannot be read.
    """
    ring = store.trust.ring
    if ring is None:
        return ()
    if checksums is None:
        place = f"{store.url}/{layout.checksums(name)}"
        return _unsigned(ring, "the backup has no checksums that the vault's key could sign", place)
    key = layout.signature(name)
    place = f"{store.url}/{key}"
    try:
        data = await store.get(key, limit=DOCUMENT_BYTES)
    except ObjectMissing:
        return _unsigned(ring, "the backup is not signed with the vault's key", place)
    found = decoded(data, _File, place=place)
    signer = ring.find(found.key_id) if found.algorithm == ALGORITHM else None
    if signer is None:
        why = f"the backup is signed with a key that is not known here ({_shown(found)})"
        return _unsigned(ring, why, place)
    expected = _mac(signer, name, checksums)
    if not hmac.compare_digest(expected.encode(), found.mac.encode()):
        raise ArchiveForged(
            f"the signature is not that of key {signer.id}: the checksums were changed, or are "
            "another backup's",
            place=place,
            remedy="do not use this backup; find out who can write to the vault",
        )
    return ()


def _mac(key: Key, name: str, checksums: bytes) -> str:
    """Hexadecimal. A name has no NUL, so no two pairs of name and file run together the same."""
    message = b"\0".join((_PREFIX, name.encode(), checksums))
    return hmac.new(key.secret, message, hashlib.sha256).hexdigest()


def _shown(found: _File) -> str:
    """What a stranger's file says of its key, cut short."""
    return f"{found.algorithm[:20]!r}, {found.key_id[:40]!r}"


def _unsigned(ring: KeyRing, why: str, place: str) -> tuple[str, ...]:
    if ring.allow_unsigned:
        return (f"{why}: it was not checked for forgery",)
    raise ArchiveUnsigned(
        why,
        place=place,
        remedy="import the key of the cluster that took it (kubeferry vault key import), or allow "
        "unsigned backups (kubeferry vault key set)",
    )
