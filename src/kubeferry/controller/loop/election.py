"""One of several replicas leads: a Lease in the API server says which, and until when.

The leader renews its lease again and again. Once it could not until a deadline, which is before the
lease runs out for the others, its work is cancelled: after that it writes nothing (design.md,
Interruption). A replica that waits outlives an API server that does not answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from kubeferry.clock import Clock
from kubeferry.errors import (
    AlreadyExists,
    ApiError,
    ApiUnreachable,
    Conflict,
    Interrupted,
    NotFound,
    ServerTimeout,
    TooManyRequests,
)
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)
_PASSING = (ApiUnreachable, Conflict, ServerTimeout, TooManyRequests)
"""What another try may get over: a Conflict tells that another replica was faster."""

_log = logging.getLogger("kubeferry.controller")


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds.

    Attributes:
        lease: how long a lease is good for; whole seconds.
        deadline: how long the leader goes on without a renewal; what it then cancels must be over
            before the lease is.
        retry: the pause between two tries to take or renew it.
    """

    lease: int = 15
    deadline: float = 10.0
    retry: float = 2.0


class Election:
    """Runs ``lead`` while this replica holds the lease ``name``."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        times: Times | None = None,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._times = times or Times()
        self._seen: tuple[str, float] = ("", 0.0)

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Waits for the lease, leads, and raises ``Interrupted`` when the lease is lost."""
        while not await self._try_to_lead():  # noqa: ASYNC110 - it waits for another machine
            await asyncio.sleep(self._times.retry)
        _log.info("leading as %s", self._identity)
        work = asyncio.ensure_future(lead())
        renewal = asyncio.create_task(self._renew())
        try:
            done, _ = await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, renewal):
                task.cancel()
            await asyncio.gather(work, renewal, return_exceptions=True)
            await self._release()
        for task in done:
            task.result()
        if renewal in done:
            raise Interrupted(f"the lease {self._namespace}/{self._name} was lost")

    async def _try_to_lead(self) -> bool:
        try:
            return await self._try()
        except _PASSING as error:
            _log.info("the lease could not be taken: %s", error)
            return False

    async def _renew(self) -> None:
        """Returns when the lease is lost."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(self._times.retry)
            left = self._times.deadline - (loop.time() - renewed)
            if left <= 0:
                return
            started = loop.time()
            try:
                async with asyncio.timeout(left):
                    if not await self._try():
                        return
                renewed = started
            except (ApiError, TimeoutError) as error:
                _log.warning("the lease could not be renewed: %s", error)

    async def _try(self) -> bool:
        """Takes or renews the lease if it is free, run out or ours; False if another has it.

        Raises ``Conflict`` when the lease was written in between, be it by an earlier try of ours.
        """
        try:
            lease = await self._client.get(LEASES, self._name, namespace=self._namespace)
        except NotFound:
            return await self._create()
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder and holder != self._identity and not self._has_run_out(lease):
            return False
        changes = 0 if holder == self._identity else 1
        lease["spec"] = self._spec(
            acquired=spec.get("acquireTime") if not changes else None,
            transitions=int(spec.get("leaseTransitions") or 0) + changes,
        )
        # The resourceVersion that was read goes along: of two takers one wins.
        await self._client.replace(LEASES, self._name, lease, namespace=self._namespace)
        return True

    async def _create(self) -> bool:
        lease: Object = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec(acquired=None, transitions=0),
        }
        try:
            await self._client.create(LEASES, lease, namespace=self._namespace)
        except AlreadyExists:
            return False
        return True

    def _has_run_out(self, lease: Object) -> bool:
        """Whether the holder let its time pass, measured by our own clock since we saw it renew.

        Clocks of machines differ, so the times in the lease are not compared with ours.
        """
        spec = lease["spec"]
        renewed, now = str(spec.get("renewTime")), asyncio.get_running_loop().time()
        if self._seen[0] != renewed:
            self._seen = (renewed, now)
            return False
        return now - self._seen[1] > float(spec.get("leaseDurationSeconds") or self._times.lease)

    def _spec(self, *, acquired: str | None, transitions: int) -> Object:
        now = _micro_time(self._clock())
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._times.lease,
            "acquireTime": acquired or now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    async def _release(self) -> None:
        """Gives the lease up at a clean end, so that the next leader need not wait for it."""
        try:
            async with asyncio.timeout(2.0):
                lease = await self._client.get(LEASES, self._name, namespace=self._namespace)
                if lease["spec"].get("holderIdentity") == self._identity:
                    lease["spec"]["holderIdentity"] = ""
                    await self._client.replace(LEASES, self._name, lease, namespace=self._namespace)
        except (ApiError, TimeoutError) as error:
            _log.info("the lease was not released: %s", error)


def _micro_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
