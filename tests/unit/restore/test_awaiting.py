"""What is not served yet is asked for again, until it is or the time is over."""

from typing import Any

import pytest

from kubeferry.errors import ApiError, Invalid, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.awaiting import wait_until_served
from kubeferry.restore.plan_item import PlanItem
from tests.builders import obj

THING = Identity("things.example.com", "shop", "one")
RESOURCE = Resource("example.com", "v1", "things", "Thing", True)
ITEM = PlanItem(THING, THING, RESOURCE, "create", obj("example.com/v1/Thing", "shop/one"))
GONE = {"kind": "namespaces", "name": "shop"}
CONVERSION = (
    'conversion webhook for example.com/v1, Kind=Thing failed: Post "https://hook.shop.svc:443/": '
    "connection refused"
)


class Server(Client):
    """Answers as it is told, then takes everything; ``tries`` counts the dry runs."""

    def __init__(self, *answers: ApiError) -> None:
        super().__init__(ClusterConfig(server="http://127.0.0.1:9"))
        self._answers = list(answers)
        self.tries = 0

    async def create(self, resource: Resource, body: Any, **more: Any) -> bytes:
        assert more["dry_run"]
        self.tries += 1
        if self._answers:
            raise self._answers.pop(0)
        return b"{}"


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        pytest.param((), 1, id="served"),
        pytest.param((NotFound("no such path", status=404),), 2, id="not there yet"),
        pytest.param((ApiError("unavailable", status=503),), 2, id="nobody behind it"),
        pytest.param((ApiError(CONVERSION, status=500),), 2, id="not converted yet"),
        pytest.param((NotFound("x", status=404, details=GONE),), 1, id="its namespace is missing"),
        pytest.param((Invalid("no", status=422),), 1, id="refused, so served"),
    ],
)
async def test_it_is_tried_until_it_is_served(answers: tuple[ApiError, ...], tries: int) -> None:
    server = Server(*answers)
    await wait_until_served(server, [ITEM], field_manager="me")
    assert server.tries == tries


@pytest.mark.looptime
async def test_what_never_answers_is_left_to_the_creates() -> None:
    server = Server(*(NotFound("no such path", status=404) for _ in range(1000)))
    await wait_until_served(server, [ITEM], field_manager="me", seconds=30.0)
    assert 5 < server.tries < 20
