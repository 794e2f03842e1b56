"""What descriptions have in common: head, course, problems, events. Pure but for ``events``."""

import re
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
from kubeferry.reasons import advice, is_known
from kubeferry.report import Level, Problem

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


_LINE = re.compile(r"(?:(?P<subject>.*?): )??(?P<reason>[A-Z][A-Za-z]+): (?P<message>.*)", re.S)
"""How ``report.Problem`` writes itself."""


def told_problems(results: Any) -> Iterator[Problem]:
    """The problems of a results file (velero.md §1.2), errors first.

    Velero writes texts of its own: those have no reason.
    """
    levels: tuple[tuple[Level, str], ...] = (("error", "errors"), ("warning", "warnings"))
    for level, key in levels:
        side = (results or {}).get(key) or {}
        texts = [("", text) for where in ("velero", "cluster") for text in side.get(where) or ()]
        for namespace, inside in sorted((side.get("namespaces") or {}).items()):
            texts += [(namespace, text) for text in inside or ()]
        for namespace, text in texts:
            found = _LINE.fullmatch(str(text))
            if found is None or not is_known(found["reason"]):
                yield Problem(level, "", str(text), namespace)
            else:
                subject = found["subject"] or ""
                yield Problem(level, found["reason"], found["message"], namespace, subject)


def problems_lines(results: Any) -> Iterator[str]:
    """The warnings and errors of a results file by reason, each reason with what to do."""
    found = list(told_problems(results))
    for level, title in (("error", "Errors"), ("warning", "Warnings")):
        grouped: dict[str, list[Problem]] = {}
        for one in found:
            if one.level == level:
                grouped.setdefault(one.reason, []).append(one)
        if not grouped:
            continue
        yield ""
        yield f"{title}: {sum(map(len, grouped.values())):,}"
        for reason, problems in sorted(grouped.items(), key=lambda one: (not one[0], one[0])):
            if reason:
                yield f"  {reason}: {len(problems):,}"
                if advice(reason):
                    yield f"    what to do: {advice(reason)}"
            elif len(grouped) > 1:
                yield f"  others: {len(problems):,}"
            yield from (f"    {printable(_told(one))}" for one in problems)


def _told(problem: Problem) -> str:
    """A problem below its reason; the namespace where nothing else says where it is."""
    if problem.subject:
        return f"{problem.subject}: {problem.message}"
    return f"{problem.namespace}: {problem.message}" if problem.namespace else problem.message


def advice_lines(reasons: Iterable[str]) -> Iterator[str]:
    """What to do about each reason, where that is known."""
    known = [(f"  {reason}", advice(reason)) for reason in sorted(reasons) if advice(reason)]
    if known:
        yield ""
        yield "What to do:"
        yield from table(known)


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
