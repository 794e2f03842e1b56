"""Of which providers backup and target are, on a cluster in memory."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.errors import Forbidden
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.pages import Page
from kubeferry.restore.providers import NODES, find_providers
from kubeferry.restore.spool import Spool
from kubeferry.sandbox import Sandbox

CLASS = Identity("storageclasses.storage.k8s.io", "", "fast")
POOL = "alibabacloud.com/nodepool-id"


class Counting(Client):
    """A client that counts its lists of nodes, and may be refused them."""

    lists = 0
    may_list = True

    def pages(self, resource: Resource, **more: Any) -> AsyncGenerator[Page, None]:
        self.lists += 1
        return self._pages_or_not(super().pages(resource, **more))

    async def _pages_or_not(self, pages: AsyncGenerator[Page, None]) -> AsyncGenerator[Page, None]:
        if not self.may_list:
            raise Forbidden("nodes is forbidden")
        async for page in pages:
            yield page


@pytest.fixture
async def client() -> AsyncIterator[Counting]:
    async with Sandbox() as sandbox, Counting(ClusterConfig(server=sandbox.server)) as client:
        yield client


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as spool:
        yield spool


def archive(spool: Spool, driver: str) -> None:
    found = {"metadata": {"name": "fast"}, "provisioner": driver}
    spool.add(CLASS, codec.encode(found))


async def add_node(client: Client, name: str, provider: str, **labels: str) -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": provider},
    }
    await client.create(NODES, node)


async def test_what_only_the_source_is_of_is_left(client: Counting, spool: Spool) -> None:
    archive(spool, "ebs.csi.aws.com")
    await add_node(client, "a", "cn-hangzhou.i-1", **{POOL: "np1"})
    await add_node(client, "b", "cn-hangzhou.i-2", **{POOL: "np2"})
    found = await find_providers(client, spool, source="", target="")
    assert found.left == ("aws",)
    assert found.node_labels == {POOL: {"np1", "np2"}}
    assert [note.reason for note in found.notes] == ["OtherProvider"]
    assert found.notes[0].message == (
        "the backup is of AWS (ebs.csi.aws.com), the target of Alibaba Cloud "
        "(providerID cn-hangzhou.i-1)"
    )


@pytest.mark.parametrize("driver", ["diskplugin.csi.alibabacloud.com", "nfs.csi.k8s.io"])
async def test_the_same_provider_or_none_changes_nothing(
    client: Counting, spool: Spool, driver: str
) -> None:
    archive(spool, driver)
    await add_node(client, "a", "cn-hangzhou.i-1")
    found = await find_providers(client, spool, source="", target="")
    assert (found.left, found.notes) == ((), ())


async def test_nodes_are_not_asked_for_in_vain(client: Counting, spool: Spool) -> None:
    archive(spool, "nfs.csi.k8s.io")
    await find_providers(client, spool, source="", target="aws")
    await find_providers(client, spool, source="aws", target="aws")
    assert client.lists == 0


async def test_what_is_said_wins(client: Counting, spool: Spool) -> None:
    archive(spool, "ebs.csi.aws.com")
    await add_node(client, "a", "cn-hangzhou.i-1")
    found = await find_providers(client, spool, source="gcp", target="azure")
    assert found.left == ("gcp",)
    assert "Google Cloud (sourceProvider)" in found.notes[0].message


async def test_a_target_without_nodes_is_of_no_known_provider(
    client: Counting, spool: Spool
) -> None:
    archive(spool, "ebs.csi.aws.com")
    found = await find_providers(client, spool, source="", target="")
    assert found.left == ()
    assert [note.reason for note in found.notes] == ["ProviderUnknown"]


async def test_who_may_not_read_nodes_is_told(client: Counting, spool: Spool) -> None:
    client.may_list = False
    archive(spool, "ebs.csi.aws.com")
    found = await find_providers(client, spool, source="", target="")
    assert [note.reason for note in found.notes] == ["TargetUnread"]
    said = await find_providers(client, spool, source="", target="azure")
    assert (said.left, said.node_labels) == (("aws",), None)


async def test_what_is_no_object_tells_nothing(client: Counting, spool: Spool) -> None:
    spool.add(CLASS, b'{"metadata": [1], "provisioner": 3')
    spool.add(CLASS._replace(name="b"), b"[1]")
    spool.add(CLASS._replace(name="c"), b'{"metadata": {"annotations": [1]}}')
    assert (await find_providers(client, spool, source="", target="")).left == ()
