import pytest

from kubeferry.errors import ApiError, Forbidden, ServerTimeout
from kubeferry.kube.retry import Attempt, Repeat, seconds_to_retry

LEADER = "etcdserver: leader changed"
TOO_LARGE = "etcdserver: request is too large"


def waits(
    error: ApiError,
    repeat: Repeat,
    *,
    count: int = 1,
    elapsed: float = 0.0,
    lost: float | None = None,
) -> bool:
    attempt = Attempt(count=count, elapsed=elapsed, answered=True, lost=lost)
    return seconds_to_retry(error, attempt, repeat=repeat, patience=120.0) is not None


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    ("repeat", "count", "again"),
    [
        pytest.param("write", 20, True, id="a write as long as patience lasts"),
        pytest.param("read", 2, True, id="a read a few times"),
        pytest.param("read", 20, False, id="a read no more than that"),
        pytest.param("never", 1, False, id="a JSON patch never"),
    ],
)
def test_a_server_that_is_unwell(status: int, repeat: Repeat, count: int, again: bool) -> None:
    error = ServerTimeout if status == 504 else ApiError
    assert waits(error(LEADER, status=status), repeat, count=count, elapsed=60.0) == again
    assert not waits(error(LEADER, status=status), repeat, count=count, elapsed=120.0)


@pytest.mark.parametrize(
    ("message", "count", "again"),
    [
        pytest.param("failed calling webhook", 2, True, id="a webhook that is down: a few times"),
        pytest.param("failed calling webhook", 20, False, id="no more than that"),
        pytest.param(f"Internal error occurred: {LEADER}", 20, True, id="the server's own store"),
        pytest.param(TOO_LARGE, 1, False, id="what is too large stays so"),
    ],
)
def test_an_internal_error(message: str, count: int, again: bool) -> None:
    error = ApiError(message, status=500, kubernetes_reason="InternalError")
    assert waits(error, "write", count=count) == again


NO_ROLE = 'configmaps is forbidden: User "ferry" cannot create resource "configmaps" in API group'
NO_PATH = 'forbidden: User "ferry" cannot get path "/apis"'
QUOTA = 'configmaps "one" is forbidden: exceeded quota: few'


@pytest.mark.parametrize("repeat", ["read", "write", "never"])
@pytest.mark.parametrize(
    ("message", "lost", "again"),
    [
        pytest.param(NO_ROLE, 1.0, True, id="a server that is just back may not know its roles"),
        pytest.param(NO_PATH, 1.0, True, id="nor whom a path is for"),
        pytest.param(NO_ROLE, None, False, id="a server that never was away means it"),
        pytest.param(NO_ROLE, 31.0, False, id="nor does one that is back for long"),
        pytest.param(QUOTA, 1.0, False, id="an admission plugin means it at any time"),
    ],
)
def test_forbidden(message: str, lost: float | None, again: bool, repeat: Repeat) -> None:
    assert waits(Forbidden(message, status=403), repeat, count=50, lost=lost) == again
