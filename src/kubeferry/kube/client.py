"""The Kubernetes client: each verb of the API as one method.

Reads are tried again freely. Writes go through one adaptive limit and are tried again only where
that is safe (see ``retry.py``); a create whose connection broke is sent again, and where the object
is there by then, ``AlreadyExists.after_retry`` tells that it may be ours.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from kubeferry import codec
from kubeferry.errors import AlreadyExists, ApiError
from kubeferry.kube import discovery
from kubeferry.kube.attempts import Attempts
from kubeferry.kube.cluster import ClusterConfig
from kubeferry.kube.discovery import Discovery, ServerVersion
from kubeferry.kube.exec import Exec, ExecResult
from kubeferry.kube.execution import execute
from kubeferry.kube.limiter import ByteBudget, Limiter, Limits
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.kube.pages import ListRequest, Page, decode_object, list_pages, with_kind
from kubeferry.kube.requests import (
    CONTENT_TYPES,
    PatchKind,
    list_request,
    name_in,
    place_of,
    write_query,
)
from kubeferry.kube.retry import Repeat, backoff, is_overload, is_uncertain
from kubeferry.kube.transport import JSON, Transport
from kubeferry.kube.watch import WatchEvent, WatchRequest, follow

__all__ = ["Client", "PatchKind"]

T = TypeVar("T")


class Client:
    """One API server as one user; an async context manager.

    Objects go in as bytes (sent as they are) or decoded. ``room`` is for who keeps pages,
    ``outgoing`` for who creates objects: all that share the client share them. Every method raises
    ``ApiError`` (of the type that fits), with what was asked for as its place, or ``ConfigError``
    when credentials cannot be had.
    """

    def __init__(
        self,
        config: ClusterConfig,
        *,
        user_agent: str = "kubeferry",
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.config = config
        self.limiter = Limiter(start=limits.writes_start, ceiling=limits.writes_max)
        self._limits = limits
        self._budget = ByteBudget(limits.bytes_in_flight)
        self.room = ByteBudget(limits.bytes_held)
        self.outgoing = ByteBudget(limits.bytes_outgoing)
        self._transport = Transport(config, user_agent=user_agent, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def page_bytes(self) -> int:
        """What a list's page has at most, if it is not one object."""
        return self._limits.page_bytes

    async def aclose(self) -> None:
        """Closes all connections; calling it twice is fine."""
        self.limiter.close()
        await self._transport.aclose()

    async def version(self) -> ServerVersion:
        """The server's version."""
        body, _ = await self._fetch("/version")
        return discovery.parse_version(body)

    async def discover(self) -> Discovery:
        """What the server serves now."""
        return await discovery.discover(self._fetch)

    async def raw(self, path: str) -> bytes:
        """GET of any path (``/readyz``, ``/openapi/v3``), its query included, percent-encoded."""
        body, _ = await self._fetch(path, "*/*")
        return body

    async def get(
        self, resource: Resource, name: str, *, namespace: str = "", subresource: str = ""
    ) -> Object:
        """One object."""
        body = await self.read(resource, name, namespace=namespace, subresource=subresource)
        return decode_object(body, place_of("get", resource, namespace, name))

    async def read(
        self, resource: Resource, name: str, *, namespace: str = "", subresource: str = ""
    ) -> bytes:
        """One object as the server sent it."""
        target = resource.path(namespace, name, subresource)
        body, _ = await self._fetch(target, place=place_of("get", resource, namespace, name))
        return body

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> list[Object]:
        """All objects, decoded, each with its apiVersion and kind. For short lists."""
        found: dict[tuple[str, str], Object] = {}
        place = place_of("list", resource, namespace, "")
        async for page in self.pages(
            resource,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        ):
            for item in page.items:
                one = decode_object(with_kind(item, page.kind_prefix), place)
                about = metadata(one)
                found[about.get("namespace", ""), about.get("name", "")] = one
        return list(found.values())

    def pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        limit: int = 500,
        heads: bool = False,
    ) -> AsyncGenerator[Page, None]:
        """A list in pages of at most ``limit`` objects, as raw bytes; see ``pages.py``.

        With ``heads`` the server is asked to leave out all but the metadata of each.
        ``resource_version`` asks for the list as it was then: a page's own version tells whether it
        is; raises ``Expired`` where the server has that no more. Nothing is read ahead. Leave it
        early only with ``contextlib.aclosing``.
        """
        request = list_request(
            resource, namespace, label_selector, field_selector, resource_version, heads=heads
        )
        return self._pages(request, limit, resume_expired=True)

    def _pages(
        self, request: ListRequest, limit: int, *, resume_expired: bool
    ) -> AsyncGenerator[Page, None]:
        return list_pages(
            self._transport,
            request,
            limit=limit,
            page_bytes=self._limits.page_bytes,
            budget=self._budget,
            guarded=self._read,
            resume_expired=resume_expired,
        )

    async def create(
        self,
        resource: Resource,
        body: bytes | Object,
        *,
        namespace: str = "",
        name: str = "",
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
        field_validation: str = "",
    ) -> bytes:
        """Creates an object; the answer's bytes.

        ``name`` and ``subresource`` are for what is created below an object (``eviction``,
        ``token``). Raises ``AlreadyExists``, see ``after_retry`` there.
        """
        query = write_query(field_manager, dry_run, field_validation)
        data = body if isinstance(body, bytes) else codec.encode(body)
        try:
            return await self._write(
                "POST",
                resource.path(namespace, name, subresource) + query,
                data,
                # A name that the server makes would be another one the second time.
                repeat="never" if b'"generateName"' in data else "write",
                place=place_of("create", resource, namespace, name),
            )
        except ApiError as error:
            named = name or name_in(data)
            error.place = place_of("create", resource, namespace, named)
            raise

    async def replace(
        self,
        resource: Resource,
        name: str,
        body: bytes | Object,
        *,
        namespace: str = "",
        subresource: str = "",
        field_manager: str = "",
    ) -> Object:
        """Replaces an object; raises ``Conflict`` when its resourceVersion is not the newest."""
        place = place_of("replace", resource, namespace, name)
        answer = await self._write(
            "PUT",
            resource.path(namespace, name, subresource) + write_query(field_manager),
            body if isinstance(body, bytes) else codec.encode(body),
            repeat="write",
            place=place,
        )
        return decode_object(answer, place)

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: bytes | object,
        *,
        kind: PatchKind,
        namespace: str = "",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Object:
        """Patches an object (``apply`` creates it too); ``force`` takes fields over in an apply.

        A JSON patch is never sent again after its connection broke: it may add twice.
        """
        query = write_query(
            field_manager, dry_run, field_validation, force=force and kind == "apply"
        )
        place = place_of("patch", resource, namespace, name)
        answer = await self._write(
            "PATCH",
            resource.path(namespace, name, subresource) + query,
            body if isinstance(body, bytes) else codec.encode(body),
            repeat="never" if kind == "json" else "write",
            place=place,
            content_type=CONTENT_TYPES[kind],
        )
        return decode_object(answer, place)

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "",
        propagation: str = "",
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
    ) -> None:
        """Deletes an object; with ``uid`` only that very one, with ``resource_version`` only as it
        was then (else ``Conflict``).

        ``propagation`` is ``Background``, ``Foreground`` or ``Orphan``. Raises ``NotFound``.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if propagation:
            options["propagationPolicy"] = propagation
        said = {"uid": uid, "resourceVersion": resource_version}
        if conditions := {key: value for key, value in said.items() if value}:
            options["preconditions"] = conditions
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        await self._write(
            "DELETE",
            resource.path(namespace, name),
            codec.encode(options),
            repeat="write",
            place=place_of("delete", resource, namespace, name),
        )

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        name: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
    ) -> AsyncGenerator[WatchEvent, None]:
        """What is there and what happens to it, for ever; see ``watch.py``.

        ``name`` watches one object. With ``resource_version`` nothing is listed at first.
        """
        if name:
            one = f"metadata.name={name}"
            field_selector = f"{one},{field_selector}" if field_selector else one
        request = list_request(resource, namespace, label_selector, field_selector)
        return follow(
            self._transport,
            WatchRequest(request, resource_version),
            rounds=lambda: self._pages(request, 500, resume_expired=False),
        )

    async def exec(self, request: Exec) -> ExecResult:
        """Runs a command in a container to its end; see ``execution.py``."""
        return await execute(self._transport, request, patience=self._limits.patience)

    async def _fetch(
        self, target: str, accept: str = JSON, *, place: str = ""
    ) -> tuple[bytes, str]:
        place = place or f"GET {target}"
        return await self._read(
            lambda: self._transport.fetch("GET", target, accept=accept, place=place)
        )

    async def _read(self, read: Callable[[], Awaitable[T]]) -> T:
        """A read, tried again while that can help."""
        attempts = self._attempts("read")
        while True:
            try:
                return await read()
            except ApiError as error:
                await attempts.failed(error)

    async def _write(
        self,
        method: str,
        target: str,
        body: bytes,
        *,
        repeat: Repeat,
        place: str,
        content_type: str = JSON,
    ) -> bytes:
        """A write in its turn, tried again where that is safe."""
        attempts, uncertain, sent_away = self._attempts(repeat), False, False
        while True:
            ticket = await self.limiter.acquire(first=sent_away)
            try:
                answer, _ = await self._transport.fetch(
                    method, target, body=body, content_type=content_type, place=place
                )
            except ApiError as error:
                sent_away = is_overload(error)
                if sent_away:
                    pause = error.retry_after
                    told = backoff(attempts.count + 1) if pause is None else pause
                    self.limiter.overloaded(ticket, told)
                else:
                    self.limiter.release(ticket, succeeded=400 <= error.status < 500)
                if isinstance(error, AlreadyExists):
                    error.after_retry = uncertain
                uncertain = uncertain or is_uncertain(error)
                seconds = attempts.pause(error)
                if not sent_away:  # an overload is waited for in the limiter, by all
                    await asyncio.sleep(seconds)
            except BaseException:
                self.limiter.release(ticket, succeeded=False)
                raise
            else:
                self.limiter.release(ticket)
                return answer

    def _attempts(self, repeat: Repeat) -> Attempts:
        return Attempts(self._transport, repeat, patience=self._limits.patience)
