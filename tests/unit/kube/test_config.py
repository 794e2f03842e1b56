import base64
from pathlib import Path
from typing import Any

import pytest

from kubeferry.codec import dump_yaml
from kubeferry.errors import ConfigError
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.config import load_config


def write(path: Path, *, cluster: Any = None, user: Any = None, **more: Any) -> Path:
    content = {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": cluster or {"server": "https://one:6443"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
    }
    path.write_text(dump_yaml(content | more))
    return path


def load(path: Path | None, *, context: str | None = None, **environ: str) -> ClusterConfig:
    return load_config(
        kubeconfig=str(path) if path else None,
        context=context,
        environ=environ,
        home=Path("/nowhere"),
    )


def test_a_context_gives_cluster_user_and_namespace(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    cluster = {
        "server": "https://one:6443/",
        "certificate-authority": "ca.pem",
        "tls-server-name": "api",
        "proxy-url": "http://proxy:3128",
    }
    user = {
        "client-certificate-data": base64.b64encode(b"cert").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
        "as": "jane",
        "as-groups": ["a"],
    }
    config = load(write(tmp_path / "config", cluster=cluster, user=user))
    assert (config.server, config.namespace, config.context) == ("https://one:6443", "n", "c")
    assert config.ca == tmp_path / "ca.pem"
    assert (config.client_certificate, config.client_key) == (b"cert", b"key")
    assert (config.tls_server_name, config.proxy_url) == ("api", "http://proxy:3128")
    assert config.impersonation is not None
    assert config.impersonation.groups == ("a",)


def test_the_first_file_to_name_something_wins(tmp_path: Path) -> None:
    one = write(tmp_path / "one", user={"token": "first"})
    two = write(tmp_path / "two", user={"token": "second"}, **{"current-context": "other"})
    config = load(None, KUBECONFIG=f"{tmp_path / 'missing'}:{one}:{two}")
    assert (config.context, config.token) == ("c", "first")
    assert "first" not in repr(config)


@pytest.mark.parametrize(
    ("content", "context", "message"),
    [
        pytest.param({}, "x", "no context is called 'x'; it has: c", id="missing context"),
        pytest.param({"current-context": ""}, None, "no current context", id="none chosen"),
        pytest.param({"users": None}, None, "no user is called 'u'", id="missing user"),
        pytest.param({"clusters": 3}, None, r"Expected `array", id="not its shape"),
        pytest.param({"cluster": {"server": "::"}}, None, "is no URL", id="bad server"),
        pytest.param(
            {"cluster": {"server": "https://a", "certificate-authority": "gone"}},
            None,
            "cluster k: certificate-authority .*gone: No such file",
            id="unreadable file",
        ),
        pytest.param({"user": {"client-key-data": "AA=="}}, None, "needs both", id="half a pair"),
        pytest.param(
            {"user": {"auth-provider": {"name": "gcp"}}}, None, "'gcp' is no longer", id="provider"
        ),
        pytest.param(
            {"user": {"exec": {"apiVersion": "x/v1alpha1", "command": "a"}}},
            None,
            "apiVersion 'x/v1alpha1' is not supported",
            id="old plugin",
        ),
        pytest.param(
            {"cluster": {"server": "https://a", "proxy-url": "socks5://p"}},
            None,
            "scheme 'socks5' is not supported",
            id="socks proxy",
        ),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path, content: dict[str, Any], context: str | None, message: str
) -> None:
    path = write(tmp_path / "config", **content)
    with pytest.raises(ConfigError, match=message):
        load(path, context=context)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone: no such file"):
        load(tmp_path / "gone")


@pytest.mark.parametrize(
    ("host", "server"),
    [
        pytest.param("10.96.0.1", "https://10.96.0.1:443", id="the Service's address"),
        pytest.param("fd00::1", "https://[fd00::1]:443", id="one of IPv6"),
        pytest.param("kubernetes.default.svc", "https://kubernetes.default.svc:443", id="a name"),
    ],
)
def test_a_pod_uses_its_own_account(tmp_path: Path, host: str, server: str) -> None:
    for name, text in (("token", "t"), ("ca.crt", "PEM"), ("namespace", "csdr\n")):
        (tmp_path / name).write_text(text)
    config = load_config(
        kubeconfig=None,
        context=None,
        environ={"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"},
        home=tmp_path / "home",
        service_account=tmp_path,
    )
    assert (config.server, config.namespace) == (server, "csdr")
    assert (config.token_file, config.ca) == (tmp_path / "token", tmp_path / "ca.crt")
    assert config.token == "", "the file is read again and again"


def test_nothing_at_all_says_where_it_looked() -> None:
    with pytest.raises(ConfigError, match=r"looked at /nowhere/\.kube/config"):
        load(None)
