"""The life of a task, be it a backup or a restore: from a new object to a terminal phase.

``InProgress`` is written before anything is done, the terminal phase after everything is. In
between the process may die at any instant: a task that is in progress and does not run here is
started again and finishes. What is wrong with the task itself makes it ``Failed`` with the reason;
an API server out of reach is none of its faults, so it stays in progress and goes on when the
server is back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from kubeferry.api.backup import TERMINAL_PHASES
from kubeferry.api.location import ANNOTATION, BackupLocation, LocationStatus
from kubeferry.api.metadata import read
from kubeferry.clock import parse_timestamp, timestamp
from kubeferry.controller.context import Context
from kubeferry.controller.status import ProgressWriter, patch_status
from kubeferry.errors import (
    ApiUnreachable,
    FerryError,
    Interrupted,
    InvalidInput,
    NotFound,
    VaultUnavailable,
)
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata

VAULT_SECONDS = 120.0
"""How long a task waits for its vault's first validation."""
PROBE_SECONDS = 20.0
"""How long a validation may take."""

Body = Callable[[Object, ProgressWriter], Awaitable[dict[str, Any]]]
"""Does the work of a task's object; returns its final status, the phase included."""

_log = logging.getLogger("kubeferry.controller")


PLACE_SECONDS = 0.2
"""How soon a task is looked at again whose place an older one is just leaving."""


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
    elif wants_running(obj):
        uid = str(metadata(obj)["uid"])
        if not context.runner.start(key, uid, lambda: run_task(context, resource, name, body)):
            return PLACE_SECONDS
    return None


async def run_task(context: Context, resource: Resource, name: str, body: Body) -> None:
    """Runs one task to its end and writes its status.

    Raises ``ApiUnreachable`` or ``Interrupted`` when it should be resumed.
    """
    try:
        obj = await context.client.get(resource, name, namespace=context.namespace)
    except NotFound:
        return
    if not wants_running(obj):
        return

    uid = metadata(obj)["uid"]

    async def write(status: dict[str, Any]) -> None:
        await patch_status(
            context.client, resource, name, status, namespace=context.namespace, uid=uid
        )

    started = at(obj, ("status", "startTimestamp")) or timestamp(context.clock())
    if at(obj, ("status", "phase")) is None:
        await write({"phase": "InProgress", "startTimestamp": started})
    writer = ProgressWriter(write)
    progress = asyncio.create_task(writer.run())
    try:
        final = await body(obj, writer)
        writer.stop()
        await progress
    except (ApiUnreachable, Interrupted):
        raise
    except FerryError as error:
        final = _failed(context, f"{error.reason}: {error}")
    except Exception as error:
        # A defect of ours must not leave a task that looks as if it ran.
        _log.exception("%s %s: a defect of kubeferry", resource.kind, name)
        final = _failed(context, _defect(error))
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)
    await write(final)
    _log.info("%s %s: %s", resource.kind, name, final["phase"])


def _failed(context: Context, message: str) -> dict[str, Any]:
    return {
        "phase": "Failed",
        "message": message,
        "completionTimestamp": timestamp(context.clock()),
    }


def _defect(error: Exception) -> str:
    """What a person is told; the error's own text may hold anything, so it stays in the log."""
    what = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"InternalError: {type(error).__name__}{what}, see the controller's log"


def ending(*, warnings: int, errors: int, first: str) -> str | None:
    """The message of a task that ended: none for a clean one, else the counts and the first."""
    if not errors and not warnings:
        return None
    counts = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    return f"{' and '.join(counts)}; the first: {first}" if first else " and ".join(counts)


def _is_old(context: Context, status: LocationStatus) -> bool:
    """Whether a vault's status is of a time when no controller ran: it is about to be renewed."""
    if status.last_validation_time is None:
        return False
    age = context.clock() - parse_timestamp(status.last_validation_time)
    return age.total_seconds() > context.settings.sync_period + PROBE_SECONDS


async def wait_for_vault(context: Context, name: str) -> None:
    """Waits until a vault has been looked at.

    Raises ``InvalidInput`` for one that is not registered and ``VaultUnavailable`` for one that
    cannot be used.
    """
    try:
        async with asyncio.timeout(VAULT_SECONDS):
            while True:
                found = context.locations.objects.get(name)
                if found is not None:
                    status = read(found, BackupLocation).status
                    if status.phase == "Available":
                        return
                    if status.phase == "Unavailable" and not _is_old(context, status):
                        raise VaultUnavailable(
                            f"backup vault is unavailable: {status.message}", place=f"vault {name}"
                        )
                elif not await context.is_registered(name):
                    raise InvalidInput(
                        f"no vault is registered as {name!r} in this cluster",
                        place="spec.storageLocation",
                        remedy=f"create the BackupLocation {context.namespace}/{name}, or "
                        f"register it by the annotation {ANNOTATION}",
                    )
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise VaultUnavailable(
            f"backup vault is unavailable: not initialised in {VAULT_SECONDS:.0f} s",
            place=f"vault {name}",
        ) from None
