"""Access keys as people keep them: in a Secret of ACK's or Velero's form, or in environment
variables. Pure.

The caller reads the Secret or the environment; here is only what their fields are called.
"""

import configparser
from collections.abc import Mapping

from kubeferry.errors import InvalidInput
from kubeferry.vault.locations import Credentials

_FORMS = (
    ("access-key-id", "access-key-secret", "security-token"),
    ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    (
        "alibaba_cloud_access_key_id",
        "alibaba_cloud_access_key_secret",
        "alibaba_cloud_access_sts_token",
    ),
    (
        "alibaba_cloud_access_key_id",
        "alibaba_cloud_access_key_secret",
        "alibaba_cloud_security_token",
    ),
)


def credentials_from_secret(data: Mapping[str, bytes], *, place: str) -> Credentials:
    """From a Secret's decoded data.

    Known are ``access-key-id`` and ``access-key-secret`` (ACK's ``alibaba-addon-secret``), the
    names of the environment variables in any case, and Velero's key ``cloud``: an AWS profile file
    (profile ``default``) or lines ``NAME=value``. Raises ``InvalidInput``, which never holds a
    value.
    """
    try:
        texts = {name: value.decode().strip() for name, value in data.items()}
    except UnicodeDecodeError:
        raise InvalidInput("holds what is no text", place=place) from None
    found = _find(texts) or _find(_profile(texts.get("cloud", ""), place=place))
    if found is None:
        raise InvalidInput(
            "holds no access key",
            place=place,
            remedy="it needs access-key-id and access-key-secret, or Velero's key cloud",
        )
    return found


def credentials_from_environ(environ: Mapping[str, str]) -> Credentials | None:
    """From ``AWS_...`` or ``ALIBABA_CLOUD_...`` variables, None when neither pair is there."""
    return _find(environ)


def _find(values: Mapping[str, str]) -> Credentials | None:
    lower = {name.lower(): value for name, value in values.items()}
    for key_id, secret, token in _FORMS:
        if lower.get(key_id) and lower.get(secret):
            return Credentials(lower[key_id], lower[secret], lower.get(token, ""))
    return None


def _profile(text: str, *, place: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text if "[" in text else f"[default]\n{text}")
    except configparser.Error:
        raise InvalidInput("its key cloud is no profile file", place=place) from None
    return dict(parser["default"]) if parser.has_section("default") else {}
