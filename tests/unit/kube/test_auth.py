import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from kubeferry.errors import ConfigError, Unauthorized
from kubeferry.kube.auth import Authenticator
from kubeferry.kube.cluster import ClusterConfig, ExecPlugin
from kubeferry.kube.exec_plugin import run_plugin
from tests.unit.kube.servers import CONFIGMAPS, serving, status

V1 = "client.authentication.k8s.io/v1"
SERVER = "http://127.0.0.1:1"


def plugin(folder: Path, body: str, **more: object) -> ExecPlugin:
    """A real program: counts its runs in a file, then does ``body``."""
    path = folder / "plugin"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys\n"
        f"runs = pathlib.Path({str(folder / 'runs')!r})\n"
        "count = len(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text('x' * count)\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        f"def give(**status): print(json.dumps({{'apiVersion': {V1!r},"
        " 'kind': 'ExecCredential', 'status': status}))\n" + body
    )
    path.chmod(0o755)
    given = ExecPlugin(V1, str(path), environment={"PATH": os.environ["PATH"]})
    return replace(given, **more)  # type: ignore[arg-type]


async def test_a_plugin_runs_again_only_when_its_token_ends(tmp_path: Path) -> None:
    body = "give(token=f't{count}', expirationTimestamp='2026-01-01T01:00:00Z')"
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    config = ClusterConfig(server=SERVER, exec_plugin=plugin(tmp_path, body))
    auth = Authenticator(config, clock=lambda: now[0])
    assert (await auth.current()).token == "t1"
    now[0] += timedelta(minutes=59)
    assert (await auth.current()).token == "t1"
    now[0] += timedelta(seconds=31)
    assert (await auth.current()).token == "t2"


async def test_a_plugin_learns_the_cluster_and_that_nobody_is_there(tmp_path: Path) -> None:
    asked = plugin(
        tmp_path,
        "give(token=info['spec']['cluster']['server'] + str(info['spec']['interactive']))",
        cluster={"server": "https://one"},
    )
    assert (await run_plugin(asked)).token == "https://oneFalse"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param("sys.exit('log in first')", "ended with 1: log in first", id="fails"),
        pytest.param("print('hello')", "printed no ExecCredential", id="no JSON"),
        pytest.param("give()", "neither a token nor", id="nothing in it"),
        pytest.param("give(clientCertificateData='c')", "not both", id="half a pair"),
    ],
)
async def test_a_plugin_that_fails_is_told(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        await run_plugin(plugin(tmp_path, body))


async def test_a_missing_plugin_gives_its_hint() -> None:
    missing = ExecPlugin(V1, "no-such-plugin", install_hint="brew install it")
    with pytest.raises(ConfigError, match="no such program; brew install it"):
        await run_plugin(missing)


async def test_a_plugin_that_needs_a_terminal_is_refused_without_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a terminal"):
        await run_plugin(plugin(tmp_path, "give(token='t')", interactive="Always"))


async def test_401_renews_once_and_only_once(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.headers["Authorization"] == accepted:
            return web.json_response({})
        return status(401, "Unauthorized")

    accepted = "Bearer t2"
    asked = plugin(tmp_path, "give(token=f't{count}')")
    async with serving(handler) as server, server.client(exec_plugin=asked) as client:
        await client.get(CONFIGMAPS, "a")
        assert len(server.requests) == 2
        accepted = "Bearer none"
        with pytest.raises(Unauthorized):
            await client.get(CONFIGMAPS, "a")
        assert len(server.requests) == 4


async def test_a_token_file_is_read_again_after_a_minute_or_a_401(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    auth = Authenticator(ClusterConfig(server=SERVER, token_file=path), clock=lambda: now[0])
    first = await auth.current()
    assert first.headers["Authorization"] == "Bearer one"
    assert not await auth.renew(first)
    path.write_text("two")
    now[0] += timedelta(seconds=61)
    second = await auth.current()
    assert second.token == "two"
    path.write_text("three")
    assert await auth.renew(second)
    assert (await auth.current()).token == "three"


async def test_a_token_file_that_is_gone_is_told() -> None:
    auth = Authenticator(ClusterConfig(server=SERVER, token_file=Path("/nowhere/token")))
    with pytest.raises(ConfigError, match="token file /nowhere/token: cannot be read"):
        await auth.current()


async def test_a_certificate_that_is_none_is_told() -> None:
    config = ClusterConfig("https://a", client_certificate=b"cert", client_key=b"secret")
    with pytest.raises(ConfigError, match="client-certificate and client-key") as refused:
        await Authenticator(config).current()
    assert "secret" not in str(refused.value)
