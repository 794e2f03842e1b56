"""What descriptions have in common: head, course, problems, events. Pure but for ``events``."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.api.fields import Progress
from kubeferry.api.metadata import Metadata
from kubeferry.cli.connection import Session
from kubeferry.cli.output import NONE, emit, printable, table
from kubeferry.clock import parse_timestamp, utc_now
from kubeferry.controller.resources import EVENTS
from kubeferry.durations import format_age
from kubeferry.errors import ApiError, ArchiveDamaged
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata

Pairs = Iterator[tuple[str, object]]
"""Labels and values, for ``output.fields``."""


def head(about: Metadata, phase: str | None, message: str, *, now: datetime) -> Pairs:
    """What every object of ours has."""
    yield "Name", about.name
    yield "Namespace", about.namespace
    yield "Created", moment(about.creation_timestamp, now)
    yield "Phase", phase or "not started"
    yield "Message", message


def course(
    started: str | None, completed: str | None, progress: Progress | None, now: datetime
) -> Pairs:
    """When a task began and ended, how long it took and how far it is."""
    yield "Started", moment(started, now)
    if started and completed:
        took = parse_timestamp(completed) - parse_timestamp(started)
        yield "Ended", f"{completed} (took {format_age(took.total_seconds())})"
    if progress is not None and progress.total_items:
        yield "Progress", f"{progress.items_done:,} of {progress.total_items:,} objects"


def moment(text: str | None, now: datetime) -> str:
    """A time and how long ago that is; empty for none."""
    if not text:
        return ""
    seconds = (now - parse_timestamp(text)).total_seconds()
    age = f"{format_age(seconds)} ago" if seconds >= 0 else f"in {format_age(-seconds)}"
    return f"{text} ({age})"


def problems_lines(results: Any) -> Iterator[str]:
    """The warnings and errors of a results file (velero.md §1.2)."""
    for level in ("errors", "warnings"):
        side = (results or {}).get(level) or {}
        own = [text for where in ("velero", "cluster") for text in side.get(where) or ()]
        inside = {name: texts or () for name, texts in (side.get("namespaces") or {}).items()}
        count = len(own) + sum(map(len, inside.values()))
        if not count:
            continue
        yield ""
        yield f"{level.capitalize()}: {count:,}"
        yield from (f"  {printable(str(text))}" for text in own)
        for namespace, texts in sorted(inside.items()):
            yield f"  namespace {printable(namespace)}: {len(texts):,}"
            yield from (f"    {printable(str(text))}" for text in texts)


def decoded(data: bytes | None, place: str) -> Any:
    """A file of a task's report, None where there is none. Raises ``ArchiveDamaged``."""
    try:
        return codec.decode(data) if data else None
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(
            f"a file of its report does not decode: {error}", place=place
        ) from error


async def events(session: Session, resource: Resource, obj: Object) -> None:
    """The events about an object, oldest first; who may not read events sees none."""
    selector = f"involvedObject.kind={resource.kind},involvedObject.name={metadata(obj)['name']}"
    try:
        found = await session.client.list(
            EVENTS, namespace=session.namespace, field_selector=selector
        )
    except ApiError:
        return
    uid = metadata(obj).get("uid")
    mine = [one for one in found if (one.get("involvedObject") or {}).get("uid") == uid]
    if mine:
        emit(["", "Events:", *events_lines(mine, now=utc_now())])


def events_lines(events: Sequence[Object], *, now: datetime) -> Iterable[str]:
    """Events as kubectl shows them: type, reason, age, message."""
    rows = [("  TYPE", "REASON", "AGE", "MESSAGE")]
    for event in sorted(events, key=_when):
        seconds = (now - parse_timestamp(_when(event))).total_seconds() if _when(event) else None
        rows.append(
            (
                f"  {event.get('type') or NONE}",
                printable(str(event.get("reason") or NONE)),
                NONE if seconds is None else format_age(seconds),
                printable(str(event.get("message") or "").strip()),
            )
        )
    return table(rows)


def _when(event: Object) -> str:
    return str(
        event.get("lastTimestamp")
        or event.get("eventTime")
        or metadata(event).get("creationTimestamp")
        or ""
    )
