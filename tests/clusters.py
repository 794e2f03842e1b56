"""A running cluster as a test sees it: kubeconfigs, kubectl, and a kubelet's part.

Nothing runs pods in a control plane without nodes and nothing provisions volumes, so
``mark_pods_ready`` and ``set_status`` write what a kubelet or a provisioner would.
"""

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.pki import KeyPair

KUBECTL_TIMEOUT = 120.0


class KubectlFailed(AssertionError):
    """kubectl said no; ``stderr`` is what it said."""

    def __init__(
        self, arguments: tuple[str, ...], result: subprocess.CompletedProcess[str]
    ) -> None:
        super().__init__(
            f"kubectl {' '.join(arguments)}: exit code {result.returncode}\n{result.stderr}"
        )
        self.stderr = result.stderr


@dataclass(frozen=True)
class Cluster:
    """One cluster.

    Attributes:
        name: ``backup``, ``restore`` ...
        server: the URL of its API server.
        folder: its files; ``log/`` has the processes' output.
        kubeconfig: of the administrator, who is in system:masters, by a client certificate.
        user_kubeconfig: of the user ``ferry``, who may do everything by RBAC, by a token.
        programs: the folder of kubectl.
    """

    name: str
    server: str
    folder: Path
    kubeconfig: Path
    user_kubeconfig: Path
    programs: Path

    def run(
        self, *arguments: str, input: str | None = None, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl to its end, whatever that is."""
        environ = dict(os.environ)
        environ["KUBECONFIG"] = str(kubeconfig or self.kubeconfig)
        # kubectl's cache goes by address, and another cluster may have had this one's.
        environ["KUBECACHEDIR"] = str(self.folder / "kubectl")
        return subprocess.run(
            [self.programs / "kubectl", *arguments],
            env=environ,
            input=input,
            capture_output=True,
            text=True,
            timeout=KUBECTL_TIMEOUT,
            check=False,
        )

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        """What kubectl prints. Raises ``KubectlFailed``."""
        result = self.run(*arguments, input=input)
        if result.returncode:
            raise KubectlFailed(arguments, result)
        return result.stdout

    def refusal(self, *arguments: str, input: str | None = None) -> str:
        """What kubectl prints to stderr when it is refused; it is a failure if it is not."""
        result = self.run(*arguments, input=input)
        assert result.returncode, f"kubectl {' '.join(arguments)} was not refused: {result.stdout}"
        return result.stderr

    def get(self, *arguments: str) -> Any:
        """``kubectl get ... -o json``, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    @contextmanager
    def fresh_namespace(self) -> Iterator[str]:
        """An empty namespace, whose default service account is there; it goes with the block."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        account = ["serviceaccount/default", "-n", name]
        self.kubectl("wait", *account, "--for=create", "--timeout=30s")
        yield name
        self.kubectl("delete", "namespace", name, "--wait=false")

    def set_status(
        self, resource: str, name: str, status: Mapping[str, Any], *, namespace: str = ""
    ) -> None:
        """Merges into an object's status, as its controller would."""
        where = ["-n", namespace] if namespace else []
        patch = json.dumps({"status": status})
        self.kubectl(
            "patch", resource, name, *where, "--subresource=status", "--type=merge", "-p", patch
        )

    def mark_pods_ready(self, namespace: str, selector: str = "") -> list[str]:
        """Pods become Running and Ready, as a kubelet would report them; returns their names."""
        chosen = ["-l", selector] if selector else []
        pods = self.get("pods", "-n", namespace, *chosen)["items"]
        for pod in pods:
            status = {
                "phase": "Running",
                "conditions": [
                    {"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")
                ],
            }
            self.set_status("pods", pod["metadata"]["name"], status, namespace=namespace)
        return [pod["metadata"]["name"] for pod in pods]

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of a service account, which is there already."""
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration=6h").strip()
        config = json.loads(self.user_kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        path = self.folder / f"{namespace}-{name}.kubeconfig"
        return write_private(path, json.dumps(config))


def write_private(path: Path, text: str) -> Path:
    """Writes a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def write_kubeconfig(
    path: Path, *, server: str, authority: Path, user: Mapping[str, str], context: str
) -> Path:
    """A kubeconfig of one user of one cluster; ``authority`` is its certificate's file."""
    cluster = {"server": server, "certificate-authority-data": as_base64(authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": path.stem, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": path.stem}}],
        "current-context": context,
    }
    return write_private(path, json.dumps(config, indent=2))


def certificate_user(pair: KeyPair) -> dict[str, str]:
    """The user of a kubeconfig who proves itself by a client certificate."""
    return {
        "client-certificate-data": as_base64(pair.certificate),
        "client-key-data": as_base64(pair.key),
    }


def as_base64(path: Path) -> str:
    """A file's content as kubeconfigs and Secrets have it."""
    return base64.b64encode(path.read_bytes()).decode()
