"""``--wait``: follows an object's status to its end; the end decides the exit code."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from kubeferry.api.backup import TERMINAL_PHASES, WOULD_END
from kubeferry.cli.command import program
from kubeferry.cli.connection import Session
from kubeferry.cli.live import View, view
from kubeferry.cli.output import counted, say, size_text
from kubeferry.durations import format_age
from kubeferry.errors import (
    FerryError,
    TaskFailed,
    TaskIncomplete,
    VaultUnavailable,
)
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata

QUIET_SECONDS = 15.0
"""After so long without a phase a person is told that nobody has taken the task."""

_DETAILS = {"Failed": "", "PartiallyFailed": " --details"}
"""What failed as a whole has said why; what failed in part has a report in the vault."""

Finished = Callable[[Object], bool]


async def follow(
    session: Session,
    resource: Resource,
    name: str,
    *,
    namespace: str,
    uid: str,
    finished: Finished,
    shown: View,
) -> Object:
    """The object once ``finished`` says so; shows its progress until then.

    Raises ``FerryError`` when it is deleted or made anew meanwhile.
    """
    seen = False
    gone = FerryError("was deleted while it was waited for", place=_subject(resource, name))
    waker = asyncio.create_task(_remind(shown, namespace))
    try:
        events = session.client.watch(resource, namespace=namespace, name=name)
        async with aclosing(events) as stream:
            async for event in stream:
                if event.type == "SYNCED":
                    if not seen:
                        raise gone
                    continue
                seen = True
                if event.type == "DELETED" or metadata(event.object).get("uid") != uid:
                    raise gone
                if _phase(event.object):
                    waker.cancel()
                if finished(event.object):
                    return event.object  # how it ended is told by who waits
                _show(shown, event.object)
        raise FerryError("its watch ended", place=_subject(resource, name))
    finally:
        waker.cancel()
        await asyncio.gather(waker, return_exceptions=True)


async def wait_for_task(
    session: Session, resource: Resource, created: Object, *, timeout: float | None
) -> None:
    """Waits for a backup or restore; tells how it ended.

    Raises ``TaskFailed`` or ``TaskIncomplete`` when that was not ``Completed``.
    """
    name = str(metadata(created)["name"])
    ended = await _followed(
        session, resource, created, lambda obj: _phase(obj) in TERMINAL_PHASES, timeout
    )
    phase, message = _phase(ended), str(at(ended, ("status", "message")) or "")
    told = phase
    details = _DETAILS
    if message.startswith(WOULD_END):
        phase = message.removeprefix(WOULD_END).partition(":")[0]
        told = f"a dry run, nothing was written; the backup would end {phase}"
        details = dict.fromkeys(_DETAILS, "")
    say(f"{_subject(resource, name)}: {told}{_figures(ended)}")
    kinds = {"Failed": TaskFailed, "PartiallyFailed": TaskIncomplete}
    error = kinds.get(phase)
    if error is not None:
        raise error(
            message or f"ended {phase}",
            place=_subject(resource, name),
            remedy=f"{program()} {noun(resource)} describe {name}{details[phase]}"
            + _without_data(message),
        )


async def wait_for_vault(
    session: Session, resource: Resource, created: Object, *, timeout: float | None
) -> None:
    """Waits until the vault was looked at; raises ``VaultUnavailable`` with the reason."""
    name = str(metadata(created)["name"])
    ended = await _followed(
        session,
        resource,
        created,
        lambda obj: _phase(obj) in ("Available", "Unavailable"),
        timeout,
    )
    say(f"{_subject(resource, name)}: {_phase(ended)}")
    if _phase(ended) == "Unavailable":
        raise VaultUnavailable(
            str(at(ended, ("status", "message")) or "is unavailable"),
            place=_subject(resource, name),
        )


async def _followed(
    session: Session,
    resource: Resource,
    created: Object,
    finished: Finished,
    timeout: float | None,
) -> Object:
    about = metadata(created)
    name = str(about["name"])
    subject = _subject(resource, name)
    try:
        async with asyncio.timeout(timeout):
            with view(subject) as shown:
                return await follow(
                    session,
                    resource,
                    name,
                    namespace=str(about["namespace"]),
                    uid=str(about["uid"]),
                    finished=finished,
                    shown=shown,
                )
    except TimeoutError:
        raise FerryError(
            f"did not end in {_patience(timeout or 0)}; it goes on",
            place=subject,
            remedy=f"{program()} {noun(resource)} get {name} --watch",
        ) from None


def _without_data(message: str) -> str:
    """What the option is called by which a backup does without the data of volumes."""
    if "VolumeDataNotTaken" not in message:
        return ""
    return "; --no-volume-data takes a backup without the data of volumes"


def noun(resource: Resource) -> str:
    """What the commands call a resource: ``backup``, ``restore``, ``vault``."""
    return {
        "applicationbackups": "backup",
        "applicationrestores": "restore",
        "backuplocations": "vault",
    }[resource.plural]


def _patience(seconds: float) -> str:
    """As a person says it, who may have given it a millisecond."""
    return format_age(seconds) if seconds >= 1 else f"{seconds * 1000:g}ms"


def _subject(resource: Resource, name: str) -> str:
    return f"{noun(resource)} {name}"


def _phase(obj: Object) -> str:
    return str(at(obj, ("status", "phase")) or "")


def _show(shown: View, obj: Object) -> None:
    progress = at(obj, ("status", "progress")) or {}
    shown.update(
        _phase(obj) or "waiting for the controller",
        int(progress.get("itemsDone") or 0),
        int(progress.get("totalItems") or 0) or None,
    )


def _figures(obj: Object) -> str:
    status = obj.get("status") or {}
    parts: list[str] = []
    counts = status.get("counts")
    if counts:
        parts += [f"{count:,} {action}" for action, count in counts.items() if count]
    elif (status.get("progress") or {}).get("itemsDone"):
        parts.append(counted(int(status["progress"]["itemsDone"]), "object"))
    if status.get("bytes"):
        parts.append(size_text(int(status["bytes"])))
    for what in ("errors", "warnings"):
        if status.get(what):
            parts.append(counted(int(status[what]), what[:-1]))
    return f" ({', '.join(parts)})" if parts else ""


async def _remind(shown: View, namespace: str) -> None:
    await asyncio.sleep(QUIET_SECONDS)
    shown.tell(
        "nobody has taken this up yet; is the controller running? "
        f"(kubectl -n {namespace} get pods)"
    )
