"""A restore over what is there already, on a cluster in memory: under each policy, killed and
resumed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.errors import ApiUnreachable
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.report import Silent
from kubeferry.restore.existing import Policy
from kubeferry.restore.request import RestoreRequest, RestoreResult
from kubeferry.restore.run import run_restore
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.transform.parameters.table import Parameters
from kubeferry.vault.locations import Location, open_store
from tests.builders import Built, config_map, namespace, obj, pod
from tests.unit.restore.test_run import MAPS, NOW, Ground, stored

SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", True)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True)
REQUEST = RestoreRequest(name="back", uid="task-1", backup="nightly", namespaces={"shop": "shop1"})
POLICIES: tuple[Policy, ...] = ("none", "update", "recreate")


def workload(name: str, *, service: str = "web", replicas: int = 2) -> Built:
    labels = {"app": "web"}
    spec = {
        "replicas": replicas,
        "serviceName": service,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod("a/b")["spec"]},
    }
    return obj("apps/v1/StatefulSet", name).with_(spec=spec)


PULL = [{"name": "pull"}]
OBJECTS = (
    namespace("shop"),
    config_map("shop/m-1", a="1"),
    config_map("shop/m-2", a="1"),
    obj("v1/Secret", "shop/key").with_(data={"k": "c2VjcmV0"}, type="Opaque"),
    obj("v1/ServiceAccount", "shop/web").with_(imagePullSecrets=PULL),
    obj("v1/Service", "shop/web").with_(
        spec={"selector": {"app": "web"}, "ports": [{"port": 80}], "type": "ClusterIP"}
    ),
    workload("shop/web"),
)


class Counting(Client):
    """A client that counts its requests by verb, and dies at the so-manieth write."""

    def __init__(self, config: ClusterConfig) -> None:
        super().__init__(config)
        self.seen: Counter[str] = Counter()
        self.dies_at = 0
        self.writes = 0

    async def _dying(self, verb: str, answer: Any) -> Any:
        self.seen[verb] += 1
        self.writes += 1
        try:
            return await answer
        finally:
            if self.writes == self.dies_at:
                raise ApiUnreachable("no answer")

    async def create(self, resource: Resource, body: Object | bytes, **more: Any) -> bytes:
        verb = "dry run" if more.get("dry_run") else "create"
        made: bytes = await self._dying(verb, super().create(resource, body, **more))
        return made

    async def patch(self, resource: Resource, name: str, body: Any, **more: Any) -> Object:
        made: Object = await self._dying("patch", super().patch(resource, name, body, **more))
        return made

    async def delete(self, resource: Resource, name: str, **more: Any) -> None:
        await self._dying("delete", super().delete(resource, name, **more))

    async def get(self, resource: Resource, name: str, **more: Any) -> Object:
        self.seen["get"] += 1
        return await super().get(resource, name, **more)


class Cluster(Ground):
    async def restore(
        self, request: RestoreRequest, *, dies_at: int = 0
    ) -> tuple[RestoreResult, Mapping[str, int]]:
        async with Counting(ClusterConfig(server=self.sandbox.server)) as client:
            client.dies_at = dies_at
            result = await run_restore(
                request,
                client=client,
                store=self.store,
                settings=self.settings,
                reporter=Silent(),
                clock=lambda: NOW,
            )
        return result, client.seen

    async def change(self, resource: Resource, name: str, patch: Object) -> Object:
        async with Client(ClusterConfig(server=self.sandbox.server)) as client:
            return await client.patch(
                resource, name, patch, kind="merge", namespace="shop1", field_manager="somebody"
            )

    async def get(self, resource: Resource, name: str) -> Object:
        async with Client(ClusterConfig(server=self.sandbox.server)) as client:
            return await client.get(resource, name, namespace="shop1")

    def told(self, folder: str = "again") -> dict[str, tuple[str, str]]:
        files = (self.root / "bucket" / "restores" / folder).glob("*-items-*")
        assert files
        return {
            f"{line['target'][0]}/{line['target'][2]}": (line["action"], line.get("reason", ""))
            for line in self.lines_of(folder)
        }


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    settings = Settings(local_root=tmp_path, spool_dir=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    location = Location(name="vault", provider="local", bucket="bucket")
    async with Sandbox() as sandbox:
        store = open_store(location, credentials=None, settings=settings)
        await stored(store, *OBJECTS)
        made = Cluster(sandbox, store, tmp_path, settings)
        await made.restore(REQUEST)
        yield made


def again(policy: Policy, **more: Any) -> RestoreRequest:
    return replace(REQUEST, name="again", uid="task-2", policy=policy, **more)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_second_restore_over_the_first_is_quiet(cluster: Cluster, policy: Policy) -> None:
    result, seen = await cluster.restore(again(policy))
    assert (result.phase, result.warnings, result.errors) == ("Completed", 0, 0)
    assert result.counts == {"skipped": len(OBJECTS)}
    assert {reason for _, reason in cluster.told().values()} == {"Identical"}
    assert not seen  # lists alone


CHANGED = {"data": {"a": "2", "mine": "x"}, "metadata": {"labels": {"team": "a"}}}


async def test_what_differs_is_told_and_left_alone(cluster: Cluster) -> None:
    before = await cluster.change(MAPS, "m-1", CHANGED)
    result, seen = await cluster.restore(again("none"))
    assert (result.phase, result.warnings) == ("Completed", 1)
    assert "configmaps shop1/m-1: Differs" in str(result.first_problem)
    assert cluster.told()["configmaps/m-1"] == ("skipped", "Differs")
    assert await cluster.get(MAPS, "m-1") == before
    assert not seen


@pytest.mark.parametrize("policy", ["update", "recreate"])
async def test_an_update_changes_what_differs_and_keeps_what_others_wrote(
    cluster: Cluster, policy: Policy
) -> None:
    await cluster.change(MAPS, "m-1", CHANGED)
    result, seen = await cluster.restore(again(policy))
    assert (result.phase, result.warnings) == ("Completed", 0)
    assert result.counts == {"skipped": len(OBJECTS) - 1, "updated": 1}
    after = await cluster.get(MAPS, "m-1")
    assert after["data"] == {"a": "1", "mine": "x"}
    assert after["metadata"]["labels"]["team"] == "a"
    assert after["metadata"]["labels"]["velero.io/restore-name"] == "again"
    assert seen == {"patch": 1}
    line = next(one for one in cluster.lines_of("again") if one["target"][2] == "m-1")
    assert [(one["pointer"], one["old"], one["new"]) for one in line["differences"]] == [
        ("/data/a", "2", "1")
    ]


@pytest.mark.parametrize(
    ("skip", "policy", "image"),
    [
        pytest.param(False, "update", "nginx:1", id="an administrator may"),
        pytest.param(True, "update", "agent:1", id="nor by an update"),
        pytest.param(True, "recreate", "agent:1", id="nor by making it anew"),
    ],
)
async def test_an_image_gets_into_no_privileged_workload_where_privileges_are_left_out(
    cluster: Cluster, skip: bool, policy: Policy, image: str
) -> None:
    """An update keeps what others wrote: what is archived without privileges would have them."""
    main = {"name": "main", "image": "agent:1", "securityContext": {"privileged": True}}
    template = {"spec": {"containers": [main]}}
    await cluster.change(SETS, "web", {"spec": {"template": template}})
    parameters = Parameters(skip_privileged=skip)
    await cluster.restore(again(policy, parameters=parameters))
    live = await cluster.get(SETS, "web")
    (container,) = live["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image
    assert container["securityContext"]["privileged"]
    assert cluster.told()["statefulsets.apps/web"] == (
        ("skipped", "Differs") if skip else ("updated", "")
    )


async def test_the_values_of_a_secret_are_not_told(cluster: Cluster) -> None:
    secrets = Resource("", "v1", "secrets", "Secret", True)
    await cluster.change(secrets, "key", {"data": {"k": "b3RoZXI="}})
    await cluster.restore(again("update"))
    line = next(one for one in cluster.lines_of("again") if one["target"][2] == "key")
    assert line["action"] == "updated"
    assert [(one["old"], one["new"]) for one in line["differences"]] == [("(masked)", "(masked)")]


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_account_gets_what_it_lacks(cluster: Cluster, policy: Policy) -> None:
    await cluster.change(ACCOUNTS, "web", {"imagePullSecrets": [{"name": "other"}]})
    result, _ = await cluster.restore(again(policy))
    assert result.counts == {"skipped": len(OBJECTS) - 1, "updated": 1}
    after = await cluster.get(ACCOUNTS, "web")
    assert after["imagePullSecrets"] == [{"name": "other"}, *PULL]


async def stuck(cluster: Cluster) -> Object:
    """The StatefulSet with a field that no update can change."""
    async with Client(ClusterConfig(server=cluster.sandbox.server)) as client:
        await client.delete(SETS, "web", namespace="shop1", propagation="Orphan")
        other = workload("shop1/web", service="other")
        await client.create(SETS, other, namespace="shop1", field_manager="somebody")
        return await client.get(SETS, "web", namespace="shop1")


async def test_an_update_that_cannot_be_is_an_error_before_it_is_tried(cluster: Cluster) -> None:
    before = await stuck(cluster)
    result, seen = await cluster.restore(again("update"))
    assert (result.phase, result.errors) == ("PartiallyFailed", 1)
    assert cluster.told()["statefulsets.apps/web"] == ("failed", "ImmutableField")
    assert "existingResourcePolicy: recreate" in str(result.first_problem)
    assert await cluster.get(SETS, "web") == before
    assert not seen


async def test_what_no_update_can_change_is_made_anew(cluster: Cluster) -> None:
    before = await stuck(cluster)
    result, seen = await cluster.restore(again("recreate"))
    assert result.phase == "Completed"
    assert result.counts == {"skipped": len(OBJECTS) - 1, "recreated": 1}
    after = await cluster.get(SETS, "web")
    assert after["spec"]["serviceName"] == "web"
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert (seen["dry run"], seen["delete"], seen["create"]) == (1, 1, 1)


@pytest.mark.parametrize("dies_at", [1, 2, 3])
async def test_a_restore_that_makes_anew_goes_on_wherever_it_was_killed(
    cluster: Cluster, dies_at: int
) -> None:
    await stuck(cluster)
    with pytest.raises(ApiUnreachable):
        await cluster.restore(again("recreate"), dies_at=dies_at)
    result, seen = await cluster.restore(again("recreate"))
    assert result.phase == "Completed"
    assert (await cluster.get(SETS, "web"))["spec"]["serviceName"] == "web"
    assert seen["delete"] == (1 if dies_at == 1 else 0)
    assert cluster.told()["statefulsets.apps/web"][0] in ("created", "recreated")


async def test_an_update_is_made_once_wherever_the_restore_was_killed(cluster: Cluster) -> None:
    await cluster.change(MAPS, "m-1", CHANGED)
    with pytest.raises(ApiUnreachable):
        await cluster.restore(again("update"), dies_at=1)
    await cluster.change(MAPS, "m-1", {"data": {"a": "after"}})
    result, seen = await cluster.restore(again("update"))
    assert (result.phase, result.counts["updated"], seen["patch"]) == ("Completed", 1, 0)
    assert (await cluster.get(MAPS, "m-1"))["data"]["a"] == "after"


async def test_pods_of_a_workload_that_is_there_are_left_to_it(cluster: Cluster) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": True}
    owned = pod("shop/web-0").meta(ownerReferences=[{**owner, "uid": "source"}])
    (cluster.root / "bucket/backups/nightly/velero-backup.json").unlink()
    for path in (cluster.root / "bucket/backups/nightly").iterdir():
        path.unlink()
    await stored(cluster.store, *OBJECTS, owned)
    result, seen = await cluster.restore(again("none"))
    assert (result.phase, result.warnings) == ("Completed", 0)
    assert cluster.told()["pods/web-0"] == ("skipped", "OwnerThere")
    assert not seen


async def test_what_is_not_ready_in_time_is_an_error(cluster: Cluster) -> None:
    asked = replace(REQUEST, name="other", uid="task-3", namespaces={"shop": "shop3"})
    result, _ = await cluster.restore(replace(asked, ready_seconds=0.0))
    assert (result.phase, result.errors) == ("PartiallyFailed", 1)
    assert str(result.first_problem).startswith("statefulsets.apps shop3/web: NotReady: ")
    assert result.first_problem is not None
    assert result.first_problem.namespace == "shop"
