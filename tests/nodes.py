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
import secrets
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

from tests.clusters import Cluster, certificate_user, write_kubeconfig, write_private
from tests.pki import Authority, signing_key
from tests.processes import Server, StartFailed

ROOT = Path(__file__).parent.parent
MACHINE = "10.250.0.1"
"""The machine's address, as every node and its pods see it."""
CONTROLLER = "system:serviceaccount:csdr:kubeferry-controller"
"""Whose requests the audit log keeps."""

_HACK = ROOT / "hack"
_NETWORK = "10.250.0.0/16"
_FIRST_SERVICE = "10.96.0.1"
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
        return "real nodes need cgroup v1 hierarchies in /sys/fs/cgroup; here is pure cgroup v2"
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


@contextmanager
def running(names: Sequence[str], *, first: int = 1, keep: bool = False) -> Iterator[list[Node]]:
    """Nodes of these names (8 characters at most), all started at once; they end with the block.

    The node number ``first`` is 10.250.<first>.1, and so on. What they store is removed at the end
    unless ``keep`` is given; then the next node of that name goes on with it. Their logs are in
    ``<folder>/log`` as long as they run. Raises ``StartFailed``.
    """
    reason = why_not()
    if reason:
        raise StartFailed(reason)
    programs, store = find_programs(), find_store()
    with ExitStack() as stack:
        hosts = [
            _Host(name, first + number, programs, store, keep=keep)
            for number, name in enumerate(names)
        ]
        for host in hosts:
            stack.enter_context(host.locked())
            stack.callback(host.stop)
            host.start()
        yield [host.ready() for host in hosts]


def clean(names: Sequence[str], *, keep: bool = False) -> None:
    """Removes what a run that was killed left of nodes: processes, wires, cgroups, what they store
    unless that is to be kept. Raises ``StartFailed`` where one is in use.
    """
    for name in names:
        host = _Host(name, 0, Path(), Path(), keep=keep)
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

    def __init__(self, name: str, index: int, programs: Path, store: Path, *, keep: bool) -> None:
        self._name = name
        self._programs = programs
        self._store = store
        self._keep = keep
        self._gateway = f"10.250.{index}.254"
        self._address = f"10.250.{index}.1"
        self._link = f"kf-{name}"
        self._folder = cache() / "run" / name
        self._server: Server | None = None
        self._node: Node | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else starts, uses or ends a node of this name meanwhile."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with self._folder.with_suffix(".lock").open("w") as lock:
            _take(lock, self._name)
            yield

    def start(self) -> None:
        """Starts the node and does not wait until it is ready."""
        self._clean()
        if not (self._folder / "etc").exists():
            self._prepare()
        init = [
            *("unshare", "-m", "-u", "-i", "-n", "-p", "--fork", "--kill-child", "--mount-proc"),
            *("--propagation", "private", _HACK / "node" / "init.sh"),
            *(self._folder, self._name, self._address, self._programs),
        ]
        pid_file = self._folder / "unshare.pid"
        wrap = ["bash", "-c", 'echo $$ >"$0" && exec "$@"', pid_file]
        self._server = Server([*wrap, *init], log=self._folder / "log" / "unshare.log")
        self._server.wait_until(lambda: bool(self._init()), seconds=_END_SECONDS)
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
            folder=self._folder,
            kubeconfig=self._folder / "pki" / "admin.conf",
            user_kubeconfig=self._folder / "pki" / "ferry.conf",
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
            log = (self._folder / "log" / "init.log").read_text()
            raise StartFailed(f"node {self._name}: {error}\n{log}") from None
        admins = ("clusterrolebinding", "ferry", "--clusterrole=cluster-admin", "--user=ferry")
        node.run("create", *admins)  # is there already in a kept node
        self._node = node
        return node

    def stop(self) -> None:
        """Ends it; nothing of it is left but, where that is asked for, what it stored."""
        if self._server is not None:
            self._server.stop()
        self._clean()
        if not self._keep:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.with_suffix(".lock").unlink(missing_ok=True)

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
            unshare = int((self._folder / "unshare.pid").read_text())
            told = Path(f"/proc/{unshare}/cmdline").read_bytes()
            children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return 0
        # Only if it is this node's: the number may be somebody else's by now.
        is_ours = b"init.sh" in told and str(self._folder).encode() in told
        return int(children[0]) if is_ours and children else 0

    def _prepare(self) -> None:
        """Writes what the node starts with."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)
        (self._folder / "log").mkdir()
        self._write_identities()
        # Layers are hard links, nobody writes to them; the databases must be copies.
        root = self._folder / "var/lib/containerd"
        root.parent.mkdir(parents=True)
        _run("cp", "-al", self._store, root)
        for database in self._store.rglob("*.db"):
            copy = root / database.relative_to(self._store)
            copy.unlink()
            shutil.copy2(database, copy)
        self._write_configuration()

    def _write_identities(self) -> None:
        """Certificates and tokens: random, and readable by root only."""
        pki = self._folder / "pki"
        authority = Authority(pki)
        name, address = f"node-{self._name}", self._address
        hosts = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        hosts.append("kubernetes.default.svc.cluster.local")
        authority.server("apiserver", [address, "127.0.0.1", _FIRST_SERVICE], hosts)
        authority.server("kubelet", [address], [name])
        authority.client("apiserver-kubelet", "kube-apiserver", "system:masters")
        signing_key(pki / "sa.key")

        def kubeconfig(file: str, user: dict[str, str]) -> None:
            write_kubeconfig(
                pki / f"{file}.conf",
                server=f"https://{address}:6443",
                authority=authority.certificate,
                user=user,
                context=self._name,
            )

        admin = authority.client("admin", "admin", "system:masters")
        kubeconfig("admin", certificate_user(admin))
        users = {
            "kube-controller-manager": "system:kube-controller-manager",
            "kube-scheduler": "system:kube-scheduler",
            "kube-proxy": "system:kube-proxy",
            "kubelet": f"system:node:{name}",
            "ferry": "ferry",
        }
        tokens = ""
        for file, user in users.items():
            token = secrets.token_hex(24)
            kubeconfig(file, {"token": token})
            tokens += f"{token},{user},{user}{',system:nodes' if file == 'kubelet' else ''}\n"
        write_private(pki / "tokens.csv", tokens)

    def _write_configuration(self) -> None:
        """The configuration files of the node's parts; a flag's reason stands beside it."""
        etc = self._folder / "etc.new"
        etc.mkdir()
        pki = self._folder / "pki"
        resolver = self._folder / "etc" / "resolv.conf"
        files: dict[str, str] = {
            "resolv.conf": f"nameserver {self._address}\n",
            "containerd.toml": _CONTAINERD,
            "Corefile": _COREFILE.format(address=self._address, kubeconfig=pki / "admin.conf"),
        }
        documents: dict[str, dict[str, Any]] = {
            "kubelet.json": _kubelet(self._name, self._address, pki, resolver),
            "kube-proxy.json": _kube_proxy(self._name, pki),
            "audit.json": _AUDIT,
        }
        files |= {name: json.dumps(document, indent=2) for name, document in documents.items()}
        for name, text in files.items():
            (etc / name).write_text(text)
        etc.rename(self._folder / "etc")  # the last thing: a node that has it is prepared


_CONTAINERD = """\
version = 3
disabled_plugins = ['io.containerd.internal.v1.opt']  # it creates /opt/containerd
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'registry.k8s.io/pause:3.10.1'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE no score can be lowered
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/usr/lib/cni']
    conf_dir = '/etc/cni/net.d'
"""

_COREFILE = """\
.:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 2
  }}
}}
"""

_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [CONTROLLER]}, {"level": "None"}],
}
"""What the controller asks for; ``tests/node/permissions.py`` judges its rights by it."""


def _kubelet(name: str, address: str, pki: Path, resolver: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/kf-{name}",  # nodes do not touch each other's, and the end knows them
        "failCgroupV1": False,  # refused otherwise since 1.35
        "failSwapOn": False,
        "oomScoreAdj": 0,  # without CAP_SYS_RESOURCE it cannot be lowered
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "clusterDNS": [address],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolver),
        "makeIPTablesUtilChains": False,  # there is no iptables
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        # A full disk must not evict pods, and a collected image cannot be pulled again.
        "evictionHard": dict.fromkeys(
            ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"), "0%"
        ),
        "imageGCHighThresholdPercent": 100,
    }


def _kube_proxy(name: str, pki: Path) -> dict[str, Any]:
    limits = {"maxPerCore": 0, "min": 0}  # conntrack's are the machine's, not the namespace's
    times = {"tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": "10.244.0.0/24",
        "hostnameOverride": f"node-{name}",
        "oomScoreAdj": 0,
        "clientConnection": {"kubeconfig": str(pki / "kube-proxy.conf")},
        "conntrack": limits | times,
    }


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
