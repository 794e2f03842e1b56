import pytest

from kubeferry.vault.reasons import explain

S3 = "Generic S3 error: Error performing PUT http://h:1/b/k?X-Amz-Signature=abc in 2ms - "


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param(
            S3 + "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied"
            "</Code><Message>No &amp; never</Message><StringToSign>x</StringToSign></Error>",
            "AccessDenied: No & never",
            id="the storage's code and message",
        ),
        pytest.param(
            S3 + "Server returned non-2xx status code: 503 Service Unavailable: busy",
            "HTTP 503 Service Unavailable",
            id="the status without XML",
        ),
        pytest.param(
            S3 + "Os { kind: ConnectionRefused }", "h:1 refuses the connection", id="refused"
        ),
        pytest.param(
            S3 + 'ConnectError("dns error")', "the name h:1 is unknown", id="no such name"
        ),
        pytest.param(S3 + "source: TimedOut", "h:1 does not answer in time", id="timed out"),
        pytest.param(
            S3 + "invalid peer certificate: UnknownIssuer",
            "TLS with h:1 fails: invalid peer certificate: UnknownIssuer",
            id="a certificate",
        ),
        pytest.param("odd\n\nDebug source:\nGeneric", "odd", id="anything else, without the dump"),
        pytest.param("see http://h/k?secret=1", "see http://h/k", id="without queries"),
        pytest.param("", "no reason given", id="nothing"),
    ],
)
def test_an_error_in_plain_words(message: str, text: str) -> None:
    assert explain(message, hidden=()).text == text


def answered(code: str, message: str, status: str = "403 Forbidden") -> str:
    return (
        f"{S3}Server returned non-2xx status code: {status}: "
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param("KMS.DisabledException", "it is disabled", id="AWS: the key is disabled"),
        pytest.param("KMS.NotFoundException", "no such key", id="AWS: there is no such key"),
        pytest.param("KMS.KMSInvalidStateException", "pending deletion", id="AWS: its state"),
        pytest.param("AccessDenied", "not authorized to perform: kms:Decrypt", id="AWS: a right"),
        pytest.param(
            "AccessDenied",
            "denied on resource arn:aws:kms:eu-central-1:1:key/x",
            id="AWS: a policy",
        ),
        pytest.param("KmsServiceNotEnabled", "not enabled", id="OSS: no key service"),
        pytest.param("AccessDenied", "You have no right to use this KMS key", id="OSS: a right"),
        pytest.param("InvalidEncryptionAlgorithmError", "not supported", id="OSS: the algorithm"),
        pytest.param(
            "NotImplemented",
            "Server side encryption specified but KMS is not configured",
            id="MinIO",
        ),
        pytest.param(
            "InvalidArgument", "The encryption method is server-side-encryption", id="others"
        ),
    ],
)
def test_a_refusal_of_encryption_is_known(code: str, message: str) -> None:
    assert explain(answered(code, message), hidden=()).is_encryption


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param("AccessDenied", "Access Denied", id="no right at all"),
        pytest.param("AccessDenied", "s3:PutObject on arn:aws:s3:::kms-bucket/x", id="a bucket"),
        pytest.param("NoSuchBucket", "KMS does not exist", id="a bucket of that name"),
        pytest.param("SignatureDoesNotMatch", "the KMS signature", id="a wrong key"),
        pytest.param("SlowDown", "KMS", id="too many requests"),
    ],
)
def test_another_refusal_is_none_of_encryption(code: str, message: str) -> None:
    assert not explain(answered(code, message), hidden=()).is_encryption


def test_secrets_are_struck_out() -> None:
    message = "status code: 400: <Code>X</Code><Message>key tiptop is bad</Message>"
    assert explain(message, hidden=("tiptop", "")).text == "X: key *** is bad"
