import pytest

from kubeferry.kube.proxy import proxy_of_environment


@pytest.mark.parametrize(
    ("server", "no_proxy", "used"),
    [
        pytest.param("https://api.example:6443", "", True, id="the proxy of the scheme"),
        pytest.param("http://api.example", "", False, id="none for another scheme"),
        pytest.param("https://127.0.0.1:6443", "", False, id="never for loopback"),
        pytest.param("https://api.example", "example", False, id="a domain and its names"),
        pytest.param("https://example", ".example", True, id="a dot means names below only"),
        pytest.param("https://anexample", "example", True, id="whole labels only"),
        pytest.param("https://10.1.2.3", "10.0.0.0/8", False, id="a CIDR"),
        pytest.param("https://api.example:1", "api.example:2", True, id="another port"),
        pytest.param("https://api.example", "a, *", False, id="a star is everything"),
    ],
)
def test_proxy(server: str, no_proxy: str, used: bool) -> None:
    environ = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": no_proxy}
    assert proxy_of_environment(server, environ) == ("http://proxy:3128" if used else "")
