"""Lists in pages of raw bytes: each object a slice of the answer, decoded by nobody yet.

A page is bounded in bytes. One that grows over the bound is broken off while it streams and asked
for again with half the objects, down to one; the number grows back when pages become small.

An expired continue token (410; etcd compacts after 5 minutes) carries a fresh one with which the
list goes on behind the last object, at a newer resourceVersion: nothing comes twice. Only a server
that gives none makes the list begin again, once; its first page then says ``restarted``.

A list may be asked for as it was at a resourceVersion. Where the server has compacted that away the
list is ``Expired`` before its first page; some servers do not know the parameter and answer with
what is newest, which the page's own version tells.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, Expired
from kubeferry.kube.limiter import ByteBudget
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.kube.transport import JSON, Transport


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list.

    Attributes:
        items: each object's JSON as the server sent it; all of them share the page's memory.
        resource_version: the list's version, to watch from; it changes within a list that outlived
            its continue token.
        kind_prefix: ``"apiVersion":"v1","kind":"Pod",`` where the items lack it (lists of built-in
            kinds), else empty. It goes behind an item's opening brace.
        restarted: the list began again: objects of earlier pages come once more. Who may take each
            only once drops those whose namespace and name came before.
        remaining: how many objects follow, None where the server does not say.
        size: bytes of the answer, which live as long as any item does.
    """

    items: list[msgspec.Raw]
    resource_version: str
    kind_prefix: bytes = b""
    restarted: bool = False
    remaining: int | None = None
    size: int = 0


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    next: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class _Envelope(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    items: list[msgspec.Raw] | None = None


class _TypeMeta(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""


_envelope = codec.Decoder(_Envelope)
_type_meta = codec.Decoder(_TypeMeta)


class PageTooBig(Exception):
    """A page was broken off: it has more bytes than allowed."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What to list: the target without ``limit`` and ``continue``, what to call it, the
    resourceVersion at which it is wanted (empty: the newest), and in which form.
    """

    resource: Resource
    target: str
    place: str
    resource_version: str = ""
    accept: str = JSON


async def read_page(
    transport: Transport, request: ListRequest, *, limit: int, token: str, cap: int | None
) -> tuple[Page, str]:
    """One page and the token of the next one (empty at the end).

    Raises:
        PageTooBig: more than ``cap`` bytes came; the rest was not read.
        ApiError: the server refused or broke off.
    """
    glue = "&" if "?" in request.target else "?"
    target = f"{request.target}{glue}limit={limit}"
    if token:
        target += f"&continue={quote(token, safe='')}"  # which says the version too
    elif request.resource_version:
        version = quote(request.resource_version, safe="")
        target += f"&resourceVersion={version}&resourceVersionMatch=Exact"
    body = bytearray()
    async with transport.stream(target, accept=request.accept, place=request.place) as pieces:
        async for piece in pieces:
            body += piece
            if cap is not None and len(body) > cap:
                raise PageTooBig
    try:
        envelope = _envelope.decode(body)
    except msgspec.DecodeError as error:
        raise ApiError(f"the list cannot be read: {error}", place=request.place) from error
    items = envelope.items or []
    metadata = envelope.metadata
    page = Page(
        items=items,
        resource_version=metadata.resource_version,
        kind_prefix=_kind_prefix(items, request.resource),
        remaining=metadata.remaining_item_count,
        size=len(body),
    )
    return page, metadata.next


def _kind_prefix(items: list[msgspec.Raw], resource: Resource) -> bytes:
    """Built-in lists say the kind once, for all; custom resources each carry theirs."""
    for item in items:
        try:
            first = _type_meta.decode(item)
        except msgspec.DecodeError:
            continue  # whoever decodes it says so
        if first.api_version or first.kind:
            return b""
        break
    return (
        b'"apiVersion":'
        + codec.encode(resource.api_version)
        + b',"kind":'
        + codec.encode(resource.kind)
        + b","
    )


def with_kind(item: msgspec.Raw, kind_prefix: bytes) -> bytes:
    """An item's own bytes with the kind it lacks; the page's memory is not kept alive by them."""
    data = bytes(item)
    if not kind_prefix or not data.startswith(b"{"):  # whoever decodes it says what it is
        return data
    inner = data[1:].lstrip()
    return b"{" + (kind_prefix[:-1] if inner == b"}" else kind_prefix) + inner


def decode_object(data: bytes, place: str) -> Object:
    """An object that a server sent. Raises ``ApiError`` for what is none."""
    try:
        value = codec.decode(data)
    except msgspec.DecodeError as error:
        raise ApiError(f"the answer is no JSON: {error}", place=place) from error
    if not isinstance(value, dict):
        raise ApiError("the answer is no object", place=place)
    return value


Guarded = Callable[[Callable[[], Awaitable[tuple[Page, str]]]], Awaitable[tuple[Page, str]]]
"""Runs a read with the client's retries."""


async def list_pages(
    transport: Transport,
    request: ListRequest,
    *,
    limit: int,
    page_bytes: int,
    budget: ByteBudget,
    guarded: Guarded,
    resume_expired: bool = True,
) -> AsyncGenerator[Page, None]:
    """All pages of a list, one request at a time; see the module.

    ``budget`` bounds what is being read; what becomes of a page is up to who takes it. With
    ``resume_expired`` false a 410 is raised as ``Expired``: a watch needs one version for all.
    """
    token, size, first, restarts = "", limit, True, 0
    while first or token:
        cap = page_bytes if size > 1 else None
        try:
            async with budget.reserve(page_bytes):
                page, following = await guarded(
                    lambda: read_page(transport, request, limit=size, token=token, cap=cap)  # noqa: B023
                )
        except PageTooBig:
            size = max(1, size // 2)
            continue
        except Expired as error:
            token = error.details.get("continue", "") if resume_expired else ""
            again = not restarts and not request.resource_version
            if not resume_expired or (not token and not again):
                raise
            if not token:
                restarts, first = restarts + 1, True
            continue
        yield page if not (first and restarts) else replace(page, restarted=True)
        first, token = False, following
        if size < limit and page.size * 2 < page_bytes // 2:
            size = min(limit, size * 2)
