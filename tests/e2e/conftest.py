import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kubeferry import codec
from kubeferry.cli.main import root
from kubeferry.local.cluster import LocalCluster, load_manifests, local_cluster
from kubeferry.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Machine:
    """Two sandbox clusters, "backup" and "restore", with a controller each and one vault root."""

    folder: Path
    clusters: dict[str, LocalCluster]
    loop: asyncio.AbstractEventLoop

    def environ(self, cluster: str) -> dict[str, str]:
        return {
            "KUBECONFIG": str(self.clusters[cluster].kubeconfig),
            "KUBEFERRY_LOCAL_ROOT": str(self.folder / "vaults"),
        }

    def ferry(self, cluster: str, *args: str, **rest: Any) -> Result:
        """A command, in this process."""
        environ = self.environ(cluster) | rest.pop("env", {})
        return CliRunner().invoke(root, list(args), prog_name="kubeferry", env=environ, **rest)

    def executable(
        self, cluster: str, *args: str, program: str = "kubeferry", **rest: Any
    ) -> subprocess.CompletedProcess[str]:
        """A command, as the installed program."""
        return subprocess.run(
            [str(Path(sys.executable).with_name(program)), *args],
            env=os.environ | self.environ(cluster),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **rest,
        )

    def apply(self, cluster: str, file: str) -> None:
        """What kubectl apply of an example does."""
        for manifest in load_manifests(EXAMPLES / file):
            self.create(cluster, manifest)

    def create(self, cluster: str, manifest: dict[str, Any]) -> None:
        work = self.clusters[cluster].apply(manifest)
        asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def objects(self, cluster: str, plural: str, namespace: str) -> dict[str, dict[str, Any]]:
        """The objects of a kind by name, as the cluster has them."""

        async def read() -> list[dict[str, Any]]:
            client = self.clusters[cluster].client
            resource = (await client.discover()).resolve(plural)
            assert resource is not None
            return await client.list(resource, namespace=namespace)

        found = asyncio.run_coroutine_threadsafe(read(), self.loop).result(30)
        return {obj["metadata"]["name"]: obj for obj in found}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The clusters live in a thread of their own: commands bring their own event loops."""
    folder = tmp_path_factory.mktemp("machine")
    settings = Settings(local_root=folder / "vaults", sync_period=1.0)
    loop = asyncio.new_event_loop()
    ready: list[dict[str, LocalCluster]] = []
    failed: list[BaseException] = []
    up, down = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            clusters = {
                name: await stack.enter_async_context(
                    local_cluster(name, folder=folder, settings=settings, workloads=True)
                )
                for name in ("backup", "restore")
            }
            ready.append(clusters)
            up.set()
            await down.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run, name="clusters")
    thread.start()
    assert up.wait(30)
    if not ready:
        thread.join()
        raise failed[0]
    try:
        yield Machine(folder, ready[0], loop)
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(30)
        loop.close()
    assert not failed, failed


def yaml(text: str) -> Any:
    """A command's YAML."""
    return codec.load_yaml(text)
