"""Sandbox clusters for a whole story, and the commands run against them."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from kubeferry.cli.main import root
from kubeferry.local.cluster import LocalCluster, load_manifests

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
