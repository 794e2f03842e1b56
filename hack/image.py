"""Builds kubeferry's container image without a container engine and without a registry.

    python hack/image.py [--refresh]

The image is made of Debian's packages (what apt is set up for on this machine: Debian or Ubuntu
with Python 3.11 or newer), the locked wheels of requirements/runtime.txt and our own wheel, each a
layer. It runs as the image of the Containerfile does: same user, paths, environment and entry
point. There is no shell in it, no package manager and no compiler.

Needs no root. What was built is kept under the user's cache folder by the digest of what it was
made of, so a change of our code takes seconds; ``--refresh`` takes today's Debian packages. The
last line printed is the path of the archive.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import oci

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtime.txt"
HOME = "opt/kubeferry"
"""Where the Python environment is: a venv, as in the Containerfile."""
USER = 65532

PACKAGES = (
    "base-files",
    "ca-certificates",
    "libpython3-stdlib",
    "libstdc++6",  # google-re2
    "python3-minimal",
    "tzdata",
)
"""What is asked for; apt adds what they depend on."""
NOT_NEEDED = (
    # Package management and what only installs or configures.
    *("debconf", "dpkg", "libacl1", "libmd0", "libpcre2-8-0", "libselinux1", "mawk", "openssl"),
    *("readline-common", "tar", "libpam", "perl-base", "init-system-helpers"),
    # What only the modules of NOT_IMPORTED use.
    *("libcom-err2", "libdb5", "libgssapi", "libk5crypto", "libkeyutils1", "libkrb5"),
    *("libncursesw6", "libnsl2", "libreadline8", "libtinfo6", "libtirpc", "media-types"),
    *("libcrypt1", "libncurses6"),
)
"""Beginnings of the names of packages that are left out again."""
NOT_IMPORTED = ("_crypt", "_curses", "_curses_panel", "_dbm", "nis", "readline")
"""Extension modules of Python that need a package that is left out."""
PRUNED = (
    "etc/[!do]*",  # debian_version and os-release are left
    "etc/d[!e]*",
    "etc/default",
    "home",
    "lib/systemd",
    "usr/bin/[!p]*",
    "usr/bin/p[!y]*",
    "usr/bin/py[!t]*",
    "usr/lib/*/gconv",
    "usr/lib/python3",
    "usr/lib/python3.*/lib2to3",
    "usr/lib/python3.*/pydoc_data",
    "usr/lib/python3.*/test",
    "usr/lib/valgrind",
    "usr/sbin/*",
    "usr/share/[!cdz]*",
    "usr/share/c[!o]*",
    "usr/share/d[!o]*",
    "usr/share/doc/*/[!c]*",
    "usr/share/doc/*/changelog*",
    "usr/share/zoneinfo/posix",
    "usr/share/zoneinfo/right",
    "var/*",
)
"""Globs of what the packages bring and nothing here reads. Licences stay."""
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
"""Where obstore looks for them; Python by a link."""
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    f"kubeferry:x:{USER}:{USER}::/home/kubeferry:/usr/sbin/nologin\n",
    "etc/group": f"root:x:0:\nkubeferry:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
LAUNCHER = f"""\
#!/{HOME}/bin/python3
import sys

from kubeferry.cli.main import run

sys.exit(run())
"""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in the cache: its files, for those above it to be built with, and its archive."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The root of its files."""
        return self.folder / "tree"

    @property
    def archive(self) -> Path:
        """The same as ``oci.pack`` wrote it."""
        return self.folder / "layer.tar"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refresh", action="store_true", help="take today's Debian packages")
    options = parser.parse_args()
    os.umask(0o022)  # the image's user is nobody's
    for program in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(program) is None:
            sys.exit(f"image.py: {program} is missing; without Debian: podman build -t kubeferry .")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kubeferry", "image")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        out, layers = build(cache, refresh=options.refresh)
    say(f"{names()[0]}: {_mib(out)} in {len(layers)} layers of {', '.join(map(_mib, layers))}")
    say("load it with ctr -n k8s.io images import, podman load -i or docker load -i")
    print(out)


def build(cache: Path, *, refresh: bool = False) -> tuple[Path, list[Path]]:
    """The archive of the image and the layers it is made of, out of the cache where they are."""
    script = _digest([Path(__file__), Path(oci.__file__)])
    debian = _layer(cache, "debian", [script], _debian, anew=refresh)
    python = _python(debian.tree).name
    wheels = _layer(cache, "wheels", [script, python, _digest([LOCK])], _wheels_on(debian))
    sources = [ROOT / "pyproject.toml", ROOT / "README.md", *_sources()]
    ours = _layer(cache, "kubeferry", [script, python, _digest(sources)], _ours_on(debian))
    layers = [layer.archive for layer in (debian, wheels, ours)]
    image = hashlib.sha256(repr(config()).encode())
    for layer in layers:
        with layer.open("rb") as file:
            image.update(hashlib.file_digest(file, "sha256").digest())
    out = cache / image.hexdigest()[:16] / "kubeferry.tar"
    if not out.exists():
        out.parent.mkdir(exist_ok=True)
        oci.write(out, [oci.Image(names(), layers, config())])
    out.parent.touch()
    _forget(cache, keep=3)
    return out, layers


def config() -> dict[str, Any]:
    """The image's configuration; the Containerfile says the same."""
    return {
        "User": f"{USER}:{USER}",
        "Env": [
            f"PATH=/{HOME}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME=/home/kubeferry",
            "LANG=C.UTF-8",
            "PYTHONDONTWRITEBYTECODE=1",
        ],
        "Entrypoint": ["kubeferry"],
        "Labels": {
            "org.opencontainers.image.title": "kubeferry",
            "org.opencontainers.image.description": _project()["description"],
            "org.opencontainers.image.licenses": _project()["license"],
            "org.opencontainers.image.version": _project()["version"],
        },
    }


def names() -> list[str]:
    """What the image is called: as the kubelet completes ``kubeferry:<version>``."""
    return [f"docker.io/library/kubeferry:{_project()['version']}"]


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _layer(
    cache: Path, name: str, of: Sequence[str], make: Callable[[Path], None], *, anew: bool = False
) -> Layer:
    key = hashlib.sha256("\n".join(of).encode()).hexdigest()[:16]
    found = Layer(cache / f"{name}-{key}")
    if anew or not found.folder.exists():
        say(f"making the layer {name}")
        making = Layer(cache / ".making")  # what has its name in the cache is whole
        _remove(making.folder)
        making.tree.mkdir(parents=True)
        make(making.tree)
        oci.pack(making.tree, making.archive, as_root=True)
        _remove(found.folder)
        making.folder.rename(found.folder)
    found.folder.touch()
    return found


def _debian(tree: Path) -> None:
    """Debian's Python, certificates and time zones, out of packages that apt has verified."""
    for folder in ("bin", "lib", "lib64", "sbin"):  # Debian packages still say /lib
        (tree / "usr" / folder).mkdir(parents=True)
        (tree / folder).symlink_to(f"usr/{folder}")
    with TemporaryDirectory(prefix="kubeferry-apt-") as apt:
        packages = _download(Path(apt))
        for package in packages:
            _unpack(package, tree)
        authorities = tree.glob("usr/share/ca-certificates/mozilla/*.crt")
        bundle = "".join(path.read_text() for path in sorted(authorities))
        for pattern in PRUNED:
            for path in list(tree.glob(pattern)):
                _remove(path)
        for package in packages:  # for who looks for packages with known holes
            told = _run(["dpkg-deb", "--field", package])
            _write(tree / "var/lib/dpkg/status.d" / package.name.split("_")[0], told)
    _write(tree / AUTHORITIES, bundle)
    (tree / "usr/lib/ssl").mkdir(exist_ok=True)
    (tree / "usr/lib/ssl/cert.pem").symlink_to(f"/{AUTHORITIES}")
    for module in NOT_IMPORTED:
        for path in tree.glob(f"usr/lib/python3.*/lib-dynload/{module}.*"):
            path.unlink()
    _compile(tree, tree / "usr/lib" / _python(tree).name, within=tree)
    for file, text in FILES.items():
        _write(tree / file, text)
    (tree / "home/kubeferry").mkdir(parents=True)
    (tree / "tmp").mkdir(exist_ok=True)
    (tree / "tmp").chmod(0o1777)


def _download(folder: Path) -> list[Path]:
    """The packages and what they depend on, by an apt that believes nothing is installed yet."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    _write(folder / "status", "")
    _write(
        folder / "conf",
        f'Dir::State "{folder}/state";\nDir::State::status "{folder}/status";\n'
        f'Dir::Cache "{folder}/cache";\nDir::Log "{folder}";\nAPT::Install-Recommends "false";\n'
        'APT::Sandbox::User "root";\n'
        "#clear APT::Update::Post-Invoke;\n#clear DPkg::Post-Invoke;\n",
    )
    environment = os.environ | {"APT_CONFIG": str(folder / "conf")}
    _run(["apt-get", "-qq", "update"], env=environment)
    _run(["apt-get", "-qq", "-y", "--download-only", "install", *PACKAGES], env=environment)
    found = sorted((folder / "cache" / "archives").glob("*.deb"))
    return [one for one in found if not one.name.startswith(NOT_NEEDED)]


def _unpack(package: Path, tree: Path) -> None:
    files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    tar = ["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-C", str(tree)]
    _run(tar, stdin=files.stdout)
    if files.wait():
        sys.exit(f"image.py: {package.name} cannot be unpacked")


def _wheels_on(debian: Layer) -> Callable[[Path], None]:
    """Makes the layer of the locked wheels: a venv without pip."""

    def make(tree: Path) -> None:
        python = _python(debian.tree)
        home = tree / HOME
        site = _site(tree, python.name)
        (home / "bin").mkdir(parents=True)
        (home / "bin/python3").symlink_to("/usr/bin/python3")
        _write(home / "pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
        # Markers would be judged by the Python that runs pip, and all of them hold in the image.
        lock = re.sub(r" ; [^\\]*\\", r" \\", LOCK.read_text())
        with TemporaryDirectory() as folder:
            _write(Path(folder, "lock.txt"), lock)
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
            into = ["--no-compile", "--target", str(site), *_platform(debian, python.name)]
            only = ["--require-hashes", "--only-binary=:all:", "--no-deps"]
            _run([*pip, *into, *only, "-r", f"{folder}/lock.txt"])
        _remove(site / "bin")  # commands of others, made for the Python that ran pip
        for record in site.glob("*.dist-info/RECORD"):
            _write(record, re.sub(r"(?m)^\.\./\.\./bin/.*\n", "", record.read_text()))
        _compile(debian.tree, site, within=tree)

    return make


def _platform(debian: Layer, python: str) -> Iterable[str]:
    """Pip's options for the image's Python, which need not be that of this machine."""
    version = python.removeprefix("python")
    machine = os.uname().machine
    [libc] = debian.tree.glob("var/lib/dpkg/status.d/libc6")
    found = re.search(r"^Version: 2\.(\d+)", libc.read_text(), re.MULTILINE)
    newest = int(found[1]) if found else 17
    yield from ("--python-version", version, "--implementation", "cp")
    for abi in (f"cp{version.replace('.', '')}", "abi3", "none"):
        yield from ("--abi", abi)
    for minor in range(newest, 16, -1):
        yield from ("--platform", f"manylinux_2_{minor}_{machine}")
    yield from ("--platform", f"manylinux2014_{machine}")


def _ours_on(debian: Layer) -> Callable[[Path], None]:
    """Makes the layer of our own wheel and its commands."""

    def make(tree: Path) -> None:
        site = _site(tree, _python(debian.tree).name)
        with TemporaryDirectory() as folder:
            _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder])
            [wheel] = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as files:
                files.extractall(site)
        for command in ("kubeferry", "kubectl-ferry"):
            _write(tree / HOME / "bin" / command, LAUNCHER)
            (tree / HOME / "bin" / command).chmod(0o755)
        _compile(debian.tree, site, within=tree)

    return make


def _python(tree: Path) -> Path:
    """The image's Python; its name has the version: ``python3.11``."""
    [found] = tree.glob("usr/bin/python3.[0-9]*")
    return found


def _site(tree: Path, python: str) -> Path:
    return tree / HOME / "lib" / python / "site-packages"


def _compile(debian: Path, folder: Path, *, within: Path) -> None:
    """Compiles by the image's own Python, which runs here without being installed.

    By content, not by time: times are zero in the image, and its root may be read-only.
    """
    libraries = debian / "usr/lib" / f"{os.uname().machine}-linux-gnu"
    [loader] = libraries.glob("ld-linux-*.so.*")
    python = [str(part) for part in (loader, "--library-path", libraries, _python(debian), "-SB")]
    work = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # A set's order is compiled in: without a seed it would differ each time.
    environment = {"PYTHONHOME": str(debian / "usr"), "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
    _run([*python, *work, "-s", str(within), "-p", "/", str(folder)], env=environment)


def _forget(cache: Path, *, keep: int) -> None:
    """Removes layers and images that were not used for longest; ``keep`` of each kind stay."""
    found = sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    kinds: dict[str, int] = {}
    for path in found:
        if path.is_dir():
            kind = path.name.rpartition("-")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] > keep:
                shutil.rmtree(path)


def _sources() -> list[Path]:
    found = (ROOT / "src").rglob("*")
    return sorted(path for path in found if path.is_file() and path.suffix != ".pyc")


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _run(
    command: Sequence[str | Path], *, env: dict[str, str] | None = None, stdin: Any = None
) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdin=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        program = " ".join(map(str, command[:4]))
        sys.exit(f"image.py: {program} ... failed\n{done.stdout}{done.stderr}")
    return done.stdout


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / (1 << 20):.1f} MiB"


def say(text: str) -> None:
    """Tells the person; standard output is for the path alone."""
    print(f"image.py: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
