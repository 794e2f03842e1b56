"""Which cluster, which namespace, which keys: the one place that reads the environment.

``KUBECONFIG`` and ``HOME`` as kubectl reads them; ``KUBEFERRY_*`` (settings.py); the storage's keys
from ``AWS_*`` or ``ALIBABA_CLOUD_*``, used where the cluster's Secrets hold none.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kubeferry import __version__
from kubeferry.cli.command import Flags
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig, load_config
from kubeferry.memory import memory_limit
from kubeferry.settings import Settings
from kubeferry.vault.credentials import credentials_from_environ
from kubeferry.vault.locations import Credentials


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command finds around it: the cluster, the settings, the storage's keys if any."""

    cluster: ClusterConfig
    settings: Settings
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Session:
    """A command's connection to a cluster."""

    client: Client
    settings: Settings
    credentials: Credentials | None

    @property
    def namespace(self) -> str:
        """Where our resources live."""
        return self.settings.namespace

    @property
    def cluster_name(self) -> str:
        """The cluster as a person knows it: its context, else its server's URL."""
        return self.client.config.context or self.client.config.server


def surroundings(flags: Flags) -> Surroundings:
    """Reads flags and environment. Raises ``ConfigError`` for what cannot be."""
    environ = os.environ
    settings = settings_of(flags)
    cluster = load_config(
        kubeconfig=flags.kubeconfig,
        context=flags.context,
        environ=environ,
        home=Path.home(),
        terminal=sys.stdin.isatty(),
    )
    return Surroundings(cluster, settings, credentials_from_environ(environ))


def storage_keys() -> Credentials | None:
    """The storage's keys of the environment, None without any. Raises ``ConfigError``."""
    return credentials_from_environ(os.environ)


def settings_of(flags: Flags) -> Settings:
    """The settings of the environment, in the namespace of the flags. Raises ``ConfigError``.

    Where no memory is given it is what the control group allows.
    """
    settings = Settings.from_environ(os.environ)
    if settings.memory is None:
        settings = replace(settings, memory=memory_limit())
    return replace(settings, namespace=flags.namespace) if flags.namespace else settings


@asynccontextmanager
async def connect(flags: Flags) -> AsyncIterator[Session]:
    """A client for the cluster that flags and environment name; nothing is sent yet."""
    found = surroundings(flags)
    async with Client(found.cluster, user_agent=f"kubeferry/{__version__}") as client:
        yield Session(client, found.settings, found.credentials)
