"""Who we are to the API server, kept fresh: headers and TLS context for each request.

A token file is read again every minute, an exec plugin's credentials shortly before they expire,
certificate files when they change on disk. After a 401 what can be renewed is renewed, once for
all the requests that met it.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from multidict import CIMultiDict

from kubeferry.clock import Clock, utc_now
from kubeferry.errors import ConfigError
from kubeferry.kube.cluster import ClusterConfig, Material
from kubeferry.kube.exec_plugin import PluginCredentials, run_plugin
from kubeferry.kube.tls import ssl_context

_REREAD = timedelta(minutes=1)
"""How long a token file and certificate files are taken for unchanged (client-go's period)."""
_MARGIN = timedelta(seconds=30)
"""How long before its end a plugin's credential is renewed."""


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """What goes with a request: its headers, the TLS context, and until when both are good."""

    headers: Mapping[str, str]
    ssl: ssl.SSLContext | None
    until: datetime | None
    token: str = ""


class Authenticator:
    """Gives each request its ``Access`` and renews it."""

    def __init__(self, config: ClusterConfig, *, clock: Clock = utc_now) -> None:
        self._config = config
        self._clock = clock
        self._access: Access | None = None
        self._lock = asyncio.Lock()
        self._context: tuple[object, ssl.SSLContext | None] | None = None

    async def current(self) -> Access:
        """The access to use now. Raises ``ConfigError`` when it cannot be had."""
        access = self._access
        if access is not None and (access.until is None or self._clock() < access.until):
            return access
        async with self._lock:
            if self._access is access:
                self._access = await self._fresh()
            return self._access or await self._fresh()

    async def renew(self, rejected: Access) -> bool:
        """After a 401: whether there is now another access to try. Raises ``ConfigError``."""
        async with self._lock:
            if self._access is rejected:
                fresh = await self._fresh()
                same = fresh.token == rejected.token and fresh.ssl is rejected.ssl
                self._access = fresh
                return not same
            return True

    async def _fresh(self) -> Access:
        config = self._config
        certificate, key = config.client_certificate, config.client_key
        until: datetime | None = None
        token = self._static_token()
        if config.token_file is not None or isinstance(certificate, Path):
            until = self._clock() + _REREAD
        if config.exec_plugin is not None and not token:
            credentials = await run_plugin(config.exec_plugin)
            token = credentials.token
            until = _plugin_until(credentials, self._clock(), until)
            if credentials.certificate:
                certificate, key = credentials.certificate, credentials.key
        headers = CIMultiDict[str]()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif config.username:
            pair = f"{config.username}:{config.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        _impersonate(config, headers)
        context = self._tls(certificate, key)
        return Access(headers=headers, ssl=context, until=until, token=token)

    def _static_token(self) -> str:
        """The token file's content; where it cannot be read, the token given beside it."""
        path = self._config.token_file
        if path is None:
            return self._config.token
        try:
            return path.read_text().strip() or self._config.token
        except OSError as error:
            if self._config.token:
                return self._config.token
            raise ConfigError(
                f"cannot be read: {error.strerror}", place=f"token file {path}"
            ) from error

    def _tls(self, certificate: Material | None, key: Material | None) -> ssl.SSLContext | None:
        """The same context as long as the files are the same: its connections can be used again."""
        made_of = (_stamp(self._config.ca), _stamp(certificate), _stamp(key))
        if self._context is None or self._context[0] != made_of:
            self._context = (made_of, ssl_context(self._config, certificate, key))
        return self._context[1]


def _stamp(material: Material | None) -> object:
    if not isinstance(material, Path):
        return material
    try:
        stat = material.stat()
    except OSError:
        return material
    return (material, stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _plugin_until(
    credentials: PluginCredentials, now: datetime, until: datetime | None
) -> datetime | None:
    if credentials.expires is None:
        return until
    # One that is born with less than the margin is used until it ends, not fetched each time.
    early = credentials.expires - _MARGIN
    end = early if early > now else credentials.expires
    return end if until is None else min(until, end)


def _impersonate(config: ClusterConfig, headers: CIMultiDict[str]) -> None:
    who = config.impersonation
    if who is None:
        return
    headers["Impersonate-User"] = who.user
    if who.uid:
        headers["Impersonate-Uid"] = who.uid
    for group in who.groups:
        headers.add("Impersonate-Group", group)
    for key, values in who.extra.items():
        for value in values:
            headers.add(f"Impersonate-Extra-{quote(key, safe='')}", value)
