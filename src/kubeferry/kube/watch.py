"""A watch that does not end: what is there first, then what happens to it.

A round begins with every object as ADDED, then SYNCED; then events follow as they come. A broken
connection goes on from the last version seen (bookmarks keep it fresh). Where the server has
forgotten that version (410), a new round begins: every object once more as ADDED, then as DELETED
(with its name and uid only) what vanished in between, then SYNCED. A consumer that keeps the newest
state of each object is right at each SYNCED.

Leaving the iteration closes the connection at once. A refusal (403, 404 ...) is raised.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ApiUnreachable, Expired
from kubeferry.kube.errors import status_error
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.kube.pages import ListRequest, Page, decode_object, with_kind
from kubeferry.kube.requests import place_of
from kubeferry.kube.retry import backoff, is_overload, is_returning
from kubeferry.kube.transport import Transport

_SHORTEST, _LONGEST = 240, 480
"""Seconds that a watch is asked to last: a random length, so that not all end together."""
_GRACE = 15.0
"""Seconds beyond its length after which a silent watch is given up."""
_QUICK = 1.0
"""A watch that ends within a second without an event counts as a failure: no busy loop."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event; the object of SYNCED is empty."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "SYNCED"]
    object: Object


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What to watch, and from which version (empty: list first)."""

    list: ListRequest
    resource_version: str = ""


class _Line(msgspec.Struct):
    type: str
    object: dict[str, Any]


@dataclass(slots=True)
class _State:
    """What the watch knows: the version to go on from, and which objects are there."""

    version: str
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: int = 0

    def note(self, kind: str, obj: Object) -> None:
        about = metadata(obj)
        key = (about.get("namespace", ""), about.get("name", ""))
        self.version = about.get("resourceVersion", "") or self.version
        if kind == "DELETED":
            self.known.pop(key, None)
        else:
            self.known[key] = about.get("uid", "")


async def follow(
    transport: Transport, request: WatchRequest, *, rounds: Callable[[], AsyncGenerator[Page, None]]
) -> AsyncGenerator[WatchEvent, None]:
    """The events; ``rounds`` begins the list of a new round."""
    state = _State(request.resource_version)
    while True:
        try:
            if not state.version:
                async with aclosing(_round(request.list.resource, state, rounds)) as events:
                    async for event in events:
                        yield event
                state.failures = 0
            async with aclosing(_stream(transport, request.list, state)) as events:
                async for event in events:
                    yield event
            continue
        except Expired:
            state.version = ""
            pause = backoff(state.failures) if state.failures else 0.0
            state.failures += 1
        except ApiError as error:
            passing = _passing(error) or is_returning(error, transport.lost)
            if not passing or not transport.answered:
                raise
            state.failures += 1
            pause = backoff(state.failures) if error.retry_after is None else error.retry_after
        await asyncio.sleep(pause)


def _passing(error: ApiError) -> bool:
    """Whether a watch outlives it."""
    if isinstance(error, ApiUnreachable):
        return not error.lasting
    return is_overload(error) or error.status >= 500


async def _round(
    resource: Resource, state: _State, rounds: Callable[[], AsyncGenerator[Page, None]]
) -> AsyncGenerator[WatchEvent, None]:
    before, state.known = state.known, {}
    place = place_of("list", resource, "", "")
    version = ""
    complete = False
    try:
        async with aclosing(rounds()) as pages:
            async for page in pages:
                version = page.resource_version
                for item in page.items:
                    obj = decode_object(with_kind(item, page.kind_prefix), place)
                    state.note("ADDED", obj)
                    yield WatchEvent("ADDED", obj)
        complete = True
    finally:
        if not complete:  # what the broken round did not reach is still to be compared
            state.known = {**before, **state.known}
            state.version = ""
    for key, uid in before.items():
        if key not in state.known:
            yield WatchEvent("DELETED", _remains(resource, key, uid))
    state.version = version
    yield WatchEvent("SYNCED", {})


def _remains(resource: Resource, key: tuple[str, str], uid: str) -> Object:
    about = {"name": key[1], "uid": uid}
    if key[0]:
        about["namespace"] = key[0]
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": about}


async def _stream(
    transport: Transport, request: ListRequest, state: _State
) -> AsyncGenerator[WatchEvent, None]:
    """The events of one connection, until it ends."""
    loop = asyncio.get_running_loop()
    began, seen = loop.time(), 0
    lasts = random.randint(_SHORTEST, _LONGEST)
    glue = "&" if "?" in request.target else "?"
    target = (
        f"{request.target}{glue}watch=true&allowWatchBookmarks=true"
        f"&resourceVersion={state.version}&timeoutSeconds={lasts}"
    )
    place = request.place.replace("list", "watch", 1)
    async with (
        transport.stream(target, place=place, read_timeout=lasts + _GRACE) as pieces,
        aclosing(_lines(pieces)) as lines,
    ):
        async for line in lines:
            event = _event(line, place, state)
            seen += 1
            state.failures = 0
            if event is not None:
                yield event
    if not seen and loop.time() - began < _QUICK:
        state.failures += 1
        await asyncio.sleep(backoff(state.failures))


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Whole lines, however long; each byte is looked at once."""
    parts: list[bytes] = []
    async for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            parts.append(line)
            yield b"".join(parts)
            parts.clear()
        parts.append(rest)


def _event(line: bytes, place: str, state: _State) -> WatchEvent | None:
    """The event of a line; None for a bookmark or an empty line. Raises an ERROR's ``ApiError``."""
    if not line.strip():
        return None
    try:
        event = _decoder.decode(line)
    except msgspec.DecodeError as error:
        broken = ApiUnreachable(f"a watch event is no JSON: {error}", place=place)
        broken.sent = True
        raise broken from error
    match event.type:
        case "ADDED" | "MODIFIED" | "DELETED" as kind:
            state.note(kind, event.object)
            return WatchEvent(kind, event.object)
        case "BOOKMARK":
            state.version = metadata(event.object).get("resourceVersion") or state.version
        case "ERROR":
            raise status_error(event.object, place=place)
    return None


_decoder = codec.Decoder(_Line)
