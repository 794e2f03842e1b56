"""The verbs: what each request to a resource does and how it is answered."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from kubeferry import codec
from kubeferry.kube.objects import Object
from kubeferry.sandbox import answers, deletion, patching, scaling, tables
from kubeferry.sandbox.answers import Refused
from kubeferry.sandbox.kinds import Kind
from kubeferry.sandbox.lists import Selects, item_json, list_json, list_page, selection
from kubeferry.sandbox.requests import Target, read_body, read_write
from kubeferry.sandbox.storage import Change, Entry, Key
from kubeferry.sandbox.watchers import Watch, Watchers
from kubeferry.sandbox.writes import Objects, Write

_BOOKMARKS_EVERY = 60.0
_NO_FLOW = {"Cache-Control": "no-cache, private"}


def json_answer(
    body: bytes,
    *,
    code: int = 200,
    content_type: str = "application/json",
    warnings: list[str] | None = None,
) -> web.Response:
    """An answer whose body is JSON already; warnings become headers."""
    response = web.Response(body=body, status=code, headers=_NO_FLOW)
    response.headers["Content-Type"] = content_type
    for warning in warnings or ():
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


class Handlers:
    """Answers the requests for resources of one server."""

    def __init__(self, objects: Objects, watchers: Watchers) -> None:
        self._objects = objects
        self._watchers = watchers
        self._storage = objects.storage

    async def handle(self, request: web.Request, target: Target) -> web.StreamResponse:
        """Does what the method and the path say. Raises ``Refused``."""
        method, kind = request.method, target.kind
        if target.subresource == "scale" and kind.scale is not None:
            return await self._scale(request, target)
        match method, bool(target.name):
            case "GET" | "HEAD", True:
                if request.query.get("watch") in ("true", "1"):
                    return await self._watch(request, target)
                _check_revision(request)
                entry = self._objects.read(kind, target.namespace, target.name)
                return self._object(request, kind, entry)
            case "GET" | "HEAD", False:
                if request.query.get("watch") in ("true", "1"):
                    return await self._watch(request, target)
                return self._list(request, target)
            case "POST", False:
                return await self._create(request, target)
            case "PUT", True:
                return await self._replace(request, target)
            case "PATCH", True:
                return await self._patch(request, target)
            case "DELETE", True:
                return await self._delete(request, target)
            case "DELETE", False:
                return await self._delete_all(request, target)
        raise Refused(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
            details={},
        )

    def _object(
        self,
        request: web.Request,
        kind: Kind,
        entry: Entry,
        *,
        code: int = 200,
        write: Write | None = None,
    ) -> web.Response:
        warnings = write.warnings if write else None
        if tables.wanted(request.headers.get("Accept", "")):
            table = self._table(request, kind, [entry], str(entry.revision))
            return json_answer(codec.encode(table), code=code, warnings=warnings)
        body = item_json(kind, entry, self._objects.kinds) + b"\n"
        return json_answer(body, code=code, warnings=warnings)

    def _table(
        self, request: web.Request, kind: Kind, entries: list[Entry], revision: str
    ) -> Object:
        stored = self._objects.kinds.storage(kind)
        source = kind if kind.custom else stored
        include = request.query.get("includeObject", "Metadata")
        return tables.table(
            source, entries, now=self._objects.clock(), include=include, revision=revision
        )

    def _list(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        page = list_page(self._storage, kind, namespace=target.namespace, query=request.query)
        if tables.wanted(request.headers.get("Accept", "")):
            table = self._table(request, kind, page.entries, str(page.revision))
            if page.token:
                table["metadata"]["continue"] = page.token
                if page.remaining is not None:
                    table["metadata"]["remainingItemCount"] = page.remaining
            return json_answer(codec.encode(table) + b"\n")
        return json_answer(list_json(kind, page, self._objects.kinds))

    async def _create(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        if kind.resource.namespaced and not target.namespace:
            raise Refused(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
                details={},
            )
        body = read_body(await request.read(), request.headers.get("Content-Type", ""), kind)
        write = self._write(request, target)
        entry = self._objects.create(kind, target.namespace, body, write)
        return self._object(request, kind, entry, code=201, write=write)

    def _write(self, request: web.Request, target: Target, form: str = "") -> Write:
        agent = request.headers.get("User-Agent", "")
        return read_write(request.query, agent, subresource=target.subresource, form=form)

    async def _replace(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        body = read_body(await request.read(), request.headers.get("Content-Type", ""), kind)
        write = self._write(request, target)
        entry = self._objects.replace(kind, target.namespace, target.name, body, write)
        return self._object(request, kind, entry, write=write)

    async def _patch(self, request: web.Request, target: Target) -> web.Response:
        form = request.headers.get("Content-Type", "").partition(";")[0].strip()
        if form not in (patching.JSON, patching.MERGE, patching.STRATEGIC, patching.APPLY):
            raise Refused(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
        write = self._write(request, target, "apply" if form == patching.APPLY else "")
        entry, created = patching.patch(
            self._objects,
            target.kind,
            namespace=target.namespace,
            name=target.name,
            form=form,
            body=await request.read(),
            write=write,
        )
        code = 201 if created else 200
        return self._object(request, target.kind, entry, code=code, write=write)

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        options = await self._options(request, kind)
        entry = self._objects.read(kind, target.namespace, target.name)
        last, gone = deletion.delete(self._objects, kind, entry, options)
        status = deletion.answer(kind, last, gone=gone)
        if status is None:
            return self._object(request, kind, last)
        return json_answer(codec.encode(status) + b"\n")

    async def _options(self, request: web.Request, kind: Kind) -> deletion.Options:
        body = await request.read()
        read = read_body(body, request.headers.get("Content-Type", ""), kind) if body else {}
        return deletion.read_options(read, request.query)

    async def _delete_all(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        if "deletecollection" not in kind.resource.verbs:
            raise answers.method_not_allowed(kind.resource)
        options = await self._options(request, kind)
        query = {key: value for key, value in request.query.items() if key != "limit"}
        page = list_page(self._storage, kind, namespace=target.namespace, query=query)
        deleted = [
            deletion.delete(self._objects, kind, entry, options)[0] for entry in page.entries
        ]
        page = page._replace(entries=deleted)
        return json_answer(list_json(kind, page, self._objects.kinds))

    async def _scale(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        assert kind.scale is not None
        entry = self._objects.read(kind, target.namespace, target.name)
        if request.method == "GET":
            return json_answer(codec.encode(scaling.scale_of(kind, kind.scale, entry)))
        body = await request.read()
        if request.method == "PATCH":
            shown = scaling.scale_of(kind, kind.scale, entry)
            form = request.headers.get("Content-Type", "").partition(";")[0]
            scale = patching.patched_scale(shown, form, body)
        elif request.method == "PUT":
            scale = read_body(body, request.headers.get("Content-Type", ""), kind)
        else:
            raise answers.method_not_allowed(kind.resource)
        write = self._write(request, target)
        wanted = scaling.with_replicas(kind, kind.scale, entry.copy(), scale)
        changed = self._objects.change(kind, entry, wanted, write)
        return json_answer(codec.encode(scaling.scale_of(kind, kind.scale, changed)))

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        kind, query = target.kind, dict(request.query)
        if target.name:
            query["fieldSelector"] = f"metadata.name={target.name}"
        selects = selection(kind, query)
        watch = Watch(kind.table, target.namespace, selects)
        stream = _Stream(self, request, kind)
        asked = query.get("resourceVersion", "")
        initial = query.get("sendInitialEvents") == "true"
        fresh = initial or asked in ("", "0")
        revision = None if fresh else _revision(asked)
        try:
            missed = list(self._watchers.open(watch, revision=revision))
        except Refused as refused:
            await stream.open()
            await stream.send(b"ERROR", codec.encode(refused.status()))
            return stream.response
        try:
            await stream.open()
            if fresh and query.get("sendInitialEvents") != "false":
                await stream.initial(self._selected(kind, target.namespace, selects))
            if initial:
                await stream.bookmark(self._storage.revision, initial_end=True)
            for change, entry in missed:
                await stream.event(change, entry)
            await self._follow(watch, stream, query)
        except (ConnectionResetError, asyncio.CancelledError):
            if request.transport is None or request.transport.is_closing():
                return stream.response
            raise
        finally:
            self._watchers.close(watch)
        return stream.response

    def _selected(self, kind: Kind, namespace: str, selects: Selects | None) -> list[Entry]:
        return [
            entry
            for entry in self._storage.entries(kind.table, namespace)
            if selects is None or selects(entry.object)
        ]

    async def _follow(self, watch: Watch, stream: "_Stream", query: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
        end = loop.time() + float(query.get("timeoutSeconds") or 3600)
        while (left := end - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, _BOOKMARKS_EVERY)):
                    seen = await watch.queue.get()
            except TimeoutError:
                if bookmarks and end > loop.time():
                    await stream.bookmark(self._storage.revision)
                continue
            if seen is None:
                return
            await stream.event(*seen)


def _check_revision(request: web.Request) -> None:
    text = request.query.get("resourceVersion") or "0"
    if not text.isdecimal():
        cause = answers.invalid_value(
            "resourceVersion", text, f'strconv.ParseUint: parsing "{text}": invalid syntax'
        )
        raise Refused(500, "", f"{cause.field}: {cause.message}")


def _revision(text: str) -> int:
    if not text.isdecimal():
        raise answers.bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


class _Stream:
    """The answer to a watch, one JSON line an event."""

    def __init__(self, handlers: Handlers, request: web.Request, kind: Kind) -> None:
        self._handlers = handlers
        self._request = request
        self._kind = kind
        self._as_table = tables.wanted(request.headers.get("Accept", ""))
        self._first = True
        self.response = web.StreamResponse(headers=_NO_FLOW)
        self.response.content_type = "application/json"
        self.response.enable_chunked_encoding()

    async def open(self) -> None:
        await self.response.prepare(self._request)

    async def send(self, change: bytes, obj: bytes) -> None:
        await self.response.write(b'{"type":"' + change + b'","object":' + obj + b"}\n")

    async def initial(self, entries: list[Entry]) -> None:
        for entry in entries:
            await self.event("ADDED", entry)

    async def event(self, change: Change, entry: Entry) -> None:
        if self._as_table:
            table = self._handlers._table(self._request, self._kind, [entry], str(entry.revision))
            if not self._first:
                table["columnDefinitions"] = None
            self._first = False
            await self.send(change.encode(), codec.encode(table))
        else:
            obj = item_json(self._kind, entry, self._handlers._objects.kinds)
            await self.send(change.encode(), obj)

    async def bookmark(self, revision: int, *, initial_end: bool = False) -> None:
        meta: dict[str, object] = {"resourceVersion": str(revision)}
        if initial_end:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        resource = self._kind.resource
        obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        await self.send(b"BOOKMARK", codec.encode(obj))


__all__ = ["Handlers", "Key", "json_answer"]
