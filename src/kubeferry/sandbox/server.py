"""The sandbox: one HTTP server on 127.0.0.1 that answers as a Kubernetes API server does.

A token is required. kubectl sends tokens over TLS only, so the kubeconfig carries it in the URL's
path (``http://127.0.0.1:PORT/token/TOKEN``); a client may send ``Authorization: Bearer`` instead.
"""

import hmac
import secrets
from types import TracebackType

from aiohttp import web

from kubeferry import codec
from kubeferry.clock import Clock, utc_now
from kubeferry.sandbox import answers, discovery, openapi
from kubeferry.sandbox.answers import Refused
from kubeferry.sandbox.crdserver import CrdServer
from kubeferry.sandbox.garbage import Garbage
from kubeferry.sandbox.handlers import Handlers, json_answer
from kubeferry.sandbox.kinds import Kinds
from kubeferry.sandbox.requests import find_target, split_path
from kubeferry.sandbox.standins import StatefulSets, furnish_cluster
from kubeferry.sandbox.storage import Storage
from kubeferry.sandbox.watchers import Watchers
from kubeferry.sandbox.writes import Objects

_OPEN = ("healthz", "readyz", "livez", "version")
_LARGEST_BODY = 4 << 20
"""As large as a real server takes: etcd's request limit and a margin."""


class Sandbox:
    """A Kubernetes API server in memory; an async context manager.

    Args:
        name: what its kubeconfig calls the cluster.
        clock: the time objects are stamped with.
        port: 0 takes a free one.
        workloads: whether the stand-in for the StatefulSet controller runs. What keeps the API
            itself going (namespaces, owner references, CRDs) always does.
        run_pods: whether that stand-in marks the pods it makes ``Running``; else they stay Pending.
        read_only: why nothing can be written here, which is what whoever tries is told. Then there
            is nothing in it but what is shelved: no namespaces of its own, and nothing runs.
    """

    def __init__(
        self,
        *,
        name: str = "sandbox",
        clock: Clock = utc_now,
        port: int = 0,
        workloads: bool = False,
        run_pods: bool = False,
        read_only: str = "",
    ) -> None:
        self.name = name
        self._read_only = read_only
        self.token = secrets.token_urlsafe(24)
        self.storage = Storage()
        self.kinds = Kinds()
        self.objects = Objects(self.storage, self.kinds, clock=clock)
        self._port = port
        self._watchers = Watchers(self.storage)
        self._handlers = Handlers(self.objects, self._watchers)
        self._crds = CrdServer(self.objects, self._watchers)
        self._controllers: list[Garbage | StatefulSets] = [Garbage(self.objects, self._crds)]
        if workloads:
            self._controllers.append(StatefulSets(self.objects, run_pods=run_pods))
        self._runner: web.AppRunner | None = None
        if not read_only:
            furnish_cluster(self.objects)

    @property
    def url(self) -> str:
        """Where it listens, without the token."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def server(self) -> str:
        """The URL a kubeconfig names: with the token in its path."""
        return f"{self.url}/token/{self.token}"

    def kubeconfig(self, *, namespace: str = "default") -> str:
        """A kubeconfig, as YAML, whose one context is this sandbox. It holds the token."""
        return codec.dump_yaml(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": self.name, "cluster": {"server": self.server}}],
                "users": [{"name": self.name, "user": {}}],
                "contexts": [
                    {
                        "name": self.name,
                        "context": {
                            "cluster": self.name,
                            "user": self.name,
                            "namespace": namespace,
                        },
                    }
                ],
                "current-context": self.name,
            }
        )

    async def __aenter__(self) -> "Sandbox":
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        for controller in self._controllers:
            controller.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for controller in self._controllers:
            await controller.stop()
        self._watchers.close_all()
        if self._runner is not None:
            await self._runner.cleanup()

    async def settle(self) -> None:
        """Returns when the stand-ins have nothing left to do."""
        for _ in self._controllers:
            for controller in self._controllers:
                await controller.settle()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._route(request)
        except Refused as refused:
            return json_answer(codec.encode(refused.status()) + b"\n", code=refused.code)
        except web.HTTPRequestEntityTooLarge:
            large = Refused(
                413,
                "RequestEntityTooLarge",
                f"Request entity too large: limit is {_LARGEST_BODY}",
                details={},
            )
            return json_answer(codec.encode(large.status()) + b"\n", code=413)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        parts = self._authorized(request)
        if not parts:
            return json_answer(codec.encode({"paths": ["/api", "/apis", "/version"]}))
        if parts[0] in _OPEN:
            return self._about(request, parts)
        if self._read_only and request.method not in ("GET", "HEAD"):
            raise Refused(405, "MethodNotAllowed", self._read_only, details={})
        target = find_target(parts, self.kinds) if parts[0] in ("api", "apis") else None
        if target is not None:
            return await self._handlers.handle(request, target)
        if request.method not in ("GET", "HEAD"):
            raise answers.no_such_path()
        if parts[0] == "apis" and len(parts) > 2 and not self._serves(parts[1], parts[2]):
            return web.Response(text="404 page not found\n", status=404)
        return self._document(request, parts)

    def _serves(self, group: str, version: str) -> bool:
        return any(
            kind.resource.group == group and kind.resource.version == version for kind in self.kinds
        )

    def _authorized(self, request: web.Request) -> list[str]:
        """The path's parts, the token taken off. Raises ``Refused`` (401)."""
        parts = split_path(request.rel_url.raw_path)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if len(parts) >= 2 and parts[0] == "token":
            token, parts = parts[1], parts[2:]
        elif len(parts) == 1 and parts[0] in _OPEN:
            return parts
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise answers.unauthorized()
        return parts

    def _about(self, request: web.Request, parts: list[str]) -> web.Response:
        if parts == ["version"]:
            if request.method != "GET":
                raise Refused(
                    405,
                    "MethodNotAllowed",
                    "the server does not allow this method on the requested resource",
                    details={},
                )
            return json_answer(codec.encode_pretty(discovery.server_version()))
        return web.Response(text="ok")

    def _document(self, request: web.Request, parts: list[str]) -> web.Response:
        """Discovery and OpenAPI."""
        accept = request.headers.get("Accept", "")
        if parts in (["api"], ["apis"]) and discovery.wants_aggregated(accept):
            found = discovery.aggregated(self.kinds, core=parts == ["api"])
            return json_answer(codec.encode(found), content_type=discovery.AGGREGATED)
        if parts[:2] == ["openapi", "v3"]:
            document = openapi.document(self.kinds, "/".join(parts[2:]))
            return _found(document)
        return _found(self._old_discovery(parts))

    def _old_discovery(self, parts: list[str]) -> object | None:
        match parts:
            case ["api"]:
                return discovery.core_versions(f"127.0.0.1:{self._port}")
            case ["apis"]:
                return discovery.group_list(self.kinds)
            case ["api", version]:
                return discovery.resource_list(self.kinds, "", version)
            case ["apis", group]:
                return discovery.one_group(self.kinds, group)
            case ["apis", group, version]:
                return discovery.resource_list(self.kinds, group, version)
        return None


def _found(document: object | None) -> web.Response:
    if document is None:
        raise answers.no_such_path()
    return json_answer(codec.encode(document))
