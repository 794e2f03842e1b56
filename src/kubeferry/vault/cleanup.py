"""Deletes backups: whole ones, and what a writer that failed has left.

A storage has no delete on a condition. So a writer that failed looks before each delete whether the
name is still its own and the backup uncommitted, and gives up after ``CLEANUP_SECONDS``: what it
leaves is overwritten when its task runs again.
"""

import asyncio

from kubeferry.errors import BackupMissing, VaultError
from kubeferry.vault import layout
from kubeferry.vault.claim import Claim, holds_claim, release
from kubeferry.vault.store import Store

CLEANUP_SECONDS = 3.0
"""How long a writer that failed may go on: less than is left then of its controller's lease."""


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


async def discard_backup(store: Store, claim: Claim) -> None:
    """Deletes what a writer left, unless it was committed or the name is another's by now.

    The archive, the one file that costs, goes first. Not bounded in time; ``discard_after`` is.
    """
    archive, kept = layout.archive(claim.name), layout.backup_claim(claim.name)
    keys = [one.key async for one in store.list(layout.backup_folder(claim.name))]
    for key in sorted(keys, key=lambda key: (key != archive, key)):
        if key != kept:
            if not await _is_discardable(store, claim):
                return
            await store.delete(key)
    await release(store, claim)


async def _is_discardable(store: Store, claim: Claim) -> bool:
    """The claim last: whoever commits holds it, so a mark that appears later is no news."""
    if await store.exists(layout.backup_metadata(claim.name)):
        await release(store, claim)
        return False
    return await holds_claim(store, claim)


async def discard_after(
    error: BaseException, store: Store, claim: Claim, *, seconds: float = CLEANUP_SECONDS
) -> None:
    """``discard_backup`` while ``error`` is on its way, for so long at most; that it failed or took
    too long becomes a note of that error.
    """
    try:
        async with asyncio.timeout(seconds):
            await discard_backup(store, claim)
    except TimeoutError:
        error.add_note(f"what was written was not deleted: that took more than {seconds:.0f} s")
    except VaultError as failure:
        error.add_note(f"what was written could not be deleted: {failure}")
