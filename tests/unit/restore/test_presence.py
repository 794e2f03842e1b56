"""What a restore wrote and somebody took away again, on a cluster in memory."""

from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.journal import Journal
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object
from kubeferry.report import Problem, ReasonCount, Silent
from kubeferry.restore.plan import Planner
from kubeferry.restore.presence import verify
from kubeferry.restore.report import Recorder
from kubeferry.restore.request import RestoreResult
from kubeferry.restore.run import run_restore
from kubeferry.restore.spool import Spool
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.transform.pipeline import Pipeline, Rules
from kubeferry.vault.locations import Location, open_store
from tests.builders import Built, config_map, namespace, obj, pod
from tests.unit.restore.test_run import NOW, REQUEST, Ground, stored


class Taking(Client):
    """A cluster in which somebody takes objects of some names away, or their labels, as soon as
    they were created; counts the requests that look whether they are there.
    """

    taken: Collection[str] = ()
    unlabelled: Collection[str] = ()

    def __init__(self, config: ClusterConfig) -> None:
        super().__init__(config)
        self.heads: Counter[str] = Counter()
        self.gets: Counter[str] = Counter()

    async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
        answer = await super().create(resource, body, **more)
        where = more["namespace"]
        for name in self.taken:
            if f'"name":"{name}"'.encode() in answer:
                await self.delete(resource, name, namespace=where)
        for name in self.unlabelled:
            if f'"name":"{name}"'.encode() in answer:
                patch = {"metadata": {"labels": None}}
                await self.patch(resource, name, patch, kind="merge", namespace=where)
        return answer

    def pages(self, resource: Resource, **more: Any) -> Any:
        if more.get("heads"):
            self.heads[resource.plural] += 1
        return super().pages(resource, **more)

    async def get(self, resource: Resource, name: str, **more: Any) -> Object:
        self.gets[name] += 1
        return await super().get(resource, name, **more)


class Watched(Silent):
    """Keeps the problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, problem: Problem) -> None:
        self.problems.append(problem)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with Sandbox() as sandbox:
        store = open_store(location, credentials=None, settings=settings)
        yield Ground(sandbox, store, tmp_path, settings)


async def restored(
    ground: Ground, *objects: Built, taken: Collection[str] = (), **seams: Any
) -> tuple[RestoreResult, list[Problem], Taking]:
    """What a restore of the objects tells, while some of them are taken away."""
    await stored(ground.store, *objects)
    told = Watched()
    async with Taking(ClusterConfig(server=ground.sandbox.server)) as client:
        client.taken = taken
        client.unlabelled = seams.get("unlabelled", ())
        result = await run_restore(
            REQUEST,
            client=client,
            store=ground.store,
            settings=ground.settings,
            reporter=told,
            clock=lambda: NOW,
        )
    return result, told.problems, client


def controlled(made: Built, kind: str, name: str, api_version: str = "apps/v1") -> Built:
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": "1", "controller": True}
    return made.meta(ownerReferences=[owner])


def job(name: str, **spec: Any) -> Built:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}
    return obj("batch/v1/Job", name).with_(spec={"template": template, **spec})


async def test_where_all_is_there_each_kind_is_listed_once_and_nothing_asked_for_by_name(
    ground: Ground,
) -> None:
    maps = [config_map(f"shop/m-{number}") for number in range(20)]
    result, problems, client = await restored(ground, namespace("shop"), *maps, pod("shop/web"))
    assert (result.phase, result.reasons, problems) == ("Completed", (), [])
    assert client.heads == {"namespaces": 1, "configmaps": 1, "pods": 1}
    assert not client.gets


async def test_what_is_gone_is_an_error_of_the_object_in_every_report(ground: Ground) -> None:
    kept, lost = config_map("shop/kept"), config_map("shop/lost")
    result, problems, _ = await restored(ground, namespace("shop"), kept, lost, taken=["lost"])
    assert (result.phase, result.counts) == ("PartiallyFailed", {"created": 2, "failed": 1})
    assert [(one.level, one.reason, one.namespace, one.subject) for one in problems] == [
        ("error", "Gone", "shop", "configmaps shop1/lost")
    ]
    assert result.reasons == (ReasonCount("failed", "Gone", 1), ReasonCount("error", "Gone", 1))
    told = {line["source"][2]: line for line in ground.lines()}  # the last line counts
    assert (told["kept"]["action"], told["lost"]["action"]) == ("created", "failed")
    assert (told["lost"]["reason"], told["lost"]["source"][1]) == ("Gone", "shop")


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(controlled(pod("shop/x"), "ReplicaSet", "web"), id="a pod of a workload"),
        pytest.param(
            controlled(job("shop/x"), "CronJob", "nightly", "batch/v1"), id="a Job of a CronJob"
        ),
        pytest.param(job("shop/x", ttlSecondsAfterFinished=0), id="a Job with a time to live"),
    ],
)
async def test_what_somebody_deletes_in_good_order_is_no_error(ground: Ground, made: Built) -> None:
    result, problems, _ = await restored(ground, namespace("shop"), made, taken=["x"])
    assert (result.phase, problems) == ("Completed", [])
    assert result.counts == {"created": 2}


async def test_what_a_custom_resource_controlled_that_is_not_restored_is_an_error(
    ground: Ground,
) -> None:
    made = controlled(config_map("shop/x"), "Certificate", "mine", "cert-manager.io/v1")
    result, problems, _ = await restored(ground, namespace("shop"), made, taken=["x"])
    assert (result.phase, [one.reason for one in problems]) == ("PartiallyFailed", ["Gone"])


async def test_what_an_owner_that_it_got_back_may_have_tidied_up_is_a_warning(
    ground: Ground,
) -> None:
    owner = config_map("shop/owner").meta(uid="1")
    made = controlled(config_map("shop/x"), "ConfigMap", "owner", "v1")
    result, problems, _ = await restored(ground, namespace("shop"), owner, made, taken=["x"])
    assert result.phase == "Completed"
    assert [(one.level, one.reason) for one in problems] == [("warning", "Gone")]


async def test_a_job_without_a_time_to_live_that_goes_is_an_error(ground: Ground) -> None:
    result, problems, _ = await restored(ground, namespace("shop"), job("shop/x"), taken=["x"])
    assert (result.phase, [one.reason for one in problems]) == ("PartiallyFailed", ["Gone"])


async def test_what_lost_the_label_alone_is_there(ground: Ground) -> None:
    result, problems, client = await restored(
        ground, namespace("shop"), config_map("shop/m"), unlabelled=["m"]
    )
    assert (result.phase, problems) == ("Completed", [])
    assert client.gets == {"m": 1}


async def test_what_is_being_deleted_is_gone_already(ground: Ground) -> None:
    held = config_map("shop/held").meta(finalizers=["example.com/hold"])
    result, problems, _ = await restored(ground, namespace("shop"), held, taken=["held"])
    assert result.phase == "PartiallyFailed"
    assert [one.message for one in problems] == ["was written, and is being deleted"]


async def test_an_object_of_the_plan_of_which_nothing_was_told_is_an_error(
    ground: Ground, tmp_path: Path
) -> None:
    told = Watched()

    async def sink(number: int, data: bytes) -> None:
        raise AssertionError("nothing is told")

    with Spool(parent=tmp_path) as spool:
        spool.add(Identity("configmaps", "shop", "m"), config_map("shop/m").json)
        planner = Planner(spool, Pipeline(Rules()), Discovery(all_versions=()), {}, {})
        journal = Journal(sink, first=1, now=lambda: 0.0)
        recorder = Recorder(journal=journal, spool=spool, reporter=told, total=2)
        async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
            await verify(planner, recorder, client=client, label_selector="a=b", reporter=told)
    [problem] = told.problems
    assert (problem.level, problem.reason) == ("error", "Untold")
    assert problem.message.startswith("of 2 objects of the plan"), "the namespace is one, too"


async def test_a_resumed_restore_looks_for_what_was_written_before_it_too(ground: Ground) -> None:
    await stored(ground.store, namespace("shop"), config_map("shop/m"))
    first = await ground.run()
    assert first.phase == "Completed"
    async with Client(ClusterConfig(server=ground.sandbox.server)) as client:
        maps = Resource("", "v1", "configmaps", "ConfigMap", True)
        await client.delete(maps, "m", namespace="shop1")
    again = await ground.run()  # its journal says that all is done
    assert again.counts["created"] == 2, "what the journal says without proof is done again"
    sealed = replace(REQUEST, name="other", uid="task-2")
    assert (await ground.run(sealed)).phase == "Completed"
