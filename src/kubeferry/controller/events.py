"""Events on a task: ``kubectl describe`` shows how it goes and what went wrong first.

Started, each part of it, its end, and the first errors are told; no more than ``MAX_EVENTS`` a
process, and nothing twice by one process, however often it tries. Nothing depends on them: what the
API server does not take, or not in time, is not told. Times have seconds; who sorts by name has the
events of one second in their order too.
"""

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

from kubeferry.clock import Clock, timestamp
from kubeferry.controller.resources import EVENTS
from kubeferry.errors import FerryError
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.report import Problem

SOURCE = "kubeferry-controller"
MAX_EVENTS = 50
"""Events of one process about one task."""
MAX_PROBLEMS = 5
"""Errors that get an event of their own."""
MAX_MESSAGE = 1024
"""Bytes of a message: what the API takes."""
CLOSE_SECONDS = 3.0
"""How long a task that has ended waits for its last events."""

_log = logging.getLogger("kubeferry.controller")


class TaskEvents:
    """Events about one task, written one after the other beside its work; an async context manager
    that writes what is left when it ends. As a ``Reporter`` it tells of parts and errors. ``said``
    keeps what this process said of the task, from one try to the next.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        obj: Object,
        *,
        clock: Clock,
        said: set[str],
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._client = client
        self._resource = resource
        self._about = metadata(obj)
        self._clock = clock
        self._close_seconds = close_seconds
        self._queue: asyncio.Queue[Object | None] = asyncio.Queue()
        self._said = said
        self._problems = 0
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writing is None:
            return
        if error is None:
            self._queue.put_nowait(None)
            await asyncio.wait([self._writing], timeout=self._close_seconds)
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)

    def say(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Queues an event; nothing that was said, nothing more once there were ``MAX_EVENTS``."""
        text = " ".join(message.split()).encode()[:MAX_MESSAGE].decode(errors="ignore")
        key = f"{reason} {text}"
        if key not in self._said and len(self._said) < MAX_EVENTS:
            self._said.add(key)
            self._queue.put_nowait(self._event(reason, text, warning=warning))

    def phase(self, name: str) -> None:
        """A part of the task begins."""
        self.say("Progress", name)

    def progress(self, done: int, total: int | None) -> None:
        """The status tells it."""

    def problem(self, problem: Problem) -> None:
        """Tells the first errors."""
        if problem.level == "error" and self._problems < MAX_PROBLEMS:
            self._problems += 1
            subject = f"{problem.subject}: " if problem.subject else ""
            self.say(problem.reason, f"{subject}{problem.message}", warning=True)

    def _event(self, reason: str, text: str, *, warning: bool) -> Object:
        moment = self._clock()
        now = timestamp(moment)
        name, uid = str(self._about["name"]), str(self._about["uid"])
        order = f"{int(moment.timestamp() * 1e6):x}{len(self._said):02x}"
        namespace = str(self._about["namespace"])
        about: dict[str, Any] = {
            "apiVersion": self._resource.api_version,
            "kind": self._resource.kind,
            "name": name,
            "namespace": namespace,
            "uid": uid,
        }
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{name}.{order}", "namespace": namespace},
            "involvedObject": about,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": text,
            "source": {"component": SOURCE},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }

    async def _write(self) -> None:
        while True:
            event = await self._queue.get()
            if event is None:
                return
            try:
                await self._client.create(EVENTS, event, namespace=event["metadata"]["namespace"])
            except FerryError as error:
                _log.info("an event of %s was not taken: %s", self._about["name"], error)
