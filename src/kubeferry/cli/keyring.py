"""``vault key``: reads and writes the Secret that holds the vaults' keys; tells ids, never keys."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from kubeferry.cli.command import Flags, program
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.download import check_target, new_file
from kubeferry.cli.output import NONE, counted, emit, fields, say, table
from kubeferry.clock import timestamp, utc_now
from kubeferry.controller.resources import LOCATIONS
from kubeferry.controller.vaultkeys import KeySecret, load_keys, save_ring
from kubeferry.durations import format_age
from kubeferry.errors import InvalidInput, NotFound
from kubeferry.vault import layout
from kubeferry.vault.keys import (
    KeyRing,
    export_document,
    new_key,
    read_export,
    with_keys,
)

_MOST_BYTES = 1 << 20
"""A Secret holds no more."""


async def create(flags: Flags, vault: str, *, rotate: bool, allow_unsigned: bool) -> None:
    """Makes a key for a registered vault; with ``rotate`` one beside those it has.

    Raises ``NotFound`` when no vault is registered under the name, ``InvalidInput`` when it has a
    key already, or none to rotate.
    """
    async with _keys(flags, vault) as (session, found):
        await session.client.get(LOCATIONS, vault, namespace=session.namespace)
        before = found.ring(vault)
        if before is not None and not rotate:
            raise InvalidInput(
                f"the vault has {counted(len(before.keys), 'key')} already",
                place=f"vault {vault}",
                remedy="--rotate adds a newer one",
            )
        if before is None and rotate:
            raise _without(vault)
        made = new_key(clock=utc_now, after=before)
        ring = with_keys(before, [made], place=f"vault {vault}")
        if allow_unsigned:
            ring = replace(ring, allow_unsigned=True)
        await save_ring(session.client, found, vault, ring)
    emit([f"key {made.id} of vault {vault} created: it signs each backup from now on"])
    if not ring.allow_unsigned:
        say(
            "backups without a signature are refused, those taken before there was a key too; "
            f"'{program()} vault key set {vault} --allow-unsigned' lets them pass, and forged ones "
            "whose signature was taken away"
        )
    say(f"other clusters of the vault need it: '{program()} vault key export {vault} -o FILE'")


async def get(flags: Flags, names: Sequence[str]) -> None:
    """Prints a line for each vault that has keys. Raises ``InvalidInput`` for one without, and
    after the others for one whose keys are damaged.
    """
    async with connect(flags) as session:
        found = await load_keys(session.client, namespace=session.namespace)
    rings: dict[str, KeyRing | None] = {}
    damaged: list[InvalidInput] = []
    for name in names or found.vaults:
        try:
            rings[name] = _ring(found, name)
        except InvalidInput as error:
            if name not in found.vaults:
                raise
            rings[name] = None
            damaged.append(error)
    if not rings:
        say("no vault has a key")
        return
    emit(table([("VAULT", "KEYS", "SIGNS WITH", "AGE", "UNSIGNED"), *_rows(rings)]))
    if damaged:
        raise damaged[0]


async def describe(flags: Flags, vault: str) -> None:
    """Prints a vault's keys, the newest first."""
    async with _keys(flags, vault) as (_, found):
        ring = _ring(found, vault)
    now = utc_now()
    emit(fields([("Vault", vault), ("Unsigned backups", _unsigned(ring))]))
    rows = [
        (key.id, timestamp(key.created), _age(key.created, now), "signs" if first else "proves")
        for first, key in ((key is ring.newest, key) for key in reversed(ring.keys))
    ]
    emit(["", *table([("ID", "CREATED", "AGE", "USE"), *rows])])


async def export(flags: Flags, vault: str, *, target: Path, overwrite: bool) -> None:
    """Writes a vault's keys into a file of mode 0600. Raises ``InvalidInput``."""
    check_target(target, overwrite=overwrite)
    async with _keys(flags, vault) as (_, found):
        ring = _ring(found, vault)
    with new_file(target) as file:
        file.write(export_document(ring, vault=vault))
    emit([f"{target} ({counted(len(ring.keys), 'key')})"])
    say("who has this file can forge backups: carry it safely, then delete it")


async def import_(flags: Flags, vault: str, *, source: Path, allow_unsigned: bool) -> None:
    """Adds the keys of an exported file. Raises ``InvalidInput`` for a file that is none."""
    exported_of, imported = read_export(_content(source), place=str(source))
    async with _keys(flags, vault) as (session, found):
        before = found.ring(vault)
        ring = with_keys(before, imported.keys, place=f"vault {vault}")
        if allow_unsigned:
            ring = replace(ring, allow_unsigned=True)
        if ring != before:
            await save_ring(session.client, found, vault, ring)
        is_registered = await _is_registered(session, vault)
    new = len(ring.keys) - (len(before.keys) if before is not None else 0)
    emit([f"{counted(new, 'key')} of vault {vault} imported; {ring.newest.id} signs"])
    if exported_of != vault:
        say(f"the file is of vault {exported_of}, which is another name for it in its cluster")
    if not is_registered:
        say(f"no vault is registered as {vault} yet")


async def set_unsigned(flags: Flags, vault: str, *, allow: bool) -> None:
    """Says whether backups without a signature pass. Raises ``InvalidInput`` without a key."""
    async with _keys(flags, vault) as (session, found):
        ring = replace(_ring(found, vault), allow_unsigned=allow)
        if ring != found.ring(vault):
            await save_ring(session.client, found, vault, ring)
    emit([f"backups without a signature in vault {vault}: {_unsigned(ring)}"])
    if allow:
        say("nothing finds forgery now: who can write to the vault can take a signature away")


async def delete(flags: Flags, vault: str, key_id: str, *, last: bool) -> None:
    """Takes a key away. Raises ``InvalidInput`` when there is none of the id, or it is the last."""
    async with _keys(flags, vault) as (session, found):
        ring = _ring(found, vault)
        left = tuple(key for key in ring.keys if key.id != key_id)
        if len(left) == len(ring.keys):
            raise InvalidInput(f"has no key {key_id!r}", place=f"vault {vault}")
        if not left and not last:
            raise InvalidInput(
                "it is the last key: without one nothing finds forged backups",
                place=f"vault {vault}",
                remedy="make a newer one first (--rotate), or give --last",
            )
        after = replace(ring, keys=left) if left else None
        await save_ring(session.client, found, vault, after)
    emit([f"key {key_id} of vault {vault} deleted"])


@asynccontextmanager
async def _keys(flags: Flags, vault: str) -> AsyncIterator[tuple[Session, KeySecret]]:
    """A connection, and the keys as they are."""
    layout.check_name(vault, place="the vault's name")
    async with connect(flags) as session:
        yield session, await load_keys(session.client, namespace=session.namespace)


def _ring(found: KeySecret, vault: str) -> KeyRing:
    ring = found.ring(vault)
    if ring is None:
        raise _without(vault)
    return ring


def _without(vault: str) -> InvalidInput:
    return InvalidInput(
        "has no key",
        place=f"vault {vault}",
        remedy=f"'{program()} vault key create {vault}' makes one",
    )


def _rows(rings: dict[str, KeyRing | None]) -> Iterator[tuple[str, ...]]:
    """A line for each; None are keys that cannot be read."""
    now = utc_now()
    for name, ring in rings.items():
        if ring is None:
            yield name, "damaged", NONE, NONE, NONE
            continue
        newest = ring.newest
        age = _age(newest.created, now)
        yield name, str(len(ring.keys)), newest.id, age, _unsigned(ring)


def _age(created: datetime, now: datetime) -> str:
    seconds = (now - created).total_seconds()
    return format_age(seconds) if seconds >= 0 else NONE


def _unsigned(ring: KeyRing) -> str:
    return "allowed" if ring.allow_unsigned else "refused"


def _content(source: Path) -> bytes:
    try:
        if os.path.getsize(source) > _MOST_BYTES:
            raise InvalidInput("is larger than any file of keys", place=str(source))
        return source.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(source)) from error


async def _is_registered(session: Session, vault: str) -> bool:
    try:
        await session.client.get(LOCATIONS, vault, namespace=session.namespace)
    except NotFound:
        return False
    return True
