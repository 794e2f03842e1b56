import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kubeferry.clock import utc_now
from kubeferry.controller.loop.election import LEASES, Election, Times
from kubeferry.errors import ApiUnreachable, Conflict, Interrupted
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.sandbox import Sandbox
from tests.builders import config_map, obj

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
QUICK = Times(lease=1, deadline=0.4, retry=0.05)


class Flaky(Client):
    """A client whose lease requests can be made to fail."""

    failure: Exception | None = None

    async def get(self, resource: Resource, name: str, **where: str) -> Object:
        self._fail(resource)
        return await super().get(resource, name, **where)

    async def replace(
        self, resource: Resource, name: str, body: Object | bytes, **where: str
    ) -> Object:
        self._fail(resource)
        return await super().replace(resource, name, body, **where)

    def _fail(self, resource: Resource) -> None:
        if resource == LEASES and self.failure is not None:
            raise self.failure


def flaky(sandbox: Sandbox) -> Flaky:
    return Flaky(ClusterConfig(server=sandbox.server))


def election(client: Client, identity: str) -> Election:
    return Election(
        client,
        namespace="default",
        name="leader",
        identity=identity,
        clock=utc_now,
        times=QUICK,
    )


async def holder(client: Client) -> str:
    lease = await client.get(LEASES, "leader", namespace="default")
    return str(lease["spec"]["holderIdentity"])


class Leading:
    """Work that says when it began and when it was ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_of_two_leads_and_the_other_follows_a_clean_end_at_once(
    sandbox: Sandbox,
) -> None:
    async with flaky(sandbox) as client:
        first, second = Leading(), Leading()
        one = asyncio.create_task(election(client, "one").run(first))
        await first.began.wait()
        two = asyncio.create_task(election(client, "two").run(second))
        await asyncio.sleep(QUICK.lease + 0.3)
        assert not second.began.is_set()
        assert await holder(client) == "one"

        await stopped(one)
        assert first.ended.is_set()
        async with asyncio.timeout(QUICK.lease):
            await second.began.wait()
        assert await holder(client) == "two"
        await stopped(two)
        assert await holder(client) == ""


async def test_a_dead_leader_s_lease_is_taken_over_when_it_has_run_out(sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()
    async with flaky(sandbox) as client:
        dead = obj("coordination.k8s.io/v1/Lease", "default/leader").with_(
            spec={
                "holderIdentity": "dead",
                "leaseDurationSeconds": QUICK.lease,
                "renewTime": "2031-01-01T00:00:00.000000Z",
                "leaseTransitions": 3,
            }
        )
        await client.create(LEASES, dead, namespace="default")
        leading = Leading()
        began = loop.time()
        task = asyncio.create_task(election(client, "heir").run(leading))
        await leading.began.wait()
        assert loop.time() - began >= QUICK.lease
        lease = await client.get(LEASES, "leader", namespace="default")
        assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("heir", 4)
        await stopped(task)


async def test_after_its_deadline_a_leader_writes_nothing(sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()
    written: list[float] = []
    async with flaky(sandbox) as client:

        async def lead() -> None:
            while True:
                name = f"default/write-{len(written)}"
                await client.create(MAPS, config_map(name), namespace="default")
                written.append(loop.time())
                await asyncio.sleep(0.02)

        task = asyncio.create_task(election(client, "one").run(lead))
        await until(lambda: len(written) >= 3)
        client.failure = ApiUnreachable("no answer")
        lost = loop.time()
        with pytest.raises(Interrupted, match="lease default/leader was lost"):
            await task
        ended = loop.time()
        assert ended - lost < QUICK.lease
        assert written[-1] - lost <= QUICK.deadline + QUICK.retry
        count = len(written)
        await asyncio.sleep(0.1)
        assert len(written) == count


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)


async def test_a_lease_that_another_took_ends_the_lead(sandbox: Sandbox) -> None:
    async with flaky(sandbox) as client:
        leading = Leading()
        task = asyncio.create_task(election(client, "one").run(leading))
        await leading.began.wait()
        thief = {"spec": {"holderIdentity": "thief", "renewTime": "2031-01-01T00:00:00.000000Z"}}
        await client.patch(LEASES, "leader", thief, kind="merge", namespace="default")
        with pytest.raises(Interrupted):
            await task
        assert leading.ended.is_set()
        assert await holder(client) == "thief"


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ApiUnreachable("no answer"), id="no answer"),
        pytest.param(Conflict("was written in between"), id="a conflict with its own renewal"),
    ],
)
async def test_a_renewal_that_fails_once_does_not_end_the_lead(
    sandbox: Sandbox, failure: Exception
) -> None:
    async with flaky(sandbox) as client:
        leading = Leading()
        task = asyncio.create_task(election(client, "one").run(leading))
        await leading.began.wait()
        client.failure = failure
        await asyncio.sleep(3 * QUICK.retry)
        client.failure = None
        await asyncio.sleep(2 * QUICK.deadline)
        assert not leading.ended.is_set()
        await stopped(task)


async def test_who_waits_outlives_an_api_server_that_does_not_answer(sandbox: Sandbox) -> None:
    async with flaky(sandbox) as client:
        client.failure = ApiUnreachable("no answer")
        leading = Leading()
        task = asyncio.create_task(election(client, "one").run(leading))
        await asyncio.sleep(3 * QUICK.retry)
        assert not task.done()
        client.failure = None
        await leading.began.wait()
        await stopped(task)


@pytest.mark.parametrize(
    ("lead", "error"),
    [
        pytest.param("returns", None, id="it is over"),
        pytest.param("raises", ValueError, id="it fails"),
    ],
)
async def test_work_that_ends_ends_the_lead_and_frees_the_lease(
    sandbox: Sandbox, lead: str, error: type[Exception] | None
) -> None:
    async def returns() -> None:
        return

    async def raises() -> None:
        raise ValueError

    work: dict[str, Callable[[], Awaitable[None]]] = {"returns": returns, "raises": raises}
    async with flaky(sandbox) as client:
        run = election(client, "one").run(work[lead])
        if error is None:
            await run
        else:
            with pytest.raises(error):
                await run
        assert await holder(client) == ""
