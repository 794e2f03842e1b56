import asyncio
import logging

import pytest

from kubeferry.controller.runner import RETRY_SECONDS, Runner
from kubeferry.errors import ApiUnreachable

pytestmark = pytest.mark.looptime


class Work:
    """A task that runs until it is let go, and counts."""

    def __init__(self, *, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or ApiUnreachable("no answer")
        self.begun = 0
        self.ended = 0
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        self.most = max(self.most, self.begun - self.ended)
        try:
            if self.begun <= self.failures:
                raise self.error
            await self.go.wait()
        finally:
            self.ended += 1


async def settle() -> None:
    await asyncio.sleep(0.001)


async def test_a_task_runs_once_at_a_time() -> None:
    async with Runner(limit=4) as runner:
        work = Work()
        assert runner.start("a", "1", work)
        assert runner.start("a", "1", work)
        await settle()
        assert work.begun == 1
        assert runner.is_running("a")
        work.go.set()
        await settle()
        assert not runner.is_running("a")
        assert runner.start("a", "1", work)
        await settle()
        assert work.begun == 2


async def test_an_object_made_anew_waits_until_the_older_one_s_task_has_gone() -> None:
    async with Runner(limit=4) as runner:
        old, new = Work(), Work()
        runner.start("a", "1", old)
        await settle()
        assert not runner.start("a", "2", new)
        await settle()
        assert (old.ended, new.begun) == (1, 0)
        assert runner.start("a", "2", new)
        await settle()
        assert new.begun == 1


async def test_no_more_than_the_limit_run_together() -> None:
    async with Runner(limit=2) as runner:
        work = Work()
        for name in "abcde":
            runner.start(name, name, work)
        await settle()
        assert work.begun == 2
        work.go.set()
        await settle()
        assert (work.begun, work.most) == (5, 2)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiUnreachable("no answer"), id="an API server out of reach"),
        pytest.param(RuntimeError("broken"), id="a defect"),
    ],
)
async def test_a_task_that_could_not_go_on_is_resumed(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    async with Runner(limit=1) as runner:
        work = Work(failures=2, error=error)
        work.go.set()
        began = loop.time()
        with caplog.at_level(logging.WARNING):
            runner.start("a", "1", work)
            while runner.is_running("a"):  # noqa: ASYNC110 - in virtual time
                await asyncio.sleep(0.1)
    assert work.begun == 3
    assert loop.time() - began >= 2 * RETRY_SECONDS
    assert str(error) in caplog.text


async def test_a_task_that_pauses_holds_nobody_up() -> None:
    async with Runner(limit=1) as runner:
        failing, other = Work(failures=1), Work()
        runner.start("a", "1", failing)
        await settle()
        runner.start("b", "2", other)
        await settle()
        assert other.begun == 1


async def test_cancelling_and_leaving_end_tasks() -> None:
    first, second = Work(), Work()
    async with Runner(limit=4) as runner:
        runner.start("a", "1", first)
        runner.start("b", "2", second)
        await settle()
        runner.cancel("a")
        runner.cancel("unknown")
        await settle()
        assert (first.ended, second.ended) == (1, 0)
    assert second.ended == 1


async def test_a_task_that_leaves_cleans_up_undisturbed() -> None:
    cleaned: list[str] = []

    async def old() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for step in "abcdef":
                await asyncio.sleep(0.15)
                cleaned.append(step)

    async with Runner(limit=2) as runner:
        new = Work()
        runner.start("a", "1", old)
        await settle()
        while not runner.start("a", "2", new):
            runner.cancel("a")
            await asyncio.sleep(0.2)
        await settle()
        assert (cleaned, new.begun) == (list("abcdef"), 1)
        runner.cancel("a")
        assert not runner.start("a", "2", new)


async def test_the_end_of_the_controller_waits_for_a_task_that_leaves() -> None:
    cleaned: list[str] = []

    async def leaving() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            cleaned.append("a")

    async with Runner(limit=2) as runner:
        runner.start("a", "1", leaving)
        await settle()
        runner.cancel("a")
        await settle()
    assert cleaned == ["a"]


async def test_what_is_urgent_comes_first_and_waits_for_no_turn() -> None:
    done: list[str] = []
    first = Work()

    async def pays() -> None:
        done.append("paid")

    async def works() -> None:
        done.append("worked")

    async with Runner(limit=1) as runner:
        runner.start("a", "1", first)
        await settle()
        runner.start("b", "2", works, urgent=pays)
        runner.start("c", "3", None, urgent=pays)
        await settle()
        assert done == ["paid", "paid"]
        assert runner.is_running("b")
        assert not runner.is_running("c"), "there is nothing else to do"
        first.go.set()
        await settle()
        assert done == ["paid", "paid", "worked"]


async def test_what_is_urgent_comes_first_each_time() -> None:
    done: list[str] = []

    async def pays() -> None:
        done.append("paid")

    async def works() -> None:
        done.append("worked")
        if len(done) < 4:
            raise ApiUnreachable("no answer")

    async with Runner(limit=1) as runner:
        runner.start("a", "1", works, urgent=pays)
        await asyncio.sleep(2 * RETRY_SECONDS)
    assert done == ["paid", "worked"] * 2


async def test_without_what_is_urgent_nothing_else_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work()

    async def pays() -> None:
        raise ApiUnreachable("owes something")

    async with Runner(limit=1) as runner:
        with caplog.at_level(logging.WARNING):
            runner.start("a", "1", work, urgent=pays)
            await asyncio.sleep(10 * RETRY_SECONDS)
    assert work.begun == 0
    assert caplog.text.count("owes something") == 1, "what lasts is told once"
