"""What a cluster makes for itself is known as such: seen where nobody did anything yet."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from kubeferry.api.backup import BackupSpec
from kubeferry.backup.lists import sound_head
from kubeferry.backup.selection import Selection, read_selection
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.names import RESERVED_NAMESPACES, Identity
from tests.clusters import Cluster
from tests.controlplane import running
from tests.waiting import until

pytestmark = pytest.mark.real

EVERYTHING = read_selection(BackupSpec(storage_location="vault", include_cluster_resources=True))
PLAIN = {
    Identity("serviceaccounts", "default", "default"),
    # By which the tests of this repository are somebody in the cluster.
    Identity("clusterrolebindings.rbac.authorization.k8s.io", "", "ferry"),
}
SLICES = {"kubernetes", "selecting", "pointing"}
PEOPLES = """
apiVersion: v1
kind: Service
metadata: {name: selecting, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: pointing, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: pointing, namespace: default}
subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}]
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(["fresh"], folder=tmp_path_factory.mktemp("fresh")) as (cluster,):
        yield cluster


@pytest.fixture
async def client(fresh: Cluster) -> AsyncIterator[Client]:
    config = load_config(kubeconfig=str(fresh.kubeconfig), context=None, environ={}, home=Path("/"))
    async with Client(config) as opened:
        yield opened


def names(cluster: Cluster, kind: str) -> set[str]:
    """Of a kind's objects in the namespace, without what is random in them."""
    found = cluster.kubectl("get", kind, "-n", "default", "-o", "name").split()
    return {one.partition("/")[2].partition("-")[0] for one in found}


async def taken(client: Client, selection: Selection) -> set[Identity]:
    """What a backup of everything would take."""
    found: set[Identity] = set()
    for resource in selection.choose_kinds(await client.discover()).listed:
        async with aclosing(client.pages(resource)) as pages:
            async for page in pages:
                for raw in page.items:
                    head = sound_head(raw)
                    meta = head.metadata
                    one = Identity(resource.group_resource, meta.namespace, meta.name)
                    if one.namespace not in RESERVED_NAMESPACES and selection.takes(
                        *one, meta.labels or {}, secret_type=head.secret_type, raw=raw
                    ):
                        found.add(one)
    return found


async def test_of_a_fresh_cluster_nothing_is_taken_but_default_service_accounts(
    fresh: Cluster, client: Client
) -> None:
    accounts = ("get", "serviceaccounts", "-n", "default")
    until(lambda: "default" in fresh.kubectl(*accounts), what="a service account")
    assert await taken(client, EVERYTHING) == PLAIN


async def test_of_services_what_people_wrote_is_taken(fresh: Cluster, client: Client) -> None:
    fresh.kubectl("apply", "-f", "-", input=PEOPLES)
    until(lambda: names(fresh, "endpointslices") == SLICES, what="the slices of both")
    until(lambda: "selecting" in names(fresh, "endpoints"), what="Endpoints of the selector")
    assert await taken(client, EVERYTHING) - PLAIN == {
        Identity("services", "default", "selecting"),
        Identity("services", "default", "pointing"),
        Identity("endpoints", "default", "pointing"),
    }


async def test_endpoints_are_known_by_who_wrote_them_without_their_label(
    fresh: Cluster, client: Client
) -> None:
    """As they are before 1.33, where the controller gives them no label."""
    fresh.kubectl("apply", "-f", "-", input=PEOPLES)
    until(lambda: "selecting" in names(fresh, "endpoints"), what="Endpoints of the selector")
    endpoints = (await client.discover()).find("endpoints")
    assert endpoints is not None
    raw = await client.read(endpoints, "selecting", namespace="default")
    assert not EVERYTHING.takes("endpoints", "default", "selecting", {}, raw=raw)
    raw = await client.read(endpoints, "pointing", namespace="default")
    assert EVERYTHING.takes("endpoints", "default", "pointing", {}, raw=raw)
