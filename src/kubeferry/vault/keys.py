"""The keys of vaults: who holds one can sign backups, and tell forged ones (design.md, Security).
Pure.

A cluster keeps them in one Secret, ``SECRET``, under the name of each vault. The newest key of a
vault signs; any of them proves, so a key can be replaced while older backups are still good. Key
material is in the Secret and in an exported file, never in a message.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from kubeferry import codec
from kubeferry.clock import Clock, parse_timestamp, timestamp
from kubeferry.errors import InvalidInput

SECRET = "csdr-vault-keys"
"""The Secret of our namespace that holds the keys."""
KEY_BYTES = 32

_REMEDY = "put the Secret's entry back from an exported file, or delete it and import that file"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Its secret does not show when it is printed.

    Attributes:
        id: tells keys apart; says nothing of the secret.
        secret: ``KEY_BYTES`` bytes.
        created: in UTC.
    """

    id: str
    secret: bytes = field(repr=False)
    created: datetime


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one vault, the oldest first; there is at least one.

    ``allow_unsigned`` lets backups pass that no key has signed. One whose signature is wrong does
    not pass, but whoever forges one can leave the signature out: nothing finds forgery then.
    """

    keys: tuple[Key, ...]
    allow_unsigned: bool = False

    @property
    def newest(self) -> Key:
        """The key that signs."""
        return self.keys[-1]

    def find(self, key_id: str) -> Key | None:
        """The key of an id."""
        return next((key for key in self.keys if key.id == key_id), None)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a vault's backups are held against.

    Attributes:
        ring: the vault's keys; None where the vault has none.
        unread: why nobody knows whether it has some: who reads may not read the keys. Whoever goes
            on has to be told that nothing was checked for forgery.
    """

    ring: KeyRing | None = None
    unread: str = ""


NO_KEY = Trust()
"""A vault without keys: checksums find damage, nothing finds forgery."""


class _Key(msgspec.Struct):
    id: str
    key: str
    created: str

    def __repr__(self) -> str:
        return f"_Key({self.id!r})"


class _Ring(msgspec.Struct, rename="camel", omit_defaults=True):
    keys: list[_Key]
    vault: str = ""
    allow_unsigned: bool = False


def new_key(*, clock: Clock, after: KeyRing | None = None) -> Key:
    """A key that nobody else has, and that is newer than those of a ring, whatever the clock says:
    the newest signs.
    """
    created = clock().replace(microsecond=0)  # as it is written
    if after is not None:
        created = max(created, after.newest.created + timedelta(seconds=1))
    return Key(secrets.token_hex(4), secrets.token_bytes(KEY_BYTES), created)


def with_keys(ring: KeyRing | None, keys: Iterable[Key], *, place: str) -> KeyRing:
    """The ring with more keys; one that it has already is not there twice.

    Raises ``InvalidInput`` when a key of the same id has another secret.
    """
    found = {key.id: key for key in ring.keys} if ring is not None else {}
    for key in keys:
        before = found.setdefault(key.id, key)
        if not hmac.compare_digest(before.secret, key.secret):
            raise InvalidInput(
                f"another key has the id {key.id} already",
                place=place,
                remedy="one of the two was tampered with: find out which",
            )
    ordered = tuple(sorted(found.values(), key=lambda key: key.created))
    return replace(ring, keys=ordered) if ring is not None else KeyRing(ordered)


def ring_document(ring: KeyRing) -> bytes:
    """What the Secret holds of a vault."""
    return codec.encode_pretty(_Ring(_written(ring), allow_unsigned=ring.allow_unsigned))


def export_document(ring: KeyRing, *, vault: str) -> bytes:
    """The same for another cluster: with the vault's name, and without what is this cluster's to
    allow.
    """
    return codec.encode_pretty(_Ring(_written(ring), vault=vault))


def read_ring(data: bytes, *, place: str) -> KeyRing:
    """The keys in a Secret's entry or an exported file.

    Raises ``InvalidInput``, which never holds what is in it.
    """
    return _ring(_decoded(data, place), place)


def read_export(data: bytes, *, place: str) -> tuple[str, KeyRing]:
    """The vault's name and the keys in an exported file. Raises ``InvalidInput``."""
    found = _decoded(data, place)
    return found.vault, _ring(found, place)


def _written(ring: KeyRing) -> list[_Key]:
    return [
        _Key(key.id, base64.b64encode(key.secret).decode(), timestamp(key.created))
        for key in ring.keys
    ]


def _decoded(data: bytes, place: str) -> _Ring:
    try:
        return codec.Decoder(_Ring).decode(data)
    except msgspec.DecodeError:
        # The decoder's own words may quote what is in it.
        raise InvalidInput("holds no keys of a vault", place=place, remedy=_REMEDY) from None


def _ring(found: _Ring, place: str) -> KeyRing:
    if not found.keys:
        raise InvalidInput("holds no key", place=place, remedy=_REMEDY)
    keys: dict[str, Key] = {}
    for number, one in enumerate(found.keys, start=1):
        try:
            secret = base64.b64decode(one.key, validate=True)
            key = Key(one.id, secret, parse_timestamp(one.created))
        except (binascii.Error, ValueError):
            raise _bad(number, place) from None
        if len(secret) != KEY_BYTES or not one.id or not one.id.isalnum() or one.id in keys:
            raise _bad(number, place)
        keys[key.id] = key
    ordered = tuple(sorted(keys.values(), key=lambda key: key.created))
    return KeyRing(ordered, found.allow_unsigned)


def _bad(number: int, place: str) -> InvalidInput:
    return InvalidInput(
        f"key {number} is none: it needs an id of its own, {KEY_BYTES} bytes as base64 and the "
        "time it was created",
        place=place,
        remedy=_REMEDY,
    )
