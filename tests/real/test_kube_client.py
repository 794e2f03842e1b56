"""The client against a real kube-apiserver, over TLS, with the kubeconfig's client certificate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from kubeferry import codec
from kubeferry.errors import (
    AlreadyExists,
    ApiError,
    ApiUnreachable,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
)
from kubeferry.kube import discovery
from kubeferry.kube.client import Client
from kubeferry.kube.cluster import Impersonation
from kubeferry.kube.config import load_config
from kubeferry.kube.exec import Exec
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.kube.pages import with_kind
from kubeferry.kube.saved_api import load, newest_known, save
from kubeferry.kube.watch import WatchEvent
from tests.clusters import Cluster

pytestmark = pytest.mark.real

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
PODS = Resource("", "v1", "pods", "Pod", True)


def configmap(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
async def client(backup_cluster: Cluster) -> AsyncIterator[Client]:
    config = load_config(
        kubeconfig=str(backup_cluster.kubeconfig), context=None, environ={}, home=Path("/")
    )
    async with Client(config) as opened:
        yield opened


async def test_discovery_in_both_forms_tells_the_same(client: Client) -> None:
    aggregated = await client.discover()

    async def plain(path: str, accept: str) -> tuple[bytes, str]:
        return await client.raw(path), "application/json"

    old = await discovery.discover(plain)

    assert aggregated.broken == ()
    assert set(aggregated.all_versions) == set(old.all_versions)
    assert set(aggregated.resources) == set(old.resources)
    statefulsets = aggregated.find("statefulsets.apps")
    assert statefulsets is not None
    assert statefulsets.version == "v1"
    assert aggregated.resolve("sts") == statefulsets
    version = await client.version()
    saved = save(version.git_version, aggregated)
    assert load(saved, place="file").discovery == aggregated
    known = newest_known()
    groups = {one.group for one in known.discovery.all_versions}  # others are tests' definitions
    own = {one for one in aggregated.all_versions if one.group in groups}
    assert known.version == version.git_version, "restore target-api > kubernetes.json"
    assert set(known.discovery.all_versions) == own, "restore target-api > kubernetes.json"
    assert version.major == 1
    assert version.git_version.startswith(f"v1.{version.minor}.")


async def test_an_object_from_create_to_delete(client: Client, namespace: str) -> None:
    answer = await client.create(
        CONFIGMAPS, configmap("a", k="1"), namespace=namespace, field_manager="kubeferry-test"
    )
    created = codec.decode(answer)
    assert created["metadata"]["managedFields"][0]["manager"] == "kubeferry-test"

    with pytest.raises(AlreadyExists) as taken:
        await client.create(CONFIGMAPS, configmap("a"), namespace=namespace)
    assert not taken.value.after_retry
    assert f"create configmaps {namespace}/a" in str(taken.value)

    patched = await client.patch(
        CONFIGMAPS, "a", {"data": {"k": "2"}}, kind="merge", namespace=namespace
    )
    assert patched["data"] == {"k": "2"}
    with pytest.raises(Conflict):
        await client.replace(CONFIGMAPS, "a", created, namespace=namespace)
    applied = await client.patch(
        CONFIGMAPS,
        "a",
        configmap("a", k="3"),
        kind="apply",
        namespace=namespace,
        field_manager="kubeferry-test",
        force=True,
    )
    assert applied["data"] == {"k": "3"}
    with pytest.raises(Conflict):
        await client.delete(CONFIGMAPS, "a", namespace=namespace, uid="another")
    await client.delete(CONFIGMAPS, "a", namespace=namespace, uid=created["metadata"]["uid"])
    with pytest.raises(NotFound):
        await client.get(CONFIGMAPS, "a", namespace=namespace)


async def test_what_is_invalid_is_told_with_its_fields(client: Client, namespace: str) -> None:
    with pytest.raises(Invalid) as refused:
        await client.create(CONFIGMAPS, configmap("Not A Name"), namespace=namespace)
    assert refused.value.details["causes"][0]["field"] == "metadata.name"


async def test_a_dry_run_leaves_nothing(client: Client, namespace: str) -> None:
    await client.create(CONFIGMAPS, configmap("dry"), namespace=namespace, dry_run=True)
    with pytest.raises(NotFound):
        await client.get(CONFIGMAPS, "dry", namespace=namespace)


async def test_pages_hold_every_object_once(client: Client, namespace: str) -> None:
    names = {f"cm-{number:03}" for number in range(53)}
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(client.create(CONFIGMAPS, configmap(name), namespace=namespace))
    found, sizes = [], []
    async for page in client.pages(
        CONFIGMAPS, namespace=namespace, field_selector="metadata.name!=kube-root-ca.crt", limit=20
    ):
        sizes.append(len(page.items))
        found += [codec.decode(with_kind(item, page.kind_prefix)) for item in page.items]
    assert sizes == [20, 20, 13]
    assert {one["metadata"]["name"] for one in found} == names
    assert {(one["apiVersion"], one["kind"]) for one in found} == {("v1", "ConfigMap")}


async def test_a_list_of_metadata_alone_has_nothing_else(client: Client, namespace: str) -> None:
    await client.create(CONFIGMAPS, configmap("a", big="x" * 1000), namespace=namespace)
    pages = client.pages(CONFIGMAPS, namespace=namespace, field_selector="metadata.name=a")
    heads = client.pages(
        CONFIGMAPS, namespace=namespace, field_selector="metadata.name=a", heads=True
    )
    [[whole]] = [page.items async for page in pages]
    [[head]] = [page.items async for page in heads]
    assert "data" in codec.decode(whole)
    told = codec.decode(head)
    assert "data" not in told
    assert told["metadata"]["name"] == "a"


async def test_a_watch_lists_then_follows(client: Client, namespace: str) -> None:
    await client.create(CONFIGMAPS, configmap("one"), namespace=namespace)
    seen: list[tuple[str, str]] = []

    async def until(events: AsyncIterator[WatchEvent], kind: str) -> None:
        async with asyncio.timeout(20):
            async for event in events:
                about = event.object.get("metadata", {})
                seen.append((event.type, about.get("name", "")))
                if event.type == kind:
                    return

    events = client.watch(
        CONFIGMAPS, namespace=namespace, field_selector="metadata.name!=kube-root-ca.crt"
    )
    async with aclosing(events):
        await until(events, "SYNCED")
        await client.create(CONFIGMAPS, configmap("two"), namespace=namespace)
        await until(events, "ADDED")
        await client.patch(
            CONFIGMAPS, "two", {"data": {"k": "1"}}, kind="merge", namespace=namespace
        )
        await client.delete(CONFIGMAPS, "one", namespace=namespace)
        await until(events, "DELETED")
    assert seen == [
        ("ADDED", "one"),
        ("SYNCED", ""),
        ("ADDED", "two"),
        ("MODIFIED", "two"),
        ("DELETED", "one"),
    ]


@pytest.mark.parametrize(
    ("pod", "container", "refusal", "said"),
    [
        pytest.param("gone", "main", NotFound, 'pods "gone" not found', id="no such pod"),
        pytest.param("here", "nope", BadRequest, "container nope", id="no such container"),
        pytest.param("here", "main", BadRequest, "does not have a host", id="not on a node"),
    ],
)
async def test_a_command_that_cannot_be_run_is_refused_with_the_servers_reason(
    client: Client, namespace: str, pod: str, container: str, refusal: type[ApiError], said: str
) -> None:
    spec = {"containers": [{"name": "main", "image": "nginx"}], "schedulerName": "none"}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "here"}, "spec": spec}
    await client.create(PODS, made, namespace=namespace)
    with pytest.raises(refusal, match=said) as refused:
        await client.exec(Exec(namespace, pod, container, ("true",), timeout=20))
    assert refused.value.kubernetes_reason == refusal.reason


async def test_a_command_that_is_not_allowed_is_refused_as_forbidden(
    client: Client, namespace: str
) -> None:
    config = replace(client.config, impersonation=Impersonation("jane"))
    async with Client(config) as jane:
        with pytest.raises(Forbidden, match="jane") as refused:
            await jane.exec(Exec(namespace, "any", "main", ("true",), timeout=20))
    assert "pods/exec" in str(refused.value)


async def test_a_certificate_of_another_authority_is_told_as_that(backup_cluster: Cluster) -> None:
    config = load_config(
        kubeconfig=str(backup_cluster.kubeconfig), context=None, environ={}, home=Path("/")
    )
    async with Client(replace(config, ca=None)) as client:
        with pytest.raises(ApiUnreachable, match="certificate that does not verify") as failed:
            await client.version()
    assert config.server in str(failed.value)
