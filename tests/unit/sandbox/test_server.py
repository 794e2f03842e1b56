import aiohttp
import pytest

from kubeferry import codec
from kubeferry.sandbox import Sandbox


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("/api/v1/namespaces", 401, id="no token"),
        pytest.param("/token/wrong/api/v1/namespaces", 401, id="another token"),
        pytest.param("/readyz", 200, id="health is open"),
        pytest.param("/version", 200, id="the version is open"),
    ],
)
async def test_a_token_is_required(path: str, code: int) -> None:
    async with (
        Sandbox() as sandbox,
        aiohttp.ClientSession() as session,
        session.get(sandbox.url + path) as answer,
    ):
        assert answer.status == code


async def test_the_kubeconfig_leads_to_the_sandbox() -> None:
    async with Sandbox(name="demo") as sandbox, aiohttp.ClientSession() as session:
        config = codec.load_yaml(sandbox.kubeconfig())
        assert config["current-context"] == "demo"
        server = config["clusters"][0]["cluster"]["server"]
        assert server.startswith("http://127.0.0.1:")
        async with session.get(f"{server}/api/v1/namespaces") as answer:
            assert (await answer.json())["items"][0]["metadata"]["name"] == "default"


async def test_the_sandbox_can_be_left_while_it_is_watched() -> None:
    async with Sandbox() as sandbox:
        session = aiohttp.ClientSession()
        answer = await session.get(f"{sandbox.server}/api/v1/namespaces?watch=1&resourceVersion=1")
        assert (await answer.content.readline()).startswith(b'{"type":"ADDED"')
    await session.close()


@pytest.mark.parametrize("path", ["apis/apps/v1", "api/v1"])
async def test_the_openapi_document_knows_what_kubectl_looks_for(path: str) -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.server}/openapi/v3") as answer:
            where = (await answer.json())["paths"][path]["serverRelativeURL"]
        async with session.get(sandbox.server + where) as answer:
            document = await answer.json()
    patches = [one["patch"] for one in document["paths"].values() if "patch" in one]
    assert patches
    for patch in patches:
        assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]
