"""The controller as a whole, and what keeps it from starting."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kubeferry.api import crd
from kubeferry.controller.resources import BACKUPS, LOCATIONS, NAMESPACES
from kubeferry.controller.run import run_controller
from kubeferry.errors import ApiUnreachable, ConfigError, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from tests.builders import namespace, obj
from tests.unit.controller.conftest import CRDS
from tests.unit.kube.servers import serving

DEAD = "http://127.0.0.1:1"


async def controller(server: str, **settings: Any) -> None:
    await run_controller(
        config=ClusterConfig(server=server),
        settings=Settings(**settings),
        credentials=None,
        identity="unit",
    )


async def test_an_api_server_out_of_reach_is_told_by_its_address() -> None:
    with pytest.raises(ApiUnreachable, match=DEAD):
        await controller(DEAD)


async def test_a_server_that_is_too_old_is_refused() -> None:
    async def old(request: Any) -> web.StreamResponse:
        return web.json_response({"major": "1", "minor": "19+", "gitVersion": "v1.19.16"})

    async with serving(old) as server:
        with pytest.raises(InvalidInput, match=r"Kubernetes v1\.19\.16; kubeferry needs 1\.20"):
            await controller(server.url)


async def test_a_cluster_without_our_definitions_is_told_what_to_do() -> None:
    async with Sandbox() as sandbox:
        with pytest.raises(ConfigError, match=r"kubeferry install \| kubectl apply"):
            await controller(sandbox.server)


@pytest.mark.parametrize(
    ("cluster_name", "told"),
    [
        pytest.param("", "cluster-{uid:.8}", id="a cluster without a name goes by its uid"),
        pytest.param("prod", "prod", id="a cluster goes by its name"),
    ],
)
async def test_a_task_is_done_by_a_controller_that_leads(
    tmp_path: Path, cluster_name: str, told: str
) -> None:
    async with Sandbox() as sandbox, Client(ClusterConfig(server=sandbox.server)) as client:
        for definition in crd.manifests():
            await client.create(CRDS, definition)
        await client.create(NAMESPACES, namespace("csdr"))
        await sandbox.settle()
        settings = {"local_root": tmp_path, "cluster_name": cluster_name}
        running = asyncio.create_task(controller(sandbox.server, **settings))
        storage = {"bucket": "bucket"}
        vault = obj("csdr.alibabacloud.com/v1beta1/BackupLocation", "csdr/vault")
        vault.with_(spec={"provider": "local", "objectStorage": storage})
        await client.create(LOCATIONS, vault, namespace="csdr")
        backup = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", "csdr/nightly")
        backup.with_(spec={"storageLocation": "vault", "includedNamespaces": ["default"]})
        await client.create(BACKUPS, backup, namespace="csdr")
        try:
            async with asyncio.timeout(10):
                async for event in client.watch(BACKUPS, namespace="csdr", name="nightly"):
                    status = event.object.get("status") or {}
                    if status.get("phase") not in (None, "InProgress"):
                        break
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert status["phase"] == "Completed", status
        uid = (await client.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        assert status["sourceCluster"] == told.format(uid=uid)
