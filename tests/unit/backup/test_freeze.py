"""Pods with hooks: what is run in them, when, and what of it is in the backup."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kubeferry.api.hooks import BackupHooks
from kubeferry.api.labels import Labels
from kubeferry.backup import freeze
from kubeferry.backup.freeze import GROUPS, PODS_AT_ONCE
from kubeferry.backup.hooks import Hook, compile_hooks
from kubeferry.backup.labels import compile_labels
from kubeferry.codec import convert
from kubeferry.errors import ApiUnreachable, Conflict, Expired, VaultUnavailable
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.report import Findings, Problem
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.metadata import load_backup
from tests.builders import Built, config_map, namespace, obj
from tests.containers import Containers, containers
from tests.execserver import Process, Program
from tests.unit.backup.test_run import (
    CLAIMS,
    MAPS,
    NAMESPACES,
    REQUEST,
    WITHOUT_DATA,
    Ground,
    Seam,
    asked,
)

PODS = Resource("", "v1", "pods", "Pod", True)
PRE, POST = "pre.hook.backup.velero.io/", "post.hook.backup.velero.io/"
BOTH = {f"{PRE}command": "freeze", f"{POST}command": "thaw"}


class Book:
    """The list of what is owed, and everything that was ever written to it."""

    def __init__(self) -> None:
        self.owed: list[str] = []
        self.ever: list[str] = []
        self.writes = 0
        self.told: list[str] = []
        self.refusal: Exception | None = None

    async def owe(self, hooks: Sequence[Hook]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.writes += 1
        self.owed += [f"{hook.pod}: {hook.command[0]}" for hook in hooks]
        self.ever += [f"{hook.pod}: {hook.command[0]}" for hook in hooks]

    async def settle(self, ended: Sequence[tuple[Hook, str]]) -> None:
        gone = {f"{hook.pod}: {hook.command[0]}" for hook, _ in ended}
        self.owed = [one for one in self.owed if one not in gone]
        self.told += [f"{hook.pod}: {problem}" for hook, problem in ended if problem]


class Shop(Ground):
    """A cluster with containers, and a namespace ``shop`` to back up."""

    containers: Containers
    book: Book

    async def pod(
        self,
        name: str,
        annotations: dict[str, str] | None = None,
        *,
        claims: Sequence[str] = (),
        phase: str = "Running",
        state: dict[str, object] | None = None,
    ) -> Built:
        volumes = [
            {"name": f"v{number}", "persistentVolumeClaim": {"claimName": claim}}
            for number, claim in enumerate(claims)
        ]
        main = {"name": "main", "image": "nginx"}
        made = obj("v1/Pod", f"shop/{name}").with_(spec={"containers": [main], "volumes": volumes})
        made.meta(annotations=BOTH if annotations is None else annotations).label(app="db")
        await self.client.create(PODS, made, namespace="shop")
        main = {"name": "main", "ready": False, "restartCount": 3, "image": "a", "imageID": ""}
        does = {"running": {}} if state is None else state
        status = {"status": {"phase": phase, "containerStatuses": [main | {"state": does}]}}
        await self.client.patch(
            PODS, name, status, kind="merge", namespace="shop", subresource="status"
        )
        return made

    async def claim(self, name: str) -> None:
        wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        made = obj("v1/PersistentVolumeClaim", f"shop/{name}").with_(spec=wanted)
        await self.client.create(CLAIMS, made, namespace="shop")

    @property
    def ran(self) -> list[str]:
        return [one.removeprefix("shop/").replace("/main", "") for one in self.containers.ran]

    def log(self) -> list[str]:
        path = self.folder / "backups/nightly/nightly-logs.gz"
        return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    location = Location(name="vault", provider="local", bucket="bucket")
    store = open_store(location, credentials=None, settings=Settings(local_root=tmp_path))
    async with (
        Sandbox() as sandbox,
        containers(sandbox.server) as there,
        Seam(ClusterConfig(server=there.server)) as client,
    ):
        await client.create(NAMESPACES, namespace("shop"))
        await client.create(MAPS, config_map("shop/a"), namespace="shop")
        await sandbox.settle()
        ground = Shop(client, store, tmp_path / "bucket")
        ground.containers = there
        ground.book = ground.frozen = Book()
        yield ground


def ends(code: int, *, stdout: str = "", stderr: str = "") -> Program:
    async def program(process: Process) -> None:
        await process.stdout(stdout.encode())
        await process.stderr(stderr.encode())
        await process.exit(code)

    return program


def in_halves(ran: Sequence[str]) -> list[str]:
    """What ran of one group: its pods' pre hooks are in any order, then its post hooks."""
    half = len(ran) // 2
    return sorted(ran[:half]) + sorted(ran[half:])


def reasons(findings: Findings) -> list[tuple[str, str]]:
    return [(one.reason, one.subject.removeprefix("pods shop/")) for one in findings.problems]


async def test_a_pod_is_archived_with_its_claims_between_its_hooks(shop: Shop) -> None:
    await shop.claim("data")
    await shop.pod("db", claims=["data"])
    await shop.pod("web", {})

    async def program(process: Process) -> None:
        change = {"metadata": {"labels": {"frozen": process.command[0]}}}
        await shop.client.patch(PODS, "db", change, kind="merge", namespace="shop")
        await shop.client.patch(CLAIMS, "data", change, kind="merge", namespace="shop")
        await process.exit(0)

    shop.containers.programs |= {"freeze": program, "thaw": program}
    result, findings = await shop.run(WITHOUT_DATA)
    assert shop.ran == ["db: freeze", "db: thaw"]
    assert (result.phase, findings.problems) == ("Completed", [])
    assert (result.hooks_attempted, result.hooks_failed) == (2, 0)
    entries = shop.entries()
    for path in ("pods/namespaces/shop/db", "persistentvolumeclaims/namespaces/shop/data"):
        archived = json.loads(entries[f"resources/{path}.json"])
        assert archived["metadata"]["labels"]["frozen"] == "freeze", path
    assert {"pods/namespaces/shop/web", "configmaps/namespaces/shop/a"} <= shop.objects()
    assert shop.book.ever == ["db: thaw"]
    assert shop.book.owed == []
    facts = await load_backup(shop.store, "nightly")
    assert (facts.hooks_attempted, facts.hooks_failed) == (2, 0)


async def test_what_is_owed_is_written_down_before_the_pre_hook_and_until_the_post_hook_ran(
    shop: Shop,
) -> None:
    await shop.pod("db")
    seen: list[tuple[str, list[str]]] = []

    async def program(process: Process) -> None:
        seen.append((process.command[0], list(shop.book.owed)))
        await process.exit(0)

    shop.containers.programs |= {"freeze": program, "thaw": program}
    await shop.run()
    assert seen == [("freeze", ["db: thaw"]), ("thaw", ["db: thaw"])]


async def test_hooks_of_the_spec_are_run_in_their_order(shop: Shop) -> None:
    await shop.pod("db", {})
    group = {
        "name": "g",
        "labelSelector": {"matchLabels": {"app": "db"}},
        "pre": [{"exec": {"command": ["one"]}}, {"exec": {"command": ["two"]}}],
        "post": [{"exec": {"command": ["three"]}}, {"exec": {"command": ["four"]}}],
    }
    hooks = compile_hooks(convert({"resources": [group]}, BackupHooks, place="hooks"))
    await shop.run(replace(REQUEST, hooks=hooks))
    assert shop.ran == ["db: one", "db: two", "db: three", "db: four"]


async def test_pods_that_lack_a_container_are_archived_without_the_group_and_it_is_told(
    shop: Shop,
) -> None:
    await shop.pod("db")
    await shop.pod("web", {})
    thaw = {"exec": {"command": ["thaw"], "container": "db"}}
    group = {"name": "g", "pre": [{"exec": {"command": ["freeze"]}}], "post": [thaw]}
    hooks = compile_hooks(convert({"resources": [group]}, BackupHooks, place="hooks"))
    result, findings = await shop.run(replace(REQUEST, hooks=hooks))
    assert shop.ran == ["db: freeze", "db: thaw"], "its annotations say both"
    assert reasons(findings) == [("HookInvalid", "web")]
    assert result.phase == "Completed"
    assert {"pods/namespaces/shop/db", "pods/namespaces/shop/web"} <= set(shop.objects())


async def test_of_two_groups_one_that_a_pod_cannot_run_is_told_and_the_other_is_run(
    shop: Shop,
) -> None:
    await shop.pod("db", {})
    other = {"exec": {"command": ["x"], "container": "db", "onError": "Fail"}}
    groups = [
        {"name": "a", "pre": [other]},
        {"name": "b", "pre": [{"exec": {"command": ["one"]}}]},
    ]
    hooks = compile_hooks(convert({"resources": groups}, BackupHooks, place="hooks"))
    result, findings = await shop.run(replace(REQUEST, hooks=hooks))
    assert shop.ran == ["db: one"]
    assert [str(one) for one in findings.problems] == [
        "pods shop/db: HookInvalid: has no container 'db': the pre hook of a is not run in it"
    ]
    assert result.phase == "Completed"
    assert "pods/namespaces/shop/db" in shop.objects()


@pytest.mark.parametrize(
    ("on_error", "is_archived"),
    [
        pytest.param("Fail", False, id="Fail: not archived"),
        pytest.param("Continue", True, id="Continue: archived"),
        pytest.param("", True, id="nothing said: archived"),
    ],
)
async def test_a_pre_hook_that_fails_is_an_error_and_the_post_hook_runs(
    shop: Shop, on_error: str, is_archived: bool
) -> None:
    await shop.pod("db", {**BOTH, f"{PRE}on-error": on_error})
    shop.containers.programs["freeze"] = ends(3, stderr="one\ndisk is busy\n")
    result, findings = await shop.run()
    assert shop.ran == ["db: freeze", "db: thaw"]
    assert result.phase == "PartiallyFailed"
    assert ("pods/namespaces/shop/db" in shop.objects()) is is_archived
    wanted = [("HookFailed", "db")] + ([] if is_archived else [("PodNotTaken", "db")])
    assert reasons(findings) == wanted
    said = "pre hook in container main ended with exit code 3: one / disk is busy"
    assert findings.problems[0].message == said
    assert (result.hooks_attempted, result.hooks_failed) == (2, 1)


async def test_after_a_pre_hook_that_must_not_fail_no_other_pre_hook_of_the_pod_is_run(
    shop: Shop,
) -> None:
    await shop.pod("db", {f"{POST}command": "thaw"})
    pre = [{"exec": {"command": ["bad"], "onError": "Fail"}}, {"exec": {"command": ["next"]}}]
    group = {"name": "g", "pre": pre}
    hooks = compile_hooks(convert({"resources": [group]}, BackupHooks, place="hooks"))
    shop.containers.programs["bad"] = ends(1)
    await shop.run(replace(REQUEST, hooks=hooks))
    assert shop.ran == ["db: bad", "db: thaw"]


async def test_a_post_hook_that_fails_is_an_error_and_the_next_one_is_run(shop: Shop) -> None:
    await shop.pod("db", {})
    post = [{"exec": {"command": [name], "onError": "Fail"}} for name in ("bad", "next")]
    hooks = compile_hooks(
        convert({"resources": [{"name": "g", "post": post}]}, BackupHooks, place="hooks")
    )
    shop.containers.programs["bad"] = ends(1)
    result, findings = await shop.run(replace(REQUEST, hooks=hooks))
    assert shop.ran == ["db: bad", "db: next"]
    assert reasons(findings) == [("HookFailed", "db")]
    assert result.phase == "PartiallyFailed"
    assert "pods/namespaces/shop/db" in shop.objects()


async def test_a_hook_that_takes_too_long_is_told_with_what_it_printed(shop: Shop) -> None:
    async def hangs(process: Process) -> None:
        await process.stderr(b"waiting for a lock")
        await process.gone()

    await shop.pod("db", {**BOTH, f"{PRE}timeout": "300ms"})
    shop.containers.programs["freeze"] = hangs
    result, findings = await shop.run()
    assert shop.ran == ["db: freeze", "db: thaw"]
    [problem] = findings.problems
    assert problem.reason == "HookTimeout"
    assert "did not end within 0.3 s; the command may still run" in problem.message
    assert problem.message.endswith("waiting for a lock")
    assert result.phase == "PartiallyFailed"


async def test_a_hooks_output_is_in_the_log_and_its_command_is_not(shop: Shop) -> None:
    await shop.pod("db", {f"{PRE}command": '["freeze", "--password=s3cr3t"]'})
    shop.containers.programs["freeze"] = ends(0, stdout="first\nsecond", stderr="careful")
    await shop.run()
    log = shop.log()
    assert [line.partition("msg=")[2] for line in log if "ended well" in line] == [
        r'"pre hook in container main: ended well" object="pods shop/db"'
        r' stdout="first\nsecond" stderr="careful"'
    ]
    assert any('"running the pre hook in container main"' in line for line in log)
    assert not any("s3cr3t" in line for line in log)


async def test_much_output_is_cut(shop: Shop) -> None:
    await shop.pod("db", {f"{PRE}command": "freeze"})
    shop.containers.programs["freeze"] = ends(1, stdout="x\n" * 500_000, stderr="y" * 500_000)
    _, findings = await shop.run()
    assert sum(map(len, shop.log())) < 100_000
    assert "bytes left out" in "".join(shop.log())
    assert len(findings.problems[0].message) < 700


@pytest.mark.parametrize("on_error", ["Fail", ""])
@pytest.mark.parametrize(
    ("wrong", "reason", "phase"),
    [
        pytest.param({f"{POST}timeout": "soon"}, "HookInvalid", "Running", id="a wrong annotation"),
        pytest.param({}, "HookNotRun", "Pending", id="a pod that does not run yet"),
    ],
)
async def test_hooks_that_cannot_be_run_are_an_error_and_none_is_run(
    shop: Shop, on_error: str, wrong: dict[str, str], reason: str, phase: str
) -> None:
    await shop.pod("db", {**BOTH, **wrong, f"{PRE}on-error": on_error}, phase=phase)
    result, findings = await shop.run()
    assert (shop.ran, shop.book.ever) == ([], [])
    assert result.phase == "PartiallyFailed"
    assert (result.hooks_attempted, result.hooks_failed) == (0, 0)
    assert reasons(findings)[0] == (reason, "db")
    assert ("pods/namespaces/shop/db" in shop.objects()) is not on_error


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_nothing_is_run_in_a_pod_that_has_ended(shop: Shop, phase: str) -> None:
    await shop.pod("db", phase=phase)
    result, findings = await shop.run()
    assert (shop.ran, findings.problems, result.phase) == ([], [], "Completed")
    assert "pods/namespaces/shop/db" in shop.objects()


async def test_nothing_is_run_in_a_pod_that_is_not_backed_up(shop: Shop) -> None:
    await shop.pod("db")
    change = {"metadata": {"labels": {"velero.io/exclude-from-backup": "true"}}}
    await shop.client.patch(PODS, "db", change, kind="merge", namespace="shop")
    result, _ = await shop.run()
    assert (shop.ran, result.phase) == ([], "Completed")


async def test_pods_that_share_a_claim_are_still_at_the_same_time(shop: Shop) -> None:
    await shop.claim("data")
    for name in ("a", "b"):
        await shop.pod(name, claims=["data"])
    result, findings = await shop.run()
    assert in_halves(shop.ran) == ["a: freeze", "b: freeze", "a: thaw", "b: thaw"]
    assert shop.book.writes == 1, "what a group owes is written at once"
    assert findings.problems == []
    assert result.items == len(shop.objects())


async def test_a_few_groups_are_still_at_the_same_time(shop: Shop) -> None:
    still: set[str] = set()
    most = 0

    async def program(process: Process) -> None:
        nonlocal most
        pod = process.request.path.split("/")[-2]
        (still.add if process.command[0] == "freeze" else still.discard)(pod)
        most = max(most, len(still))
        await asyncio.sleep(0.01)
        await process.exit(0)

    shop.containers.programs |= {"freeze": program, "thaw": program}
    for number in range(3 * GROUPS):
        await shop.pod(f"db-{number}")
    await shop.run()
    assert len(shop.ran) == 6 * GROUPS
    assert 1 < most <= GROUPS
    assert len([one for one in shop.objects() if one.startswith("pods/")]) == 3 * GROUPS


async def test_nothing_is_frozen_that_cannot_be_written_down(shop: Shop) -> None:
    await shop.pod("db")
    shop.book.refusal = Conflict("was changed")
    result, findings = await shop.run()
    assert shop.ran == []
    assert reasons(findings) == [("HookNotRun", "db")]
    assert "could not be written down: was changed" in findings.problems[0].message
    assert result.phase == "PartiallyFailed"


async def test_a_pod_that_is_replaced_while_it_is_still_is_told(shop: Shop) -> None:
    await shop.pod("db")

    async def replaced(process: Process) -> None:
        await shop.client.delete(PODS, "db", namespace="shop", grace_seconds=0)
        await shop.pod("db", {})
        await process.exit(0)

    shop.containers.programs["freeze"] = replaced
    result, findings = await shop.run()
    assert shop.ran == ["db: freeze"], "another pod is owed nothing"
    assert reasons(findings) == [("HookFailed", "db")]
    assert (result.phase, shop.book.owed) == ("PartiallyFailed", [])


async def test_a_pod_that_goes_while_it_is_still_is_told(shop: Shop) -> None:
    await shop.pod("db")

    async def deleted(process: Process) -> None:
        await shop.client.delete(PODS, "db", namespace="shop", grace_seconds=0)
        await process.exit(0)

    shop.containers.programs["freeze"] = deleted
    _, findings = await shop.run()
    assert shop.ran == ["db: freeze"]
    assert reasons(findings) == [("PodNotTaken", "db")]
    assert shop.book.owed == []


async def test_post_hooks_run_when_the_backup_fails_in_between(shop: Shop) -> None:
    for name in ("a", "b"):
        await shop.pod(name, claims=["data"])
    await shop.claim("data")
    shop.client.failing = CLAIMS.plural
    shop.client.failure = ApiUnreachable("no answer")
    with pytest.raises(ApiUnreachable):
        await shop.run()
    assert in_halves(shop.ran) == ["a: freeze", "b: freeze", "a: thaw", "b: thaw"]
    assert shop.book.owed == []
    assert shop.files() == []


async def test_a_group_that_fails_does_not_cut_off_the_post_hooks_of_another(shop: Shop) -> None:
    frozen, failed = asyncio.Event(), asyncio.Event()

    async def slow(process: Process) -> None:
        if process.request.path.split("/")[-2] == "slow":
            frozen.set()
            await failed.wait()
            await asyncio.sleep(0.05)
        await process.exit(0)

    class Failing(Book):
        async def settle(self, ended: Sequence[tuple[Hook, str]]) -> None:
            await super().settle(ended)
            if ended[0][0].pod == "quick":
                await frozen.wait()
                failed.set()
                raise VaultUnavailable("is full")

    shop.frozen = shop.book = Failing()
    shop.containers.programs["thaw"] = slow
    for name in ("quick", "slow"):
        await shop.pod(name)
    with pytest.raises(VaultUnavailable):
        await shop.run()
    assert sorted(shop.ran) == ["quick: freeze", "quick: thaw", "slow: freeze", "slow: thaw"]
    assert shop.book.owed == []


async def test_a_pod_that_cannot_be_thawed_does_not_keep_the_others_still(shop: Shop) -> None:
    await shop.claim("data")
    for name in ("a", "b"):
        await shop.pod(name, claims=["data"])

    async def breaks(process: Process) -> None:
        if len(shop.ran) == 2:
            shop.client.unreadable = "a"
        await process.exit(0)

    shop.containers.programs["freeze"] = breaks
    result, findings = await shop.run()
    assert in_halves([*shop.ran, ""]) == ["a: freeze", "b: freeze", "", "b: thaw"]
    assert shop.book.owed == ["a: thaw"]
    assert result.phase == "PartiallyFailed"
    assert "its post hooks are owed still" in [str(one) for one in findings.problems][-1]


@pytest.mark.parametrize("at", ["freeze", "thaw"])
async def test_post_hooks_run_when_the_task_is_cancelled(shop: Shop, at: str) -> None:
    reached = asyncio.Event()

    async def waits(process: Process) -> None:
        reached.set()
        await asyncio.sleep(0.2)
        await process.exit(0)

    await shop.pod("db")
    shop.containers.programs[at] = waits
    task = asyncio.create_task(shop.run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shop.ran == ["db: freeze", "db: thaw"]
    assert shop.book.owed == []


@pytest.mark.parametrize("at", ["freeze", "thaw"])
async def test_a_cancelled_task_ends_soon_and_what_it_owes_stays_written_down(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr(freeze, "THAW_SECONDS", 0.3)
    reached = asyncio.Event()

    async def hangs(process: Process) -> None:
        reached.set()
        await process.gone()

    await shop.pod("db")
    shop.containers.programs |= {at: hangs, "thaw": hangs}
    task = asyncio.create_task(shop.run())
    await reached.wait()
    began = asyncio.get_running_loop().time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - began < 3
    assert shop.book.owed == ["db: thaw"]


async def test_a_post_hook_whose_end_is_not_known_is_run_again_and_a_pre_hook_is_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeferry.backup.hookrun._PAUSE", 0.01)

    async def breaks(process: Process) -> None:
        assert process.transport is not None
        process.transport.abort()

    await shop.pod("db")
    shop.containers.programs |= {"freeze": breaks, "thaw": breaks}
    result, findings = await shop.run()
    assert shop.ran == ["db: freeze", "db: thaw", "db: thaw", "db: thaw"]
    assert reasons(findings) == [("HookFailed", "db")] * 2
    assert "the command may still run" in findings.problems[0].message
    assert (result.hooks_attempted, result.hooks_failed) == (2, 2)


KUBELET = "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused"


async def is_away(process: Process) -> None:
    """The kubelet does not answer the API server."""
    failure = {"status": "Failure", "reason": "InternalError", "code": 500, "message": KUBELET}
    await process.status(failure)


async def test_a_post_hook_that_does_not_get_through_is_run_when_it_does(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeferry.backup.hookrun._PAUSE", 0.01)

    async def restarts(process: Process) -> None:
        await (is_away(process) if len(shop.ran) < 9 else process.exit(0))

    await shop.pod("db")
    shop.containers.programs["thaw"] = restarts
    result, findings = await shop.run()
    assert shop.ran == ["db: freeze", *["db: thaw"] * 8]
    assert (result.phase, findings.problems, shop.book.owed) == ("Completed", [], [])


async def test_a_post_hook_that_does_not_get_through_for_long_is_owed_still(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "THAW_PATIENCE", 0.0)
    await shop.pod("db")
    shop.containers.programs["thaw"] = is_away
    result, findings = await shop.run()
    assert shop.book.owed == ["db: thaw"], "it is run when the kubelet is back"
    assert reasons(findings) == [("HookNotRun", "db")]
    assert f"was not run: {KUBELET}" in findings.problems[0].message
    assert "as long as the pod is there" in findings.problems[0].message
    assert result.phase == "PartiallyFailed"
    assert "pods/namespaces/shop/db" in shop.objects()


async def test_a_pod_that_goes_while_its_post_hook_is_tried_is_owed_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeferry.backup.hookrun._PAUSE", 0.01)

    async def goes(process: Process) -> None:
        if len(shop.ran) == 4:
            await shop.client.delete(PODS, "db", namespace="shop", grace_seconds=0)
        await is_away(process)

    await shop.pod("db")
    shop.containers.programs["thaw"] = goes
    await shop.run()
    assert shop.ran == ["db: freeze", *["db: thaw"] * 3]
    assert shop.book.owed == []


async def test_where_a_pre_hook_does_not_get_through_nothing_is_undone(shop: Shop) -> None:
    await shop.pod("db")
    shop.containers.programs["freeze"] = is_away
    result, findings = await shop.run()
    assert shop.ran == ["db: freeze"]
    assert reasons(findings) == [("HookNotRun", "db")]
    assert "none of its hooks is run" in findings.problems[0].message
    assert (shop.book.ever, shop.book.owed) == (["db: thaw"], [])
    assert (result.phase, result.hooks_attempted) == ("PartiallyFailed", 0)


async def test_a_handshake_that_breaks_is_no_api_server_that_is_away(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeferry.backup.hookrun._PAUSE", 0.01)
    asked: list[str] = []

    async def broken(request: web.BaseRequest) -> None:
        asked.append(request.query["command"])
        assert request.transport is not None
        request.transport.abort()

    await shop.pod("db")
    shop.containers.before = broken
    result, findings = await shop.run()
    assert asked == ["freeze", "thaw", "thaw", "thaw"]
    assert reasons(findings) == [("HookFailed", "db")] * 2
    assert (result.phase, shop.book.owed) == ("PartiallyFailed", [])


async def test_a_failed_post_hook_is_put_on_the_list_with_its_problem(shop: Shop) -> None:
    await shop.pod("db")
    shop.containers.programs["thaw"] = ends(1, stderr="still frozen")
    await shop.run()
    said = "db: post hook in container main ended with exit code 1: still frozen"
    assert shop.book.told == [said]


async def test_pods_of_a_group_are_frozen_and_thawed_together(shop: Shop) -> None:
    names = [f"db-{number}" for number in range(6)]
    arrived: dict[str, int] = {"freeze": 0, "thaw": 0}
    all_there = {word: asyncio.Event() for word in arrived}

    async def waits_for_the_others(process: Process) -> None:
        word = process.command[0]
        arrived[word] += 1
        if arrived[word] == len(names):
            all_there[word].set()
        await asyncio.wait_for(all_there[word].wait(), 5)
        await process.exit(0)

    shop.containers.programs |= dict.fromkeys(arrived, waits_for_the_others)
    await shop.claim("data")
    for name in names:
        await shop.pod(name, claims=["data"])
    result, findings = await shop.run(WITHOUT_DATA)
    assert (result.phase, findings.problems) == ("Completed", [])


async def test_of_a_large_group_a_few_hooks_are_run_at_once(shop: Shop) -> None:
    running = most = 0

    async def program(process: Process) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        await process.exit(0)

    shop.containers.programs |= {"freeze": program, "thaw": program}
    await shop.claim("data")
    for number in range(2 * PODS_AT_ONCE):
        await shop.pod(f"db-{number}", claims=["data"])
    await shop.run()
    assert len(shop.ran) == 4 * PODS_AT_ONCE
    assert most == PODS_AT_ONCE


@pytest.mark.parametrize(
    ("post", "state", "said"),
    [
        pytest.param(
            "thaw",
            {"waiting": {"reason": "CrashLoopBackOff"}},
            "container main does not run (CrashLoopBackOff)",
            id="a container that restarts",
        ),
        pytest.param("thaw", {}, "container main does not run", id="one that never ran"),
    ],
)
async def test_nothing_is_frozen_in_a_container_that_does_not_run(
    shop: Shop, post: str, state: dict[str, object], said: str
) -> None:
    await shop.pod("db", {f"{PRE}command": "freeze", f"{POST}command": post}, state=state)
    result, findings = await shop.run()
    assert (shop.ran, shop.book.ever) == ([], [])
    assert findings.problems[0].message == f"none of its hooks is run: {said}"
    assert result.phase == "PartiallyFailed"


async def test_output_of_many_lines_is_one_line_of_the_log(shop: Shop) -> None:
    await shop.pod("db")
    shop.containers.programs["freeze"] = ends(0, stdout="\n" * 40_000, stderr="\n" * 40_000)
    await shop.run()
    assert len(shop.log()) < 20


async def test_an_api_server_that_refuses_exec_is_told_for_each_pod(shop: Shop) -> None:
    await shop.pod("db")

    async def refused(process: Process) -> None:
        await process.status(
            {"status": "Failure", "reason": "Forbidden", "code": 403, "message": "not for you"}
        )

    shop.containers.programs["freeze"] = refused
    _, findings = await shop.run()
    said = "pre hook in container main was not run: Forbidden: not for you"
    assert findings.problems[0].message == said


async def test_what_went_wrong_before_is_in_the_report(shop: Shop) -> None:
    earlier = Problem("error", "HookFailed", "after an interruption: x", "shop", "pods shop/db")
    result, findings = await shop.run(replace(REQUEST, earlier=(earlier,)))
    assert (result.phase, findings.problems) == ("PartiallyFailed", [earlier])


async def test_a_claim_that_cannot_be_read_is_an_error_and_comes_with_the_list(
    shop: Shop,
) -> None:
    await shop.claim("data")
    await shop.pod("db", claims=["data", "gone"])
    shop.client.unreadable = "data"
    result, findings = await shop.run(WITHOUT_DATA)
    assert "persistentvolumeclaims/namespaces/shop/data" in shop.objects()
    assert [(one.level, one.subject) for one in findings.problems] == [
        ("error", "persistentvolumeclaims shop/data"),
        ("warning", "persistentvolumeclaims shop/gone"),
    ]
    assert (result.phase, shop.book.owed) == ("PartiallyFailed", [])


async def test_a_pod_that_two_lists_bring_has_its_hooks_run_once(shop: Shop) -> None:
    await shop.pod("db")
    listed, moved = shop.client.pages, []

    async def forgetting(resource: Resource, **where: Any) -> Any:
        if where.get("resource_version"):
            raise Expired("too old")
        if resource.plural == "pods" and "tier" in where["label_selector"] and not moved:
            moved.append(True)
            patch = {"metadata": {"labels": {"tier": "data"}}}
            await shop.client.patch(PODS, "db", patch, kind="merge", namespace="shop")
        async for page in listed(resource, **where):
            yield page

    shop.client.pages = forgetting  # type: ignore[method-assign]
    wanted = [Labels(match_labels={"app": "db"}), Labels(match_labels={"tier": "data"})]
    either = compile_labels(wanted, place="spec")
    await shop.run(asked(included_namespaces=("shop",), labels=either))
    assert shop.ran == ["db: freeze", "db: thaw"]
    assert "pods/namespaces/shop/db" in shop.objects()
