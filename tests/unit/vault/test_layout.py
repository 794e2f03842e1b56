"""The keys of a vault, held against what Velero's location check and sync would see."""

from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import InvalidInput, VaultUnavailable
from kubeferry.vault import layout
from kubeferry.vault.commit import commit_backup
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.restores import claim_restore_folder, items_sink, put_restore_files
from kubeferry.vault.writer import open_archive
from tests.foreign.reader import is_valid_location
from tests.unit.vault.archives import NO_PROBLEMS, NOW, OWNER, pod
from tests.unit.vault.faulty import FaultyStore, Request


class Watched:
    """Looks at the vault before and after each request: is it valid, is the backup there?"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.looks: list[tuple[str, bool]] = []

    def look(self, key: str) -> None:
        assert is_valid_location(self._folder), key
        mark = self._folder / layout.backup_metadata("b")
        self.looks.append((key, mark.exists()))

    async def __call__(self, verb: str, key: str, request: Request) -> Any:
        self.look(key)
        try:
            return await request()
        finally:
            self.look(key)


async def write(store: FaultyStore, watched: Watched) -> None:
    async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:
        for number in range(40):
            archive.add(pod(f"web-{number}", body=bytes([number]) * 100_000))
            await archive.flush()
            watched.look("archive")
        facts = await archive.finish()
        watched.look("archive")
    await commit_backup(store, facts, BackupFacts(name="b"), side=NO_PROBLEMS)


async def test_a_vault_is_valid_to_velero_at_every_moment_of_a_backup(
    faulty: FaultyStore, folder: Path
) -> None:
    watched = Watched(folder)
    faulty.around = watched
    await write(faulty, watched)
    before = [key for key, is_there in watched.looks if not is_there]
    after = [key for key, is_there in watched.looks if is_there]
    assert len(before) > 40
    assert set(after) <= {layout.backup_metadata("b"), layout.backup_claim("b")}
    assert before[-1] == layout.backup_metadata("b")


async def test_a_backup_that_fails_leaves_a_vault_that_is_valid_to_velero(
    faulty: FaultyStore, folder: Path
) -> None:
    watched = Watched(folder)

    async def fail(verb: str, key: str, request: Request) -> Any:
        if (verb, key) == ("put", layout.checksums("b")):
            raise VaultUnavailable("no room", place=key)
        return await watched(verb, key, request)

    faulty.around = fail
    with pytest.raises(VaultUnavailable):
        await write(faulty, watched)
    watched.look("")
    assert not any(is_there for _, is_there in watched.looks)


async def test_a_vault_is_valid_to_velero_while_a_restore_writes(
    faulty: FaultyStore, folder: Path
) -> None:
    watched = Watched(folder)
    faulty.around = watched
    restore = await claim_restore_folder(faulty, "back", "uid-1")
    await items_sink(faulty, restore, uid="u")(1, b"{}\n")
    results: dict[str, Any] = {"warnings": {}, "errors": {}}
    await put_restore_files(faulty, restore, log=b"", results=results, resources=iter(()))
    assert len([key for key, _ in watched.looks if key.startswith("restores/")]) > 8


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("state/x.json", id="a folder of our own"),
        pytest.param("x.json", id="no folder at all"),
        pytest.param("/backups/x", id="an empty part"),
        pytest.param("backups/../state/x", id="upwards"),
        pytest.param("backups/b\\x", id="a backslash"),
    ],
)
def test_nothing_is_written_outside_the_folders_that_velero_allows(key: str) -> None:
    with pytest.raises(InvalidInput):
        layout.check_key(key)
