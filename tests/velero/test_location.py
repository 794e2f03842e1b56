"""A vault is a valid location to Velero at any moment of our work, by Velero's own check."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.velero.conftest import Vault, ferry
from tests.veleros import Velero

pytestmark = pytest.mark.velero

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["", "teams/green"], ids=["rooted", "prefixed"])
def vault(
    request: pytest.FixtureRequest, source: Site, velero_at_source: Velero, s3: S3Server
) -> Vault:
    """A vault of its own, registered with both tools."""
    name = "judged-prefix" if request.param else "judged"
    folder = s3.make_bucket(f"velero-{name}")
    found = Vault(name, folder.name, request.param, folder / request.param)
    storage = {"bucket": found.bucket, "prefix": found.prefix}
    source.register(name, prefix=found.prefix, objectStorage=storage)
    velero_at_source.locate(name, found.bucket, found.prefix)
    return found


@pytest.fixture
def phase(vault: Vault, velero_at_source: Velero) -> "Judge":
    return Judge(vault, velero_at_source)


class Judge:
    """Velero's check of the vault."""

    def __init__(self, vault: Vault, velero: Velero) -> None:
        self._vault = vault
        self._velero = velero

    def __call__(self) -> str:
        """``Available``, or what is wrong with it."""
        status = self._velero.judged(self._vault.name)
        told = self._velero.run("backup-location", "get", self._vault.name)
        assert status["phase"] in told
        return status["phase"] if status["phase"] == "Available" else status["message"]


def files(vault: Vault) -> set[str]:
    """What is in the vault, and not the S3 server's own."""
    found = (path.relative_to(vault.folder) for path in vault.folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != ".sgwtmp"}


def test_the_check_is_strict(vault: Vault, phase: Judge) -> None:
    stray = vault.folder / "kubeferry" / "state.json"
    stray.parent.mkdir()
    stray.write_text("{}")
    assert "Backup store contains invalid top-level directories: [kubeferry]" in phase()
    stray.unlink()
    stray.parent.rmdir()
    assert phase() == "Available"


def test_a_registered_vault(vault: Vault, phase: Judge) -> None:
    assert files(vault) == {"metadata/kubeferry-vault.json"}
    assert phase() == "Available"


@contextmanager
def half_written(vault: Vault, s3: S3Server, name: str) -> Iterator[None]:
    """A process that has written half of a backup, which is killed at the end."""
    task = {
        "endpoint": s3.endpoint,
        "bucket": vault.bucket,
        "prefix": vault.prefix,
        "keys": [s3.credentials.access_key_id, s3.credentials.secret_access_key],
        "name": name,
        "bytes": 40 << 20,
    }
    command = [sys.executable, "-m", "tests.velero.writing"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        try:
            assert writer.stdin is not None
            assert writer.stdout is not None
            print(json.dumps(task), file=writer.stdin, flush=True)
            assert writer.stdout.readline() == "half is written\n"
            yield
        finally:
            writer.kill()


def under_way(vault: Vault, s3: S3Server) -> list[Path]:
    """Parts of uploads that were begun, where the S3 server keeps them."""
    return list((s3.folder / vault.bucket / ".sgwtmp").glob("multipart/*/*/*"))


def test_a_backup_that_is_half_written_and_one_whose_writer_was_killed(
    vault: Vault, phase: Judge, s3: S3Server, velero_at_source: Velero
) -> None:
    with half_written(vault, s3, "half"):
        assert "backups/half/half-claim.json" in files(vault)
        assert under_way(vault, s3)
        assert phase() == "Available"
    assert "backups/half/half-claim.json" in files(vault)
    assert phase() == "Available"
    log = len(velero_at_source.log())
    velero_at_source.sync()
    told = [one for one in velero_at_source.log()[log:].splitlines() if "backup=half" in one]
    assert not velero_at_source.knows("half")
    assert any("Attempting to sync" in one for one in told)
    assert not any("level=error" in one for one in told), told


def test_a_backup_and_its_restore(
    vault: Vault, phase: Judge, source: Site, velero_at_source: Velero
) -> None:
    name = f"{vault.name}-one"
    source.back_up(name, vault.name, "shop-side", pvBackup={"defaultPvBackup": False})
    assert source.ended("applicationbackup", name)["status"]["phase"] == "Completed"
    assert phase() == "Available"
    source.restore(name, name, namespaceMapping={"shop-side": f"{name}-back"})
    assert source.ended("applicationrestore", name)["status"]["phase"] == "Completed"
    assert any(file.startswith(f"restores/{name}/") for file in files(vault))
    assert phase() == "Available"


def test_a_vault_with_a_key(
    vault: Vault, phase: Judge, source: Site, velero_at_source: Velero
) -> None:
    ferry(source, "vault", "key", "create", vault.name)
    assert phase() == "Available"
    name = f"{vault.name}-signed"
    source.back_up(name, vault.name, "shop-side", pvBackup={"defaultPvBackup": False})
    assert source.ended("applicationbackup", name)["status"]["phase"] == "Completed"
    assert f"backups/{name}/{name}-checksums.hmac" in files(vault)
    assert phase() == "Available"
    velero_at_source.sync()
    assert velero_at_source.listed("backup", name)
