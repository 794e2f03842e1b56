import asyncio
import time

import pytest
from aiohttp import web

from kubeferry.errors import (
    AlreadyExists,
    ApiUnreachable,
    Conflict,
    NotFound,
    TooManyRequests,
)
from kubeferry.kube.client import Client
from kubeferry.kube.cluster import ClusterConfig, Impersonation
from tests.unit.kube.servers import CONFIGMAPS, serving, status

BODY = b'{"metadata":{"name":"web"}}'


def broken(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_create_sends_the_bytes_and_its_parameters() -> None:
    bodies = []

    async def handler(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(body=b'{"kind":"ConfigMap"}', status=201)

    who = Impersonation("jane", groups=("a", "b"), extra={"Scope/x": ("1",)})
    async with serving(handler) as server, server.client(impersonation=who, token="t") as client:
        answer = await client.create(
            CONFIGMAPS,
            BODY,
            namespace="default",
            field_manager="kubeferry-1",
            dry_run=True,
            field_validation="Strict",
        )
    (request,) = server.requests
    assert (answer, bodies) == (b'{"kind":"ConfigMap"}', [BODY])
    assert request.path == "/api/v1/namespaces/default/configmaps"
    assert dict(request.query) == {
        "fieldManager": "kubeferry-1",
        "dryRun": "All",
        "fieldValidation": "Strict",
    }
    assert request.headers["Authorization"] == "Bearer t"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers.getall("Impersonate-Group") == ["a", "b"]
    assert request.headers["Impersonate-Extra-Scope%2Fx"] == "1"


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("json", "application/json-patch+json"),
        ("merge", "application/merge-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
        ("apply", "application/apply-patch+yaml"),
    ],
)
async def test_each_patch_kind_has_its_content_type(kind: str, content_type: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"sent": request.content_type})

    async with serving(handler) as server, server.client() as client:
        answer = await client.patch(CONFIGMAPS, "web", {}, kind=kind)  # type: ignore[arg-type]
    assert answer == {"sent": content_type}


async def test_a_failure_names_what_was_asked_for() -> None:
    async def handler(request: web.Request) -> web.Response:
        return status(409, "AlreadyExists", 'configmaps "web" already exists')

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(AlreadyExists, match=r"^create configmaps default/web: ") as taken:
            await client.create(CONFIGMAPS, BODY, namespace="default")
    assert not taken.value.after_retry
    assert client.limiter.active == 0


async def test_a_create_whose_connection_broke_may_find_its_own_object() -> None:
    async def handler(request: web.Request) -> web.Response:
        if len(server.requests) == 2:
            return broken(request)
        if request.method == "GET":
            return web.json_response({})
        return status(409, "AlreadyExists")

    async with serving(handler) as server, server.client() as client:
        await client.get(CONFIGMAPS, "first")
        with pytest.raises(AlreadyExists) as taken:
            await client.create(CONFIGMAPS, BODY, namespace="default")
    assert taken.value.after_retry


async def test_a_create_that_met_a_change_of_leader_is_sent_again() -> None:
    async def handler(request: web.Request) -> web.Response:
        match len(server.requests):
            case 1:
                return status(500, "", "etcdserver: leader changed")
            case 2:
                return web.Response(status=502, text="<html>bad gateway</html>")
        return status(409, "AlreadyExists")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(AlreadyExists) as taken:
            await client.create(CONFIGMAPS, BODY, namespace="default")
        assert taken.value.after_retry
        assert client.limiter.active == 0


async def test_a_create_whose_name_the_server_makes_is_not_sent_again() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({}) if request.method == "GET" else broken(request)

    async with serving(handler) as server, server.client() as client:
        await client.get(CONFIGMAPS, "first")
        with pytest.raises(ApiUnreachable):
            await client.create(CONFIGMAPS, b'{"metadata":{"generateName":"web-"}}', namespace="a")
    assert [request.method for request in server.requests] == ["GET", "POST"]


async def test_a_json_patch_whose_connection_broke_is_not_sent_again() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({}) if request.method == "GET" else broken(request)

    async with serving(handler) as server, server.client() as client:
        await client.get(CONFIGMAPS, "first")
        with pytest.raises(ApiUnreachable) as failed:
            await client.patch(CONFIGMAPS, "web", [], kind="json")
    assert failed.value.sent
    assert len(server.requests) == 2


async def test_429_waits_as_long_as_the_server_says_and_is_sent_again() -> None:
    async def handler(request: web.Request) -> web.Response:
        if len(server.requests) == 1:
            return status(429, "TooManyRequests", headers={"Retry-After": "0.2"})
        return web.json_response({}, status=201)

    async with serving(handler) as server, server.client() as client:
        began = time.monotonic()
        await client.create(CONFIGMAPS, BODY)
        took = time.monotonic() - began
        assert client.limiter.limit == 8
    assert took >= 0.2
    assert len(server.requests) == 2


async def test_429_for_longer_than_patience_is_raised() -> None:
    async def handler(request: web.Request) -> web.Response:
        return status(429, "TooManyRequests", headers={"Retry-After": "60"})

    async with serving(handler) as server, server.client(limits={"patience": 1.0}) as client:
        with pytest.raises(TooManyRequests):
            await client.create(CONFIGMAPS, BODY)


async def test_a_read_is_tried_again_after_a_broken_connection_and_a_gateway_error() -> None:
    async def handler(request: web.Request) -> web.Response:
        match len(server.requests):
            case 2:
                return broken(request)
            case 3:
                return web.Response(status=502, text="<html>bad gateway</html>")
        return web.json_response({"n": len(server.requests)})

    async with serving(handler) as server, server.client() as client:
        await client.get(CONFIGMAPS, "a")
        assert await client.get(CONFIGMAPS, "a") == {"n": 4}


async def test_delete_can_ask_for_one_very_object() -> None:
    async def handler(request: web.Request) -> web.Response:
        options = await request.json()
        if options.get("preconditions") == {"uid": "1"}:
            return web.json_response(options)
        return status(409, "Conflict")

    async with serving(handler) as server, server.client() as client:
        await client.delete(CONFIGMAPS, "a", uid="1", propagation="Foreground", grace_seconds=0)
        with pytest.raises(Conflict):
            await client.delete(CONFIGMAPS, "a", uid="2")


async def test_list_fills_in_the_kind() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.query["labelSelector"] == "a=b,c in (d,e)"
        return web.json_response({"kind": "ConfigMapList", "metadata": {}, "items": [{}]})

    async with serving(handler) as server, server.client() as client:
        found = await client.list(CONFIGMAPS, label_selector="a=b,c in (d,e)")
    assert found == [{"apiVersion": "v1", "kind": "ConfigMap"}]


async def test_a_server_that_never_answered_is_not_waited_for(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with Client(ClusterConfig(server=url)) as client:
        began = time.monotonic()
        with pytest.raises(ApiUnreachable, match="cannot be reached") as failed:
            await client.create(CONFIGMAPS, BODY)
    assert url in str(failed.value)
    assert "kubeconfig" in failed.value.remedy
    assert not failed.value.sent
    assert time.monotonic() - began < 1


async def test_a_plain_answer_is_quoted_and_typed_by_its_status() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(NotFound, match="404 page not found"):
            await client.get(CONFIGMAPS, "a")


async def test_a_cancelled_write_gives_its_place_back() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.create(CONFIGMAPS, BODY)
        assert client.limiter.active == 0
