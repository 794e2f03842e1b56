"""The life of a task, be it a backup or a restore: from a new object to a terminal phase.

``InProgress`` is written before anything is done, the terminal phase after everything is. In
between the process may die at any instant: a task that is in progress and does not run here is
started again and finishes. What is wrong with the task itself makes it ``Failed`` with the reason;
an API server out of reach is none of its faults, so it stays in progress and goes on when the
server is back. So does one whose vault is lost when it is resumed, for ``VAULT_PATIENCE``.

Each process that begins the work counts in ``status.attempts``; one that is stopped in order takes
its attempt back. A task that killed ``MAX_ATTEMPTS`` of them is ``Failed``.

What a task that does not run owes to applications it froze comes before all of that, whether it
goes on, has ended or is being deleted (``frozen.py``), and waits for nobody's turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubeferry.api.backup import TERMINAL_PHASES
from kubeferry.api.location import ANNOTATION, BackupLocation, LocationStatus
from kubeferry.api.metadata import read
from kubeferry.clock import parse_timestamp, timestamp
from kubeferry.controller.context import Context
from kubeferry.controller.events import TaskEvents
from kubeferry.controller.frozen import LOOK_SECONDS, owes, problems_told, settle_task
from kubeferry.controller.phrases import defect, failure, result, worn_out
from kubeferry.controller.status import ProgressWriter, patch_status
from kubeferry.errors import (
    ApiLost,
    FerryError,
    Interrupted,
    InvalidInput,
    NotFound,
    TaskFailed,
    VaultUnavailable,
)
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata

VAULT_SECONDS = 120.0
"""How long a task waits for its vault's first validation."""
PROBE_SECONDS = 20.0
"""How long a validation may take."""
VAULT_PATIENCE = 600.0
"""How long a task that had begun waits for a vault that does not answer any more."""
MAX_ATTEMPTS = 5
MAX_TOLD = 10
"""Failed post hooks that are named in the message of a task that failed."""
STOP_SECONDS = 1.0
"""How long a task that is cancelled may take to take its attempt back."""
PLACE_SECONDS = 0.2
"""How soon a task is looked at again whose place an older one is just leaving."""

Body = Callable[[Object, ProgressWriter], Awaitable[dict[str, Any]]]
"""Does the work of a task's object; returns its final status, the phase included."""
Write = Callable[[dict[str, Any]], Awaitable[None]]
"""Merges into a task's status."""

_log = logging.getLogger("kubeferry.controller")


@dataclass(slots=True)
class Tries:
    """What this process knows of how it tried a task.

    Attributes:
        is_counted: whether its attempt is in the status.
        lost: since when the vault does not answer.
        asked: when it last did not.
        said: what its events said.
    """

    is_counted: bool = False
    lost: datetime | None = None
    asked: datetime | None = None
    said: set[str] = field(default_factory=set)

    def may_wait(self, now: datetime) -> bool:
        """Whether the vault, which does not answer now, is given more time."""
        if self.lost is None or self.asked is None or _seconds(self.asked, now) > VAULT_PATIENCE:
            self.lost = now
        self.asked = now
        return _seconds(self.lost, now) < VAULT_PATIENCE


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()


def wants_running(obj: Object) -> bool:
    """Whether the object is a task that is not over and not being deleted."""
    return at(obj, ("status", "phase")) not in TERMINAL_PHASES and not _is_going(obj)


def _is_going(obj: Object) -> bool:
    return bool(metadata(obj).get("deletionTimestamp"))


def keep_running(
    context: Context, resource: Resource, name: str, obj: Object | None, body: Body
) -> float | None:
    """Starts the task of an object, or cancels it when the object is gone.

    Returns the seconds until it should be looked at again, if it should. What has ended, ends by
    itself.
    """
    key = f"{resource.plural}/{name}"
    if obj is None or _is_going(obj):
        context.runner.cancel(key)
    if obj is None:
        return None
    uid = str(metadata(obj)["uid"])
    # With its uid: what another task of its name owes is paid whatever becomes of this one.
    paying = f"{key} post hooks {uid}"

    async def pay() -> None:
        await settle_task(context, resource, name, uid)

    if owes(obj):
        if not context.runner.is_running(key):
            context.runner.start(paying, uid, None, urgent=pay)
        return LOOK_SECONDS
    if wants_running(obj):
        if context.runner.is_running(paying):
            return LOOK_SECONDS
        tries = Tries()

        async def work() -> None:
            await run_task(context, resource, name, body, uid=uid, tries=tries)

        # The cache may not know what it owes; nor does it when it goes on after an error.
        if not context.runner.start(key, uid, work, urgent=pay):
            return PLACE_SECONDS
    return None


async def run_task(
    context: Context, resource: Resource, name: str, body: Body, *, uid: str, tries: Tries
) -> None:
    """Runs one task to its end and writes its status.

    Raises ``ApiLost`` or ``Interrupted`` when it should be resumed.
    """
    await settle_task(context, resource, name, uid)  # it may have waited long for its turn
    try:
        obj = await context.client.get(resource, name, namespace=context.namespace)
    except NotFound:
        return
    if not wants_running(obj) or metadata(obj)["uid"] != uid:
        return

    async def write(status: dict[str, Any]) -> None:
        await patch_status(
            context.client, resource, name, status, namespace=context.namespace, uid=uid
        )

    client, clock = context.client, context.clock
    async with TaskEvents(client, resource, obj, clock=clock, said=tries.said) as events:
        final = await _ended(context, resource, obj, body, write, tries, events)
        if final["phase"] == "Failed":
            with suppress(NotFound):
                obj = await context.client.get(resource, name, namespace=context.namespace)
            final = _with_debts(final, obj)
        await write(final)
        _log.info("%s %s: %s", resource.kind, name, final["phase"])
        events.say(final["phase"], result(final), warning=final["phase"] != "Completed")


async def _ended(
    context: Context,
    resource: Resource,
    obj: Object,
    body: Body,
    write: Write,
    tries: Tries,
    events: TaskEvents,
) -> dict[str, Any]:
    """Begins the task, or goes on with it; its final status. Raises as ``run_task``."""
    attempts = int(at(obj, ("status", "attempts")) or 0)
    if tries.is_counted:
        pass
    elif attempts >= MAX_ATTEMPTS:
        return _failed(context, worn_out(_died(context)))
    else:
        attempts += 1
        events.say("Started", "begun" if attempts == 1 else f"goes on, attempt {attempts}")
    await write(_begun(context, obj, attempts=attempts))
    tries.is_counted = True
    try:
        return await _work(context, resource, obj, body, write, tries, events)
    except asyncio.CancelledError:
        # Where the process was killed instead, its attempt stays.
        with suppress(FerryError, TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await write({"attempts": attempts - 1})
        raise


def _with_debts(final: dict[str, Any], obj: Object) -> dict[str, Any]:
    """A failure with what went wrong with post hooks: no report tells it."""
    problems = [str(one) for one in problems_told(obj)]
    if len(problems) > MAX_TOLD:
        problems[MAX_TOLD:] = [f"{len(problems) - MAX_TOLD} more in status.pendingHooks"]
    return final | {"message": "; ".join([final["message"], *problems])}


def _begun(context: Context, obj: Object, *, attempts: int) -> dict[str, Any]:
    """The status of a task whose work begins, for the first time or once more."""
    status: dict[str, Any] = {"attempts": attempts}
    if at(obj, ("status", "phase")) is None:
        status |= {"phase": "InProgress", "startTimestamp": timestamp(context.clock())}
    elif at(obj, ("status", "message")):
        status["message"] = None  # what it waited for
    return status


async def _work(
    context: Context,
    resource: Resource,
    obj: Object,
    body: Body,
    write: Write,
    tries: Tries,
    events: TaskEvents,
) -> dict[str, Any]:
    """Does the work; the final status. Raises ``ApiLost`` or ``Interrupted``."""
    writer = ProgressWriter(write, events)
    progress = asyncio.create_task(writer.run())
    try:
        final = await body(obj, writer)
        writer.stop()
        await progress
    except (ApiLost, Interrupted):
        raise
    except VaultUnavailable as error:
        had_begun = at(obj, ("status", "phase")) is not None
        if not had_begun or not tries.may_wait(context.clock()):
            return _failed(context, failure(error, resource))
        await write({"message": f"waits for its vault: {error}"})
        raise Interrupted(f"its vault does not answer: {error}") from error
    except FerryError as error:
        final = _failed(context, failure(error, resource))
    except Exception as error:
        # A defect of ours must not leave a task that looks as if it ran.
        _log.exception("%s %s: a defect of kubeferry", obj["kind"], metadata(obj)["name"])
        final = _failed(context, defect(error))
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)
    return final


def _died(context: Context) -> TaskFailed:
    return TaskFailed(
        f"{MAX_ATTEMPTS} controllers began it and died before its end",
        remedy=f"see why: kubectl -n {context.namespace} describe pod and logs --previous of the "
        "controller; OOMKilled needs a higher memory limit; then create a new task",
    )


def _failed(context: Context, message: str) -> dict[str, Any]:
    return {
        "phase": "Failed",
        "message": message,
        "completionTimestamp": timestamp(context.clock()),
    }


def _is_old(context: Context, status: LocationStatus) -> bool:
    """Whether a vault's status is of a time when no controller ran: it is about to be renewed."""
    if status.last_validation_time is None:
        return False
    age = context.clock() - parse_timestamp(status.last_validation_time)
    return age.total_seconds() > context.settings.sync_period + PROBE_SECONDS


async def wait_for_vault(context: Context, name: str, *, place: str) -> None:
    """Waits until a vault has been looked at, as its spec is now.

    Raises ``InvalidInput`` for one that is not registered, with the ``place`` that names it, and
    ``VaultUnavailable`` for one that cannot be used.
    """
    try:
        async with asyncio.timeout(VAULT_SECONDS):
            while True:
                found = context.locations.objects.get(name)
                if found is not None:
                    location = read(found, BackupLocation)
                    status = location.status
                    is_told = status.observed_generation == location.metadata.generation
                    if is_told and status.phase == "Available":
                        return
                    if is_told and status.phase == "Unavailable" and not _is_old(context, status):
                        raise VaultUnavailable(status.message, place=f"vault {name}")
                elif not await context.is_registered(name):
                    raise InvalidInput(
                        f"no vault is registered as {name!r} in this cluster",
                        place=place,
                        remedy=f"create the BackupLocation {context.namespace}/{name}, or "
                        f"register it by the annotation {ANNOTATION}",
                    )
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise VaultUnavailable(
            f"not initialised in {VAULT_SECONDS:.0f} s", place=f"vault {name}"
        ) from None
