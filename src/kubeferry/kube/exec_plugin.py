"""Runs an exec credential plugin and reads what it prints (``client.authentication.k8s.io``)."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from kubeferry import codec
from kubeferry.clock import parse_timestamp
from kubeferry.errors import ConfigError
from kubeferry.kube.cluster import ExecPlugin

_PATIENCE = 300.0
"""Seconds a plugin may take: a person may have to log in with a browser."""
_QUOTED = 400
"""Characters at the end of a failed plugin's stderr to show."""


@dataclass(frozen=True, slots=True)
class PluginCredentials:
    """What a plugin gave: a token, a client certificate, or both."""

    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    expires: datetime | None = None


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: str | None = None


class _Credential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


async def run_plugin(plugin: ExecPlugin) -> PluginCredentials:
    """Runs the program to its end. Raises ``ConfigError`` with what it said when it fails."""
    place = f"exec plugin {plugin.command}"
    lend = plugin.interactive != "Never" and plugin.terminal
    if plugin.interactive == "Always" and not lend:
        raise ConfigError("needs a terminal, and there is none", place=place)
    program = shutil.which(plugin.command, path=plugin.environment.get("PATH"))
    if program is None:
        raise ConfigError("no such program", place=place, remedy=plugin.install_hint)
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *plugin.args,
            env={**plugin.environment, "KUBERNETES_EXEC_INFO": _info(plugin, lend)},
            stdin=None if lend else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            # What a plugin asks or tells the person goes to the terminal, if there is one.
            stderr=None if lend else asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise ConfigError(f"cannot be run: {error.strerror}", place=place) from error
    try:
        async with asyncio.timeout(_PATIENCE):
            out, complaint = await process.communicate()
    except TimeoutError as error:
        raise ConfigError(f"gave no answer within {_PATIENCE:.0f} s", place=place) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = " ".join((complaint or b"").decode(errors="replace").split())[-_QUOTED:]
        raise ConfigError(
            f"ended with {process.returncode}: {said or 'it said nothing'}",
            place=place,
            remedy="run it by hand to see what it needs",
        )
    return read_credential(out, plugin.api_version, place=place)


def _info(plugin: ExecPlugin, interactive: bool) -> str:
    spec: dict[str, object] = {"interactive": interactive}
    if plugin.cluster is not None:
        spec["cluster"] = plugin.cluster
    document: Mapping[str, object] = {
        "apiVersion": plugin.api_version,
        "kind": "ExecCredential",
        "spec": spec,
    }
    return codec.encode(document).decode()


def read_credential(out: bytes, api_version: str, *, place: str) -> PluginCredentials:
    """The credentials of an ExecCredential. Raises ``ConfigError``, which never quotes it."""
    try:
        credential = codec.Decoder(_Credential).decode(out)
    except msgspec.DecodeError as error:
        raise ConfigError("printed no ExecCredential in JSON", place=place) from error
    if credential.kind != "ExecCredential" or credential.api_version != api_version:
        raise ConfigError(
            f"printed {credential.api_version} {credential.kind}, not {api_version} ExecCredential",
            place=place,
        )
    status = credential.status or _Status()
    certificate = (status.client_certificate_data or "").encode()
    key = (status.client_key_data or "").encode()
    if bool(certificate) != bool(key):
        raise ConfigError("gave a client certificate or a key, not both", place=place)
    if not status.token and not certificate:
        raise ConfigError("gave neither a token nor a client certificate", place=place)
    expires = None
    if status.expiration_timestamp:
        try:
            expires = parse_timestamp(status.expiration_timestamp)
        except ValueError as error:
            raise ConfigError("expirationTimestamp is no time", place=place) from error
    return PluginCredentials(
        token=status.token or "", certificate=certificate, key=key, expires=expires
    )
