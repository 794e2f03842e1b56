"""A killed controller leaves no application frozen: what it owed is run before anything else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.metadata import read
from kubeferry.backup import freeze
from kubeferry.backup.hooks import Hook
from kubeferry.controller import runner
from kubeferry.controller.backup import BackupReconciler
from kubeferry.controller.frozen import (
    FINALIZER,
    LOOK_SECONDS,
    MAX_PROBLEMS,
    Debts,
    owes,
    problems_told,
    settle_task,
)
from kubeferry.controller.resources import BACKUPS, NAMESPACES
from kubeferry.controller.runner import Runner
from kubeferry.controller.status import ProgressWriter
from kubeferry.controller.task import MAX_ATTEMPTS, MAX_TOLD, Tries, keep_running, run_task
from kubeferry.errors import (
    ApiUnreachable,
    Forbidden,
    Interrupted,
    InvalidInput,
    NotFound,
    VaultUnavailable,
)
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.vault.metadata import load_backup
from tests.builders import namespace, obj
from tests.containers import Containers, containers
from tests.execserver import Process, Program
from tests.unit.controller.conftest import Ground
from tests.unit.controller.test_backup import ended

PODS = Resource("", "v1", "pods", "Pod", True)
KEY = "applicationbackups/nightly"
DONE = {"phase": "Completed"}


class Shop(Ground):
    """A cluster with containers, a pod ``shop/db`` in it and the backup ``nightly``."""

    containers: Containers

    @property
    def ran(self) -> list[str]:
        return [one.removeprefix("shop/").replace("/main", "") for one in self.containers.ran]

    async def pod(self, name: str, **annotations: str) -> str:
        """Makes a running pod; its uid."""
        spec = {"containers": [{"name": "main", "image": "nginx"}]}
        made = obj("v1/Pod", f"shop/{name}").with_(spec=spec)
        made.meta(
            annotations={
                f"{phase}.hook.backup.velero.io/command": command
                for phase, command in annotations.items()
            }
        )
        await self.client.create(PODS, made, namespace="shop")
        main = {"name": "main", "ready": True, "restartCount": 0, "image": "a", "imageID": ""}
        states = [main | {"state": {"running": {}}}]
        running = {"status": {"phase": "Running", "containerStatuses": states}}
        patched = await self.client.patch(
            PODS, name, running, kind="merge", namespace="shop", subresource="status"
        )
        return str(patched["metadata"]["uid"])

    async def backup(self, *owed: Hook, phase: str = "InProgress", **status: Any) -> Object:
        """The backup as a killed controller leaves it."""
        obj = await self.create(
            BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"]
        )
        if owed:
            await Debts(self.context, BACKUPS, obj).owe(owed)
        patch = {"status": {"phase": phase, **status}}
        await self.client.patch(
            BACKUPS, "nightly", patch, kind="merge", namespace="csdr", subresource="status"
        )
        return await self.see(BACKUPS, "nightly")

    async def finalizers(self) -> list[str]:
        return (await self.see(BACKUPS, "nightly"))["metadata"].get("finalizers") or []

    async def idle(self) -> None:
        uid = self.context.backups.objects["nightly"]["metadata"]["uid"]
        async with asyncio.timeout(10):
            keys = (KEY, f"{KEY} post hooks {uid}")
            while any(map(self.context.runner.is_running, keys)):  # noqa: ASYNC110 - has no event
                await asyncio.sleep(0.01)


@pytest.fixture
async def shop(ground: Ground) -> AsyncIterator[Shop]:
    async with (
        containers(ground.client.config.server) as there,
        Client(ClusterConfig(server=there.server)) as client,
    ):
        await client.create(NAMESPACES, namespace("shop"))
        made = Shop(replace(ground.context, client=client), ground.time, ground.root)
        made.containers = there
        yield made


def ends(code: int, stderr: str = "") -> Program:
    async def program(process: Process) -> None:
        await process.stderr(stderr.encode())
        await process.exit(code)

    return program


def thaw(pod: str, uid: str, command: str = "thaw") -> Hook:
    return Hook("post", "shop", pod, uid, "main", (command, "--all"), 7.5)


async def body(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
    return DONE


async def run(shop: Shop, work: Any = body) -> dict[str, Any]:
    uid = (await shop.see(BACKUPS, "nightly"))["metadata"]["uid"]
    await run_task(shop.context, BACKUPS, "nightly", work, uid=uid, tries=Tries())
    return await shop.status(BACKUPS, "nightly")


async def test_what_is_owed_is_in_the_status_and_the_task_is_kept(shop: Shop) -> None:
    hook = thaw("db", await shop.pod("db"))
    obj = await shop.backup()
    debts = Debts(shop.context, BACKUPS, obj)
    assert not owes(obj)
    await debts.owe([hook])
    found = await shop.see(BACKUPS, "nightly")
    [entry] = read(found, ApplicationBackup).status.pending_hooks
    assert (entry.namespace, entry.pod, entry.uid, entry.container) == (
        ("shop", "db", hook.uid, "main")
    )
    assert (entry.command, entry.timeout, entry.problem) == (["thaw", "--all"], "7.500s", "")
    assert await shop.finalizers() == [FINALIZER]
    assert owes(found)
    await debts.owe([thaw("other", "u2")])
    await debts.settle([(hook, "")])
    await debts.close()
    assert await shop.finalizers() == [FINALIZER], "one pod is owed something yet"
    await debts.settle([(thaw("other", "u2"), "")])
    await debts.close()
    assert await shop.finalizers() == []
    assert "pendingHooks" not in await shop.status(BACKUPS, "nightly")


async def test_finalizers_of_others_stay(shop: Shop) -> None:
    await shop.backup()
    theirs = {"metadata": {"finalizers": ["example.com/theirs"]}}
    await shop.client.patch(BACKUPS, "nightly", theirs, kind="merge", namespace="csdr")
    debts = Debts(shop.context, BACKUPS, await shop.see(BACKUPS, "nightly"))
    await debts.owe([thaw("db", "u")])
    assert await shop.finalizers() == ["example.com/theirs", FINALIZER]
    await debts.settle([(thaw("db", "u"), "")])
    await debts.close()
    assert await shop.finalizers() == ["example.com/theirs"]


async def test_nothing_is_owed_by_a_task_that_goes(shop: Shop) -> None:
    obj = await shop.backup()
    await shop.client.delete(BACKUPS, "nightly", namespace="csdr")
    with pytest.raises(Interrupted, match="was deleted"):
        await Debts(shop.context, BACKUPS, obj).owe([thaw("db", "u")])
    made = await shop.create(BACKUPS, "nightly", storageLocation="vault")
    with pytest.raises(Interrupted, match="was deleted"):
        await Debts(shop.context, BACKUPS, obj).owe([thaw("db", "u")])
    assert await shop.see(BACKUPS, "nightly") == made, "another task of its name is left alone"


async def test_a_resumed_task_pays_before_it_goes_on(shop: Shop) -> None:
    await shop.backup(thaw("db", await shop.pod("db")))
    seen: list[Any] = []

    async def work(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        seen.append((list(shop.ran), owes(obj), obj["status"].get("pendingHooks")))
        return DONE

    status = await run(shop, work)
    assert seen == [(["db: thaw --all"], False, None)]
    assert status["phase"] == "Completed"
    assert await shop.finalizers() == []


async def test_a_task_that_is_worn_out_pays_too(shop: Shop) -> None:
    await shop.backup(thaw("db", await shop.pod("db")), attempts=MAX_ATTEMPTS)
    shop.containers.programs["thaw"] = ends(1, "not mounted")
    status = await run(shop)
    assert shop.ran == ["db: thaw --all"]
    assert status["phase"] == "Failed"
    assert "controllers began it and died" in status["message"]
    assert status["message"].endswith(
        "; pods shop/db: HookFailed: after an interruption: post hook in container main ended "
        "with exit code 1: not mounted"
    )
    assert await shop.finalizers() == []
    await run(shop)
    assert shop.ran == ["db: thaw --all"], "what failed is not run again"


async def test_a_task_that_is_deleted_pays_before_it_goes(shop: Shop) -> None:
    await shop.backup(thaw("db", await shop.pod("db")))
    await shop.client.delete(BACKUPS, "nightly", namespace="csdr")
    obj = await shop.see(BACKUPS, "nightly")
    assert obj["metadata"]["deletionTimestamp"], "the finalizer keeps it"
    assert keep_running(shop.context, BACKUPS, "nightly", obj, body) == LOOK_SECONDS
    await shop.idle()
    assert shop.ran == ["db: thaw --all"]
    with pytest.raises(NotFound):
        await shop.see(BACKUPS, "nightly")


async def test_a_task_that_runs_is_cancelled_before_its_debts_are_paid(shop: Shop) -> None:
    obj = await shop.backup()
    uid = await shop.pod("db")
    begun = asyncio.Event()

    async def work(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        await Debts(shop.context, BACKUPS, obj).owe([thaw("db", uid)])
        begun.set()
        await asyncio.Event().wait()
        return DONE

    keep_running(shop.context, BACKUPS, "nightly", obj, work)
    await begun.wait()
    found = await shop.see(BACKUPS, "nightly")
    assert keep_running(shop.context, BACKUPS, "nightly", found, work) == LOOK_SECONDS
    assert shop.ran == [], "it runs, and pays itself"
    await shop.client.delete(BACKUPS, "nightly", namespace="csdr")
    found = await shop.see(BACKUPS, "nightly")
    assert keep_running(shop.context, BACKUPS, "nightly", found, work) == LOOK_SECONDS
    await shop.idle()
    assert shop.ran == [], "it is leaving: looked at again"
    keep_running(shop.context, BACKUPS, "nightly", found, work)
    await shop.idle()
    assert shop.ran == ["db: thaw --all"]


async def test_a_task_waits_while_its_debts_are_paid(shop: Shop) -> None:
    obj = await shop.backup(thaw("db", await shop.pod("db")))
    going_on = asyncio.Event()

    async def slow(process: Process) -> None:
        await going_on.wait()
        await process.exit(0)

    shop.containers.programs["thaw"] = slow
    assert keep_running(shop.context, BACKUPS, "nightly", obj, body) == LOOK_SECONDS
    debtless = {**obj, "metadata": {**obj["metadata"], "finalizers": []}, "status": {}}
    assert keep_running(shop.context, BACKUPS, "nightly", debtless, body) == LOOK_SECONDS
    assert not shop.context.runner.is_running(KEY)
    going_on.set()
    await shop.idle()
    found = await shop.see(BACKUPS, "nightly")
    assert keep_running(shop.context, BACKUPS, "nightly", found, body) is None
    await shop.idle()
    assert (await shop.status(BACKUPS, "nightly"))["phase"] == "Completed"
    assert shop.ran == ["db: thaw --all"]


async def test_debts_do_not_wait_for_their_turn(shop: Shop) -> None:
    never = asyncio.Event()
    for number in range(8):  # more than the runner takes at once
        shop.context.runner.start(f"other/{number}", "u", never.wait)  # type: ignore[arg-type]
    obj = await shop.backup(thaw("db", await shop.pod("db")))
    keep_running(shop.context, BACKUPS, "nightly", obj, body)
    await shop.idle()
    assert shop.ran == ["db: thaw --all"]


@pytest.mark.parametrize("phase", ["Completed", "Failed"])
async def test_a_task_that_has_ended_pays_what_is_left(shop: Shop, phase: str) -> None:
    obj = await shop.backup(thaw("db", await shop.pod("db")), phase=phase)
    keep_running(shop.context, BACKUPS, "nightly", obj, body)
    await shop.idle()
    assert shop.ran == ["db: thaw --all"]
    assert (await shop.status(BACKUPS, "nightly"))["phase"] == phase
    assert await shop.finalizers() == []
    found = await shop.see(BACKUPS, "nightly")
    assert keep_running(shop.context, BACKUPS, "nightly", found, body) is None


async def test_a_pod_that_is_gone_or_another_is_owed_nothing(shop: Shop) -> None:
    await shop.pod("db")
    await shop.backup(thaw("db", "another-uid"), thaw("gone", "u"))
    uid = (await shop.see(BACKUPS, "nightly"))["metadata"]["uid"]
    await settle_task(shop.context, BACKUPS, "nightly", uid)
    assert shop.ran == []
    found = await shop.see(BACKUPS, "nightly")
    assert not owes(found)
    assert problems_told(found) == ()
    assert await shop.finalizers() == []


async def test_each_pod_is_paid_whatever_another_s_hook_does(shop: Shop) -> None:
    shop.containers.programs["bad"] = ends(4)
    a, b = await shop.pod("a"), await shop.pod("b")
    await shop.backup(thaw("a", a, "bad"), thaw("a", a, "then"), thaw("b", b))
    await run(shop)
    assert sorted(shop.ran) == ["a: bad --all", "a: then --all", "b: thaw --all"]


async def test_an_api_server_that_does_not_answer_is_asked_again(shop: Shop) -> None:
    await shop.backup(thaw("db", await shop.pod("db")))
    uid = (await shop.see(BACKUPS, "nightly"))["metadata"]["uid"]

    class Away(Client):
        async def exec(self, request: Any) -> Any:
            raise ApiUnreachable("no answer")

    async with Away(shop.client.config) as away:
        with pytest.raises(ApiUnreachable):
            await settle_task(replace(shop.context, client=away), BACKUPS, "nightly", uid)
    assert owes(await shop.see(BACKUPS, "nightly"))
    await settle_task(shop.context, BACKUPS, "nightly", uid)
    assert shop.ran == ["db: thaw --all"]


async def test_a_backup_runs_its_hooks_and_tells_how_many(shop: Shop) -> None:
    await shop.vault()
    await shop.pod("db", pre="freeze", post="thaw")
    obj = await shop.create(
        BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"]
    )
    seen: list[Any] = []

    async def freeze(process: Process) -> None:
        found = await shop.client.get(BACKUPS, "nightly", namespace="csdr")
        seen.append((found["metadata"]["finalizers"], found["status"]["pendingHooks"][0]["pod"]))
        await process.exit(2)

    shop.containers.programs["freeze"] = freeze
    status = await ended(shop, "nightly")
    assert seen == [([FINALIZER], "db")]
    assert shop.ran == ["db: freeze", "db: thaw"]
    assert status["hooks"] == {"attempted": 2, "failed": 1}
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    assert "HookFailed: pre hook in container main ended with exit code 2" in status["message"]
    assert "pendingHooks" not in status
    assert await shop.finalizers() == []
    assert not owes(obj)


async def test_after_a_kill_between_the_hooks_the_post_hook_comes_first(shop: Shop) -> None:
    await shop.vault()
    uid = await shop.pod("db", pre="freeze", post="thaw")
    await shop.backup(Hook("post", "shop", "db", uid, "main", ("thaw",)), attempts=1)
    shop.containers.programs["thaw"] = ends(1, "was not frozen")
    reconcile = BackupReconciler(shop.context)
    assert await reconcile("nightly") == LOOK_SECONDS
    await shop.idle()
    assert shop.ran == ["db: thaw"]
    await shop.see(BACKUPS, "nightly")
    status = await ended(shop, "nightly")
    assert shop.ran == ["db: thaw", "db: freeze", "db: thaw"]
    assert status["phase"] == "PartiallyFailed"
    assert status["errors"] == 2, "the hook of then and the hook of now"
    assert "after an interruption: post hook" in status["message"]
    assert "pendingHooks" not in status
    facts = await load_backup(shop.store(), "nightly")
    assert (facts.errors, facts.hooks_attempted, facts.hooks_failed) == (2, 2, 1)


async def test_a_spec_that_cannot_be_ends_the_task_before_anything_is_run(shop: Shop) -> None:
    await shop.vault()
    await shop.pod("db", pre="freeze", post="thaw")
    hooks = {"resources": [{"name": "g", "labelSelector": {"matchLabels": {"-": "x"}}}]}
    await shop.create(BACKUPS, "nightly", storageLocation="vault", hooks=hooks)
    status = await ended(shop, "nightly")
    assert status["phase"] == "Failed"
    assert "spec.hooks.resources[0].labelSelector" in status["message"]
    assert shop.ran == []


async def test_a_task_that_changes_meanwhile_is_guarded_all_the_same(shop: Shop) -> None:
    await shop.backup()

    class Busy(Client):
        """Somebody else writes the task before each of our patches, a few times."""

        left = 2

        async def patch(self, *args: Any, **kwargs: Any) -> Object:
            if not kwargs.get("subresource") and self.left:
                self.left -= 1
                change = {"metadata": {"labels": {"n": str(self.left)}}}
                await shop.client.patch(BACKUPS, "nightly", change, kind="merge", namespace="csdr")
            return await super().patch(*args, **kwargs)

    async with Busy(shop.client.config) as busy:
        obj = await shop.see(BACKUPS, "nightly")
        await Debts(replace(shop.context, client=busy), BACKUPS, obj).owe([thaw("db", "u")])
    assert await shop.finalizers() == [FINALIZER]
    assert owes(await shop.see(BACKUPS, "nightly"))


KUBELET = "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused"


async def is_away(process: Process) -> None:
    """The kubelet does not answer the API server."""
    failure = {"status": "Failure", "reason": "InternalError", "code": 500, "message": KUBELET}
    await process.status(failure)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def test_a_task_that_goes_on_after_an_error_pays_before_its_turn_comes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.05)
    uid = await shop.pod("db")
    obj = await shop.backup()
    begun, go_on, never = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        await Debts(context, BACKUPS, obj).owe([thaw("db", uid)])
        begun.set()
        await go_on.wait()
        raise ApiUnreachable("no answer")

    async def waits() -> None:
        await never.wait()

    async with Runner(limit=1) as busy:
        context = replace(shop.context, runner=busy)
        keep_running(context, BACKUPS, "nightly", obj, work)
        await begun.wait()
        busy.start("another", "u", waits)
        await asyncio.sleep(0)
        go_on.set()
        await until(lambda: shop.ran)
        assert shop.ran == ["db: thaw --all"]
        assert busy.is_running(KEY), "its work waits"


async def test_what_does_not_get_through_is_owed_for_as_long_as_its_pod_is_there(
    shop: Shop,
) -> None:
    a, b = await shop.pod("a"), await shop.pod("b")
    obj = await shop.backup(thaw("a", a, "lost"), thaw("a", a), thaw("b", b))
    uid = obj["metadata"]["uid"]
    shop.containers.programs["lost"] = is_away
    for _ in range(3):
        with pytest.raises(Interrupted, match="was not run: error dialing backend"):
            await settle_task(shop.context, BACKUPS, "nightly", uid)
    assert sorted(shop.ran) == [*["a: lost --all"] * 3, "a: thaw --all", "b: thaw --all"]
    found = await shop.see(BACKUPS, "nightly")
    assert [one["command"] for one in found["status"]["pendingHooks"]] == [["lost", "--all"]]
    told = found["status"]["message"]
    assert told.startswith("owes post hooks to 1 pods, the first: pods shop/a: post hook")
    assert "if its node is lost, delete it" in told
    assert await shop.finalizers() == [FINALIZER]
    del shop.containers.programs["lost"]
    await settle_task(shop.context, BACKUPS, "nightly", uid)
    assert shop.ran[-1] == "a: lost --all"
    found = await shop.see(BACKUPS, "nightly")
    assert not owes(found)
    await run(shop)
    assert "message" not in await shop.status(BACKUPS, "nightly")


async def test_a_pod_that_is_deleted_is_owed_nothing_more(shop: Shop) -> None:
    obj = await shop.backup(thaw("db", await shop.pod("db")))
    shop.containers.programs["thaw"] = is_away
    with pytest.raises(Interrupted):
        await settle_task(shop.context, BACKUPS, "nightly", obj["metadata"]["uid"])
    await shop.client.delete(PODS, "db", namespace="shop", grace_seconds=0)
    await settle_task(shop.context, BACKUPS, "nightly", obj["metadata"]["uid"])
    assert await shop.finalizers() == []


@pytest.mark.parametrize("phase", ["InProgress", "PartiallyFailed"])
async def test_the_end_of_a_task_is_not_written_over(shop: Shop, phase: str) -> None:
    obj = await shop.backup(thaw("db", await shop.pod("db")), phase=phase, message="as it was")
    shop.containers.programs["thaw"] = is_away
    with pytest.raises(Interrupted):
        await settle_task(shop.context, BACKUPS, "nightly", obj["metadata"]["uid"])
    status = await shop.status(BACKUPS, "nightly")
    assert (status["message"] == "as it was") is (phase == "PartiallyFailed")


async def test_a_pod_that_may_not_be_read_keeps_no_other_still(shop: Shop) -> None:
    a, b = await shop.pod("a"), await shop.pod("b")

    async def slow(process: Process) -> None:
        await asyncio.sleep(0.2)
        await process.exit(0)

    class Denying(Client):
        async def get(self, resource: Resource, name: str, **more: Any) -> Object:
            if name == "a":
                raise Forbidden("may not get pods")
            return await super().get(resource, name, **more)

    shop.containers.programs["thaw"] = slow
    obj = await shop.backup(thaw("a", a), thaw("b", b))
    async with Denying(shop.client.config) as denying:
        context = replace(shop.context, client=denying)
        with pytest.raises(Forbidden):
            await settle_task(context, BACKUPS, "nightly", obj["metadata"]["uid"])
    assert shop.ran == ["b: thaw --all"]
    status = await shop.status(BACKUPS, "nightly")
    assert [one["pod"] for one in status["pendingHooks"]] == ["a"]
    assert status["message"] == "owes post hooks to 1 pods, the first: may not get pods"


async def test_a_post_hook_that_failed_is_told_by_a_task_that_then_fails(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.vault()
    await shop.pod("db", pre="freeze", post="thaw")

    async def breaks(process: Process) -> None:
        folder = shop.root / "bucket"
        folder.rename(shop.root / "lost")
        folder.write_text("not a folder any more")
        await process.stderr(b"still frozen")
        await process.exit(1)

    shop.containers.programs["thaw"] = breaks
    await shop.create(BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"])
    with caplog.at_level("WARNING", logger="kubeferry.controller"):
        with suppress(VaultUnavailable):  # whoever looks at the vault meets it too
            await ended(shop, "nightly")
        await shop.idle()
        status = await shop.status(BACKUPS, "nightly")
    said = "post hook in container main ended with exit code 1: still frozen"
    assert status["phase"] == "Failed"
    assert status["message"].endswith(f"; pods shop/db: HookFailed: {said}")
    assert f"ApplicationBackup nightly: pods shop/db: {said}" in caplog.text
    [entry] = status["pendingHooks"]
    assert (entry["problem"], entry["command"]) == (said, [])


async def test_of_many_failed_post_hooks_some_are_told(shop: Shop) -> None:
    debts = Debts(shop.context, BACKUPS, await shop.backup())
    await debts.settle([(thaw(f"db-{number}", "u"), "bad") for number in range(MAX_PROBLEMS + 5)])
    found = await shop.see(BACKUPS, "nightly")
    assert len(problems_told(found)) == MAX_PROBLEMS

    async def fails(obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        raise VaultUnavailable("is gone")

    await shop.client.patch(
        BACKUPS,
        "nightly",
        {"status": {"phase": None}},
        kind="merge",
        namespace="csdr",
        subresource="status",
    )
    message = (await run(shop, fails))["message"]
    assert message.count("HookFailed") == MAX_TOLD
    assert message.endswith(f"; {MAX_PROBLEMS - MAX_TOLD} more in status.pendingHooks")


async def test_a_list_that_is_too_large_is_refused_and_nothing_is_written(shop: Shop) -> None:
    debts = Debts(shop.context, BACKUPS, await shop.backup())
    large = replace(thaw("db", "u"), command=("x" * 50_000,))
    with pytest.raises(InvalidInput, match=r"587 KiB, 512 KiB are possible"):
        await debts.owe([large] * 12)
    assert await shop.finalizers() == []
    await debts.owe([large] * 10)
    with pytest.raises(InvalidInput):
        await debts.owe([large])
    assert len((await shop.status(BACKUPS, "nightly"))["pendingHooks"]) == 10


async def test_a_backup_with_too_much_to_write_down_freezes_nothing(shop: Shop) -> None:
    await shop.vault()
    await shop.pod("db", pre="freeze", post="x" * 600_000)
    await shop.create(BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"])
    status = await ended(shop, "nightly")
    assert shop.ran == []
    assert status["phase"] == "PartiallyFailed"
    assert "HookNotRun: none of its hooks is run: what its post hooks" in status["message"]


async def test_the_list_is_written_though_the_task_changes_meanwhile(shop: Shop) -> None:
    debts = Debts(shop.context, BACKUPS, await shop.backup())
    for number in range(3):
        await shop.client.patch(
            BACKUPS,
            "nightly",
            {"status": {"progress": {"itemsDone": number}}},
            kind="merge",
            namespace="csdr",
            subresource="status",
        )
        await debts.owe([thaw(f"db-{number}", "u")])
    assert len((await shop.status(BACKUPS, "nightly"))["pendingHooks"]) == 3


async def test_a_controller_that_was_paused_does_not_write_over_its_successor_s_list(
    shop: Shop,
) -> None:
    obj = await shop.backup(thaw("db", "u"))
    paused, successor = (Debts(shop.context, BACKUPS, obj) for _ in range(2))
    await successor.owe([thaw("web", "u2")])
    with pytest.raises(Interrupted, match="another controller goes on with it"):
        await paused.settle([(thaw("db", "u"), "")])
    with pytest.raises(Interrupted, match="another controller goes on with it"):
        await paused.owe([thaw("db", "u")])
    pods = [one["pod"] for one in (await shop.status(BACKUPS, "nightly"))["pendingHooks"]]
    assert pods == ["db", "web"]


async def test_a_write_whose_answer_was_lost_is_recognised(shop: Shop) -> None:
    class Forgetful(Client):
        """Each patch of a status is sent a second time, as after a connection that broke."""

        async def patch(self, *args: Any, **kwargs: Any) -> Object:
            if kwargs.get("subresource"):
                await super().patch(*args, **kwargs)
            return await super().patch(*args, **kwargs)

    obj = await shop.backup()
    async with Forgetful(shop.client.config) as client:
        debts = Debts(replace(shop.context, client=client), BACKUPS, obj)
        await debts.owe([thaw("db", "u")])
        await debts.owe([thaw("web", "u2")])
    assert len((await shop.status(BACKUPS, "nightly"))["pendingHooks"]) == 2


async def test_a_task_made_anew_does_not_end_what_the_older_one_pays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.05)
    old = await shop.backup(thaw("db", await shop.pod("db")))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(process: Process) -> None:
        begun.set()
        await go_on.wait()
        await process.exit(0)

    shop.containers.programs["thaw"] = slow
    keep_running(shop.context, BACKUPS, "nightly", old, body)
    await begun.wait()
    freed = {"metadata": {"finalizers": []}}
    await shop.client.delete(BACKUPS, "nightly", namespace="csdr")
    await shop.client.patch(BACKUPS, "nightly", freed, kind="merge", namespace="csdr")
    new = await shop.backup(thaw("web", await shop.pod("web"), "quick"))
    for _ in range(3):
        keep_running(shop.context, BACKUPS, "nightly", new, body)
        await asyncio.sleep(0.05)
    go_on.set()
    key = f"{KEY} post hooks {old['metadata']['uid']}"
    await until(lambda: not shop.context.runner.is_running(key))
    assert sorted(shop.ran) == ["db: thaw --all", "web: quick --all"]


async def test_what_a_backup_could_not_undo_is_undone_after_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "THAW_PATIENCE", 0.0)
    await shop.vault()
    await shop.pod("db", pre="freeze", post="thaw")
    shop.containers.programs["thaw"] = is_away
    await shop.create(BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"])
    status = await ended(shop, "nightly")
    assert status["phase"] == "PartiallyFailed"
    assert "HookNotRun: post hook in container main was not run" in status["message"]
    assert [one["pod"] for one in status["pendingHooks"]] == ["db"]
    assert await shop.finalizers() == [FINALIZER]
    del shop.containers.programs["thaw"]
    obj = await shop.see(BACKUPS, "nightly")
    assert keep_running(shop.context, BACKUPS, "nightly", obj, body) == LOOK_SECONDS
    await shop.idle()
    assert shop.ran == ["db: freeze", "db: thaw", "db: thaw"]
    after = await shop.status(BACKUPS, "nightly")
    assert "pendingHooks" not in after
    assert after["message"] == status["message"]
    assert await shop.finalizers() == []
