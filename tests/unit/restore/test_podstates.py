"""How a pod stands for its next hook."""

from typing import Any

import pytest

from kubeferry import codec
from kubeferry.restore.hooks import ExecHook, InitWait
from kubeferry.restore.podstates import read_pod, standing

MANAGER = "kubeferry-1"
COMMAND = ExecHook("h", "main", ("true",))
READY = ExecHook("h", "main", ("true",), wait_for_ready=True)
INIT = InitWait("h", ("one", "two"), 60.0)
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def seen(*, restarts: str = "Always", meta: dict[str, Any] | None = None, **status: Any) -> bytes:
    body = {
        "metadata": {"name": "web", "managedFields": [{"manager": "kubelet"}, {"manager": MANAGER}]}
        | (meta or {}),
        "spec": {"restartPolicy": restarts, "containers": [{"name": "main"}]},
        "status": {"phase": "Running", **status},
    }
    return codec.encode(body)


def containers(**states: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "ready": False, "state": state} for name, state in states.items()]


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}


@pytest.mark.parametrize(
    ("body", "state", "why"),
    [
        pytest.param(seen(phase="Pending"), "waiting", "does not run", id="not scheduled"),
        pytest.param(
            seen(
                containerStatuses=containers(
                    main={"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
                )
            ),
            "waiting",
            "container main does not run (ImagePullBackOff: no such image)",
            id="its image is missing",
        ),
        pytest.param(seen(containerStatuses=containers(main=RUNNING)), "up", "", id="it runs"),
        pytest.param(
            seen(initContainerStatuses=containers(main=RUNNING)), "up", "", id="a sidecar runs"
        ),
        pytest.param(
            seen(containerStatuses=containers(other=RUNNING)),
            "waiting",
            "does not run",
            id="another container runs",
        ),
        pytest.param(
            seen(containerStatuses=containers(main=ended(1))),
            "waiting",
            "ended with exit code 1 (Error)",
            id="it ended and begins again",
        ),
        pytest.param(
            seen(restarts="Never", containerStatuses=containers(main=ended(1))),
            "lost",
            "has ended with exit code 1",
            id="it ended for good",
        ),
        pytest.param(
            seen(restarts="OnFailure", containerStatuses=containers(main=ended(0))),
            "lost",
            "has ended with exit code 0",
            id="it did what it was for",
        ),
        pytest.param(
            seen(restarts="OnFailure", containerStatuses=containers(main=ended(1))),
            "waiting",
            "ended with exit code 1",
            id="it failed and begins again",
        ),
        pytest.param(
            seen(phase="Failed", reason="Evicted"), "lost", "ended (Failed: Evicted)", id="evicted"
        ),
        pytest.param(seen(phase="Succeeded"), "lost", "ended (Succeeded)", id="the pod ended"),
        pytest.param(
            seen(
                meta={"deletionTimestamp": "2026-01-01T00:00:00Z"},
                containerStatuses=containers(main=RUNNING),
            ),
            "lost",
            "is being deleted",
            id="being deleted",
        ),
        pytest.param(
            seen(
                meta={"managedFields": [{"manager": "kube-controller-manager"}]},
                containerStatuses=containers(main=RUNNING),
            ),
            "lost",
            "another one has its name",
            id="another pod of its name",
        ),
        pytest.param(seen(meta={"managedFields": None}), "lost", "another one", id="nobody's pod"),
    ],
)
def test_a_command(body: bytes, state: str, why: str) -> None:
    found = standing(read_pod(body), COMMAND, manager=MANAGER)
    assert found.state == state
    assert why in found.why


def test_a_pod_that_is_gone_is_lost() -> None:
    assert standing(None, COMMAND, manager=MANAGER).state == "lost"
    assert standing(None, INIT, manager=MANAGER).state == "lost"


def test_a_command_that_waits_for_ready() -> None:
    runs = {"name": "main", "ready": False, "state": RUNNING}
    not_yet = standing(read_pod(seen(containerStatuses=[runs])), READY, manager=MANAGER)
    assert not_yet == ("waiting", "container main runs and is not ready")
    ready = standing(
        read_pod(seen(containerStatuses=[runs | {"ready": True}])), READY, manager=MANAGER
    )
    assert ready.state == "up"


@pytest.mark.parametrize(
    ("states", "state"),
    [
        pytest.param({}, "waiting", id="nothing told yet"),
        pytest.param({"one": ended(0), "two": RUNNING}, "waiting", id="one is still at it"),
        pytest.param(
            {"one": ended(0), "two": ended(3)}, "waiting", id="one failed and is repeated"
        ),
        pytest.param({"one": ended(0), "two": ended(0)}, "up", id="both ended well"),
    ],
)
def test_init_containers(states: dict[str, Any], state: str) -> None:
    body = seen(phase="Pending", initContainerStatuses=containers(**states))
    assert standing(read_pod(body), INIT, manager=MANAGER).state == state


def test_init_containers_that_ended_well_did_so_although_the_pod_is_being_deleted() -> None:
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    for code, state in ((0, "up"), (1, "lost")):
        statuses = containers(one=ended(0), two=ended(code))
        status = {"managedFields": [{"manager": MANAGER}]} | deleted
        body = seen(meta=status, initContainerStatuses=statuses)
        assert standing(read_pod(body), INIT, manager=MANAGER).state == state
