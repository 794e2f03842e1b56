from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from kubeferry.errors import ApiError
from kubeferry.kube.discovery import BrokenGroup, ServerVersion
from kubeferry.kube.saved_api import SavedApi, load, save
from tests.unit.kube.servers import serving, status

VERBS = ["get", "list"]


def entry(plural: str, kind: str, *short: str, **more: Any) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced",
        "singularResource": kind.lower(),
        "verbs": VERBS,
        "shortNames": list(short),
        **more,
    }


def group(name: str, versions: dict[str, list[Any]], **more: Any) -> dict[str, Any]:
    listed = [{"version": one, "resources": all_, **more} for one, all_ in versions.items()]
    return {"metadata": {"name": name}, "versions": listed}


CORE = [group("", {"v1": [entry("pods", "Pod", "po", subresources=[{"subresource": "log"}])]})]
GROUPS = [
    group("batch", {"v1": [entry("cronjobs", "CronJob", "cj")], "v1beta1": [
        entry("cronjobs", "CronJob", "cj"), entry("olds", "Old")]}),
    group("metrics.k8s.io", {"v1beta1": [entry("pods", "PodMetrics")]}, freshness="Stale"),
]  # fmt: skip


async def aggregated(request: web.Request) -> web.Response:
    assert "v=v2;as=APIGroupDiscoveryList" in request.headers["Accept"]
    answer = web.json_response({"items": CORE if request.path == "/api" else GROUPS})
    answer.headers["Content-Type"] = (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    )
    return answer


async def old(request: web.Request) -> web.Response:
    def resource(name: str, kind: str, *short: str) -> dict[str, Any]:
        return {
            "name": name,
            "kind": kind,
            "namespaced": True,
            "verbs": VERBS,
            "singularName": kind.lower(),
            "shortNames": list(short),
        }

    answers: dict[str, Any] = {
        "/api": {"versions": ["v1"]},
        "/api/v1": {
            "groupVersion": "v1",
            "resources": [resource("pods", "Pod", "po"), resource("pods/log", "Pod")],
        },
        "/apis": {
            "groups": [
                {
                    "name": "batch",
                    "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                    "preferredVersion": {"version": "v1"},
                },
                {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}]},
            ]
        },
        "/apis/batch/v1": {
            "groupVersion": "batch/v1",
            "resources": [resource("cronjobs", "CronJob", "cj")],
        },
        "/apis/batch/v1beta1": {
            "groupVersion": "batch/v1beta1",
            "resources": [resource("cronjobs", "CronJob", "cj"), resource("olds", "Old")],
        },
    }
    if request.path in answers:
        return web.json_response(answers[request.path])
    return status(404, "NotFound", "the service is down")


@pytest.mark.parametrize(("form", "requests"), [(aggregated, 2), (old, 6)])
async def test_both_forms_are_read(form: Any, requests: int) -> None:
    async with serving(form) as server, server.client() as client:
        found = await client.discover()
    assert len(server.requests) == requests
    assert [one.group for one in found.broken] == ["metrics.k8s.io"]
    cronjobs = found.find("cronjobs.batch")
    assert cronjobs is not None
    assert cronjobs.api_version == "batch/v1"
    olds = found.find("olds.batch")
    assert olds is not None
    assert olds.version == "v1beta1"
    assert len([one for one in found.all_versions if one.plural == "cronjobs"]) == 2
    pods = found.find("pods")
    assert pods is not None
    assert pods.subresources == {"log"}
    assert load(save("v1.2.3", found), place="file") == SavedApi(
        "v1.2.3", replace(found, broken=())
    )
    assert found.serves("batch", "v1beta1")
    assert not found.serves("batch", "v2")
    assert found.for_kind("batch/v1beta1", "CronJob") != cronjobs
    for word in ("cj", "CronJob", "cronjobs", "cronjob.batch", "cj.batch", "cronjobs.v1.batch"):
        assert found.resolve(word) == cronjobs, word
    assert found.resolve("pods") == pods
    assert found.resolve("nothing") is None


async def test_a_broken_group_says_why() -> None:
    async with serving(old) as server, server.client() as client:
        found = await client.discover()
    assert found.broken == (BrokenGroup("metrics.k8s.io", "v1beta1", "the service is down"),)


async def test_the_version_of_a_provider() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"major": "1", "minor": "27+", "gitVersion": "v1.27.3-aliyun.1"})

    async with serving(handler) as server, server.client() as client:
        assert await client.version() == ServerVersion(1, 27, "v1.27.3-aliyun.1")


async def test_a_web_page_is_no_api_server() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(ApiError, match="no Kubernetes API server"):
            await client.discover()
