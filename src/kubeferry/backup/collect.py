"""Lists what a backup takes, page by page as raw bytes, and hands each object on as it came.

Up to ``LISTERS`` lists run at once; pages wait in a queue of ``QUEUE`` for the one consumer. No
more than the client's ``bytes_held`` are being read, wait or are consumed, whatever the cluster's
size and however many backups run: a page has its room before it is asked for and gives it back when
it is consumed, or when its backup stops. An object is not decoded: only its head is read, and the
``apiVersion`` and ``kind`` that a list leaves out are put in front of its bytes (velero.md §1.1).

A list that had to begin again brings objects a second time. A list is in the order of namespace and
name, so what is not behind the last object that came before is left out.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ApiLost
from kubeferry.kube.client import Client
from kubeferry.kube.limiter import ByteBudget
from kubeferry.kube.names import Resource
from kubeferry.kube.pages import Page

LISTERS = 4
QUEUE = 4
PAGE = 500


class Metadata(msgspec.Struct, rename="camel"):
    """The metadata that selection and the archive need."""

    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Head(msgspec.Struct):
    """The head of any object; ``type`` is a Secret's, and anything in other kinds."""

    metadata: Metadata
    type: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)

    @property
    def secret_type(self) -> str:
        """A Secret's type; empty where ``type`` is anything but a text."""
        raw = bytes(self.type)
        return raw[1:-1].decode(errors="replace") if raw.startswith(b'"') else ""


_HEADS = codec.Decoder(Head)


@dataclass(frozen=True, slots=True)
class Source:
    """One list to make: a resource, in one namespace or (empty) in all."""

    resource: Resource
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """Some objects of one list, or what is wrong with it; ``size`` are the bytes of the page."""

    source: Source
    items: Sequence[tuple[Head, msgspec.Raw]] = ()
    kind_prefix: bytes = b""
    error: ApiError | None = None
    size: int = 0


def sources(
    resources: Sequence[Resource], namespaces: Sequence[str], *, most: bool
) -> list[Source]:
    """The lists to make: one a kind if most namespaces are wanted, else one a kind and
    namespace.
    """
    if most:
        return [Source(resource) for resource in resources]
    return [Source(resource, namespace) for resource in resources for namespace in namespaces]


async def pages(client: Client, wanted: Sequence[Source]) -> AsyncGenerator[Listed, None]:
    """Every page of every list; a list that fails yields its error and the others go on.

    Raises ``ApiLost`` when the server answers no more: then nothing can go on.
    """
    queue: asyncio.Queue[Listed | None] = asyncio.Queue(QUEUE)
    room = _Share(client.room)
    remaining = iter(wanted)

    async def lister() -> None:
        for source in remaining:
            try:
                async with aclosing(_list(client, source, room)) as found:
                    async for listed in found:
                        await queue.put(listed)
            except ApiLost:
                raise
            except ApiError as error:
                await queue.put(Listed(source, error=error))

    async def produce() -> None:
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(LISTERS, len(wanted))):
                    group.create_task(lister())
        except* Exception as errors:
            failure = errors.exceptions[0]
        # Whatever happened, or the consumer would wait for ever.
        await queue.put(None)
        if failure is not None:
            raise failure

    producer = asyncio.create_task(produce())
    try:
        while (listed := await queue.get()) is not None:
            yield listed
            room.give_back(listed.size)
        await producer
    finally:
        producer.cancel()
        try:
            await asyncio.gather(producer, return_exceptions=True)
        finally:
            room.give_back(room.used)  # of pages that nobody takes any more


class _Share:
    """What one collection holds of the room that all of them share."""

    def __init__(self, room: ByteBudget) -> None:
        self._room = room
        self.used = 0

    async def take(self, size: int) -> int:
        """As ``ByteBudget.take``."""
        taken = await self._room.take(size)
        self.used += taken
        return taken

    def give_back(self, size: int) -> None:
        """As ``ByteBudget.give_back``."""
        self.used -= size
        self._room.give_back(size)


async def _list(client: Client, source: Source, room: _Share) -> AsyncGenerator[Listed, None]:
    """The pages of one list; who gets one gives its size back to ``room``."""
    last, before, told, in_order = "", "", False, True
    found = client.pages(source.resource, namespace=source.namespace, limit=PAGE)
    async with aclosing(found):
        async for page in _held(found, room, client.page_bytes):
            if page.restarted:
                if not in_order:
                    room.give_back(page.size)
                    raise ApiError(
                        "the list had to begin again, and as its server keeps no order "
                        "what came before cannot be told from what did not"
                    )
                before, last = max(before, last), ""
            items: list[tuple[Head, msgspec.Raw]] = []
            for raw in page.items:
                try:
                    items.append((sound_head(raw), raw))
                except ApiError as error:
                    if not told:  # once for a list: none of them has a name
                        yield Listed(source, error=error)
                    told = True
            if not items:
                room.give_back(page.size)
                continue
            in_order = in_order and _is_ascending(items, last)
            last = _key(items[-1][0])
            if before:
                items = [one for one in items if _key(one[0]) > before]
            yield Listed(source, items, page.kind_prefix, size=page.size)


async def _held(found: AsyncIterator[Page], room: _Share, most: int) -> AsyncGenerator[Page, None]:
    """The pages of a list, each asked for when there is room for ``most`` bytes."""
    while True:
        taken, page = await room.take(most), None
        try:
            page = await anext(found, None)
        finally:
            room.give_back(taken - (page.size if page else 0))
        if page is None:
            return
        yield page


def _is_ascending(items: Sequence[tuple[Head, msgspec.Raw]], last: str) -> bool:
    """Whether the items are behind ``last`` and one behind the other, as etcd keeps them."""
    for one, _ in items:
        key = _key(one)
        if key <= last:
            return False
        last = key
    return True


def _key(one: Head) -> str:
    return f"{one.metadata.namespace}/{one.metadata.name}"


def sound_head(raw: msgspec.Raw) -> Head:
    """The head of an object in a list.

    Raises ``ApiError``: an extension server may answer with what is no Kubernetes object.
    """
    try:
        return head(raw)
    except msgspec.DecodeError as error:
        raise ApiError(f"the server sent what is no object: {error}") from error


def head(raw: msgspec.Raw | bytes) -> Head:
    """The head of an object's bytes. Raises ``msgspec.DecodeError`` for what is no object."""
    return _HEADS.decode(raw)
