"""The form of a signature; ``tests/s3/test_encryption.py`` holds it against a real server."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from kubeferry.vault.signing import Signer, path_text, query_text

NOW = datetime(2013, 5, 24, tzinfo=UTC)
SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "us-east-1")
BODY = b"Welcome to Amazon S3."


def sign(signer: Signer) -> dict[str, str]:
    return signer.headers(
        "PUT",
        "https://examplebucket.s3.amazonaws.com/test%24file.text",
        query={},
        headers={
            "date": "Fri, 24 May 2013 00:00:00 GMT",
            "x-amz-storage-class": "REDUCED_REDUNDANCY",
        },
        payload=hashlib.sha256(BODY).hexdigest(),
        moment=NOW,
    )


def test_the_example_of_amazons_documentation_is_signed_as_there() -> None:
    assert sign(SIGNER)["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def test_a_session_token_is_sent_and_signed() -> None:
    headers = sign(replace(SIGNER, session_token="token"))
    assert headers["x-amz-security-token"] == "token"
    assert ";x-amz-security-token;" in headers["authorization"]
    assert "token" not in repr(replace(SIGNER, session_token="the-token")).replace("session_", "")


def test_queries_and_paths_are_encoded_strictly() -> None:
    assert query_text({"uploadId": "a/b+c=", "partNumber": "1"}) == (
        "partNumber=1&uploadId=a%2Fb%2Bc%3D"
    )
    assert query_text({"uploads": ""}) == "uploads="
    assert path_text("a b/ü~+") == "a%20b/%C3%BC~%2B"
