import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kubeferry.controller import task as life
from kubeferry.controller.context import Context
from kubeferry.controller.resources import BACKUPS, LOCATIONS
from kubeferry.controller.status import ProgressWriter
from kubeferry.controller.task import (
    MAX_ATTEMPTS,
    VAULT_PATIENCE,
    Body,
    Tries,
    keep_running,
    run_task,
    wait_for_vault,
)
from kubeferry.errors import (
    ApiUnreachable,
    ArchiveDamaged,
    FerryError,
    Interrupted,
    InvalidInput,
    Unauthorized,
    VaultUnavailable,
)
from kubeferry.kube.objects import Object
from kubeferry.report import Problem
from tests.unit.controller.conftest import Ground

DONE = {"phase": "Completed", "warnings": 0, "errors": 0}


class Work:
    """The work of a task: what it does each time it is called, and what it saw."""

    def __init__(self, *outcomes: dict[str, Any] | Exception) -> None:
        self._outcomes = list(outcomes)
        self.phases: list[str | None] = []

    async def __call__(self, obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        self.phases.append((obj.get("status") or {}).get("phase"))
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def run(ground: Ground, body: Body, tries: Tries | None = None) -> None:
    """Runs the task of the backup ``b``: in a process of its own if no tries are given."""
    uid = (await ground.see(BACKUPS, "b"))["metadata"]["uid"]
    await run_task(ground.context, BACKUPS, "b", body, uid=uid, tries=tries or Tries())


async def test_a_task_is_in_progress_before_anything_is_done_and_ends_after_everything(
    ground: Ground,
) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    seen: list[dict[str, Any]] = []

    async def body(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        seen.append(await ground.status(BACKUPS, "b"))
        return DONE

    await run(ground, body)
    assert seen == [
        {"phase": "InProgress", "startTimestamp": "2026-01-02T03:04:05Z", "attempts": 1}
    ]
    status = await ground.status(BACKUPS, "b")
    assert status["phase"] == "Completed"
    assert status["startTimestamp"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            InvalidInput("is wrong", place="spec.x", remedy="write y"),
            "InvalidInput: spec.x: is wrong; write y",
            id="bad input",
        ),
        pytest.param(
            VaultUnavailable("no space", place="s3://b"),
            "VaultError: backup vault is unavailable: VaultUnavailable: s3://b: no space",
            id="its vault",
        ),
        pytest.param(ArchiveDamaged("is cut off"), "ArchiveDamaged: is cut off", id="its archive"),
        pytest.param(
            RuntimeError("s3cr3t"),
            "internal error: InternalError: RuntimeError, see the controller's log",
            id="a defect, whose own text stays in the log",
        ),
        pytest.param(
            OSError(28, "No space left on device"),
            "internal error: InternalError: OSError: No space left on device, see the controller's "
            "log",
            id="the machine",
        ),
    ],
)
async def test_what_is_wrong_with_a_task_makes_it_failed(
    ground: Ground, error: Exception, message: str
) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    await run(ground, Work(error))
    assert await ground.status(BACKUPS, "b") == {
        "phase": "Failed",
        "message": message,
        "attempts": 1,
        "startTimestamp": "2026-01-02T03:04:05Z",
        "completionTimestamp": "2026-01-02T03:04:05Z",
    }


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiUnreachable("no answer"), id="the API server is out of reach"),
        pytest.param(Unauthorized("Unauthorized"), id="the API server does not know us any more"),
        pytest.param(Interrupted("the lease was lost"), id="the lease was lost"),
    ],
)
async def test_a_task_that_was_held_up_stays_in_progress_and_goes_on(
    ground: Ground, error: FerryError
) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    work = Work(error, DONE)
    with pytest.raises(type(error)):
        await run(ground, work)
    assert (await ground.status(BACKUPS, "b"))["phase"] == "InProgress"
    ground.time.pass_(100)
    await run(ground, work)
    status = await ground.status(BACKUPS, "b")
    assert status["phase"] == "Completed"
    assert status["startTimestamp"] == "2026-01-02T03:04:05Z"
    assert work.phases == [None, "InProgress"]


@pytest.mark.parametrize("phase", ["Completed", "PartiallyFailed", "Failed"])
async def test_a_task_that_has_ended_is_never_run_again(ground: Ground, phase: str) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    status = {"status": {"phase": phase}}
    await ground.client.patch(
        BACKUPS, "b", status, kind="merge", namespace="csdr", subresource="status"
    )
    await run(ground, Work())
    assert await ground.status(BACKUPS, "b") == {"phase": phase}
    await run_task(ground.context, BACKUPS, "never-there", Work(), uid="1", tries=Tries())


async def test_a_task_that_kills_its_controllers_is_not_resumed_for_ever(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")

    async def killed(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        raise Interrupted("as if the process was killed: nothing is written any more")

    for attempt in range(MAX_ATTEMPTS):
        with pytest.raises(Interrupted):
            await run(ground, killed)
        status = await ground.status(BACKUPS, "b")
        assert (status["phase"], status["attempts"]) == ("InProgress", attempt + 1)
    await run(ground, Work())
    status = await ground.status(BACKUPS, "b")
    assert status["phase"] == "Failed"
    assert "5 controllers began it and died before its end" in status["message"]
    assert "kubectl -n csdr describe pod" in status["message"]
    assert status["completionTimestamp"] == "2026-01-02T03:04:05Z"


async def test_a_process_that_goes_on_counts_once(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    tries = Tries()
    for _ in range(2 * MAX_ATTEMPTS):
        with pytest.raises(ApiUnreachable):
            await run(ground, Work(ApiUnreachable("no answer")), tries)
    await run(ground, Work(DONE), tries)
    status = await ground.status(BACKUPS, "b")
    assert (status["phase"], status["attempts"]) == ("Completed", 1)


async def test_a_controller_that_is_stopped_in_order_uses_up_no_attempt(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    for _ in range(2 * MAX_ATTEMPTS):
        begun: list[str] = []
        running = asyncio.create_task(run(ground, waiting(begun)))
        await until(lambda begun=begun: bool(begun))  # type: ignore[misc]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await run(ground, Work(DONE))
    status = await ground.status(BACKUPS, "b")
    assert (status["phase"], status["attempts"]) == ("Completed", 1)


async def test_a_resumed_task_waits_for_its_vault_but_not_for_ever(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    with pytest.raises(Interrupted):
        await run(ground, Work(Interrupted("the process ended")))
    tries, lost = Tries(), VaultUnavailable("AccessDenied", place="vault vault")
    for _ in range(3):
        with pytest.raises(Interrupted, match="its vault does not answer"):
            await run(ground, Work(lost), tries)
        status = await ground.status(BACKUPS, "b")
        assert status["phase"] == "InProgress"
        assert status["message"] == "waits for its vault: vault vault: AccessDenied"
        ground.time.pass_(VAULT_PATIENCE / 3)
    await run(ground, Work(lost), tries)
    status = await ground.status(BACKUPS, "b")
    assert status["phase"] == "Failed"
    assert status["message"] == (
        "VaultError: backup vault is unavailable: VaultUnavailable: vault vault: AccessDenied"
    )


async def test_a_vault_that_is_lost_twice_is_waited_for_twice(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")
    tries, seen = Tries(), []

    async def good_for_a_while(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        seen.append((await ground.status(BACKUPS, "b")).get("message"))
        raise ApiUnreachable("no answer")

    with pytest.raises(ApiUnreachable):
        await run(ground, Work(ApiUnreachable("no answer")), tries)
    for _ in range(3):
        with pytest.raises(Interrupted):
            await run(ground, Work(VaultUnavailable("no")), tries)
        with pytest.raises(ApiUnreachable):
            await run(ground, good_for_a_while, tries)
        ground.time.pass_(2 * VAULT_PATIENCE)
    assert seen == [None] * 3


async def test_the_end_of_a_task_is_not_written_to_another_of_its_name(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")

    async def body(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        await ground.client.delete(BACKUPS, "b", namespace="csdr")
        await ground.create(BACKUPS, "b", storageLocation="other")
        return DONE

    await run(ground, body)
    assert await ground.status(BACKUPS, "b") == {}


async def test_progress_is_written_while_the_task_runs(ground: Ground) -> None:
    await ground.create(BACKUPS, "b", storageLocation="vault")

    async def body(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        progress.progress(3, 7)
        progress.problem(Problem("warning", "Odd", "is odd"))
        async with asyncio.timeout(10):
            while "progress" not in (status := await ground.status(BACKUPS, "b")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert status["progress"] == {"itemsDone": 3, "totalItems": 7}
        assert (status["warnings"], status["errors"]) == (1, 0)
        return {"phase": "Completed", "progress": {"itemsDone": 7, "totalItems": 7}}

    await run(ground, body)
    status = await ground.status(BACKUPS, "b")
    assert status["progress"] == {"itemsDone": 7, "totalItems": 7}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)


async def until_idle(context: Context) -> None:
    await until(lambda: not context.runner.is_running("applicationbackups/b"))


def waiting(begun: list[str]) -> Body:
    async def body(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        begun.append(obj["spec"]["storageLocation"])
        await asyncio.Event().wait()
        return DONE

    return body


async def test_a_deleted_task_is_cancelled(ground: Ground) -> None:
    obj = await ground.create(BACKUPS, "b", storageLocation="vault")
    begun: list[str] = []
    keep_running(ground.context, BACKUPS, "b", obj, waiting(begun))
    await until(lambda: bool(begun))
    keep_running(ground.context, BACKUPS, "b", None, waiting(begun))
    await until_idle(ground.context)
    assert begun == ["vault"]


async def test_a_task_made_anew_follows_the_older_one(ground: Ground) -> None:
    old = await ground.create(BACKUPS, "b", storageLocation="old")
    begun: list[str] = []
    assert keep_running(ground.context, BACKUPS, "b", old, waiting(begun)) is None
    await until(lambda: bool(begun))
    await ground.client.delete(BACKUPS, "b", namespace="csdr")
    new = await ground.create(BACKUPS, "b", storageLocation="new")
    again = keep_running(ground.context, BACKUPS, "b", new, waiting(begun))
    assert again == life.PLACE_SECONDS
    await until_idle(ground.context)
    work = Work(DONE)
    assert keep_running(ground.context, BACKUPS, "b", new, work) is None
    await until_idle(ground.context)
    assert (await ground.status(BACKUPS, "b"))["phase"] == "Completed"


async def set_phase(ground: Ground, *, generation: int = 1, **status: str) -> None:
    told = {**status, "observedGeneration": generation}
    await ground.client.patch(
        LOCATIONS, "vault", {"status": told}, kind="merge", namespace="csdr", subresource="status"
    )
    await ground.see(LOCATIONS, "vault")


async def test_a_task_waits_for_its_vault_s_first_look(ground: Ground) -> None:
    await ground.vault()
    waiting_task = asyncio.create_task(wait_for_vault(ground.context, "vault", place="spec.x"))
    await asyncio.sleep(0.2)
    assert not waiting_task.done()
    await set_phase(ground, phase="InProgress")
    await asyncio.sleep(0.2)
    assert not waiting_task.done()
    await set_phase(ground, phase="Available")
    await waiting_task


async def test_a_vault_that_cannot_be_used_or_is_not_known_ends_the_wait(ground: Ground) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.x: no vault is registered as"):
        await wait_for_vault(ground.context, "vault", place="spec.x")
    await ground.vault()
    await set_phase(ground, phase="Unavailable", message="AccessDenied: no")
    with pytest.raises(VaultUnavailable, match=r"vault vault: .*AccessDenied: no"):
        await wait_for_vault(ground.context, "vault", place="spec.x")


async def test_a_reason_of_a_time_when_no_controller_ran_is_not_believed(ground: Ground) -> None:
    await ground.vault()
    before = "2026-01-02T03:00:00Z"
    await set_phase(ground, phase="Unavailable", message="no", lastValidationTime=before)
    waiting_task = asyncio.create_task(wait_for_vault(ground.context, "vault", place="spec.x"))
    await asyncio.sleep(0.2)
    assert not waiting_task.done()
    now = "2026-01-02T03:04:05Z"
    await set_phase(ground, phase="Unavailable", message="still no", lastValidationTime=now)
    with pytest.raises(VaultUnavailable, match="still no"):
        await waiting_task


async def test_a_vault_is_waited_for_as_it_is_now(ground: Ground) -> None:
    await ground.vault()
    await set_phase(ground, phase="Available")
    await wait_for_vault(ground.context, "vault", place="spec.x")
    edit = {"spec": {"config": {"region": "elsewhere"}}}
    await ground.client.patch(LOCATIONS, "vault", edit, kind="merge", namespace="csdr")
    await ground.see(LOCATIONS, "vault")
    waiting_task = asyncio.create_task(wait_for_vault(ground.context, "vault", place="spec.x"))
    await asyncio.sleep(0.2)
    assert not waiting_task.done()
    await set_phase(ground, phase="Unavailable", message="another region", generation=2)
    with pytest.raises(VaultUnavailable, match="another region"):
        await waiting_task
