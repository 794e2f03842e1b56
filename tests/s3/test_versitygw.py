import dataclasses
import uuid

import pytest

from kubeferry.errors import VaultUnavailable
from kubeferry.vault.locations import Credentials, open_store
from kubeferry.vault.store import PART_BYTES, Store
from tests.conformance.trust_suite import TrustSuite
from tests.conformance.vault_suite import Stop, VaultSuite, break_off
from tests.s3server import S3Server

pytestmark = pytest.mark.s3


def open_new(s3: S3Server, *, credentials: Credentials | None = None) -> tuple[Store, str]:
    """A vault in a bucket of its own, and the bucket's name."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(bucket)
    store = open_store(
        s3.location(bucket), credentials=credentials or s3.credentials, settings=s3.settings()
    )
    return store, bucket


class TestVersitygw(VaultSuite):
    @pytest.fixture
    async def store(self, s3: S3Server) -> Store:
        return open_new(s3)[0]


class TestTrust(TrustSuite):
    @pytest.fixture
    async def store(self, s3: S3Server) -> Store:
        return open_new(s3)[0]


async def test_a_broken_off_upload_leaves_no_parts_behind(s3: S3Server) -> None:
    store, bucket = open_new(s3)
    with pytest.raises(Stop):
        await break_off(store, "backups/b/big", 3 * PART_BYTES)
    assert [path for path in (s3.folder / bucket).rglob("*") if path.is_file()] == []


async def test_a_wrong_key_is_told_in_the_storages_words(s3: S3Server) -> None:
    wrong = Credentials("test-key", "a-wrong-secret")
    store, _ = open_new(s3, credentials=wrong)
    with pytest.raises(VaultUnavailable, match="SignatureDoesNotMatch") as caught:
        await store.probe()
    assert "a-wrong-secret" not in str(caught.value)
    assert "StringToSign" not in str(caught.value)


async def test_a_missing_bucket_is_not_a_missing_key(s3: S3Server) -> None:
    location = dataclasses.replace(s3.location("test-none"), bucket="test-never-made")
    store = open_store(location, credentials=s3.credentials, settings=s3.settings())
    with pytest.raises(VaultUnavailable, match="NoSuchBucket"):
        await store.probe()
    with pytest.raises(VaultUnavailable, match="NoSuchBucket"):
        await store.get("backups/b/x")


async def test_the_environment_changes_nothing(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    store, _ = open_new(s3)
    await store.probe()
