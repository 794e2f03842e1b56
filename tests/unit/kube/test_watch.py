import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from kubeferry.errors import Forbidden
from kubeferry.kube.watch import WatchEvent
from tests.unit.kube.servers import CONFIGMAPS, serving, status


def obj(name: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"u-{name}", "resourceVersion": version}}


def listed(version: str, *names: str) -> web.Response:
    items = [obj(name) for name in names]
    return web.json_response({"metadata": {"resourceVersion": version}, "items": items})


async def lines(request: web.Request, *events: tuple[str, dict[str, Any]]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for kind, one in events:
        text = json.dumps({"type": kind, "object": one}).encode() + b"\n"
        await response.write(text[:10])  # a line may come in parts
        await response.write(text[10:])
    return response


async def take(events: AsyncGenerator[WatchEvent, None], count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async with aclosing(events), asyncio.timeout(10):
        async for event in events:
            found.append((event.type, event.object.get("metadata", {}).get("name", "")))
            if len(found) == count:
                break
    return found


async def test_a_broken_watch_goes_on_from_the_last_bookmark() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        match len(server.requests):
            case 1:
                return listed("5", "a")
            case 2:
                bookmark = {"metadata": {"resourceVersion": "9"}}
                return await lines(request, ("MODIFIED", obj("a", "6")), ("BOOKMARK", bookmark))
        return await lines(request, ("DELETED", obj("a", "10")))

    async with serving(handler) as server, server.client() as client:
        found = await take(client.watch(CONFIGMAPS), 4)
    assert found == [("ADDED", "a"), ("SYNCED", ""), ("MODIFIED", "a"), ("DELETED", "a")]
    watches = [one.query["resourceVersion"] for one in server.requests if "watch" in one.query]
    assert watches[:2] == ["5", "9"]
    assert server.requests[1].query["allowWatchBookmarks"] == "true"


@pytest.mark.parametrize("inside", [True, False], ids=["410 in the stream", "410 as the answer"])
async def test_410_begins_a_new_round_that_tells_what_vanished(inside: bool) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        match len(server.requests):
            case 1:
                return listed("5", "a", "b")
            case 2 if inside:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"}
                return await lines(request, ("ERROR", gone))
            case 2:
                return status(410, "Expired")
            case 3:
                return listed("8", "b", "c")
        return await lines(request)

    async with serving(handler) as server, server.client() as client:
        found = await take(client.watch(CONFIGMAPS), 7)
    assert found == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("SYNCED", ""),
        ("ADDED", "b"),
        ("ADDED", "c"),
        ("DELETED", "a"),
        ("SYNCED", ""),
    ]


async def test_a_server_that_ends_each_watch_at_once_is_not_asked_without_end() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await lines(request) if "watch" in request.query else listed("5")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await take(client.watch(CONFIGMAPS), 100)
    assert 2 < len(server.requests) < 10


async def test_a_refusal_is_raised() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return status(403, "Forbidden", "no list for you")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(Forbidden, match="no list for you"):
            await take(client.watch(CONFIGMAPS, name="a", namespace="n"), 1)
    assert server.requests[0].query["fieldSelector"] == "metadata.name=a"


async def test_leaving_a_watch_closes_its_connection() -> None:
    closed = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return listed("5", "a")
        response = await lines(request, ("ADDED", obj("b")))
        try:
            while request.transport and not request.transport.is_closing():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        finally:
            closed.set()
        return response

    async with serving(handler) as server, server.client() as client:
        assert (await take(client.watch(CONFIGMAPS), 3))[-1] == ("ADDED", "b")
        await asyncio.wait_for(closed.wait(), 2)
