"""``get``: our objects as a table or as they are, once or as they change."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import click

from kubeferry import codec
from kubeferry.api.definition import Column, Definition
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.finding import find
from kubeferry.cli.output import (
    columns_for,
    document,
    emit,
    full_name,
    headings,
    listed,
    row,
    say,
    table,
    tidy,
)
from kubeferry.clock import Clock, utc_now
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata


@dataclass(frozen=True, slots=True)
class Listing:
    """How objects of one kind are shown.

    ``output`` is what ``-o`` said, empty for the table; ``headers`` whether the table has a first
    line.
    """

    resource: Resource
    columns: tuple[Column, ...]
    output: str
    headers: bool
    clock: Clock

    def table(self, objects: Sequence[Object]) -> list[list[str]]:
        """The rows, the headings first."""
        columns = columns_for(self.columns, self.output)
        now = self.clock()
        rows = [row(obj, columns, now=now) for obj in objects]
        return [headings(columns), *rows] if self.headers else rows


def listing(
    definition: Definition,
    resource: Resource,
    more: tuple[Column, ...] = (),
    *,
    output: str,
    headers: bool,
    clock: Clock = utc_now,
) -> Listing:
    """The columns that kubectl shows too; ``-o wide`` adds ``more``."""
    return Listing(resource, (*definition.columns, *more), output, headers, clock)


async def run(flags: Flags, names: Sequence[str], how: Listing, *, watching: bool) -> None:
    """``get`` as the options say."""
    async with connect(flags) as session:
        await (watch if watching else get)(session, names, how)


async def get(session: Session, names: Sequence[str], how: Listing) -> None:
    """Prints the named objects, or all. Raises what ``find`` raises of one that is not there."""
    if names:
        objects = [await find(session, how.resource, name) for name in names]
    else:
        found = await session.client.list(how.resource, namespace=session.namespace)
        objects = sorted(found, key=lambda obj: str(metadata(obj).get("name")))
    if how.output in ("json", "yaml"):
        emit([document(listed(objects, single=bool(names)), how.output)])
    elif how.output == "name":
        emit(full_name(how.resource, obj) for obj in objects)
    elif objects:
        emit(table(how.table(objects)))
    else:
        say(f"No resources found in {session.namespace} namespace.")


async def watch(session: Session, names: Sequence[str], how: Listing) -> None:
    """Prints the objects, then each one that changes, until Ctrl-C."""
    if len(names) > 1:
        raise click.UsageError("--watch follows one name, or all")
    events = session.client.watch(
        how.resource, namespace=session.namespace, name=names[0] if names else ""
    )
    widths: list[int] = []
    seen: dict[str, str] = {}
    first: list[Object] | None = []
    async with aclosing(events) as stream:
        async for event in stream:
            if event.type == "SYNCED":
                if first is not None:
                    _print(how, first, widths, begin=True)
                first = None
                continue
            about = metadata(event.object)
            name, version = str(about.get("name")), str(about.get("resourceVersion"))
            if seen.get(name) == version and event.type != "DELETED":
                continue  # the watch began anew and tells what we know
            seen[name] = version
            if first is not None:
                first.append(event.object)
            else:
                _print(how, [event.object], widths, begin=False)


def _print(how: Listing, objects: Sequence[Object], widths: list[int], *, begin: bool) -> None:
    match how.output:
        case "json":
            emit(codec.encode(tidy(obj)).decode() for obj in objects)
        case "yaml":
            emit(f"---\n{document(tidy(obj), 'yaml')}" for obj in objects)
        case "name":
            emit(full_name(how.resource, obj) for obj in objects)
        case _:
            rows = how.table(objects)
            if begin or not how.headers:
                emit(table(rows, widths=widths))
            else:
                emit(table(rows, widths=widths)[1:])
