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


def test_secrets_are_struck_out() -> None:
    message = "status code: 400: <Code>X</Code><Message>key tiptop is bad</Message>"
    assert explain(message, hidden=("tiptop", "")).text == "X: key *** is bad"
