import json
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from kubeferry.errors import ApiError, Expired
from kubeferry.kube.client import Client
from kubeferry.kube.pages import with_kind
from kubeferry.kube.watch import WatchEvent
from tests.unit.kube.servers import CONFIGMAPS, serving, status


def names(pages: list[Any]) -> list[str]:
    return [json.loads(bytes(item))["metadata"]["name"] for page in pages for item in page.items]


def answer(request: web.Request, everything: list[dict[str, Any]]) -> web.Response:
    """A list as a server pages it, metadata after the items as for custom resources."""
    start = int(request.query.get("continue", "0"))
    end = start + int(request.query["limit"])
    metadata: dict[str, Any] = {"resourceVersion": "7"}
    if end < len(everything):
        metadata |= {"continue": str(end), "remainingItemCount": len(everything) - end}
    return web.json_response({"items": everything[start:end], "metadata": metadata})


def objects(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**more, "metadata": {"name": f"n{number}"}} for number in range(count)]


async def test_pages_go_on_to_the_end() -> None:
    async def handler(request: web.Request) -> web.Response:
        return answer(request, objects(5))

    async with serving(handler) as server, server.client() as client:
        pages = [page async for page in client.pages(CONFIGMAPS, limit=2)]
    assert names(pages) == ["n0", "n1", "n2", "n3", "n4"]
    assert [page.remaining for page in pages] == [3, 1, None]
    assert {page.resource_version for page in pages} == {"7"}
    assert json.loads(with_kind(pages[0].items[0], pages[0].kind_prefix)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "n0"},
    }


async def test_metadata_alone_is_asked_for_where_whole_objects_are_not_wanted() -> None:
    accepted: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        accepted.append(request.headers["Accept"])
        return answer(request, objects(1))

    async with serving(handler) as server, server.client() as client:
        for heads in (False, True):
            assert [page async for page in client.pages(CONFIGMAPS, heads=heads)]
    whole, metadata = accepted
    assert whole == "application/json"
    assert metadata.startswith("application/json;as=PartialObjectMetadataList;")
    assert metadata.endswith(",application/json"), "a server that knows no such thing sends all"


async def test_items_that_carry_their_kind_get_no_prefix() -> None:
    async def handler(request: web.Request) -> web.Response:
        return answer(request, objects(1, apiVersion="a/v1", kind="A"))

    async with serving(handler) as server, server.client() as client:
        (page,) = [page async for page in client.pages(CONFIGMAPS)]
    assert page.kind_prefix == b""


async def test_an_empty_list_may_say_null() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": None})

    async with serving(handler) as server, server.client() as client:
        (page,) = [page async for page in client.pages(CONFIGMAPS)]
    assert page.items == []


async def test_a_page_with_too_many_bytes_is_asked_for_again_smaller() -> None:
    everything = objects(20)
    for one in everything[:6]:
        one["data"] = {"big": "x" * 1000}

    async def handler(request: web.Request) -> web.Response:
        return answer(request, everything)

    limits = {"page_bytes": 2200, "bytes_in_flight": 4400}
    async with serving(handler) as server, server.client(limits=limits) as client:
        pages = [page async for page in client.pages(CONFIGMAPS, limit=8)]
    asked = [int(request.query["limit"]) for request in server.requests]
    assert names(pages) == [f"n{number}" for number in range(20)]
    assert asked[:3] == [8, 4, 2]
    assert asked[-1] == 8
    assert client._budget.used == 0


async def test_one_object_over_the_bound_is_taken_all_the_same() -> None:
    async def handler(request: web.Request) -> web.Response:
        return answer(request, objects(2, data="x" * 5000))

    async with serving(handler) as server, server.client(limits={"page_bytes": 1000}) as client:
        pages = [page async for page in client.pages(CONFIGMAPS, limit=4)]
    assert names(pages) == ["n0", "n1"]


async def test_an_expired_list_goes_on_with_the_token_of_the_refusal() -> None:
    async def handler(request: web.Request) -> web.Response:
        if len(server.requests) == 2:
            return status(410, "Expired", metadata={"continue": request.query["continue"]})
        return answer(request, objects(4))

    async with serving(handler) as server, server.client() as client:
        pages = [page async for page in client.pages(CONFIGMAPS, limit=2)]
    assert names(pages) == ["n0", "n1", "n2", "n3"]
    assert not any(page.restarted for page in pages)


async def test_an_expired_list_without_a_token_begins_again_once_and_says_so() -> None:
    async def handler(request: web.Request) -> web.Response:
        if len(server.requests) in (2, 4):
            return status(410, "Expired")
        return answer(request, objects(4))

    found = []
    async with serving(handler) as server, server.client() as client:
        with pytest.raises(Expired):  # noqa: PT012 - the pages before it count
            async for page in client.pages(CONFIGMAPS, limit=2):
                found.append(page)
    assert [page.restarted for page in found] == [False, True]
    assert names(found) == ["n0", "n1", "n0", "n1"]


async def test_a_list_of_a_moment_says_so_on_its_first_page_alone() -> None:
    async def handler(request: web.Request) -> web.Response:
        return answer(request, objects(3))

    async with serving(handler) as server, server.client() as client:
        found = [page async for page in client.pages(CONFIGMAPS, limit=2, resource_version="7")]
    asked = [dict(request.query) for request in server.requests]
    exact = {"resourceVersion": "7", "resourceVersionMatch": "Exact"}
    assert asked == [{"limit": "2", **exact}, {"limit": "2", "continue": "2"}]
    assert names(found) == ["n0", "n1", "n2"]


async def test_a_moment_that_the_server_has_forgotten_is_told_at_once() -> None:
    async def handler(request: web.Request) -> web.Response:
        return status(410, "Expired")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(Expired):
            [page async for page in client.pages(CONFIGMAPS, resource_version="7")]
    assert len(server.requests) == 1


async def first_event(client: Client) -> WatchEvent:
    async with aclosing(client.watch(CONFIGMAPS)) as events:
        return await anext(events)


DEEP = b'{"metadata":{"name":"a"},"spec":' + b"[" * 3000 + b"]" * 3000 + b"}"


@pytest.mark.parametrize(
    ("items", "said"),
    [
        pytest.param(b"[1]", "is no object", id="a number"),
        pytest.param(b"[[]]", "is no object", id="a list"),
        pytest.param(b'[{"kind":1}]', "", id="a kind that is no text"),
        pytest.param(b'{"a":1}', "cannot be read", id="items that are no list"),
        pytest.param(b"[" + DEEP + b"]", "nested too deeply", id="an item nested too deeply"),
    ],
)
async def test_a_list_of_what_is_no_object_is_an_error_of_the_api(items: bytes, said: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        body = b'{"metadata":{"resourceVersion":"1"},"items":' + items + b"}"
        return web.Response(body=body, content_type="application/json")

    async with serving(handler) as server, server.client() as client:
        if not said:
            assert len(await client.list(CONFIGMAPS)) == 1
            return
        with pytest.raises(ApiError, match=said):
            await client.list(CONFIGMAPS)
        with pytest.raises(ApiError, match=said):
            await first_event(client)


async def test_the_kind_is_filled_in_though_the_first_item_is_none() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"items": [1, {"metadata": {"name": "a"}}]})

    async with serving(handler) as server, server.client() as client:
        (page,) = [page async for page in client.pages(CONFIGMAPS)]
    assert page.kind_prefix == b'"apiVersion":"v1","kind":"ConfigMap",'
