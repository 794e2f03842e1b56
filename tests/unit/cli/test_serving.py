"""The controller's process: what it must not carry about with it all its life."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubeferry.cli.command import Flags
from kubeferry.cli.serving import serve
from kubeferry.errors import ConfigError
from kubeferry.vault.locations import OBSTORES_VARIABLES

LOADED = "import sys, kubeferry.cli.main, kubeferry.cli.controller, kubeferry.cli.serving; "


@pytest.fixture(scope="module")
def modules() -> set[str]:
    """What a controller has loaded when it begins."""
    command = [sys.executable, "-c", LOADED + "print(*sys.modules)"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(told.stdout.split())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("rich", id="the terminal's output"),
        pytest.param("pygments", id="what rich brings"),
        pytest.param("kubeferry.sandbox", id="an API server in memory"),
        pytest.param("kubeferry.local", id="the demo"),
        pytest.param("kubeferry.api.crd", id="the definitions as manifests"),
        pytest.param("kubeferry.api.install", id="the install manifests"),
        pytest.param("kubeferry.cli.output", id="a person's commands"),
        pytest.param("aiohttp.web", id="a web server"),
        pytest.param("multiprocessing", id="processes"),
        pytest.param("unittest", id="tests"),
        pytest.param("xml", id="XML"),
        pytest.param("pydoc", id="help texts"),
    ],
)
def test_a_controller_does_not_load(modules: set[str], name: str) -> None:
    assert not [one for one in modules if one == name or one.startswith(f"{name}.")]


def test_a_controller_loads_all_that_its_tasks_need_before_it_is_ready(modules: set[str]) -> None:
    """An image that lacks something shows it at the start, not in the middle of a task."""
    assert {"obstore", "re2", "isal.isal_zlib", "sqlite3", "yaml", "aiohttp"} <= modules


async def test_a_controller_takes_no_encryption_from_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in OBSTORES_VARIABLES:
        monkeypatch.setenv(name, "AES256")
    with pytest.raises(ConfigError):
        await serve(Flags(kubeconfig="/nowhere"), elect=False, health_port=None)
    assert not set(OBSTORES_VARIABLES) & os.environ.keys()


def test_what_it_writes_is_nobody_elses_to_read(tmp_path: Path) -> None:
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c"}}
    config = tmp_path / "config"
    config.write_text(
        json.dumps({"clusters": [cluster], "contexts": [context], "current-context": "c"})
    )
    work = (
        "import asyncio, os, sys\n"
        "from kubeferry.cli import serving\n"
        "from kubeferry.cli.command import Flags\n"
        "async def told(**_): print(oct(os.umask(0)))\n"
        "serving.run_controller = told\n"
        "asyncio.run(serving.serve(Flags(sys.argv[1]), elect=False, health_port=None))\n"
    )
    command = [sys.executable, "-c", work, str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "0o77\n", done.stderr
