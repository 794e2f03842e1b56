"""The control planes of the benchmarks: one at a time, a fresh one for each pass.

Only the controllers for namespaces, service accounts and garbage run, and etcd may hold 8 GiB. The
user is no member of system:masters; it speaks TLS and shows a token.
"""

import base64
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from kubeferry import codec
from tests.clusters import Cluster
from tests.controlplane import Options, running

CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "garbage-collector-controller",
)
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
_SETTLE_SECONDS = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def fresh_cluster() -> Iterator[Cluster]:
    """An empty control plane, started anew and left in peace for a few seconds."""
    options = Options(quota=8 << 30, controllers=CONTROLLERS)
    with (
        TemporaryDirectory(prefix="kubeferry-bench-") as folder,
        running(["bench"], folder=Path(folder), options=options) as [cluster],
    ):
        time.sleep(_SETTLE_SECONDS)
        yield cluster


def server_cpu(cluster: Cluster) -> dict[str, float]:
    """CPU seconds that each of the cluster's processes has used so far, by program."""
    used: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            program, *flags = (folder / "cmdline").read_bytes().split(b"\0")
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        name = Path(program.decode(errors="replace")).name
        if name in PROGRAMS and any(str(cluster.folder).encode() in flag for flag in flags):
            used[name] = (int(fields[11]) + int(fields[12])) / _TICKS
    return used


@dataclass(frozen=True, slots=True)
class Access:
    """What a bare client needs of a kubeconfig."""

    server: str
    token: str
    tls: ssl.SSLContext

    @classmethod
    def of(cls, kubeconfig: str) -> "Access":
        """Reads one that ``tests.controlplane`` wrote."""
        config: dict[str, Any] = codec.load_yaml(Path(kubeconfig).read_text())
        cluster = config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        tls = ssl.create_default_context(cadata=authority)
        return cls(cluster["server"], config["users"][0]["user"]["token"], tls)

    def session(self, *, connections: int) -> aiohttp.ClientSession:
        """A plain session with the user's token."""
        return aiohttp.ClientSession(
            self.server,
            connector=aiohttp.TCPConnector(limit=connections, ssl=self.tls),
            headers={"Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_read=75),
        )
