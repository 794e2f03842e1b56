"""Encryption by the storage: what is sent with each request, and how a refusal is told.

The storage is real; a proxy in front of it sees the headers and refuses what S3 and OSS refuse.
"""

import secrets
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubeferry.clock import utc_now
from kubeferry.errors import EncryptionRefused, VaultUnavailable
from kubeferry.settings import Settings
from kubeferry.vault.identity import identify
from kubeferry.vault.locations import Location, Provider, Timeouts, open_store
from kubeferry.vault.metadata import SourceCluster, load_backup
from kubeferry.vault.restores import claim_restore_folder, items_sink, put_restore_files
from kubeferry.vault.store import PART_BYTES, Store
from tests.conformance.trust_suite import WITH_KEY, use
from tests.conformance.vault_suite import Stop, VaultSuite, break_off
from tests.s3proxy import ALIBABAS, AMAZONS, BEGINNINGS, Proxy, Refusal, Seen, in_front_of
from tests.s3server import S3Server
from tests.unit.vault.archives import pod, write_backup

pytestmark = pytest.mark.s3

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab"
BIG = PART_BYTES * 2 + 12345
ENCRYPTED: dict[str, tuple[Provider, dict[str, Any], dict[str, str]]] = {
    "S3's own keys": ("aws", {"encryption": "AES256"}, {AMAZONS: "AES256"}),
    "the key service's default key": ("aws", {"encryption": "aws:kms"}, {AMAZONS: "aws:kms"}),
    "a key of the key service": (
        "aws",
        {"encryption": "aws:kms", "kms_key_id": KEY},
        {AMAZONS: "aws:kms", f"{AMAZONS}-aws-kms-key-id": KEY},
    ),
    "OSS' own keys": ("alibabacloud", {"encryption": "AES256"}, {ALIBABAS: "AES256"}),
    "OSS' key service": (
        "alibabacloud",
        {"encryption": "KMS", "kms_key_id": "9468da86-3509"},
        {ALIBABAS: "KMS", f"{ALIBABAS}-key-id": "9468da86-3509"},
    ),
}
OSS = ENCRYPTED["OSS' key service"]
AWS = ENCRYPTED["a key of the key service"]


@pytest.fixture
async def proxy(s3: S3Server) -> AsyncIterator[Proxy]:
    async with in_front_of(s3.endpoint) as found:
        yield found


def open_new(
    s3: S3Server,
    proxy: Proxy,
    provider: Provider,
    *,
    timeouts: Timeouts | None = None,
    **more: Any,
) -> Store:
    """A vault in a bucket of its own, reached through the proxy as the provider itself is."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(bucket)
    location = Location(
        name="vault",
        provider=provider,
        bucket=bucket,
        prefix="subpath",
        region="cn-beijing",
        endpoint=proxy.endpoint,
        **more,
    )
    settings = Settings(allowed_endpoints=(proxy.endpoint,))
    return open_store(location, credentials=s3.credentials, settings=settings, timeouts=timeouts)


class TestOssWithEncryption(VaultSuite):
    """An upload in parts is another one there: it holds what every storage's holds."""

    @pytest.fixture
    async def store(self, s3: S3Server, proxy: Proxy) -> Store:
        provider, config, _ = OSS
        return open_new(s3, proxy, provider, **config)


@pytest.fixture(params=ENCRYPTED.values(), ids=ENCRYPTED)
def encrypted(
    request: pytest.FixtureRequest, s3: S3Server, proxy: Proxy
) -> tuple[Store, dict[str, str]]:
    """A vault with encryption, and the headers that say so."""
    provider, config, headers = request.param
    return open_new(s3, proxy, provider, **config), headers


async def test_everything_that_is_ever_written_begins_with_how_to_encrypt_it(
    encrypted: tuple[Store, dict[str, str]], proxy: Proxy
) -> None:
    store, headers = encrypted
    await store.probe()
    await identify(store, region="cn-beijing", cluster=SourceCluster("c", "uid"), clock=utc_now)
    store.trust = WITH_KEY
    await write_backup(store, "b", [pod("web")])
    await use(store)
    folder = await claim_restore_folder(store, "r", "uid")
    await items_sink(store, folder, uid="u")(1, b"line")
    await put_restore_files(store, folder, log=b"", results={}, resources=[])
    begun = proxy.of(*BEGINNINGS)
    assert {one.path.rpartition("/")[2] for one in begun} >= {
        "kubeferry-vault.json",
        "b-claim.json",
        "b.tar.gz",
        "b-logs.gz",
        "b-resource-list.json.gz",
        "b-checksums.json",
        "b-checksums.hmac",
        "velero-backup.json",
        "r-owner.json",
        "r-items-000001.jsonl.gz",
        "restore-r-results.gz",
    }
    assert [one for one in begun if one.encryption != headers] == []
    assert [one for one in proxy.seen if one.encryption and one not in begun] == []


async def test_an_upload_in_parts_says_it_once_and_is_read_back(
    encrypted: tuple[Store, dict[str, str]], proxy: Proxy
) -> None:
    store, headers = encrypted
    data = secrets.token_bytes(BIG)
    async with store.writer("backups/b/big") as upload:
        for start in range(0, BIG, 1_000_003):
            await upload.write(data[start : start + 1_000_003])
    assert await store.get("backups/b/big") == data
    [begun] = proxy.of("CreateMultipartUpload")
    assert begun.encryption == headers
    assert len(proxy.of("UploadPart")) == 3
    assert [one for one in proxy.of("UploadPart", "another") if one.encryption] == []


async def test_without_encryption_nothing_is_said_of_it(s3: S3Server, proxy: Proxy) -> None:
    await open_new(s3, proxy, "aws").probe()
    assert proxy.of("PutObject")
    assert [one for one in proxy.seen if one.encryption] == []


REFUSALS = {
    "a key that is disabled": Refusal(400, "KMS.DisabledException", f"{KEY} is disabled."),
    "a key that is to be deleted": Refusal(
        400, "KMS.KMSInvalidStateException", f"{KEY} is pending deletion."
    ),
    "no right to the key": Refusal(
        403,
        "AccessDenied",
        "User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKey on "
        "resource: x because no identity-based policy allows the kms:GenerateDataKey action",
    ),
    "OSS without its key service": Refusal(403, "KmsServiceNotEnabled", "KMS is not enabled."),
    "OSS without a right": Refusal(403, "AccessDenied", "You have no right to use this KMS key."),
    "a server without a key service": Refusal(
        400, "InvalidRequest", "Server side encryption specified but KMS is not configured"
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_of_the_key_service_is_told_as_one(
    s3: S3Server, proxy: Proxy, refusal: Refusal
) -> None:
    provider, config, _ = AWS
    store = open_new(s3, proxy, provider, **config)
    proxy.refuse = lambda seen: refusal if seen.kind in BEGINNINGS else None
    with pytest.raises(EncryptionRefused) as caught:
        await store.probe()
    assert f"encryption is refused: {refusal.code}: {refusal.message}" in caught.value.problem
    assert "kms:GenerateDataKey and kms:Decrypt" in caught.value.remedy
    with pytest.raises(EncryptionRefused):
        async with store.writer("backups/b/big") as upload:
            await upload.write(bytes(BIG))


async def test_any_other_refusal_is_not_put_down_to_encryption(s3: S3Server, proxy: Proxy) -> None:
    provider, config, _ = AWS
    store = open_new(s3, proxy, provider, **config)
    proxy.refuse = lambda _: Refusal(403, "AccessDenied", "bucket kms-backups is not yours")
    with pytest.raises(VaultUnavailable) as caught:
        await store.probe()
    assert not isinstance(caught.value, EncryptionRefused)


@pytest.mark.parametrize("number", range(3))
async def test_a_key_that_goes_away_on_the_way_leaves_no_backup(
    s3: S3Server, proxy: Proxy, number: int
) -> None:
    """From the archive, a side file, or the mark on, every upload is refused."""
    provider, config, _ = AWS
    store = open_new(s3, proxy, provider, **config)
    last = ("b.tar.gz", "b-results.gz", "velero-backup.json")[number]
    gone = False

    def refuse(seen: Seen) -> Refusal | None:
        nonlocal gone
        if seen.kind not in BEGINNINGS:
            return None
        gone = gone or seen.path.endswith(last)
        return REFUSALS["a key that is disabled"] if gone else None

    proxy.refuse = refuse
    with pytest.raises(EncryptionRefused):
        await write_backup(store, "b", [pod("web")])
    assert await store.folders("backups/") == []


async def test_what_cannot_be_decrypted_is_told_too(s3: S3Server, proxy: Proxy) -> None:
    provider, config, _ = AWS
    store = open_new(s3, proxy, provider, **config)
    await write_backup(store, "b", [pod("web")])
    denied = Refusal(403, "AccessDenied", "is not authorized to perform: kms:Decrypt on resource")
    proxy.refuse = lambda seen: denied if seen.method == "GET" else None
    with pytest.raises(EncryptionRefused, match="cannot read"):
        await load_backup(store, "b")


def open_oss(s3: S3Server, proxy: Proxy, *, timeouts: Timeouts | None = None) -> Store:
    provider, config, _ = OSS
    return open_new(s3, proxy, provider, timeouts=timeouts, **config)


async def write_big(store: Store) -> bytes:
    data = secrets.token_bytes(BIG)
    async with store.writer("backups/b/big") as upload:
        await upload.write(data)
    return data


@pytest.mark.parametrize("kind", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])
@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_failure_that_passes_is_none(
    s3: S3Server, proxy: Proxy, kind: str, status: int
) -> None:
    store = open_oss(s3, proxy)
    failures = [Refusal(status, "InternalError", "again, please")] * 2
    proxy.refuse = lambda seen: failures.pop() if seen.kind == kind and failures else None
    data = await write_big(store)
    assert failures == []
    assert await store.get("backups/b/big") == data


@pytest.mark.parametrize("kind", ["UploadPart", "CompleteMultipartUpload"])
async def test_a_lost_answer_does_not_lose_the_upload(
    s3: S3Server, proxy: Proxy, kind: str
) -> None:
    store = open_oss(s3, proxy)
    lost = [True]
    proxy.lose = lambda seen: seen.kind == kind and bool(lost) and lost.pop()
    data = await write_big(store)
    assert lost == []
    assert await store.get("backups/b/big") == data


@pytest.mark.parametrize("kind", ["UploadPart", "CompleteMultipartUpload"])
async def test_an_upload_that_is_refused_takes_its_parts_back(
    s3: S3Server, proxy: Proxy, kind: str
) -> None:
    store = open_oss(s3, proxy)
    proxy.refuse = lambda seen: (
        Refusal(403, "AccessDenied", "not today") if seen.kind == kind else None
    )
    with pytest.raises(VaultUnavailable, match="AccessDenied: not today"):
        await write_big(store)
    assert len(proxy.of("AbortMultipartUpload")) == 1
    assert not await store.exists("backups/b/big")


async def test_an_upload_broken_off_takes_its_parts_back(s3: S3Server, proxy: Proxy) -> None:
    store = open_oss(s3, proxy)
    with pytest.raises(Stop):
        await break_off(store, "backups/b/big", BIG)
    assert len(proxy.of("AbortMultipartUpload")) == 1
    folder = s3.folder / store.url.split("/")[2]
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("is_whole", [True, False], ids=["that is whole", "that is broken off"])
async def test_an_upload_that_was_begun_twice_leaves_nothing_of_the_first(
    s3: S3Server, proxy: Proxy, is_whole: bool
) -> None:
    store = open_oss(s3, proxy)
    lost = [True]
    proxy.lose = lambda seen: seen.kind == "CreateMultipartUpload" and bool(lost) and lost.pop()
    if is_whole:
        data = await write_big(store)
        assert await store.get("backups/b/big") == data
    else:
        with pytest.raises(Stop):
            await break_off(store, "backups/b/big", BIG)
    assert lost == []
    assert len(proxy.of("CreateMultipartUpload")) == 2
    folder = s3.folder / store.url.split("/")[2]
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in left] == (["big"] if is_whole else [])
    assert len(proxy.of("AbortMultipartUpload")) == (1 if is_whole else 2)


async def test_what_is_unreachable_is_told_in_plain_words(s3: S3Server) -> None:
    async with in_front_of(s3.endpoint) as gone:
        store = open_oss(s3, gone, timeouts=Timeouts(retry=0.5))
        await store.probe()
    with pytest.raises(VaultUnavailable, match="refuses the connection"):
        await write_big(store)
