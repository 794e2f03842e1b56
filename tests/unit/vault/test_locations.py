import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kubeferry.errors import InvalidInput, VaultUnavailable
from kubeferry.settings import Settings
from kubeferry.vault.locations import (
    Credentials,
    Location,
    Network,
    Timeouts,
    open_store,
    s3_address,
)
from tests.processes import free_ports

KEY = Credentials("key-id", "the-secret", "the-token")
QUICK = Timeouts(connect=0.2, first=0.4, request=1.0, retry=0.5)


def oss(*, network: Network = "internal", endpoint: str = "", bucket: str = "b-1") -> Location:
    return Location(
        name="vault",
        provider="alibabacloud",
        bucket=bucket,
        prefix="subpath",
        region="cn-beijing",
        network=network,
        endpoint=endpoint,
    )


def aws(*, region: str = "", endpoint: str = "") -> Location:
    return Location(name="vault", provider="aws", bucket="b-1", region=region, endpoint=endpoint)


@pytest.mark.parametrize(
    ("location", "endpoint", "is_virtual_hosted"),
    [
        pytest.param(
            oss(), "https://b-1.oss-cn-beijing-internal.aliyuncs.com", True, id="OSS, internal"
        ),
        pytest.param(
            oss(network="public"), "https://b-1.oss-cn-beijing.aliyuncs.com", True, id="OSS, public"
        ),
        pytest.param(
            oss(network="accelerate"),
            "https://b-1.oss-accelerate.aliyuncs.com",
            True,
            id="OSS, accelerated",
        ),
        pytest.param(
            oss(endpoint="https://oss.example"), "https://b-1.oss.example", True, id="OSS elsewhere"
        ),
        pytest.param(
            oss(endpoint="https://b-1.oss.example"),
            "https://b-1.oss.example",
            True,
            id="an endpoint with the bucket in it",
        ),
        pytest.param(
            oss(endpoint="https://10.1.2.3"),
            "https://10.1.2.3",
            False,
            id="an address has no label",
        ),
        pytest.param(
            aws(region="eu-west-1"), "https://s3.eu-west-1.amazonaws.com", False, id="AWS by region"
        ),
        pytest.param(
            aws(region="cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn",
            False,
            id="AWS in China",
        ),
        pytest.param(
            aws(endpoint="https://minio.example:9000"),
            "https://minio.example:9000",
            False,
            id="any S3 server, path style",
        ),
    ],
)
def test_the_endpoint_of_a_location(
    location: Location, endpoint: str, *, is_virtual_hosted: bool
) -> None:
    address = s3_address(location, settings=Settings())
    assert str(address.endpoint) == endpoint
    assert address.is_virtual_hosted is is_virtual_hosted
    assert address.is_oss is (location.provider == "alibabacloud")


def test_a_setting_redirects_a_provider_to_plain_s3() -> None:
    settings = Settings(endpoints={"alibabacloud": "http://127.0.0.1:7070"})
    address = s3_address(oss(), settings=settings)
    assert str(address.endpoint) == "http://127.0.0.1:7070"
    assert (address.is_virtual_hosted, address.is_oss, address.remedy) == (False, False, "")


def test_only_the_internal_network_has_the_advice_of_public() -> None:
    assert "network: public" in s3_address(oss(), settings=Settings()).remedy
    for other in (oss(network="public"), oss(endpoint="https://oss.example")):
        assert s3_address(other, settings=Settings()).remedy == ""


@pytest.mark.parametrize(
    "location",
    [
        pytest.param(oss(endpoint="http://oss.example"), id="an endpoint that is not https"),
        pytest.param(oss(endpoint="https://169.254.169.254"), id="a metadata endpoint"),
        pytest.param(oss(bucket="a.b"), id="an OSS bucket with a dot"),
        pytest.param(oss(bucket="evil.com/x"), id="a bucket that is a host"),
        pytest.param(aws(), id="neither region nor endpoint"),
        pytest.param(aws(region="x.evil.com/"), id="a region that is a host"),
        pytest.param(Location(name="v", provider="alibabacloud", bucket="b-1"), id="no region"),
    ],
)
def test_what_a_location_may_not_be(location: Location) -> None:
    with pytest.raises(InvalidInput):
        open_store(location, credentials=KEY, settings=Settings())


@pytest.mark.parametrize(
    ("location", "said"),
    [
        pytest.param(
            replace(aws(region="r"), encryption="KMS"),
            "'KMS' is none that aws knows; write AES256 or aws:kms",
            id="OSS' word to S3",
        ),
        pytest.param(
            replace(oss(), encryption="aws:kms"),
            "'aws:kms' is none that alibabacloud knows; write AES256 or KMS",
            id="S3's word to OSS",
        ),
        pytest.param(
            Location(name="vault", provider="local", bucket="b-1", encryption="AES256"),
            "'AES256' is none that local knows; leave it out",
            id="a directory",
        ),
        pytest.param(
            replace(aws(region="r"), kms_key_id="k"),
            "names a key that this does not use",
            id="none",
        ),
        pytest.param(
            replace(aws(region="r"), encryption="AES256", kms_key_id="k"),
            "names a key that this does not use",
            id="a key for AES256",
        ),
    ],
)
def test_an_encryption_that_cannot_be_is_refused(location: Location, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)) as error:
        open_store(location, credentials=KEY, settings=Settings())
    assert error.value.place == "vault vault: config.serverSideEncryption"


def test_without_credentials_nothing_is_guessed() -> None:
    with pytest.raises(InvalidInput, match="there are no credentials"):
        open_store(oss(), credentials=None, settings=Settings())


def test_an_oss_vault_is_called_so() -> None:
    assert open_store(oss(), credentials=KEY, settings=Settings()).url == "oss://b-1/subpath"


def test_secrets_do_not_show() -> None:
    assert "the-secret" not in repr(KEY)
    assert "the-token" not in repr(KEY)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield listening.getsockname()[1]


async def test_a_silent_endpoint_is_given_up_soon(silent_port: int) -> None:
    settings = Settings(endpoints={"aws": f"http://127.0.0.1:{silent_port}"})
    store = open_store(aws(), credentials=KEY, settings=settings, timeouts=QUICK)
    begun = time.monotonic()
    with pytest.raises(VaultUnavailable, match=f"127.0.0.1:{silent_port} does not answer in time"):
        await store.probe()
    assert time.monotonic() - begun < 2.5


async def test_a_refused_connection_is_told_in_plain_words() -> None:
    [port] = free_ports(1)
    settings = Settings(endpoints={"aws": f"http://127.0.0.1:{port}"})
    store = open_store(aws(), credentials=KEY, settings=settings, timeouts=QUICK)
    with pytest.raises(VaultUnavailable) as caught:
        await store.get("backups/b/x")
    assert str(caught.value) == (
        f"s3://b-1: cannot reach the storage: 127.0.0.1:{port} refuses the connection"
    )


async def test_an_unreachable_internal_endpoint_advises_public() -> None:
    location = oss(endpoint="")
    store = open_store(location, credentials=KEY, settings=Settings(), timeouts=QUICK)
    error = store.unavailable("reach", "", OSError("https://host dns error"))
    assert "a vault in another region needs network: public" in str(error)
