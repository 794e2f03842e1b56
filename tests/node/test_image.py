"""The image that ``make image`` builds, run as a node runs it but without one: its own root file
system read-only, its own user without any right, a fresh ``/tmp``.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hack import image
from kubeferry import __version__
from tests.waiting import until

pytestmark = pytest.mark.node

_INSIDE = """
set -eu
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
shift
exec "$@"
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def archive() -> Path:
    built = subprocess.run(
        [sys.executable, image.__file__], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(built.stdout.strip())


def blob(archive: Path, digest: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
        assert file is not None
        return file.read()


@pytest.fixture(scope="module")
def parts(archive: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The image's configuration and its layers."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile("index.json")
        assert file is not None
        [entry] = json.load(file)["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == image.names()[0]
    manifest = json.loads(blob(archive, entry["digest"]))
    return json.loads(blob(archive, manifest["config"]["digest"])), manifest["layers"]


@pytest.fixture(scope="module")
def rootfs(
    archive: Path,
    parts: tuple[dict[str, Any], list[dict[str, Any]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    root = tmp_path_factory.mktemp("image") / "root"
    root.mkdir()
    for layer in parts[1]:
        subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "-C", root],
            input=blob(archive, layer["digest"]),
            check=True,
        )
    return root


@pytest.fixture(scope="module")
def run(parts: tuple[dict[str, Any], list[dict[str, Any]]], rootfs: Path) -> Run:
    """Runs the image with these arguments; ``entry`` replaces its entry point."""

    def run(*arguments: str, entry: list[str] = parts[0]["config"]["Entrypoint"]) -> Any:
        return subprocess.run(
            isolated(parts, rootfs, *entry, *arguments),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def isolated(
    parts: tuple[dict[str, Any], list[dict[str, Any]]], rootfs: Path, *command: str
) -> list[str | Path]:
    """A command line that runs another one within the image, as its first process."""
    config = parts[0]["config"]
    chroot = shutil.which("chroot") or "chroot"
    return [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _INSIDE, "-"),
        *(rootfs, "env", "-i", *config["Env"]),
        *(chroot, f"--userspec={config['User']}", rootfs, *command),
    ]


def test_its_entry_point_is_the_command_line(run: Run) -> None:
    told = run("version")
    assert told.stdout == f"kubeferry {__version__}\n", told.stderr
    assert "--health-port" in run("controller", "--help").stdout


def test_a_whole_migration_runs_in_it(run: Run) -> None:
    """Every part has what it needs: TLS, SQLite, gzip, obstore, re2, a place for its files."""
    told = run("demo")
    assert told.returncode == 0, told.stderr
    assert "Done in" in told.stdout


def test_it_trusts_the_public_authorities_and_knows_time_zones(run: Run) -> None:
    code = (
        "import ssl, zoneinfo, os\n"
        "trusted = ssl.create_default_context().get_ca_certs()\n"
        "where = zoneinfo.ZoneInfo('Asia/Shanghai')\n"
        "print(os.getuid(), os.getgid(), os.getgroups(), len(trusted) > 100, where)"
    )
    told = run("-c", code, entry=["python3"])
    assert told.stdout == "65532 65532 [65532] True Asia/Shanghai\n", told.stderr


def test_every_module_of_ours_loads_in_it_and_was_compiled_before(run: Run) -> None:
    code = (
        "import importlib, pkgutil, pathlib, kubeferry\n"
        "for one in pkgutil.walk_packages(kubeferry.__path__, 'kubeferry.'):\n"
        "    if one.name != 'kubeferry.__main__':\n"
        "        module = importlib.import_module(one.name)\n"
        "        assert pathlib.Path(module.__cached__).exists(), one.name\n"
        "print('all')"
    )
    told = run("-c", code, entry=["python3"])
    assert told.stdout == "all\n", told.stderr


def test_nothing_can_be_written_but_to_its_temporary_directory(run: Run) -> None:
    code = (
        "import os, pathlib\n"
        "for folder, folders, _ in os.walk('/'):\n"
        "    if folder == '/': folders[:] = set(folders) - {'dev', 'proc', 'sys'}\n"
        "    if os.access(folder, os.W_OK): print(folder)"
    )
    told = run("-c", code, entry=["python3"])
    assert told.stdout == "/tmp\n", told.stderr


@pytest.mark.parametrize("program", ["sh", "bash", "apt", "apt-get", "dpkg", "pip", "gcc", "perl"])
def test_it_has_no_shell_no_package_manager_no_compiler(rootfs: Path, program: str) -> None:
    for folder in ("usr/bin", "usr/sbin", "usr/local/bin", f"{image.HOME}/bin"):
        assert not (rootfs / folder / program).exists()


def test_everything_in_it_belongs_to_root_and_nothing_gives_its_rights_away(rootfs: Path) -> None:
    for path in rootfs.rglob("*"):
        stat = path.lstat()
        assert (stat.st_uid, stat.st_gid) == (0, 0), path
        assert not stat.st_mode & 0o6000, path


def test_it_says_which_packages_it_is_made_of_and_keeps_their_licences(rootfs: Path) -> None:
    packages = {path.name for path in (rootfs / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "ca-certificates", "tzdata"} < packages
    for name in packages:
        assert (rootfs / "usr/share/doc" / name).exists(), name


def test_as_the_first_process_it_stops_when_it_is_told_to(
    parts: tuple[dict[str, Any], list[dict[str, Any]]], rootfs: Path
) -> None:
    """The first process of a container gets no signal that it has no handler for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # so that it waits for an answer
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        context = {"name": "silent", "context": {"cluster": "silent", "user": ""}}
        config = {
            "clusters": [{"name": "silent", "cluster": {"server": server}}],
            "contexts": [context],
            "current-context": "silent",
        }
        command = ["controller", "--no-leader-election", "--kubeconfig", "/dev/stdin"]
        entry = parts[0]["config"]["Entrypoint"]
        process = subprocess.Popen(
            isolated(parts, rootfs, *entry, *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(config))
        process.stdin.close()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        first = int(until(children.read_text, what="the first process"))
        until(lambda: _handles(first, signal.SIGTERM), what="it has a handler")
        os.kill(first, signal.SIGTERM)
        process.wait(timeout=10)


def _handles(process: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return "kubeferry" in status and bool(caught >> (number - 1) & 1)
