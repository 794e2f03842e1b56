from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api import crd
from kubeferry.controller.context import Context
from kubeferry.controller.loop.informer import Informer
from kubeferry.controller.resources import BACKUPS, LOCATIONS, NAMESPACES, RESTORES
from kubeferry.controller.runner import Runner
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import SourceCluster
from kubeferry.vault.store import Store
from tests.builders import namespace, obj

CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
)


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Ground:
    """A cluster in memory with our definitions, and what a reconciler is handed.

    No informer runs: ``see`` puts what the cluster has into their caches.
    """

    context: Context
    time: Time
    root: Path

    @property
    def client(self) -> Client:
        return self.context.client

    async def create(self, resource: Resource, name: str, **spec: Any) -> Object:
        made = obj(f"{resource.api_version}/{resource.kind}", f"csdr/{name}").with_(spec=spec)
        await self.client.create(resource, made, namespace="csdr")
        return await self.see(resource, name)

    async def vault(self, name: str = "vault", **spec: Any) -> Object:
        storage = {"bucket": "bucket", "prefix": name}
        return await self.create(LOCATIONS, name, provider="local", objectStorage=storage, **spec)

    async def see(self, resource: Resource, name: str) -> Object:
        """The object as it is, in its informer's cache too."""
        found = await self.client.get(resource, name, namespace="csdr")
        caches = {LOCATIONS: "locations", BACKUPS: "backups", RESTORES: "restores"}
        getattr(self.context, caches[resource]).objects[name] = found
        return found

    async def status(self, resource: Resource, name: str) -> dict[str, Any]:
        return (await self.see(resource, name)).get("status") or {}

    def store(self, vault: str = "vault") -> Store:
        location = Location(name=vault, provider="local", bucket="bucket", prefix=vault)
        return open_store(location, credentials=None, settings=self.context.settings)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(local_root=tmp_path / "vaults", sync_period=60.0)
    async with (
        Sandbox(name="unit") as sandbox,
        Client(ClusterConfig(server=sandbox.server)) as client,
        Runner(limit=4) as runner,
    ):
        for definition in crd.manifests():
            await client.create(CRDS, definition)
        await sandbox.settle()
        await client.create(NAMESPACES, namespace("csdr"))
        time = Time()
        informers = {
            resource: Informer(client, resource, namespace="csdr")
            for resource in (LOCATIONS, BACKUPS, RESTORES)
        }
        context = Context(
            client=client,
            settings=settings,
            clock=time,
            cluster=SourceCluster(name="unit", uid="cluster-1"),
            credentials=None,
            runner=runner,
            locations=informers[LOCATIONS],
            backups=informers[BACKUPS],
            restores=informers[RESTORES],
        )
        yield Ground(context, time, tmp_path / "vaults")
