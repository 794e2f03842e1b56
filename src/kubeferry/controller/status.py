"""Writes the status of our resources: a merge patch of what changed, progress once a second."""

import asyncio
from collections.abc import Callable
from typing import Any

from kubeferry.api.fields import Progress
from kubeferry.errors import ApiError, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.report import Problem

PROGRESS_SECONDS = 1.0
FIELD_MANAGER = "kubeferry-controller"


async def patch_status(
    client: Client, resource: Resource, name: str, status: dict[str, Any], *, namespace: str
) -> None:
    """Merges ``status`` into the object's; an object that is gone needs none."""
    if not status:
        return
    try:
        await client.patch(
            resource,
            name,
            {"status": status},
            kind="merge",
            namespace=namespace,
            subresource="status",
            field_manager=FIELD_MANAGER,
        )
    except NotFound:
        return


class ProgressWriter:
    """A reporter that keeps a task's ``status.progress``, ``warnings`` and ``errors`` up to date.

    ``run`` writes what changed, once a second, until it is cancelled; the end of the task writes
    the final figures itself.
    """

    def __init__(self, write: Callable[[dict[str, Any]], Any]) -> None:
        self._write = write
        self._done = 0
        self._total = 0
        self._counts = {"warning": 0, "error": 0}

    def phase(self, name: str) -> None:
        """Phases are told by events and logs."""

    def progress(self, done: int, total: int | None) -> None:
        """Notes how far the task is."""
        self._done = done
        self._total = total or done

    def problem(self, problem: Problem) -> None:
        """Counts it."""
        self._counts[problem.level] += 1

    async def run(self) -> None:
        """Writes the status while the task runs; never returns."""
        written: dict[str, Any] = {}
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
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


def progress(done: int, total: int) -> Progress:
    """A finished task's progress."""
    return Progress(items_done=done, total_items=total)
