"""Lists what a backup takes, page by page as raw bytes, and hands each object on as it came.

Up to ``LISTERS`` kinds are listed at once; pages wait in a queue of ``QUEUE`` for the one consumer.
No more than the client's ``bytes_held`` are being read, wait or are consumed, whatever the
cluster's size and however many backups run: a page has its room before it is asked for and gives it
back when it is consumed, or when its backup stops. An object is not decoded: only its head is read,
and the ``apiVersion`` and ``kind`` that a list leaves out are put in front of its bytes (velero.md
§1.1).

A kind may take several lists: a namespace each, a label query each, and all of it once more for
each version that its group serves. The first answer's resourceVersion is the moment of the kind,
and every other list is asked for as it was then. A server that has forgotten it, or cannot do that,
answers with what is newest: those pages say that they are ``same`` no more.

A list that had to begin again brings objects a second time. A list is in the order of namespace and
name, so what is not behind the last object that came before is left out.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ApiLost, BadRequest, Expired
from kubeferry.kube.client import Client
from kubeferry.kube.limiter import ByteBudget
from kubeferry.kube.names import Resource
from kubeferry.kube.pages import Page

LISTERS = 4
QUEUE = 4
PAGE = 500


class Metadata(msgspec.Struct, rename="camel", gc=False):
    """The metadata that selection and the archive need."""

    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Head(msgspec.Struct, gc=False):
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
    """The lists to make of one kind.

    Attributes:
        resource: in the version that the server prefers.
        others: the same in other versions, which are listed after it.
        namespaces: one list in each; the empty name stands for all of them.
        queries: label queries, one list for each; the empty query selects everything.
    """

    resource: Resource
    others: tuple[Resource, ...] = ()
    namespaces: tuple[str, ...] = ("",)
    queries: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Listed:
    """Some objects of one list, or what is wrong with it.

    Attributes:
        source: what was to be listed.
        resource: the kind in the version of this list.
        query: the index of its label query.
        items: each object's head and bytes.
        kind_prefix: as ``Page.kind_prefix``.
        same: whether all of this kind so far is of one moment.
        mixed: it was not, when all of the preferred version was listed; told once, without items.
        error: why the rest of a list, or all of it, could not be had.
        where: the namespaces of the lists that failed so; none where all of them did.
        size: the bytes of the page.
    """

    source: Source
    resource: Resource
    query: int = 0
    items: Sequence[tuple[Head, msgspec.Raw]] = ()
    kind_prefix: bytes = b""
    same: bool = True
    mixed: bool = False
    error: ApiError | None = None
    where: tuple[str, ...] = ()
    size: int = 0


async def pages(client: Client, wanted: Sequence[Source]) -> AsyncGenerator[Listed, None]:
    """Every page of every list; a list that fails yields its error and the others go on.

    Raises ``ApiLost`` when the server answers no more: then nothing can go on.
    """
    queue: asyncio.Queue[Listed | None] = asyncio.Queue(QUEUE)
    room = _Share(client.room)
    remaining = iter(wanted)

    async def lister() -> None:
        for source in remaining:
            async with aclosing(_Lists(client, source, room).pages()) as found:
                async for listed in found:
                    await queue.put(listed)

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


class _Moment:
    """Of which moment the lists of a kind are.

    Attributes:
        version: the resourceVersion at which the next list is wanted, empty for the newest.
        is_same: whether all of the kind so far is of one moment.
        changes: how often it turned into another one.
    """

    def __init__(self) -> None:
        self.version = ""
        self.is_same = True
        self.changes = 0
        self._begun = False

    @property
    def has_begun(self) -> bool:
        """Whether any list of the kind could be had."""
        return self._begun

    def note(self, version: str) -> None:
        """A page is of this version. Servers that tell none are never the same."""
        if self._begun and version != self.version:
            self.changes += 1
        self.is_same = self.is_same and bool(version) and not self.changes
        self.version, self._begun = version, True

    def forget(self) -> None:
        """The server knows it no more: the newest is taken, whatever its version."""
        self.version, self.is_same = "", False


class _Lists:
    """The lists of one kind, one after the other; who gets a page gives its size back to ``room``.

    With several label queries an object may move from one to another between two moments. Where the
    moment changed, all queries are made once more at the new one: who takes them tells by the
    ledger what it has.
    """

    def __init__(self, client: Client, source: Source, room: _Share) -> None:
        self._client = client
        self._source = source
        self._room = room
        self._moment = _Moment()

    async def pages(self) -> AsyncGenerator[Listed, None]:
        """Every page. Raises ``ApiLost``; any other failure is a ``Listed`` with its error."""
        source = self._source
        for resource in (source.resource, *source.others):
            failed: dict[str, tuple[ApiError, list[str]]] = {}
            for namespace in source.namespaces:
                async with aclosing(self._queries(resource, namespace, failed)) as found:
                    async for listed in found:
                        yield listed
            self._moment.is_same = self._moment.is_same and not failed
            for failure, where in failed.values():
                everywhere = len(where) == len(source.namespaces)
                named = () if everywhere else tuple(where)
                yield Listed(source, resource, error=failure, where=named)
            if not self._moment.has_begun:
                return
            if resource is source.resource and self._moment.version and self._moment.changes:
                yield Listed(source, resource, mixed=True)

    async def _queries(
        self, resource: Resource, namespace: str, failed: dict[str, tuple[ApiError, list[str]]]
    ) -> AsyncGenerator[Listed, None]:
        """The lists of one namespace; why one could not be had goes into ``failed``."""
        count, changes = len(self._source.queries), self._moment.changes
        for attempt in (1, 2):
            for query in range(count):
                try:
                    async with aclosing(self._list(resource, namespace, query)) as found:
                        async for listed in found:
                            yield listed
                except ApiLost:
                    raise
                except ApiError as error:
                    reason = f"{error.reason} {error.kubernetes_reason} {error.status}"
                    where = failed.setdefault(reason, (error, []))[1]
                    if namespace not in where:
                        where.append(namespace)
            if attempt == 2 or count == 1 or self._moment.changes == changes:
                return

    async def _list(
        self, resource: Resource, namespace: str, query: int
    ) -> AsyncGenerator[Listed, None]:
        """One list, at the kind's moment if the server still has it."""
        if self._moment.version:
            begun = False
            try:
                async with aclosing(self._read(resource, namespace, query)) as found:
                    async for listed in found:
                        begun = True
                        yield listed
                return
            except (Expired, BadRequest):
                if begun:
                    raise
                self._moment.forget()
        async with aclosing(self._read(resource, namespace, query)) as found:
            async for listed in found:
                yield listed

    async def _read(
        self, resource: Resource, namespace: str, query: int
    ) -> AsyncGenerator[Listed, None]:
        source = self._source
        last, before, told, in_order = "", "", False, True
        found = self._client.pages(
            resource,
            namespace=namespace,
            label_selector=source.queries[query],
            resource_version=self._moment.version,
            limit=PAGE,
        )
        async with aclosing(found):
            async for page in _held(found, self._room, self._client.page_bytes):
                if page.restarted:
                    if not in_order:
                        self._room.give_back(page.size)
                        raise ApiError(
                            "the list had to begin again, and as its server keeps no order "
                            "what came before cannot be told from what did not"
                        )
                    before, last = max(before, last), ""
                self._moment.note(page.resource_version)
                items: list[tuple[Head, msgspec.Raw]] = []
                for raw in page.items:
                    try:
                        items.append((sound_head(raw), raw))
                    except ApiError as error:
                        if not told:  # once for a list: none of them has a name
                            yield Listed(source, resource, error=error)
                        told = True
                if not items:
                    self._room.give_back(page.size)
                    continue
                in_order = in_order and _is_ascending(items, last)
                last = _key(items[-1][0])
                if before:
                    items = [one for one in items if _key(one[0]) > before]
                same = self._moment.is_same
                yield Listed(source, resource, query, items, page.kind_prefix, same, size=page.size)


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


def sound_head(raw: msgspec.Raw | bytes) -> Head:
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
