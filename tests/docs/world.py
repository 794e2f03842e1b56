"""The clusters in which the pages' commands run: sandboxes with a controller beside each."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from kubeferry import codec
from kubeferry.controller.resources import BACKUPS
from kubeferry.local.cluster import LocalCluster, load_manifests, local_cluster
from kubeferry.settings import Settings

SHOP = Path(__file__).parent / "shop.yaml"
DATABASE = Path(__file__).parent / "database.yaml"
WALKTHROUGH = Path(str(files("kubeferry.local"))) / "walkthrough"


@dataclass(frozen=True)
class World:
    """The clusters ``backup`` and ``restore``; what they share is the directory for vaults."""

    clusters: dict[str, LocalCluster]
    kubeconfig: Path
    root: Path

    async def apply(self, file: Path, *, context: str = "backup") -> None:
        """``kubectl --context CONTEXT apply -f FILE``, of objects that are new."""
        for manifest in load_manifests(file):
            await self.clusters[context].apply(manifest)

    async def seed(self) -> None:
        """The seed's application, backed up, and its rules, all in one cluster."""
        for file in ("01-statefulset.yaml", "02-applicationbackup.yaml"):
            await self.apply(WALKTHROUGH / file)
        await self.clusters["backup"].wait(BACKUPS, "nginx-backup", namespace="csdr")
        await self.apply(WALKTHROUGH / "03-resource-modifier.yaml")

    async def shop(self) -> None:
        """An application in the namespace shop, a vault, and a backup of it."""
        await self.apply(SHOP)
        await self._back_up()

    async def database(self) -> None:
        """The shop with a pod that is its database."""
        await self.apply(SHOP)
        await self.apply(DATABASE)
        await self._back_up()

    async def _back_up(self) -> None:
        await self.clusters["backup"].apply(vault("vault"))
        await self.clusters["backup"].apply(backup("shop-1"))
        await self.clusters["backup"].wait(BACKUPS, "shop-1", namespace="csdr")


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Both clusters with kubeferry installed and running."""
    settings = Settings(local_root=folder / "vaults", sync_period=1.0)
    async with AsyncExitStack() as stack:
        clusters = {
            name: await stack.enter_async_context(
                local_cluster(name, folder=folder, settings=settings, workloads=True)
            )
            for name in ("backup", "restore")
        }
        kubeconfig = folder / "kubeconfig"
        merge([(name, one.kubeconfig) for name, one in clusters.items()], kubeconfig)
        yield World(clusters, kubeconfig, folder / "vaults")


def merge(clusters: Sequence[tuple[str, Path]], target: Path) -> None:
    """One kubeconfig of several, a context each; the first is the current one."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    merged |= {"clusters": [], "users": [], "contexts": [], "current-context": clusters[0][0]}
    for name, path in clusters:
        found = codec.load_yaml(path.read_text())
        merged["clusters"].append({"name": name, "cluster": found["clusters"][0]["cluster"]})
        merged["users"].append({"name": name, "user": found["users"][0]["user"]})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    target.touch(mode=0o600)
    target.write_text(json.dumps(merged))


def vault(name: str) -> dict[str, Any]:
    """A vault in a directory."""
    return {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": "BackupLocation",
        "metadata": {"name": name, "namespace": "csdr"},
        "spec": {"provider": "local", "objectStorage": {"bucket": "backups"}},
    }


def backup(name: str) -> dict[str, Any]:
    """A backup of the namespace shop."""
    return {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": "ApplicationBackup",
        "metadata": {"name": name, "namespace": "csdr"},
        "spec": {"storageLocation": "vault", "includedNamespaces": ["shop"]},
    }
