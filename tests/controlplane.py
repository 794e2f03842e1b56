"""Real control planes: etcd, kube-apiserver and kube-controller-manager, one set a cluster.

``running`` is for tests, benchmarks and ``make controlplane``. The programs are those of
``KUBEBUILDER_ASSETS``, or what ``hack/build.sh controlplane`` has built. Service accounts, RBAC,
garbage collection and the other controllers work; there is no scheduler and no kubelet.
"""

import os
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clusters import Cluster, certificate_user, write_kubeconfig, write_private
from tests.pki import Authority, signing_key
from tests.processes import Server, StartFailed, free_ports

ROOT = Path(__file__).parent.parent
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
USER = "ferry"
"""An ordinary user: not in system:masters, may do everything by RBAC."""

_MANAGER = "system:kube-controller-manager"
_SERVICES = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"
# Stands in the endpoints of default/kubernetes, where a loopback address may not.
_ADVERTISED = "192.0.2.1"
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Options:
    """How a control plane is started.

    Attributes:
        quota: bytes that etcd may store.
        controllers: which run in the controller manager; ``*`` is all that do by default.
        api_server_flags: more flags for the API server.
    """

    quota: int = 2 << 30
    controllers: tuple[str, ...] = ("*",)
    api_server_flags: tuple[str, ...] = ()


@contextmanager
def running(
    names: Sequence[str], *, folder: Path, options: Options | None = None
) -> Iterator[list[Cluster]]:
    """Control planes of these names, all started at once; they end with the block.

    Their files are in ``folder/<name>``; the logs stay. Raises ``StartFailed``.
    """
    programs = find_programs()
    with ExitStack() as stack:
        planes = [
            ControlPlane(name, folder / name, programs, options or Options()) for name in names
        ]
        for plane in planes:
            stack.callback(plane.stop)
            plane.start()
        yield [plane.ready() for plane in planes]


def find_programs() -> Path:
    """The folder of the programs; they are built if they are not there. Raises ``StartFailed``."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        missing = [name for name in PROGRAMS if not os.access(Path(given, name), os.X_OK)]
        if missing:
            raise StartFailed(f"KUBEBUILDER_ASSETS={given} lacks {', '.join(missing)}")
        return Path(given)
    built = subprocess.run(
        [ROOT / "hack" / "build.sh", "controlplane"], stdout=subprocess.PIPE, text=True, check=False
    )
    if built.returncode:
        raise StartFailed("hack/build.sh controlplane failed: its output says why")
    return Path(built.stdout.strip())


class ControlPlane:
    """The processes of one cluster."""

    def __init__(self, name: str, folder: Path, programs: Path, options: Options) -> None:
        self._folder = folder
        self._programs = programs
        self._options = options
        self._servers: list[Server] = []
        self._etcd_port, self._peer_port, self._port = free_ports(3)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._authority = Authority(folder / "pki")
        self._signing_key = signing_key(folder / "pki" / "sa.key")
        self._token = secrets.token_hex(24)
        self._tokens = write_private(
            folder / "pki" / "tokens.csv", f"{self._token},{USER},{USER}\n"
        )
        server = f"https://127.0.0.1:{self._port}"
        admin = self._authority.client("admin", "admin", "system:masters")
        self._cluster = Cluster(
            name=name,
            server=server,
            folder=folder,
            programs=programs,
            kubeconfig=self._kubeconfig("admin", server, certificate_user(admin), name),
            user_kubeconfig=self._kubeconfig(USER, server, {"token": self._token}, name),
        )

    def start(self) -> None:
        """Starts etcd and the API server and does not wait for them."""
        shutil.rmtree(self._folder / "etcd", ignore_errors=True)
        self._run("etcd", *self._etcd_flags())
        self._run("kube-apiserver", *self._api_server_flags())

    def ready(self) -> Cluster:
        """Waits for the API server, starts the controllers, waits until a pod could be created."""
        api_server = self._servers[-1]
        api_server.wait_until(self._answers, seconds=_READY_SECONDS)
        cluster = self._cluster
        admins = ["clusterrolebinding", USER, "--clusterrole=cluster-admin", f"--user={USER}"]
        cluster.kubectl("create", *admins)
        manager = self._run("kube-controller-manager", *self._manager_flags())
        account = ("get", "serviceaccount", "default", "-n", "default")
        manager.wait_until(lambda: not cluster.run(*account).returncode, seconds=_READY_SECONDS)
        return cluster

    def stop(self) -> None:
        """Ends the processes and removes the data, not the logs."""
        for server in reversed(self._servers):
            server.stop()
        self._servers.clear()
        shutil.rmtree(self._folder / "etcd", ignore_errors=True)

    def _run(self, program: str, *flags: str) -> Server:
        log = self._folder / "log" / f"{program}.log"
        server = Server([self._programs / program, *flags], log=log)
        self._servers.append(server)
        return server

    def _answers(self) -> bool:
        context = ssl.create_default_context(cafile=str(self._authority.certificate))
        try:
            url = f"{self._cluster.server}/readyz"
            with urllib.request.urlopen(url, context=context, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _etcd_flags(self) -> list[str]:
        client = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._peer_port}"
        return [
            f"--data-dir={self._folder / 'etcd'}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--quota-backend-bytes={self._options.quota}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ]

    def _api_server_flags(self) -> list[str]:
        hosts = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        pair = self._authority.server("apiserver", ["127.0.0.1", _FIRST_SERVICE], hosts)
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            f"--advertise-address={_ADVERTISED}",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder / 'pki'}",
            f"--tls-cert-file={pair.certificate}",
            f"--tls-private-key-file={pair.key}",
            f"--client-ca-file={self._authority.certificate}",
            f"--token-auth-file={self._tokens}",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-signing-key-file={self._signing_key}",
            f"--service-account-key-file={self._signing_key}",
            f"--service-cluster-ip-range={_SERVICES}",
            *self._options.api_server_flags,
        ]

    def _manager_flags(self) -> list[str]:
        user = certificate_user(self._authority.client("controller-manager", _MANAGER))
        config = self._kubeconfig("controller-manager", self._cluster.server, user, "manager")
        return [
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--root-ca-file={self._authority.certificate}",
            f"--service-account-private-key-file={self._signing_key}",
            f"--flex-volume-plugin-dir={self._folder / 'flexvolume'}",
            f"--controllers={','.join(self._options.controllers)}",
        ]

    def _kubeconfig(self, name: str, server: str, user: dict[str, str], context: str) -> Path:
        path = self._folder / f"{name}.kubeconfig"
        certificate = self._authority.certificate
        return write_kubeconfig(
            path, server=server, authority=certificate, user=user, context=context
        )
