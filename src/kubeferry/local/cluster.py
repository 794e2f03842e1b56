"""A cluster on a person's machine: a sandbox with our definitions, our controller beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeferry import codec
from kubeferry.api import crd
from kubeferry.api.backup import TERMINAL_PHASES
from kubeferry.clock import utc_now
from kubeferry.controller.run import run_controller
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.sandbox.server import Sandbox
from kubeferry.settings import Settings

_APPLY = "kubeferry-demo"


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A running cluster: its client, and the kubeconfig that kubectl takes."""

    name: str
    client: Client
    kubeconfig: Path

    async def apply(self, manifest: Object) -> None:
        """Creates an object, as ``kubectl apply`` of a new one does."""
        discovery = await self.client.discover()
        await self.client.create(
            _resource(discovery, manifest),
            manifest,
            namespace=metadata(manifest).get("namespace", ""),
            field_manager=_APPLY,
            field_validation="Strict",
        )

    async def wait(self, resource: Resource, name: str, *, namespace: str) -> Object:
        """The object of a task once it has ended."""
        async with aclosing(self.client.watch(resource, namespace=namespace, name=name)) as events:
            async for event in events:
                if at(event.object, ("status", "phase")) in TERMINAL_PHASES:
                    return event.object
        raise AssertionError("a watch does not end")


@asynccontextmanager
async def local_cluster(
    name: str, *, folder: Path, settings: Settings, workloads: bool
) -> AsyncIterator[LocalCluster]:
    """A sandbox with namespace and definitions installed and a controller running against it."""
    async with Sandbox(name=name, workloads=workloads) as sandbox:
        kubeconfig = folder / f"{name}.kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(sandbox.kubeconfig())
        config = load_config(kubeconfig=str(kubeconfig), context=None, environ={}, home=folder)
        async with Client(config, user_agent=_APPLY) as client:
            cluster = LocalCluster(name, client, kubeconfig)
            namespace: Object = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": settings.namespace},
            }
            for manifest in (namespace, *crd.manifests()):
                await cluster.apply(manifest)
            controller = asyncio.create_task(
                run_controller(
                    config=config,
                    settings=settings,
                    credentials=None,
                    identity=name,
                    clock=utc_now,
                    elect=False,
                )
            )
            try:
                yield cluster
            finally:
                controller.cancel()
                await asyncio.gather(controller, return_exceptions=True)


def load_manifests(path: Path) -> list[dict[str, Any]]:
    """The objects of a manifest file."""
    return list(codec.load_yaml_documents(path.read_text(), place=path.name))


def _resource(discovery: Discovery, manifest: Object) -> Resource:
    found = discovery.for_kind(manifest["apiVersion"], manifest["kind"])
    if found is None:
        raise LookupError(f"the sandbox serves no {manifest['apiVersion']} {manifest['kind']}")
    return found
