"""``kubeferry demo``: the walkthrough on this machine, in one process, told step by step.

A StatefulSet is backed up from one cluster into a vault and restored into another with four changes
at once. The clusters are sandboxes: API servers in memory with small stand-ins for the controllers
of StatefulSets and claims; nothing runs. All else is what runs anywhere: controller, vault, engine.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, aclosing
from importlib.resources import as_file, files
from pathlib import Path
from time import monotonic

from kubeferry import codec
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.clock import utc_now
from kubeferry.controller.resources import BACKUPS, RESTORES
from kubeferry.controller.vaults import open_registered
from kubeferry.errors import TaskFailed
from kubeferry.journal import Item, read_line
from kubeferry.kube.names import PODS, Resource
from kubeferry.kube.objects import Object, at
from kubeferry.local.cluster import LocalCluster, load_manifests, local_cluster
from kubeferry.report import Silent
from kubeferry.restore.opening import open_plan
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.prepare import prepare
from kubeferry.restore.target import LiveTarget
from kubeferry.restore.waves import Step
from kubeferry.settings import Settings
from kubeferry.vault.restores import items_files

Say = Callable[[str], None]
Draw = Callable[[Iterable[tuple[Step, Iterator[PlanItem]]]], Iterator[str]]
"""Turns the steps of a plan into lines."""

_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", namespaced=True)
_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", namespaced=True)
_REPLICAS = 2


async def run_demo(say: Say, draw: Draw, *, keep: Path | None = None) -> int:
    """Tells the story; with ``keep`` vault and clusters stay there until Ctrl-C. Returns 0."""
    started = monotonic()
    async with AsyncExitStack() as stack:
        manifests = stack.enter_context(as_file(files("kubeferry.local") / "walkthrough"))
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferry-")))
        folder.mkdir(parents=True, exist_ok=True)
        settings = Settings(local_root=folder.resolve() / "vaults", sync_period=1.0)
        backup, restore = [
            await stack.enter_async_context(
                local_cluster(name, folder=folder, settings=settings, workloads=True)
            )
            for name in ("backup", "restore")
        ]
        story = _Story(say, draw, manifests, folder, settings, backup, restore)
        await story.tell()
        say("")
        say(f"Done in {monotonic() - started:.1f} s. Do it on your own clusters: README.md.")
        if keep is not None:
            say("")
            say(f"Both clusters run until you press Ctrl-C; their kubeconfigs are in {folder}.")
            await asyncio.Event().wait()
    return 0


class _Story:
    """The steps of the seed's walkthrough, in its order."""

    def __init__(
        self,
        say: Say,
        draw: Draw,
        manifests: Path,
        folder: Path,
        settings: Settings,
        backup: LocalCluster,
        restore: LocalCluster,
    ) -> None:
        self._say = say
        self._draw = draw
        self._manifests = manifests
        self._folder = folder
        self._settings = settings
        self._backup = backup
        self._restore = restore

    async def tell(self) -> None:
        """All of it."""
        self._say(
            "Two clusters run in this process, 'backup' and 'restore'. They are sandboxes: API"
        )
        self._say(
            "servers in memory with small stand-ins for the StatefulSet and claim controllers;"
        )
        self._say("pods and claims stay Pending. Controller, vault and engine are the real ones.")
        self._title(1, "An application runs in the backup cluster")
        await self._apply(self._backup, "01-statefulset.yaml")
        await self._pods_and_claims(self._backup, "default")
        self._title(2, "Back it up: the annotation registers the vault, a local directory here")
        await self._apply(self._backup, "02-applicationbackup.yaml")
        await self._wait(self._backup, BACKUPS, "nginx-backup")
        self._vault_files()
        self._title(
            3, "In the restore cluster: the rules, and the vault. The backup appears by itself"
        )
        await self._apply(self._restore, "03-resource-modifier.yaml")
        await self._apply(self._restore, "04-backuplocation.yaml")
        await self._wait(self._restore, BACKUPS, "nginx-backup")
        self._title(4, "Before anything is written: the plan, each change with its cause")
        await self._plan()
        self._title(5, "Restore")
        await self._apply(self._restore, "05-applicationrestore.yaml")
        await self._wait(self._restore, RESTORES, "nginx-restore")
        self._title(6, "What came of it")
        await self._result()

    def _title(self, number: int, text: str) -> None:
        self._say("")
        self._say(f"[{number}] {text}")

    def _command(self, cluster: LocalCluster, words: str) -> None:
        self._say(f"{cluster.name}$ {words}")

    async def _apply(self, cluster: LocalCluster, file: str) -> None:
        self._command(cluster, f"kubectl apply -f {file}")
        for manifest in load_manifests(self._manifests / file):
            await cluster.apply(manifest)
            self._say(f"{manifest['kind'].lower()}/{manifest['metadata']['name']} created")

    async def _pods_and_claims(self, cluster: LocalCluster, namespace: str) -> None:
        self._command(cluster, f"kubectl -n {namespace} get pod,pvc")
        await _until(cluster, _CLAIMS, namespace, count=_REPLICAS)
        for resource in (PODS, _CLAIMS):
            for obj in await cluster.client.list(resource, namespace=namespace):
                name = f"{resource.kind.lower()}/{obj['metadata']['name']}"
                self._say(f"{name:<40}{at(obj, ('status', 'phase'))}")

    async def _wait(self, cluster: LocalCluster, resource: Resource, name: str) -> None:
        namespace = self._settings.namespace
        self._command(cluster, f"kubectl -n {namespace} get {resource.kind.lower()} {name} --watch")
        async with asyncio.timeout(30):
            obj = await cluster.wait(resource, name, namespace=namespace)
        status = obj["status"]
        self._say(f"{'NAME':<16}PHASE")
        self._say(f"{name:<16}{status['phase']}")
        if status["phase"] != "Completed":
            raise TaskFailed(status.get("message", ""), place=f"{resource.kind} {name}")

    def _vault_files(self) -> None:
        root = self._settings.local_root
        if root is None:
            return
        self._say("")
        self._say("In the vault, in Velero's layout:")
        for path in sorted(root.rglob("*")):
            if path.is_file():
                self._say(f"  {path.relative_to(root)}  ({path.stat().st_size:,} bytes)")

    async def _plan(self) -> None:
        self._command(self._restore, "kubeferry restore plan -f 05-applicationrestore.yaml")
        [manifest] = load_manifests(self._manifests / "05-applicationrestore.yaml")
        client, namespace = self._restore.client, self._settings.namespace
        request = await prepare(
            read(manifest, ApplicationRestore), client=client, namespace=namespace
        )
        store = await open_registered(client, "vault", settings=self._settings, credentials=None)
        async with open_plan(
            request,
            target=LiveTarget(client),
            store=store,
            settings=self._settings,
            reporter=Silent(),
            clock=utc_now,
        ) as planner:
            for line in self._draw(planner.steps()):
                self._say(line)
        await store.aclose()

    async def _result(self) -> None:
        self._command(self._restore, "kubectl -n default1 get sts web -o yaml")
        live = await self._restore.client.get(_SETS, "web", namespace="default1")
        for line in codec.dump_yaml(_excerpt(live)).splitlines():
            self._say(f"  {line}")
        self._say("")
        self._say("What was changed in it, and why (from the restore's journal in the vault):")
        store = await open_registered(
            self._restore.client, "vault", settings=self._settings, credentials=None
        )
        async for file in items_files(store, "nginx-restore", uid=""):
            for item in map(read_line, file.lines()):
                if isinstance(item, Item) and item.source[0] == _SETS.group_resource:
                    self._changes(item)
        await store.aclose()

    def _changes(self, item: Item) -> None:
        for change in item.changes:
            self._say(f"  {change['pointer'] or 'server fields and status'}")
            for sign, key in (("-", "old"), ("+", "new")):
                if key in change:
                    self._say(f"    {sign} {_short(change[key])}")
            self._say(f"    because: {change['mechanism']} {change['rule']}")


async def _until(cluster: LocalCluster, resource: Resource, namespace: str, *, count: int) -> None:
    """Waits until there are so many objects."""
    names: set[str] = set()
    async with (
        asyncio.timeout(10),
        aclosing(cluster.client.watch(resource, namespace=namespace)) as events,
    ):
        async for event in events:
            if event.type == "ADDED":
                names.add(event.object["metadata"]["name"])
            if len(names) >= count:
                return


def _excerpt(live: Object) -> Object:
    """The fields that the walkthrough looks at."""
    spec = live["spec"]["template"]["spec"]
    container = spec["containers"][0]
    return {
        "metadata": {
            "name": live["metadata"]["name"],
            "namespace": live["metadata"]["namespace"],
            "labels": live["metadata"]["labels"],
        },
        "spec": {
            "template": {
                "spec": {
                    "affinity": spec.get("affinity"),
                    "containers": [
                        {key: container[key] for key in ("name", "image", "volumeMounts")}
                    ],
                }
            }
        },
    }


def _short(value: object) -> str:
    text = value if isinstance(value, str) else codec.encode(value).decode()
    return text if len(text) <= 160 else f"{text[:160]}..."
