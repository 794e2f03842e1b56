import pytest

from kubeferry.errors import InvalidInput
from kubeferry.vault.endpoints import check_allowed, parse_endpoint


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("https://s3.example.com", "https://s3.example.com", id="a name"),
        pytest.param("https://s3.example.com/", "https://s3.example.com", id="a final slash"),
        pytest.param("s3.example.com", "https://s3.example.com", id="https is meant"),
        pytest.param("https://s3:443", "https://s3", id="the usual port"),
        pytest.param("http://10.0.0.1:9000", "http://10.0.0.1:9000", id="an address and a port"),
        pytest.param("https://[2001:db8::1]:9000", "https://[2001:db8::1]:9000", id="IPv6"),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(text: str, shown: str) -> None:
    assert str(parse_endpoint(text, place="x")) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ftp://host", id="another scheme"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("https://host/path", id="a path"),
        pytest.param("https://host?x=1", id="a query"),
        pytest.param("https://user:pw@host", id="a user"),
        pytest.param("https://host:99999", id="no port"),
        pytest.param("https://", id="no host"),
        pytest.param("https://%31%36%39.254.169.254", id="percent-encoded digits"),
        pytest.param("https://１６９.254.169.254", id="digits of another alphabet"),  # noqa: RUF001
        pytest.param("https://a b", id="a space"),
        pytest.param("https://[fe80::1%25eth0]", id="a scope"),
        pytest.param("https://[::1", id="a bracket that is not closed"),
        pytest.param("https://[v1.a]", id="an address of the future"),
    ],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"config\.endpoint"):
        parse_endpoint(text, place="config.endpoint")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254.",
        "169.254.0.1",
        "2852039166",
        "0xA9FEA9FE",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "[fe80::1]",
        "[febf::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "0.0.0.0",
    ],
)
def test_link_local_and_metadata_addresses_are_never_used(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(InvalidInput, match="link-local or metadata address"):
            parse_endpoint(f"{scheme}://{host}:80", place="x")


@pytest.mark.parametrize(
    ("text", "allowed", "is_allowed"),
    [
        pytest.param("https://any.example", (), True, id="https is allowed"),
        pytest.param("http://any.example", (), False, id="http is not"),
        pytest.param("http://minio:9000", ("http://minio:9000",), True, id="http if listed"),
        pytest.param("http://minio:9001", ("http://minio:9000",), False, id="another port"),
        pytest.param("http://minio", ("http://minio:80/",), True, id="the port may be implied"),
        pytest.param("http://minio", ("https://minio",), False, id="listed for https only"),
        pytest.param("http://minio.evil", ("http://minio",), False, id="a longer name"),
    ],
)
def test_https_or_listed(text: str, allowed: tuple[str, ...], *, is_allowed: bool) -> None:
    endpoint = parse_endpoint(text, place="x")
    if is_allowed:
        check_allowed(endpoint, allowed=allowed, place="x")
    else:
        with pytest.raises(InvalidInput, match="is not https"):
            check_allowed(endpoint, allowed=allowed, place="x")
