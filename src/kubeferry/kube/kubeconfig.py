"""Kubeconfig files: reading, merging, and choosing one context, as kubectl does.

Of several files the first to name a cluster, user, context or the current context wins; relative
paths are relative to the file that holds them. Every refusal names the file or the entry.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from kubeferry import codec
from kubeferry.errors import ConfigError, InvalidInput
from kubeferry.kube.cluster import ClusterConfig, ExecPlugin, Impersonation, Material
from kubeferry.kube.kubeconfig_file import (
    Cluster,
    Context,
    File,
    NamedCluster,
    NamedContext,
    NamedUser,
    Text,
    User,
)

EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_INTERACTIVE = ("Never", "IfAvailable", "Always")
_CLUSTER_EXTENSION = "client.authentication.k8s.io/exec"


class Kubeconfig(msgspec.Struct, frozen=True):
    """One file's content and where it is."""

    path: Path
    content: File


def read_files(paths: Sequence[Path], *, must_exist: bool) -> list[Kubeconfig]:
    """The files that exist, in order. Raises ``ConfigError`` for one that cannot be read."""
    found = []
    for path in paths:
        try:
            text = path.read_bytes()
        except FileNotFoundError as error:
            if must_exist:
                raise ConfigError("no such file", place=f"kubeconfig {path}") from error
            continue
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
            raise ConfigError(problem, place=f"kubeconfig {path}") from error
        found.append(Kubeconfig(path, _parse(text, path)))
    return found


def _parse(text: bytes, path: Path) -> File:
    place = f"kubeconfig {path}"
    try:
        value = codec.load_yaml(text, place=place)
        return codec.convert({} if value is None else value, File, place=place)
    except InvalidInput as error:
        raise ConfigError(error.problem, place=error.place) from error


def select(
    files: Sequence[Kubeconfig],
    *,
    context: str | None,
    environ: Mapping[str, str],
    terminal: bool,
    default_proxy: Callable[[str], str],
) -> ClusterConfig:
    """The cluster and user of a context (None: the current one). Raises ``ConfigError``."""
    where = ", ".join(str(file.path) for file in files)
    name = context or next(
        (file.content.current_context for file in files if file.content.current_context), ""
    )
    if not name:
        known = sorted({one.name for file in files for one in file.content.contexts or ()})
        raise ConfigError(
            "no current context",
            place=f"kubeconfig {where}",
            remedy=f"choose one with --context: {', '.join(known) or 'the file has none'}",
        )
    _, chosen = _find("context", name, files, lambda file: file.contexts, where)
    picked = chosen.context or Context()
    if not picked.cluster:
        raise ConfigError("names no cluster", place=f"context {name}")
    cluster_folder, named_cluster = _find(
        "cluster", picked.cluster, files, lambda file: file.clusters, where
    )
    user_folder, user = Path(), User()
    if picked.user:
        user_folder, named_user = _find("user", picked.user, files, lambda file: file.users, where)
        user = named_user.user or user
    cluster = named_cluster.cluster or Cluster()
    base = _cluster(cluster, cluster_folder, f"cluster {picked.cluster}", default_proxy)
    place = f"user {picked.user}"
    _refuse_clashes(user, place)
    certificate, key = _client_certificate(user, user_folder, place)
    return _with_user(
        base,
        user,
        context=name,
        namespace=picked.namespace or "default",
        certificate=certificate,
        key=key,
        folder=user_folder,
        place=place,
        plugin=_plugin(user, cluster, base, user_folder, place, environ, terminal),
    )


Named = TypeVar("Named", NamedCluster, NamedUser, NamedContext)


def _find(
    what: str,
    name: str,
    files: Sequence[Kubeconfig],
    entries: Callable[[File], list[Named] | None],
    where: str,
) -> tuple[Path, Named]:
    """The first entry of the name, with the folder that its relative paths begin at."""
    known: list[str] = []
    for file in files:
        for entry in entries(file.content) or ():
            if entry.name == name:
                return file.path.absolute().parent, entry
            known.append(entry.name)
    listed = ", ".join(sorted(set(known))) or "none"
    raise ConfigError(
        f"no {what} is called {name!r}", place=f"kubeconfig {where}", remedy=f"it has: {listed}"
    )


def _cluster(
    cluster: Cluster, folder: Path, place: str, default_proxy: Callable[[str], str]
) -> ClusterConfig:
    server = cluster.server or ""
    if server and "://" not in server:
        server = f"https://{server}"
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"server {cluster.server!r} is no URL",
            place=place,
            remedy="for example https://10.0.0.1:6443",
        )
    proxy = cluster.proxy_url or default_proxy(server)
    if proxy and urlsplit(proxy).scheme not in ("http", "https"):
        raise ConfigError(
            f"a proxy of scheme {urlsplit(proxy).scheme!r} is not supported",
            place=place,
            remedy="name an http:// or https:// proxy",
        )
    ca = _material(
        cluster.certificate_authority_data,
        cluster.certificate_authority,
        folder,
        place,
        "certificate-authority",
    )
    if ca is not None and cluster.insecure_skip_tls_verify:
        raise ConfigError(
            "has a certificate-authority and insecure-skip-tls-verify",
            place=place,
            remedy="keep one of them",
        )
    return ClusterConfig(
        server=server.rstrip("/"),
        ca=ca,
        insecure=bool(cluster.insecure_skip_tls_verify),
        tls_server_name=cluster.tls_server_name or "",
        proxy_url=proxy,
    )


def _material(data: Text, file: Text, folder: Path, place: str, field: str) -> Material | None:
    """Inline data before a file, as kubectl has it; a file is opened once to see that it can be."""
    if data:
        try:
            return base64.b64decode(data, validate=False)
        except (binascii.Error, ValueError) as error:
            raise ConfigError(f"{field}-data is not base64", place=place) from error
    if not file:
        return None
    path = folder / file
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ConfigError(f"{field} {path}: {error.strerror}", place=place) from error


def _refuse_clashes(user: User, place: str) -> None:
    provider = user.auth_provider
    if provider is not None and user.plugin is not None:
        raise ConfigError("has an exec plugin and an auth-provider", place=place)
    if provider is not None and not (provider.config or {}).get("id-token"):
        raise ConfigError(
            f"the auth-provider {provider.name!r} is no longer part of Kubernetes",
            place=place,
            remedy="use an exec credential plugin (kubelogin, gke-gcloud-auth-plugin, ...)",
        )


def _client_certificate(
    user: User, folder: Path, place: str
) -> tuple[Material | None, Material | None]:
    certificate = _material(
        user.client_certificate_data, user.client_certificate, folder, place, "client-certificate"
    )
    key = _material(user.client_key_data, user.client_key, folder, place, "client-key")
    if (certificate is None) != (key is None):
        missing = "client-key" if key is None else "client-certificate"
        raise ConfigError(f"{missing} is missing, a certificate needs both", place=place)
    return certificate, key


def _with_user(
    base: ClusterConfig,
    user: User,
    *,
    context: str,
    namespace: str,
    certificate: Material | None,
    key: Material | None,
    folder: Path,
    place: str,
    plugin: ExecPlugin | None,
) -> ClusterConfig:
    token_file = _material(None, user.token_file, folder, place, "tokenFile")
    provider = user.auth_provider.config if user.auth_provider else None
    return ClusterConfig(
        server=base.server,
        namespace=namespace,
        context=context,
        ca=base.ca,
        insecure=base.insecure,
        tls_server_name=base.tls_server_name,
        proxy_url=base.proxy_url,
        client_certificate=certificate,
        client_key=key,
        token=user.token or (provider or {}).get("id-token", ""),
        token_file=token_file if isinstance(token_file, Path) else None,
        username=user.username or "",
        password=user.password or "",
        exec_plugin=plugin,
        impersonation=_impersonation(user, place),
    )


def _impersonation(user: User, place: str) -> Impersonation | None:
    if not user.as_user:
        if user.as_uid or user.as_groups or user.as_extra:
            raise ConfigError("as-uid, as-groups and as-user-extra need `as`", place=place)
        return None
    return Impersonation(
        user=user.as_user,
        uid=user.as_uid or "",
        groups=tuple(user.as_groups or ()),
        extra={key: tuple(values) for key, values in (user.as_extra or {}).items()},
    )


def _plugin(
    user: User,
    cluster: Cluster,
    base: ClusterConfig,
    folder: Path,
    place: str,
    environ: Mapping[str, str],
    terminal: bool,
) -> ExecPlugin | None:
    plugin = user.plugin
    if plugin is None:
        return None
    place = f"{place}, exec"
    version = plugin.api_version or ""
    if version not in EXEC_VERSIONS:
        raise ConfigError(
            f"apiVersion {version!r} is not supported",
            place=place,
            remedy=f"one of {', '.join(EXEC_VERSIONS)}",
        )
    if not plugin.command:
        raise ConfigError("command is missing", place=place)
    mode = plugin.interactive_mode or ("IfAvailable" if version == EXEC_VERSIONS[1] else "")
    if mode not in _INTERACTIVE:
        raise ConfigError(
            f"interactiveMode {mode!r}", place=place, remedy=f"one of {', '.join(_INTERACTIVE)}"
        )
    return ExecPlugin(
        api_version=version,
        command=str(folder / plugin.command) if "/" in plugin.command else plugin.command,
        args=tuple(plugin.args or ()),
        environment={**environ, **{one.name: one.value or "" for one in plugin.env or ()}},
        interactive=mode,
        terminal=terminal,
        cluster=_cluster_info(cluster, base) if plugin.provide_cluster_info else None,
        install_hint=" ".join((plugin.install_hint or "").split()),
    )


def _cluster_info(cluster: Cluster, base: ClusterConfig) -> dict[str, object]:
    """``spec.cluster`` of the ExecCredential handed to a plugin that asks for it."""
    ca = base.ca.read_bytes() if isinstance(base.ca, Path) else base.ca
    info: dict[str, object] = {
        "server": base.server,
        "tls-server-name": base.tls_server_name,
        "insecure-skip-tls-verify": base.insecure,
        "certificate-authority-data": base64.b64encode(ca).decode() if ca else "",
        "proxy-url": base.proxy_url,
    }
    kept = {key: value for key, value in info.items() if value}
    for extension in cluster.extensions or ():
        if extension.name == _CLUSTER_EXTENSION:
            kept["config"] = extension.extension
    return kept
