"""Real one-node clusters: containerd, kubelet, running pods, CSI volumes and snapshots, DNS.

A node is a cluster of its own in mount, network, hostname, IPC and pid namespaces of this machine,
so that its paths and ports are the usual ones, several stand side by side, and killing its first
process ends all of it. ``hack/node/init.sh`` is that process; here is what it finds (certificates,
configuration, images), the wire to the machine, and the end of it. ``running`` is for tests and
``make cluster``. It needs root on Linux.

Nodes reach the machine at ``MACHINE`` and nothing beyond it; what a test serves to pods listens
there. A node is no security boundary: a privileged pod is root on the machine.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tests import nodefiles
from tests.clusters import Cluster
from tests.processes import Server, StartFailed

ROOT = Path(__file__).parent.parent
MACHINE = "10.250.0.1"
"""The machine's address, as every node and its pods see it."""

_HACK = ROOT / "hack"
_LOCKS = Path("/run/lock/kubeferry")
_NETWORK = "10.250.0.0/16"
_READY_SECONDS = 180.0
_END_SECONDS = 20.0
_PACKAGES = {
    "runc": "/usr/sbin/runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "nftables": "/usr/sbin/nft",
    "iproute2": "/usr/sbin/ip",
    "util-linux": "/usr/bin/unshare",
    "procps": "/usr/bin/pkill",
    "debootstrap": "/usr/sbin/debootstrap",
    "busybox-static": "/usr/bin/busybox",
}
"""What a node is made of beside what is built: Debian's packages, by a file of each."""


def cache() -> Path:
    """The folder that everything built and everything that runs is in."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kubeferry"


def why_not() -> str:
    """Why nodes cannot run here, in a line that says what to do; empty if they can."""
    if os.uname().sysname != "Linux" or os.geteuid():
        return "real nodes need root on Linux; make controlplane runs anywhere"
    missing = [name for name, file in _PACKAGES.items() if not Path(file).exists()]
    if missing:
        return f"real nodes need Debian packages: apt-get install {' '.join(missing)}"
    if not Path("/sys/fs/cgroup/memory").is_dir():
        return (
            "real nodes need cgroup v1 hierarchies in /sys/fs/cgroup, here is cgroup v2 alone: "
            "boot with systemd.unified_cgroup_hierarchy=0"
        )
    return ""


@dataclass(frozen=True)
class Node(Cluster):
    """A running one-node cluster.

    Attributes:
        address: of the node; its API server is at port 6443 there.
        init: its first process, as the machine numbers it.
    """

    address: str
    init: int

    def inside(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a command in the node's namespaces, to its end, whatever that is."""
        enter = ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "--wd=/"]
        path = f"{self.programs}:{os.environ['PATH']}"
        return subprocess.run(
            [*enter, *command],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": path},
        )

    def run_inside(self, *command: str | Path) -> str:
        """What a command in the node's namespaces prints. Raises ``StartFailed`` if it fails."""
        done = self.inside(*command)
        if done.returncode:
            raise StartFailed(f"{self.name}: {command}: {done.stderr or done.stdout}")
        return done.stdout

    def import_images(self, archive: Path) -> None:
        """Makes an archive's images known to the kubelet, which can pull none."""
        self.run_inside("ctr", "-n", "k8s.io", "images", "import", "--local", archive)

    def kill(self, program: str) -> None:
        """Kills a part of the node (``kube-apiserver``); its first process starts it again."""
        self.run_inside("pkill", "-KILL", "-x", program[:15])

    def audit(self) -> Iterator[dict[str, Any]]:
        """What the API server says that kubeferry's controller asked it, event by event."""
        path = self.folder / "log" / "audit.jsonl"
        with path.open() as lines:
            for line in lines:
                if line.endswith("\n"):  # the last one may not be whole yet
                    yield json.loads(line)


@dataclass(frozen=True)
class Options:
    """How nodes are run.

    Attributes:
        keep: what they store outlives them, and the next nodes of their names go on with it.
        logs: where the logs of all parts are copied to when the nodes do not get ready, or the
            block ends with an error.
        by_name_only: pods cannot reach the API server by its Service's address, only by its name.
    """

    keep: bool = False
    logs: Path | None = None
    by_name_only: bool = False


@contextmanager
def running(
    names: Sequence[str], *, first: int = 1, options: Options | None = None
) -> Iterator[list[Node]]:
    """Nodes of these names (8 characters at most), all started at once; they end with the block.

    The node number ``first`` is 10.250.<first>.1, and so on. Their logs are in ``<folder>/log`` as
    long as they run. Raises ``StartFailed``.
    """
    options = options or Options()
    reason = why_not()
    if reason:
        raise StartFailed(reason)
    programs, store = find_programs(), find_store()
    with ExitStack() as stack:
        hosts = [
            _Host(name, first + number, programs, store, options)
            for number, name in enumerate(names)
        ]
        try:
            for host in hosts:
                stack.enter_context(host.locked())
                stack.callback(host.stop)
                host.start()
            yield [host.ready() for host in hosts]
        except BaseException:
            if options.logs is not None:
                for host in hosts:
                    copy_logs(host.folder, options.logs / host.folder.name)
            raise


def clean(names: Sequence[str], *, keep: bool = False) -> None:
    """Removes what a run that was killed left of nodes: processes, wires, cgroups, what they store
    unless that is to be kept. Raises ``StartFailed`` where one is in use.
    """
    for name in names:
        host = _Host(name, 0, Path(), Path(), Options(keep=keep))
        with host.locked():
            host.stop()


def find_programs() -> Path:
    """The folder of a node's programs, built where they are not there. Raises ``StartFailed``."""
    return Path(_built("hack/build.sh", "node"))


def find_store() -> Path:
    """What a node's containerd starts with, made where it is not there. Raises ``StartFailed``."""
    return Path(_built("hack/node/store.sh"))


def build_image() -> Path:
    """The archive with kubeferry's image, built where it is not there. Raises ``StartFailed``."""
    made = subprocess.run(
        [sys.executable, ROOT / "hack" / "image.py"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise StartFailed(f"hack/image.py failed\n{made.stderr}")
    return Path(made.stdout.splitlines()[-1])


def _built(script: str, *arguments: str) -> str:
    built = subprocess.run(
        [ROOT / script, *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    if built.returncode:
        raise StartFailed(f"{script} failed: its output says why")
    return built.stdout.strip()


class _Host:
    """One node from outside: its files, its first process, its wire."""

    def __init__(
        self, name: str, index: int, programs: Path, store: Path, options: Options
    ) -> None:
        self._name = name
        self._programs = programs
        self._store = store
        self._options = options
        self._gateway = f"10.250.{index}.254"
        self._address = f"10.250.{index}.1"
        self._link = f"kf-{name}"
        self.folder = cache() / "run" / name
        self._server: Server | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else on this machine starts, uses or ends a node of this name meanwhile."""
        _LOCKS.mkdir(parents=True, exist_ok=True)
        with (_LOCKS / f"{self._link}.lock").open("w") as lock:
            _take(lock, self._name)
            yield

    def start(self) -> None:
        """Starts the node and does not wait until it is ready."""
        self._clean()
        if not (self.folder / "etc").exists():
            self._prepare()
        init = [
            *("unshare", "-m", "-u", "-i", "-n", "-p", "--fork", "--kill-child", "--mount-proc"),
            *("--propagation", "private", _HACK / "node" / "init.sh"),
            *(self.folder, self._name, self._address, self._programs),
        ]
        pid_file = self.folder / "unshare.pid"
        wrap = ["bash", "-c", 'echo $$ >"$0" && exec "$@"', pid_file]
        self._server = Server([*wrap, *init], log=self.folder / "log" / "unshare.log")
        self._server.wait_until(lambda: bool(self._init()), seconds=_END_SECONDS)
        for module in (
            "overlay",
            "br_netfilter",
        ):  # where they are built in there may be no modprobe
            subprocess.run(["sh", "-c", f"modprobe {module}"], capture_output=True, check=False)
        # An address whose node is down must not go to the machine's default gateway.
        _run("ip", "route", "replace", "unreachable", _NETWORK)
        pid = str(self._init())
        _run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", pid)
        _run("ip", "addr", "add", f"{self._gateway}/24", "dev", self._link)
        _run("ip", "addr", "add", f"{MACHINE}/32", "dev", self._link)
        _run("ip", "link", "set", self._link, "up")

    def ready(self) -> Node:
        """Waits until pods, volumes and names work."""
        assert self._server is not None
        node = Node(
            name=self._name,
            server=f"https://{self._address}:6443",
            folder=self.folder,
            kubeconfig=self.folder / "pki" / "admin.conf",
            user_kubeconfig=self.folder / "pki" / "ferry.conf",
            programs=self._programs,
            address=self._address,
            init=self._init(),
        )
        condition = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
        name = f"node-{self._name}"
        driver = "jsonpath={.spec.drivers[*].name}"
        checks: tuple[tuple[tuple[str, ...], str], ...] = (
            (("get", "node", name, "-o", condition), "True"),
            (("get", "serviceaccount", "default", "-n", "default", "-o", "name"), "default"),
            (("get", "csinode", name, "-o", driver), "dir.csi.test"),
            (("get", "storageclass", "csi-dir", "-o", "name"), "csi-dir"),
        )
        try:
            for arguments, expected in checks:
                self._server.wait_until(_says(node, arguments, expected), seconds=_READY_SECONDS)
            listens = ("bash", "-c", f"exec 3<>/dev/tcp/{self._address}/53")
            self._server.wait_until(
                lambda: not node.inside(*listens).returncode, seconds=_READY_SECONDS
            )
        except StartFailed as error:
            log = (self.folder / "log" / "init.log").read_text()
            raise StartFailed(f"node {self._name}: {error}\n{log}") from None
        admins = ("clusterrolebinding", "ferry", "--clusterrole=cluster-admin", "--user=ferry")
        node.run("create", *admins)  # is there already in a kept node
        return node

    def stop(self) -> None:
        """Ends it; nothing of it is left but, where that is asked for, what it stored."""
        if self._server is not None:
            self._server.stop()
        self._clean()
        if not self._options.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _clean(self) -> None:
        """Removes the processes, the wire and the cgroups, also those of a killed run."""
        pid = self._init()
        if pid:
            os.kill(pid, signal.SIGKILL)
            _wait(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} ends")
        subprocess.run(["ip", "link", "del", self._link], capture_output=True, check=False)
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True)
        if " kf-" not in links.stdout:
            route = ["ip", "route", "del", "unreachable", _NETWORK]
            subprocess.run(route, capture_output=True, check=False)
        _wait(self._cgroups_are_gone, f"the cgroups of {self._name} are empty")

    def _cgroups_are_gone(self) -> bool:
        left = list(Path("/sys/fs/cgroup").glob(f"*/kf-{self._name}"))
        for root in left:
            for folder, _, _ in os.walk(root, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    return False  # a process is still ending there
        return True

    def _init(self) -> int:
        """The node's first process, as the machine numbers it; 0 if it does not run."""
        try:
            unshare = int((self.folder / "unshare.pid").read_text())
            told = Path(f"/proc/{unshare}/cmdline").read_bytes()
            children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return 0
        # Only if it is this node's: the number may be somebody else's by now.
        is_ours = b"init.sh" in told and str(self.folder).encode() in told
        return int(children[0]) if is_ours and children else 0

    def _prepare(self) -> None:
        """Writes what the node starts with."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)
        (self.folder / "log").mkdir()
        nodefiles.write_identities(
            self.folder / "pki", self._name, self._address, by_name_only=self._options.by_name_only
        )
        # Layers are hard links, nobody writes to them; the databases must be copies.
        root = self.folder / "var/lib/containerd"
        root.parent.mkdir(parents=True)
        _run("cp", "-al", self._store, root)
        for database in self._store.rglob("*.db"):
            copy = root / database.relative_to(self._store)
            copy.unlink()
            shutil.copy2(database, copy)
        nodefiles.write_configuration(self.folder, self._name, self._address)


def copy_logs(folder: Path, to: Path) -> None:
    """Copies what all parts of a node logged, its pods too, from the node's folder to ``to``."""
    shutil.rmtree(to, ignore_errors=True)
    for log, name in ((folder / "log", ""), (folder / "var" / "log" / "pods", "pods")):
        if log.exists():
            shutil.copytree(log, to / name, dirs_exist_ok=True, ignore_dangling_symlinks=True)


def _says(node: Node, arguments: tuple[str, ...], expected: str) -> Callable[[], bool]:
    """Whether kubectl's answer holds what is expected."""
    return lambda: expected in node.run(*arguments).stdout


def _take(lock: TextIO, name: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartFailed(f"a node called {name} is in use by another process") from None


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _END_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise StartFailed(f"not within {_END_SECONDS:.0f} s: {what}")
        time.sleep(0.1)
