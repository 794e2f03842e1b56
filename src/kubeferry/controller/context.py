"""What every reconciler is handed: the client, the settings, the clock, who this cluster is."""

from dataclasses import dataclass

from kubeferry.clock import Clock
from kubeferry.controller.loop.informer import Informer
from kubeferry.controller.resources import LOCATIONS
from kubeferry.controller.runner import Runner
from kubeferry.errors import NotFound
from kubeferry.kube.client import Client
from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials
from kubeferry.vault.metadata import SourceCluster


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of a controller; informers are caches of our own resources."""

    client: Client
    settings: Settings
    clock: Clock
    cluster: SourceCluster
    credentials: Credentials | None
    runner: Runner
    locations: Informer
    backups: Informer
    restores: Informer

    @property
    def namespace(self) -> str:
        """Where our resources live."""
        return self.settings.namespace

    async def is_registered(self, location: str) -> bool:
        """Whether the vault is registered, asked of the server: a cache may lag behind."""
        try:
            await self.client.get(LOCATIONS, location, namespace=self.namespace)
        except NotFound:
            return False
        return True
