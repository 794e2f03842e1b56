"""``backup download``: the archive from the vault into a file, verified before it gets its name."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO

from kubeferry.cli.command import Flags
from kubeferry.cli.connection import connect
from kubeferry.cli.live import View, view
from kubeferry.cli.output import emit, say, size_text
from kubeferry.cli.stores import vault_of_backup
from kubeferry.errors import ArchiveDamaged, InvalidInput, ObjectMissing
from kubeferry.vault import layout
from kubeferry.vault.checksums import verify
from kubeferry.vault.metadata import load_verified
from kubeferry.vault.store import Store


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raises ``InvalidInput`` when the file is there already or its folder is not."""
    if target.exists() and not overwrite:
        raise InvalidInput("is there already", place=str(target), remedy="--force replaces it")
    if not target.parent.is_dir():
        raise InvalidInput("is no folder", place=str(target.parent), remedy="create it first")


async def download(flags: Flags, name: str, *, vault: str | None, target: Path) -> None:
    """Writes the archive of a backup to ``target``; what is there is replaced.

    Raises ``BackupMissing``, ``ArchiveError`` (nothing is left behind then), ``VaultError``.
    """
    async with connect(flags) as session, vault_of_backup(session, name, vault=vault) as opened:
        store = opened.store
        found = await load_verified(store, name)
        with view(f"download {name}") as shown, new_file(target) as file:
            total = found.facts.bytes
            size = await fetch(store, name, file, sums=found.sums, total=total, shown=shown)
    for note in found.notes:
        say(f"warning: {note}")
    verified = ", verified" if found.sums is not None else ""
    emit([f"{target} ({size_text(size)}{verified})"])


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target that gets its name when the block ends well, else vanishes.

    Only its owner can read it: an archive holds Secrets.
    """
    handle, path = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    partial = Path(path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


async def fetch(
    store: Store,
    name: str,
    file: BinaryIO,
    *,
    sums: Mapping[str, str] | None,
    total: int,
    shown: View,
) -> int:
    """Streams the archive into a file and verifies it; returns its size in bytes."""
    key = layout.archive(name)
    digest, size = hashlib.sha256(), 0
    try:
        async with aclosing(store.stream(key)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
                shown.update("downloading", size, total or None)
    except ObjectMissing as error:
        raise ArchiveDamaged(
            "the archive is gone, only its metadata is there",
            place=error.place,
            remedy="use another backup",
        ) from error
    if sums is not None:
        verify(digest.hexdigest(), key, sums, place=store.url)
    return size
