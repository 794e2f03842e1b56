from typing import Any

import pytest
from aiohttp import web

from kubeferry.errors import Unauthorized
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.statuses import restore_status, status_change, upgraded
from kubeferry.transform.change import MISSING
from tests.unit.kube.servers import serving, status

CARTS = Resource("x.io", "v1", "carts", "Cart", True)
CART = Identity("carts.x.io", "shop", "cart")
STATUS = {"items": 3}


def archived(said: str | None = None, **fields: Any) -> dict[str, Any]:
    annotations = {} if said is None else {"velero.io/restore-status": said}
    return {"metadata": {"annotations": annotations}, "status": STATUS, **fields}


@pytest.mark.parametrize(
    ("obj", "kinds", "is_wanted"),
    [
        pytest.param(archived(), {"carts.x.io"}, True, id="its kind is asked for"),
        pytest.param(archived(), {"pods"}, False, id="another kind is"),
        pytest.param(archived("true"), (), True, id="the object says yes"),
        pytest.param(archived("false"), {"carts.x.io"}, False, id="the object says no"),
        pytest.param(archived("yes"), (), False, id="the object says nothing"),
        pytest.param(archived(status={}), {"carts.x.io"}, False, id="an empty status"),
        pytest.param(archived(status="x"), {"carts.x.io"}, False, id="no status of Kubernetes"),
        pytest.param({"metadata": {}}, {"carts.x.io"}, False, id="no status"),
    ],
)
def test_which_objects_get_their_status_back(obj: Any, kinds: Any, is_wanted: bool) -> None:
    change = status_change(obj, "carts.x.io", kinds)
    assert (change is not None) is is_wanted
    if change is not None:
        assert (change.pointer, change.old, change.new) == ("/status", MISSING, STATUS)
        assert change.cause == ("parameter", "restoreStatus")


def test_a_status_of_another_version_does_not_fit() -> None:
    before = {"apiVersion": "autoscaling/v2beta1"}
    assert upgraded(before, before) is None
    note = upgraded(before, {"apiVersion": "autoscaling/v2"})
    assert note is not None
    assert note.message == (
        "its status is of autoscaling/v2beta1, the object is of autoscaling/v2 now"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            status(403, "Forbidden", "cannot patch"),
            "cannot patch; give the controller patch on carts.x.io/status",
            id="the right is missing",
        ),
        pytest.param(
            status(404, "NotFound"),
            "objects of this kind have no status of their own",
            id="there is no status",
        ),
        pytest.param(status(422, "Invalid", "items must be 2"), "items must be 2", id="a bad one"),
    ],
)
async def test_what_goes_wrong_is_a_note(answer: web.Response, said: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return answer

    async with serving(handler) as server, server.client() as client:
        note = await restore_status(client, CARTS, CART, STATUS, field_manager="m")
    assert note is not None
    assert note.reason == "StatusNotRestored"
    assert said in note.message
    [asked] = server.requests
    assert asked.method == "PATCH"
    assert asked.path == "/apis/x.io/v1/namespaces/shop/carts/cart/status"


async def test_a_token_that_is_worth_nothing_stops_the_task() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return status(401, "Unauthorized")

    async with serving(handler) as server, server.client() as client:
        with pytest.raises(Unauthorized):
            await restore_status(client, CARTS, CART, STATUS, field_manager="m")
