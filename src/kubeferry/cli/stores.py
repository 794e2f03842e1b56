"""Opens the vault that holds a backup, from where a person stands: reads only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.location import BackupLocation, annotated_vault
from kubeferry.api.metadata import Metadata, read
from kubeferry.cli.command import program
from kubeferry.cli.connection import Session
from kubeferry.cli.output import say
from kubeferry.controller import vaults
from kubeferry.controller.resources import BACKUPS, LOCATIONS
from kubeferry.errors import (
    ArchiveDamaged,
    BackupMissing,
    ConfigError,
    NotFound,
    ObjectMissing,
    VaultUnavailable,
)
from kubeferry.kube.objects import metadata
from kubeferry.vault import gzips, layout
from kubeferry.vault.metadata import Verified, load_verified
from kubeferry.vault.sidefiles import MAX_BYTES
from kubeferry.vault.store import Store


@dataclass(frozen=True, slots=True)
class Opened:
    """A vault that was opened: the name it is registered under, and its store."""

    name: str
    store: Store


@asynccontextmanager
async def vault_of_backup(
    session: Session, backup: str, *, vault: str | None = None, task: Metadata | None = None
) -> AsyncIterator[Opened]:
    """The vault that holds a backup.

    It is the one named, else the one that ``task``'s annotation names, else that of the cluster's
    own ``ApplicationBackup``, else each registered vault is asked. Raises what
    ``vaults.find_backup`` raises, ``InvalidInput`` when the vault is not registered.
    """
    opened = await _open(session, backup, vault, task)
    if opened.store.trust.unread:
        say(f"warning: nothing was checked for forgery: {opened.store.trust.unread}")
    try:
        yield opened
    except BackupMissing as error:
        if error.place == opened.store.url:
            error.place = f"vault {opened.name}"  # people know it by its name
        raise
    except ArchiveDamaged as error:
        error.remedy = error.remedy or "the vault's copy is damaged: use another backup"
        raise
    finally:
        await opened.store.aclose()


async def _open(session: Session, backup: str, vault: str | None, task: Metadata | None) -> Opened:
    layout.check_name(backup, place="the backup's name")
    if vault is not None:
        return Opened(vault, await open_vault(session, vault))
    annotated = annotated_vault(task) if task is not None else None
    if annotated is not None:
        name, spec = annotated
        try:
            found = await session.client.get(LOCATIONS, name, namespace=session.namespace)
        except NotFound:
            location = BackupLocation(metadata=Metadata(name=name), spec=spec)
        else:
            location = read(found, BackupLocation)
            vaults.check_same(name, annotated=spec, registered=location.spec)
        return Opened(name, await _open_location(session, location))
    try:
        known = await session.client.get(BACKUPS, backup, namespace=session.namespace)
    except NotFound:
        return await _search(session, backup)
    task_spec = read(known, ApplicationBackup).spec
    if task_spec.dry_run:
        raise BackupMissing(
            "is a dry run: nothing was written",
            place=f"backup {backup}",
            remedy=f"{program()} backup describe {backup} tells what it found",
        )
    name = task_spec.storage_location
    return Opened(name, await open_vault(session, name))


async def open_vault(session: Session, name: str) -> Store:
    """The store of a registered vault. Raises ``InvalidInput`` when there is none of the name.

    A person may not be able to read the vault's keys: ``vault_of_backup`` tells them, who opens a
    store here does it himself. Raises ``ConfigError`` for a directory of the controller that this
    machine does not know.
    """
    try:
        found = await session.client.get(LOCATIONS, name, namespace=session.namespace)
    except NotFound:
        # Tells what to do about it.
        return await vaults.open_registered(
            session.client, name, settings=session.settings, credentials=None, blind=True
        )
    return await _open_location(session, read(found, BackupLocation))


async def _open_location(session: Session, location: BackupLocation) -> Store:
    if location.spec.provider == "local" and session.settings.local_root is None:
        raise ConfigError(
            "a local vault is a directory of the controller",
            place=f"vault {location.metadata.name}",
            remedy="set KUBEFERRY_LOCAL_ROOT to it on this machine",
        )
    return await vaults.open_location(
        session.client,
        location,
        settings=session.settings,
        credentials=session.credentials,
        blind=True,
    )


async def _search(session: Session, backup: str) -> Opened:
    """Asks each registered vault for a backup that the cluster does not know yet."""

    async def open_one(name: str) -> Store:
        try:
            return await open_vault(session, name)
        except ConfigError as error:
            raise VaultUnavailable(f"{error.problem}; {error.remedy}") from error

    registered = await session.client.list(LOCATIONS, namespace=session.namespace)
    names = sorted(str(metadata(one)["name"]) for one in registered)
    try:
        found = await vaults.find_backup(
            backup, names, open_one, place="", namespace=session.namespace
        )
    except BackupMissing as error:
        error.remedy = f"{program()} backup get lists those there are"
        raise
    for why in found.unasked:
        say(f"warning: {why}")
    return Opened(found.name, await open_one(found.name))


async def tell_notes(store: Store, name: str) -> Verified | None:
    """Says what a person should know before they believe a backup: that nothing proves it.

    Returns the backup, None where there is none that is finished. Raises what ``load_verified``
    raises of one that cannot be trusted.
    """
    try:
        found = await load_verified(store, name)
    except BackupMissing:
        return None
    for note in found.notes:
        say(f"warning: {note}")
    return found


async def load_restore_file(store: Store, folder: str, kind: str) -> bytes | None:
    """One unpacked file of a restore's report (``results.gz`` ...), None where there is none.

    Raises ``ArchiveDamaged``.
    """
    key = layout.restore_file(folder, kind)
    try:
        return gzips.unpack(await store.get(key), limit=MAX_BYTES)
    except ObjectMissing:
        return None
    except gzips.BadGzip as error:
        raise ArchiveDamaged(str(error), place=f"{store.url}/{key}") from error
