"""What a client must know to reach one cluster as one user; its secrets are never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Material = Path | bytes
"""A certificate or key: where its file is, or its PEM bytes."""


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that prints credentials (``client.authentication.k8s.io`` v1 or v1beta1).

    Attributes:
        command: as written; with a slash resolved against the kubeconfig's folder.
        environment: all of the program's environment.
        interactive: ``Never``, ``IfAvailable`` or ``Always``.
        terminal: whether this process has a terminal to lend.
        cluster: the ``spec.cluster`` to hand over, None unless ``provideClusterInfo``.
    """

    api_version: str
    command: str
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    interactive: str = "IfAvailable"
    terminal: bool = False
    cluster: Mapping[str, object] | None = None
    install_hint: str = ""


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom to act as, in place of whom the credentials name."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One cluster and one user. Secrets stay out of the representation.

    ``namespace`` is the context's, ``default`` without one; ``context`` is empty in a pod.
    """

    server: str
    namespace: str = "default"
    context: str = ""
    ca: Material | None = field(default=None, repr=False)
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = field(default="", repr=False)
    client_certificate: Material | None = field(default=None, repr=False)
    client_key: Material | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    exec_plugin: ExecPlugin | None = None
    impersonation: Impersonation | None = None
