"""Deletes backups: whole ones, and what a writer that failed has left."""

from kubeferry.errors import BackupMissing, VaultError
from kubeferry.vault import layout
from kubeferry.vault.claim import Owner, holds_claim, release
from kubeferry.vault.store import Store


async def delete_backup(store: Store, name: str) -> None:
    """Deletes a backup: the commit mark first, so that it is gone at once, then every other file.

    Files without a mark are deleted too. Raises ``BackupMissing`` when there is nothing.
    """
    layout.check_name(name)
    mark = layout.backup_metadata(name)
    keys = [one.key async for one in store.list(layout.backup_folder(name))]
    if not keys:
        raise BackupMissing(f"no backup is called {name!r}", place=store.url)
    if mark in keys:
        await store.delete(mark)
    for key in sorted(keys):
        if key != mark:
            await store.delete(key)


async def discard_backup(store: Store, name: str, owner: Owner) -> None:
    """Deletes what a writer left, unless it was committed or the name is another's by now."""
    if not await holds_claim(store, name, owner):
        return
    if not await store.exists(layout.backup_metadata(name)):
        claim = layout.backup_claim(name)
        async for one in store.list(layout.backup_folder(name)):
            if one.key != claim:
                await store.delete(one.key)
    await release(store, name, owner)


async def discard_after(error: BaseException, store: Store, name: str, owner: Owner) -> None:
    """``discard_backup`` while ``error`` is on its way; a failure of it becomes a note of that
    error.
    """
    try:
        await discard_backup(store, name, owner)
    except VaultError as failure:
        error.add_note(f"what was written could not be deleted: {failure}")
