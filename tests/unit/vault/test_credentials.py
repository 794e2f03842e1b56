import pytest

from kubeferry.errors import InvalidInput
from kubeferry.vault.credentials import credentials_from_environ, credentials_from_secret
from kubeferry.vault.locations import Credentials

PAIR = Credentials("id", "secret")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param({"access-key-id": b"id", "access-key-secret": b"secret\n"}, PAIR, id="ACK's"),
        pytest.param(
            {"AWS_ACCESS_KEY_ID": b"id", "AWS_SECRET_ACCESS_KEY": b"secret"}, PAIR, id="variables"
        ),
        pytest.param(
            {"cloud": b"[default]\naws_access_key_id=id\naws_secret_access_key = secret\n"},
            PAIR,
            id="Velero's for AWS",
        ),
        pytest.param(
            {
                "cloud": b"[default]\naws_access_key_id=id\naws_secret_access_key=se%cr=et\n"
                b"aws_session_token=t"
            },
            Credentials("id", "se%cr=et", "t"),
            id="percent and equal signs are themselves",
        ),
        pytest.param(
            {"cloud": b"ALIBABA_CLOUD_ACCESS_KEY_ID=id\nALIBABA_CLOUD_ACCESS_KEY_SECRET=secret\n"},
            PAIR,
            id="Velero's for Alibaba Cloud",
        ),
    ],
)
def test_a_secret_is_read(data: dict[str, bytes], found: Credentials) -> None:
    assert credentials_from_secret(data, place="Secret csdr/x") == found


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"access-key-id": b"tiptop"},
        {"cloud": b"tiptop"},
        {"cloud": b"[other]\naws_access_key_id=tiptop"},
        {"access-key-id": b"\xff", "access-key-secret": b"tiptop"},
    ],
)
def test_what_holds_no_key_is_told_without_its_content(data: dict[str, bytes]) -> None:
    with pytest.raises(InvalidInput, match=r"^Secret csdr/x: ") as caught:
        credentials_from_secret(data, place="Secret csdr/x")
    assert "tiptop" not in str(caught.value)


def test_the_environment_is_a_source_too() -> None:
    environ = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"}
    assert credentials_from_environ(environ) == PAIR
    assert credentials_from_environ({"HOME": "/"}) is None
