"""What is sent to OSS, seen by a server that knows OSS' rules (ecosystem.md §5); no real bucket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from kubeferry.errors import AlreadyStored
from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials, Location, open_store
from kubeferry.vault.store import Store


@dataclass
class Oss:
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.path_qs, headers))
        key, body = request.path, await request.read()
        if request.method == "PUT":
            if {"if-none-match", "if-match"} & headers.keys():
                return web.Response(status=501, text="<Error><Code>NotImplemented</Code></Error>")
            if headers.get("x-oss-forbid-overwrite") == "true" and key in self.objects:
                return web.Response(
                    status=409, text="<Error><Code>FileAlreadyExists</Code></Error>"
                )
            self.objects[key] = body
            return web.Response(headers={"ETag": '"1"'})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return web.Response(status=404)
        times = {"ETag": '"1"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}
        return web.Response(body=self.objects[key], headers=times)


@pytest.fixture
def oss() -> Oss:
    return Oss()


@pytest.fixture
async def oss_store(oss: Oss) -> AsyncIterator[Store]:
    app = web.Application()
    app.router.add_route("*", "/{key:.*}", oss.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    location = Location(
        name="vault",
        provider="alibabacloud",
        bucket="bucket",
        prefix="subpath",
        region="cn-beijing",
        endpoint=endpoint,
    )
    settings = Settings(allowed_endpoints=(endpoint,))
    yield open_store(location, credentials=Credentials("id", "secret"), settings=settings)
    await runner.cleanup()


async def test_create_forbids_overwriting_and_put_does_not(oss: Oss, oss_store: Store) -> None:
    await oss_store.put("backups/b/mark", b"1", create=True)
    with pytest.raises(AlreadyStored):
        await oss_store.put("backups/b/mark", b"2", create=True)
    assert oss.objects == {"/bucket/subpath/backups/b/mark": b"1"}
    await oss_store.put("backups/b/mark", b"3")
    assert oss.objects == {"/bucket/subpath/backups/b/mark": b"3"}


async def test_a_probe_works_without_what_oss_lacks(oss: Oss, oss_store: Store) -> None:
    await oss_store.probe()
    assert oss.objects == {}
    methods = [method for method, _, _ in oss.requests]
    assert methods == ["HEAD", "PUT", "GET", "DELETE"]
    for _, _, headers in oss.requests:
        assert not any(name.startswith("x-amz-checksum") for name in headers)
        assert "x-amz-trailer" not in headers
        assert "aws-chunked" not in headers.get("content-encoding", "")
        assert "x-oss-forbid-overwrite" not in headers
        assert "/cn-beijing/s3/aws4_request" in headers["authorization"]
