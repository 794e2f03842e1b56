"""A backup beside the cluster it is of: a cluster in memory, two spools."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api import crd
from kubeferry.cli.cluster_now import asked, read_cluster, told
from kubeferry.cli.comparing import compared
from kubeferry.cli.connection import Session
from kubeferry.controller.resources import BACKUPS
from kubeferry.errors import ApiUnreachable, Forbidden, InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.report import Findings
from kubeferry.restore.spool import Spool
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from kubeferry.vault.metadata import BackupFacts, backup_document, read_backup
from tests.builders import Built, config_map, namespace, obj

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SECRETS = Resource("", "v1", "secrets", "Secret", True)
CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
)
FACTS = BackupFacts(name="shop-1", uid="u-1", included_namespaces=("shop",))


class Seam(Client):
    """A client that is refused one resource."""

    failing: str = ""
    failure: Exception = Forbidden("not allowed", kubernetes_reason="Forbidden")

    async def read(self, resource: Resource, name: str, **where: Any) -> bytes:
        if resource.group_resource == self.failing:
            raise self.failure
        return await super().read(resource, name, **where)

    def pages(self, resource: Resource, **where: Any) -> Any:
        if resource.group_resource == self.failing:
            raise self.failure
        return super().pages(resource, **where)


@dataclass
class Ground:
    session: Session
    client: Seam
    old: Spool
    new: Spool

    def back_up(self, resource: str, *objects: Built) -> None:
        for one in objects:
            about = one["metadata"]
            self.old.add(Identity(resource, about.get("namespace", ""), about["name"]), one.json)

    async def verdicts(self, facts: BackupFacts = FACTS) -> tuple[dict[str, str], Findings]:
        findings = Findings()
        await read_cluster(self.session, facts, old=self.old, new=self.new, reporter=findings)
        found = compared(self.old, self.new)
        return {str(one.identity): one.verdict for one in found}, findings


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with Sandbox() as sandbox, Seam(ClusterConfig(server=sandbox.server)) as client:
        for name in ("shop", "csdr"):
            await client.create(NAMESPACES, namespace(name))
        await sandbox.settle()
        with Spool(parent=tmp_path) as old, Spool(parent=tmp_path) as new:
            yield Ground(Session(client, Settings(), None), client, old, new)


def maps(count: int, *, where: str = "shop") -> list[Built]:
    return [config_map(f"{where}/m{number:03}", a="b") for number in range(count)]


async def create(ground: Ground, *objects: Built) -> None:
    for one in objects:
        resource = SECRETS if one["kind"] == "Secret" else MAPS
        await ground.client.create(resource, one, namespace=one["metadata"]["namespace"])


async def test_what_was_added_removed_and_changed_since(ground: Ground) -> None:
    await create(ground, config_map("shop/new"), config_map("shop/changed", a="2"))
    await create(ground, config_map("shop/same", a="1"))
    ground.back_up("configmaps", config_map("shop/changed", a="1"), config_map("shop/gone"))
    ground.back_up("configmaps", config_map("shop/same", a="1"))
    found, findings = await ground.verdicts()
    assert {name: one for name, one in found.items() if name.startswith("configmaps")} == {
        "configmaps shop/new": "added",
        "configmaps shop/changed": "changed",
        "configmaps shop/gone": "removed",
        "configmaps shop/same": "same",
    }
    assert findings.problems == []


async def test_a_resource_policy_that_is_not_known_here_is_told(ground: Ground) -> None:
    asked = {"resourcePolicy": {"kind": "ConfigMap", "name": "policies"}}
    _, findings = await ground.verdicts(replace(FACTS, asked=asked))
    assert [str(one) for one in findings.problems] == [
        "NothingSelected: its resource policy is not known here: what that left out counts as new"
    ]


async def test_what_the_selection_does_not_take_any_more_is_not_gone(ground: Ground) -> None:
    hidden = config_map("shop/hidden", a="1").meta(labels={"velero.io/exclude-from-backup": "true"})
    await create(ground, hidden, config_map("csdr/reserved", a="1"))
    ground.back_up("configmaps", hidden, config_map("csdr/reserved", a="1"))
    found, _ = await ground.verdicts()
    assert found["configmaps shop/hidden"] == "same"
    assert found["configmaps csdr/reserved"] == "same", "as Velero takes them"


@pytest.mark.parametrize("count", [3, 60], ids=["few, one by one", "many, by a list"])
async def test_many_that_are_not_selected_are_looked_for(ground: Ground, count: int) -> None:
    for one in maps(count, where="csdr"):
        await create(ground, one)
    ground.back_up("configmaps", *maps(count + 5, where="csdr"))
    found, findings = await ground.verdicts()
    mine = [one for name, one in found.items() if name.startswith("configmaps csdr/")]
    assert (mine.count("same"), mine.count("removed")) == (count, 5)
    assert findings.errors == 0


@pytest.mark.parametrize("count", [3, 60], ids=["few", "many"])
async def test_what_cannot_be_read_is_not_told_to_be_gone(ground: Ground, count: int) -> None:
    ground.back_up("configmaps", *maps(count))
    ground.client.failing = "configmaps"
    found, findings = await ground.verdicts()
    mine = [one for name, one in found.items() if name.startswith("configmaps")]
    assert mine == ["unread"] * count
    assert findings.errors > 0


async def test_a_kind_that_is_not_served_any_more_is_gone(ground: Ground) -> None:
    ground.back_up("foos.example.com", obj("example.com/v1/Foo", "shop/x"))
    found, findings = await ground.verdicts()
    assert found["foos.example.com shop/x"] == "removed"
    assert findings.errors == 0


async def test_of_a_namespace_that_is_gone_everything_is(ground: Ground) -> None:
    ground.back_up("configmaps", *maps(3, where="former"))
    ground.back_up("namespaces", namespace("former"))
    found, findings = await ground.verdicts(replace(FACTS, included_namespaces=("former",)))
    assert set(found.values()) == {"removed"}
    assert [one.level for one in findings.problems] == ["warning"]


async def test_a_server_out_of_reach_tells_nothing(ground: Ground) -> None:
    ground.back_up("configmaps", *maps(1))
    ground.client.failing = "configmaps"
    ground.client.failure = ApiUnreachable("no answer")
    with pytest.raises(ApiUnreachable):
        await ground.verdicts()


async def test_the_selection_is_that_of_the_task_while_it_is_there(ground: Ground) -> None:
    for definition in crd.manifests():
        await ground.client.create(CRDS, definition)
    task = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", "csdr/shop-1").with_(
        spec={"storageLocation": "vault", "generatedObjects": "Include"}
    )
    made = codec.decode(await ground.client.create(BACKUPS, task, namespace="csdr"))
    own = replace(FACTS, uid=made["metadata"]["uid"])
    assert (await asked(ground.session, own)).spec.generated_objects == "Include"
    other = await asked(ground.session, FACTS)
    assert other.spec.generated_objects == "Skip", "another task of the same name"
    assert other.spec.included_namespaces == ["shop"]


def test_the_selection_as_the_vault_tells_it() -> None:
    selector = {"matchLabels": {"app": "web"}}
    asked = {"labelSelector": selector, "includeClusterResources": False}
    policy = {"resourcePolicy": {"kind": "configmap", "name": "policies"}}
    spec = told(replace(FACTS, asked=asked | policy, excluded_namespaces=("x",))).spec
    assert spec.include_cluster_resources is False
    assert spec.label_selector is not None
    assert spec.label_selector.match_labels == {"app": "web"}
    assert spec.excluded_namespaces == ["x"]
    assert spec.resource_policy is None, "it is a ConfigMap of where the backup was taken"


def test_a_backup_of_claims_is_compared_as_one() -> None:
    own = {"backupType": "PvBackup", "pvBackup": {"mountedOnly": True}, "allVersions": False}
    document = backup_document(replace(FACTS, asked=own))
    spec = told(read_backup(document, name=FACTS.name, place="x")).spec
    assert (spec.backup_type, spec.pv_backup.mounted_only) == ("PvBackup", True)
    assert not spec.all_versions


def test_a_selection_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInput):
        told(replace(FACTS, asked={"labelSelector": {"matchLabels": 1}}))
