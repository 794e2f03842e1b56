"""What a kubeconfig file may say, as kubectl spells it; every field may be missing or null."""

from typing import Any

import msgspec

Text = str | None


class Extension(msgspec.Struct):
    """What others keep in the file."""

    name: Text = None
    extension: Any = None


class Cluster(msgspec.Struct, rename="kebab"):
    """A server and how to trust it."""

    server: Text = None
    certificate_authority: Text = None
    certificate_authority_data: Text = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: Text = None
    proxy_url: Text = None
    extensions: list[Extension] | None = None


class Variable(msgspec.Struct):
    """One of a plugin's environment."""

    name: str
    value: Text = None


class Exec(msgspec.Struct, rename="camel"):
    """A credential plugin."""

    api_version: Text = None
    command: Text = None
    args: list[str] | None = None
    env: list[Variable] | None = None
    interactive_mode: Text = None
    provide_cluster_info: bool | None = None
    install_hint: Text = None


class Provider(msgspec.Struct):
    """The old form of a plugin."""

    name: Text = None
    config: dict[str, str] | None = None


class User(
    msgspec.Struct,
    rename={
        "client_certificate": "client-certificate",
        "client_certificate_data": "client-certificate-data",
        "client_key": "client-key",
        "client_key_data": "client-key-data",
        "token_file": "tokenFile",
        "as_user": "as",
        "as_uid": "as-uid",
        "as_groups": "as-groups",
        "as_extra": "as-user-extra",
        "plugin": "exec",
        "auth_provider": "auth-provider",
    },
):
    """Credentials, and whom to act as."""

    client_certificate: Text = None
    client_certificate_data: Text = None
    client_key: Text = None
    client_key_data: Text = None
    token: Text = None
    token_file: Text = None
    username: Text = None
    password: Text = None
    as_user: Text = None
    as_uid: Text = None
    as_groups: list[str] | None = None
    as_extra: dict[str, list[str]] | None = None
    plugin: Exec | None = None
    auth_provider: Provider | None = None


class Context(msgspec.Struct):
    """A cluster, a user and a namespace."""

    cluster: Text = None
    user: Text = None
    namespace: Text = None


class NamedCluster(msgspec.Struct):
    """An entry of ``clusters``."""

    name: str
    cluster: Cluster | None = None


class NamedUser(msgspec.Struct):
    """An entry of ``users``."""

    name: str
    user: User | None = None


class NamedContext(msgspec.Struct):
    """An entry of ``contexts``."""

    name: str
    context: Context | None = None


class File(msgspec.Struct, rename={"current_context": "current-context"}):
    """A whole file."""

    current_context: Text = None
    clusters: list[NamedCluster] | None = None
    users: list[NamedUser] | None = None
    contexts: list[NamedContext] | None = None
