"""A sandbox whose pods have containers, and a kubelet's part: statuses, commands."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from kubeferry.errors import Forbidden, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.sandbox import Sandbox
from tests.containers import Containers, containers
from tests.execserver import Process, Program

PODS = Resource("", "v1", "pods", "Pod", True)
SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", True)
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
WORDS = ("a", "b", "c", "true", "sleep", "sh", "nothing", "x", "y", "first", "second", "third")
"""The commands of the tests, which all are one program."""


class Counting(Client):
    """A client that counts reads: all of them, and those of one object by its name.

    Reads of the kind ``forbidden`` are refused.
    """

    asked = 0
    forbidden = ""
    looked: Counter[str]

    async def get(self, resource: Resource, name: str, **more: Any) -> Object:
        self.asked += 1
        self.looked[name] += 1
        if resource.kind == self.forbidden:
            raise Forbidden(f"may not get {resource.plural}")
        return await super().get(resource, name, **more)

    def pages(self, resource: Resource, **more: Any) -> Any:
        self.asked += 1
        return super().pages(resource, **more)


@dataclass
class PodServer:
    """``client`` is the kubelet's; ``server`` is the URL for who restores."""

    sandbox: Sandbox
    client: Client
    containers: Containers
    server: str = field(init=False)

    def __post_init__(self) -> None:
        self.server = self.containers.server

    def programs(self, program: Program) -> None:
        """What every command does from now on."""
        self.containers.programs = dict.fromkeys(WORDS, program)

    @property
    def ran(self) -> list[tuple[str, str, list[str]]]:
        """Pod, container and command of each exec, in order."""
        split = [one.partition(": ") for one in self.containers.ran]
        return [(*where.split("/")[1:], words.split()) for where, _, words in split]  # type: ignore[misc]

    def has_run(self, name: str) -> int:
        """How many commands were run in a pod."""
        return sum(pod == name for pod, _, _ in self.ran)

    async def create(self, pod: Object, *, manager: str) -> None:
        where = pod["metadata"]["namespace"]
        await self.client.create(PODS, pod, namespace=where, field_manager=manager)

    async def report(self, name: str, **fields: Any) -> None:
        """Writes a pod's status, as its kubelet does."""
        await self.client.patch(
            PODS, name, {"status": fields}, kind="merge", namespace="shop1", subresource="status"
        )

    async def run(self, *names: str, ready: bool = False) -> None:
        """The pods' containers run."""
        for name in names:
            pod = await self.client.get(PODS, name, namespace="shop1")
            states = [state(one["name"], RUNNING, ready=ready) for one in pod["spec"]["containers"]]
            await self.report(name, phase="Running", containerStatuses=states)

    async def delete(self, name: str) -> None:
        await self.client.delete(PODS, name, namespace="shop1", grace_seconds=0)
        try:
            await self.client.get(PODS, name, namespace="shop1")
        except NotFound:
            return
        raise AssertionError(f"{name} is still there")


def state(name: str, told: dict[str, Any], *, ready: bool = False) -> dict[str, Any]:
    """A container's status."""
    common = {"image": "a", "imageID": "", "restartCount": 0}
    return {"name": name, "ready": ready, "state": told, **common}


async def succeed(process: Process) -> None:
    await process.exit(0)


@asynccontextmanager
async def pod_server() -> AsyncIterator[PodServer]:
    async with (
        Sandbox() as sandbox,
        containers(sandbox.server) as running,
        Client(ClusterConfig(server=sandbox.server)) as client,
    ):
        yield PodServer(sandbox, client, running)
