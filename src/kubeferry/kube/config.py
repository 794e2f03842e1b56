"""Which cluster to talk to, and as whom: the result of reading a kubeconfig or a pod's own account.

``load_config`` looks where kubectl looks: the file given, else the files of ``KUBECONFIG``, else
``~/.kube/config``, else (inside a pod) the service account. It reads files and nothing else; what
must be fetched or renewed (tokens, exec plugins) is ``auth.py``'s work.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from kubeferry.errors import ConfigError
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.kubeconfig import read_files, select
from kubeferry.kube.proxy import proxy_of_environment

__all__ = ["SERVICE_ACCOUNT", "ClusterConfig", "load_config"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's token, CA and namespace."""


def load_config(
    *,
    kubeconfig: str | None,
    context: str | None,
    environ: Mapping[str, str],
    home: Path,
    terminal: bool = False,
    service_account: Path = SERVICE_ACCOUNT,
) -> ClusterConfig:
    """The cluster to talk to.

    Args:
        kubeconfig: a file that must exist; None looks in ``KUBECONFIG`` and below ``home``.
        context: a context's name; None takes the current one.
        environ: this process's environment.
        home: the person's home.
        terminal: whether an exec plugin may ask the person something.
        service_account: where a pod's account is mounted.

    Raises:
        ConfigError: nothing is found, a file cannot be read, or what it says cannot be.
    """
    paths, named = _paths(kubeconfig, environ, home)
    files = read_files(paths, must_exist=kubeconfig is not None)
    if not files and context is None and not named:
        inside = _in_cluster(environ, service_account)
        if inside is not None:
            return inside
    if not files:
        places = ", ".join(str(path) for path in paths)
        raise ConfigError(
            f"no kubeconfig found (looked at {places})",
            remedy="name one with --kubeconfig or KUBECONFIG",
        )
    return select(
        files,
        context=context,
        environ=environ,
        terminal=terminal,
        default_proxy=lambda server: proxy_of_environment(server, environ),
    )


def _paths(
    kubeconfig: str | None, environ: Mapping[str, str], home: Path
) -> tuple[list[Path], bool]:
    """The files to read, first one first, and whether a person named them."""
    if kubeconfig is not None:
        return [Path(kubeconfig)], True
    listed = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        return [Path(part) for part in listed], True
    return [home / ".kube" / "config"], False


def _in_cluster(environ: Mapping[str, str], folder: Path) -> ClusterConfig | None:
    """A pod's own account, None outside of one.

    The host is what the environment says: the API server's Service address, which Kubernetes puts
    there, or what a manifest puts in its place, as ours does: ``kubernetes.default.svc``.
    """
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "") or "443"
    token = folder / "token"
    if not host or not token.exists():
        return None
    ca = folder / "ca.crt"
    namespace = folder / "namespace"
    return ClusterConfig(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=(namespace.read_text().strip() if namespace.exists() else "") or "default",
        ca=ca if ca.exists() else None,
        token_file=token,
    )
