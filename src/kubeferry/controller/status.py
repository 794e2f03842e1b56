"""Writes the status of our resources: a merge patch of what changed, progress once a second."""

import asyncio
from collections.abc import Callable
from typing import Any

from kubeferry.errors import ApiError, Conflict, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import metadata
from kubeferry.report import Problem, Reporter

PROGRESS_SECONDS = 1.0
FIELD_MANAGER = "kubeferry-controller"


async def patch_status(
    client: Client,
    resource: Resource,
    name: str,
    status: dict[str, Any],
    *,
    namespace: str,
    uid: str = "",
) -> bool:
    """Merges ``status`` into the object's; False when the object is gone.

    With ``uid`` only that object is written, not another one made under its name since.
    """
    if not status:
        return True
    body: dict[str, Any] = {"status": status}
    if uid:
        body["metadata"] = {"uid": uid}
    try:
        await client.patch(
            resource,
            name,
            body,
            kind="merge",
            namespace=namespace,
            subresource="status",
            field_manager=FIELD_MANAGER,
        )
    except NotFound:
        return False
    except Conflict:
        if not uid or await _uid(client, resource, name, namespace=namespace) == uid:
            raise
        return False
    return True


async def _uid(client: Client, resource: Resource, name: str, *, namespace: str) -> str:
    try:
        found = await client.get(resource, name, namespace=namespace)
    except NotFound:
        return ""
    return str(metadata(found).get("uid", ""))


class ProgressWriter:
    """A reporter that keeps a task's ``status.progress``, ``warnings`` and ``errors`` up to date.

    ``run`` writes what changed, once a second, until ``stop``; the end of the task writes the final
    figures itself, after ``run`` has returned, or an older figure could arrive later.
    """

    def __init__(self, write: Callable[[dict[str, Any]], Any], events: Reporter) -> None:
        self._write = write
        self._events = events
        self._done = 0
        self._total = 0
        self._counts = {"warning": 0, "error": 0}
        self._stopped = asyncio.Event()

    def phase(self, name: str) -> None:
        """Phases are told by events and logs."""
        self._events.phase(name)

    def progress(self, done: int, total: int | None) -> None:
        """Notes how far the task is."""
        self._done = done
        self._total = total or done

    def problem(self, problem: Problem) -> None:
        """Counts it."""
        self._events.problem(problem)
        self._counts[problem.level] += 1

    async def run(self) -> None:
        """Writes the status while the task runs."""
        written: dict[str, Any] = {}
        while not await self._paused():
            status = {
                "progress": {"itemsDone": self._done, "totalItems": self._total},
                "warnings": self._counts["warning"],
                "errors": self._counts["error"],
            }
            if status != written:
                try:
                    await self._write(status)
                except ApiError:
                    continue  # progress is told again in a second
                written = status

    def stop(self) -> None:
        """Makes ``run`` return, once what it is writing is written."""
        self._stopped.set()

    async def _paused(self) -> bool:
        """Waits between two writes; True when there is to be none any more."""
        try:
            async with asyncio.timeout(PROGRESS_SECONDS):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True
