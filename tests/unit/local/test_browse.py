"""A backup as a cluster: what was saved is read as it was saved, and nothing can be written."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import ApiError, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.names import Identity, Resource
from kubeferry.local.browse import Shown, browse
from kubeferry.settings import Settings
from tests.builders import config_map, namespace, obj
from tests.foreign import shop

TOLD = "backup shop-1 is open for reading"
MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)


@asynccontextmanager
async def opened(objects: Iterable[tuple[str, Any]], folder: Path) -> AsyncIterator[Client]:
    shown = (
        Shown(
            Identity(
                kind, one["metadata"].get("namespace", ""), str(one["metadata"].get("name", ""))
            ),
            one,
        )
        for kind, one in objects
    )
    settings = Settings(spool_dir=folder)
    async with browse(shown, name="shop-1", read_only=TOLD, settings=settings) as sandbox:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(sandbox.kubeconfig())
        config = load_config(kubeconfig=str(kubeconfig), context=None, environ={}, home=folder)
        async with Client(config, user_agent="test") as client:
            yield client


async def found(client: Client, words: str, **where: str) -> list[dict[str, Any]]:
    resource = (await client.discover()).resolve(words)
    assert resource is not None, words
    return await client.list(resource, **where)


async def test_the_objects_are_there_and_nothing_else(tmp_path: Path) -> None:
    saved = [("namespaces", namespace("shop")), ("configmaps", config_map("shop/menu", tea="3"))]
    async with opened(saved, tmp_path) as client:
        assert [one["metadata"]["name"] for one in await found(client, "namespaces")] == ["shop"]
        [menu] = await found(client, "configmaps", namespace="shop")
        assert menu["data"] == {"tea": "3"}
        assert await client.get(MAPS, "menu", namespace="shop") == menu | {
            "apiVersion": "v1",
            "kind": "ConfigMap",
        }
        with pytest.raises(NotFound):
            await client.get(MAPS, "other", namespace="shop")


async def test_nothing_can_be_written(tmp_path: Path) -> None:
    saved = [("configmaps", config_map("shop/menu", tea="3"))]
    async with opened(saved, tmp_path) as client:
        for write in (
            client.create(MAPS, config_map("shop/new"), namespace="shop", field_manager="me"),
            client.patch(MAPS, "menu", {}, kind="merge", namespace="shop", field_manager="me"),
            client.delete(MAPS, "menu", namespace="shop"),
        ):
            with pytest.raises(ApiError, match=TOLD):
                await write
        assert len(await found(client, "configmaps", namespace="shop")) == 1


async def test_a_kind_and_a_version_of_long_ago_are_served_as_they_were(tmp_path: Path) -> None:
    old = obj("extensions/v1beta1/Ingress", "shop/front").with_(
        spec={"backend": {"serviceName": "a"}}
    )
    beta = obj("networking.k8s.io/v1beta1/Ingress", "shop/back").with_(spec={})
    scaler = obj("autoscaling/v1/HorizontalPodAutoscaler", "shop/web").with_(
        spec={"targetCPUUtilizationPercentage": 80}
    )
    saved = [
        ("ingresses.extensions", old),
        ("ingresses.networking.k8s.io", beta),
        ("horizontalpodautoscalers.autoscaling", scaler),
    ]
    async with opened(saved, tmp_path) as client:
        assert (await found(client, "ingresses.extensions", namespace="shop"))[0]["spec"] == old[
            "spec"
        ]
        [one] = await found(client, "ingresses.networking.k8s.io", namespace="shop")
        assert one["apiVersion"] == "networking.k8s.io/v1beta1"
        first = Resource("autoscaling", "v1", "horizontalpodautoscalers", "", namespaced=True)
        assert (await client.get(first, "web", namespace="shop"))["spec"] == scaler["spec"]
        second = Resource("autoscaling", "v2", "horizontalpodautoscalers", "", namespaced=True)
        [metric] = (await client.get(second, "web", namespace="shop"))["spec"]["metrics"]
        assert metric["resource"]["target"]["averageUtilization"] == 80


@pytest.mark.parametrize("defined", [True, False], ids=["defined", "not defined"])
async def test_custom_resources_are_read_with_their_definition_or_without(
    tmp_path: Path, defined: bool
) -> None:
    saved = [("widgets.example.com", shop.widget("v1beta1"))]
    if defined:
        saved.append(("customresourcedefinitions.apiextensions.k8s.io", shop.definition()))
    async with opened(saved, tmp_path) as client:
        [widget] = await found(client, "widgets.example.com", namespace="shop")
        assert widget["spec"] == shop.widget()["spec"], "to the last digit"
        versions = {
            one.version for one in (await client.discover()).all_versions if one.plural == "widgets"
        }
        assert versions == ({"v1", "v1beta1"} if defined else {"v1beta1"})


def versioned(name: Any) -> Any:
    """The spec of the shop's definition with versions of this name."""
    spec = shop.definition()["spec"]
    return spec | {"versions": [one | {"name": name} for one in spec["versions"]]}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(["?"], id="no map"),
        pytest.param(shop.definition()["spec"] | {"group": ["example.com"]}, id="a list as group"),
        pytest.param(versioned(1), id="a number as version"),
        pytest.param(versioned(None), id="no version"),
    ],
)
async def test_a_definition_that_is_none_hides_nothing(tmp_path: Path, spec: Any) -> None:
    broken = obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "widgets.example.com")
    saved = [
        ("customresourcedefinitions.apiextensions.k8s.io", broken.with_(spec=spec)),
        ("widgets.example.com", shop.widget()),
    ]
    async with opened(saved, tmp_path) as client:
        assert len(await found(client, "widgets.example.com", namespace="shop")) == 1
        assert len(await found(client, "customresourcedefinitions")) == 1
