"""Where a plan leads to: a cluster that is asked, or one of which nothing but its API is known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kubeferry.kube.client import Client
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity
from kubeferry.kube.saved_api import SavedApi
from kubeferry.kube.support import check_supported
from kubeferry.restore.classes import CLASSES, check_storage_classes, named_classes, read_classes
from kubeferry.restore.plan import Planner
from kubeferry.restore.providers import Providers, find_providers
from kubeferry.restore.spool import Spool
from kubeferry.restore.survey import UNREAD, survey
from kubeferry.transform.change import Note
from kubeferry.transform.parameters.table import Parameters


class Target(Protocol):
    """What a plan asks of where its objects go."""

    async def discover(self) -> Discovery:
        """What it serves. Raises ``ApiError``, ``ConfigError`` for one that is too old."""

    async def providers(self, spool: Spool, *, source: str, target: str) -> Providers:
        """Of which providers the backup and the target are (``find_providers``)."""

    async def check_classes(self, parameters: Parameters, spool: Spool) -> Iterable[Note]:
        """Whether the storage classes are there that parameters name (``classes``)."""

    async def classes(self, spool: Spool) -> Mapping[str, str] | None:
        """The storage classes that there will be (``read_classes``)."""

    async def survey(self, planner: Planner) -> Iterable[Note]:
        """Puts into the planner's spool what is there already (``survey``)."""


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """A cluster, which is asked."""

    client: Client

    async def discover(self) -> Discovery:
        """Asked, if the server is one that kubeferry knows."""
        check_supported(await self.client.version())
        return await self.client.discover()

    async def providers(self, spool: Spool, *, source: str, target: str) -> Providers:
        """By its nodes, too."""
        return await find_providers(self.client, spool, source=source, target=target)

    async def check_classes(self, parameters: Parameters, spool: Spool) -> Iterable[Note]:
        """Asked one by one."""
        return await check_storage_classes(self.client, parameters, spool)

    async def classes(self, spool: Spool) -> Mapping[str, str] | None:
        """Listed."""
        return await read_classes(self.client, spool)

    async def survey(self, planner: Planner) -> Iterable[Note]:
        """Listed, kind by kind."""
        return await survey(planner, client=self.client)


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A cluster that is not asked: what it serves is known, and nothing is in it."""

    api: SavedApi

    async def discover(self) -> Discovery:
        """What was saved."""
        return self.api.discovery

    async def providers(self, spool: Spool, *, source: str, target: str) -> Providers:
        """By the backup and by what the restore says."""
        return await find_providers(None, spool, source=source, target=target)

    async def check_classes(self, parameters: Parameters, spool: Spool) -> Iterable[Note]:
        """Only those of the backup are known to be there."""
        return [
            Note(UNREAD, f"{place}: whether there is a storage class {name} is not known")
            for place, name in named_classes(parameters)
            if not spool.has(Identity(CLASSES.group_resource, "", name))
        ]

    async def classes(self, spool: Spool) -> Mapping[str, str] | None:
        """Not known."""
        return None

    async def survey(self, planner: Planner) -> Iterable[Note]:
        """Nothing is there."""
        return ()
