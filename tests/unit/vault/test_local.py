import asyncio
import os
from pathlib import Path

import pytest
from obstore.store import LocalStore

from kubeferry.errors import InvalidInput, VaultUnavailable
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.store import Store
from tests.conformance.vault_suite import VaultSuite


def open_local(root: Path, *, bucket: str = "bucket", prefix: str = "subpath") -> Store:
    location = Location(name="vault", provider="local", bucket=bucket, prefix=prefix)
    return open_store(location, credentials=None, settings=Settings(local_root=root))


class TestLocalVault(VaultSuite):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> Store:
        return open_local(tmp_path)


async def test_the_directory_is_root_bucket_prefix(tmp_path: Path) -> None:
    store = open_local(tmp_path, bucket="cnfs-oss-test", prefix="/a\\b/")
    await store.put("backups/b/file", b"1")
    assert (tmp_path / "cnfs-oss-test/a/b/backups/b/file").read_bytes() == b"1"
    assert store.url == str(tmp_path / "cnfs-oss-test/a/b")


def test_without_a_root_local_is_refused() -> None:
    location = Location(name="vault", provider="local", bucket="bucket")
    with pytest.raises(InvalidInput, match="vault vault: provider local is not allowed"):
        open_store(location, credentials=None, settings=Settings())


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [
        pytest.param("bucket", "../../etc", id="a prefix that climbs out"),
        pytest.param("bucket", "a/../../../etc", id="a prefix that climbs out later"),
        pytest.param("bucket", "..\\..\\etc", id="a prefix that climbs with backslashes"),
        pytest.param("..", "etc", id="a bucket that climbs out"),
        pytest.param("/etc", "", id="an absolute bucket"),
        pytest.param("a/b", "", id="a bucket of two folders"),
        pytest.param("link", "inside", id="a bucket that is a link to outside"),
        pytest.param("bucket", "link/inside", id="a prefix with a link to outside"),
        pytest.param("bucket", "a\nb", id="a prefix with a line break"),
    ],
)
def test_what_leads_out_of_the_root_is_refused(tmp_path: Path, bucket: str, prefix: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "bucket").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (root / "bucket" / "link").symlink_to(outside)
    with pytest.raises(InvalidInput):
        open_local(root, bucket=bucket, prefix=prefix)
    assert list(outside.iterdir()) == []


async def test_an_absolute_prefix_stays_below_the_bucket(tmp_path: Path) -> None:
    await open_local(tmp_path, prefix="/etc").put("backups/b/x", b"1")
    assert (tmp_path / "bucket/etc/backups/b/x").exists()


async def test_a_link_in_the_vault_is_not_followed_out_of_it(tmp_path: Path) -> None:
    store = open_local(tmp_path / "root", prefix="")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "root/bucket/backups").mkdir(parents=True)
    (tmp_path / "root/bucket/backups/b").symlink_to(tmp_path)
    with pytest.raises(VaultUnavailable, match="leads out of the vault"):
        await store.get("backups/b/secret")
    with pytest.raises(VaultUnavailable, match="leads out of the vault"):
        await store.put("backups/b/secret", b"overwritten")
    with pytest.raises(VaultUnavailable, match="leads out of the vault"):
        async with store.writer("backups/b/secret") as upload:
            await upload.write(b"overwritten")
    assert secret.read_bytes() == b"secret"


async def test_what_leads_out_of_the_vault_is_not_listed(tmp_path: Path) -> None:
    store = open_local(tmp_path / "root", prefix="")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"")
    await store.put("backups/a/file", b"1")
    (tmp_path / "root/bucket/backups/b").symlink_to(outside)
    (tmp_path / "root/bucket/backups/a/link").symlink_to(outside)
    assert await store.folders("backups/") == ["a"]
    assert [one.key async for one in store.list("backups/a/")] == ["backups/a/file"]


@pytest.mark.parametrize("key", ["backups/b/pipe", "backups/b/link"])
async def test_a_pipe_is_not_waited_for(tmp_path: Path, key: str) -> None:
    store = open_local(tmp_path, prefix="")
    folder = tmp_path / "bucket/backups/b"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(folder / "pipe")
    async with asyncio.timeout(5):
        with pytest.raises(VaultUnavailable, match="is no file"):
            await store.get(key)
        with pytest.raises(VaultUnavailable, match="is no file"):
            [chunk async for chunk in store.stream(key)]
        assert [one.key async for one in store.list("backups/b/")] == []


def test_a_new_vault_is_its_owners_alone(tmp_path: Path) -> None:
    open_local(tmp_path, bucket="mine", prefix="")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700


async def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "bucket").write_bytes(b"")
    with pytest.raises(VaultUnavailable, match="the directory cannot be used"):
        open_local(tmp_path)


class TestWithoutConditionalPuts(VaultSuite):
    """A storage that cannot create atomically: the key is looked for first."""

    creates_atomically = False

    @pytest.fixture
    async def store(self, tmp_path: Path) -> Store:
        return Store(LocalStore(tmp_path, automatic_cleanup=True), url="x", creation="checked")


class TestWhatCreateCanDoIsFoundOut(VaultSuite):
    """A storage of which nothing is known before the first create."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> Store:
        return Store(LocalStore(tmp_path, automatic_cleanup=True), url="x")
