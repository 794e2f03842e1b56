"""An archive that lies by itself in a directory, such as one that was downloaded, as a vault.

What the backup's folder had beside it is used where it lies there, too: its mark
(``velero-backup.json``) and its side files. Without the mark the archive is taken for a finished
one of Velero's: nothing vouches for it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.vault import layout
from kubeferry.vault.locations import open_directory
from kubeferry.vault.metadata import BackupFacts, backup_document
from kubeferry.vault.store import Store

_ENDING = ".tar.gz"


@dataclass(frozen=True, slots=True)
class Loose:
    """A vault of one backup, and the backup's name."""

    store: Store
    name: str


@contextmanager
def loose_archive(path: Path) -> Iterator[Loose]:
    """The archive of this file as a vault.

    Raises ``InvalidInput`` for what is no archive's file. What is wrong with the archive is told
    by the file's name.
    """
    if not path.is_file():
        raise InvalidInput("is no file", place=str(path), remedy="name an archive, NAME.tar.gz")
    if not path.name.endswith(_ENDING):
        raise InvalidInput(
            "is no archive by its name",
            place=str(path),
            remedy="name an archive, NAME.tar.gz, as backup download writes it",
        )
    name = path.name.removesuffix(_ENDING)
    layout.check_name(name, place=str(path))
    with tempfile.TemporaryDirectory(prefix="kubeferry-archive-") as folder:
        inside = Path(folder, layout.archive(name)).parent
        inside.mkdir(parents=True)
        for file in (path, *_beside(path, name)):
            (inside / file.name).symlink_to(file.resolve())
        mark = Path(folder, layout.backup_metadata(name))
        if not mark.exists():
            mark.write_bytes(backup_document(BackupFacts(name=name)))
        store = open_directory(Path(folder))
        try:
            yield Loose(store, name)
        except ArchiveDamaged as error:
            error.place = error.place.replace(str(inside), str(path.parent))
            raise


def _beside(path: Path, name: str) -> Iterator[Path]:
    """The backup's other files in the same directory."""
    for file in sorted(path.parent.iterdir()):
        is_side = file.name.startswith(f"{name}-") and file.name.endswith((".gz", ".json"))
        is_mark = file.name == Path(layout.backup_metadata(name)).name
        if (is_side or is_mark) and file.is_file() and not file.name.endswith(_ENDING):
            yield file
