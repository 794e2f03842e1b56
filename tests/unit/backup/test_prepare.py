"""From what a person wrote to a request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.metadata import read
from kubeferry.backup.prepare import CONFIG_MAPS, prepare
from kubeferry.errors import InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.sandbox import Sandbox
from tests.builders import config_map, namespace, obj
from tests.unit.backup.test_run import NAMESPACES

POLICY = "version: v1\nvolumePolicies:\n- conditions: {nfs: {}}\n  action: {type: skip}\n"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Sandbox() as sandbox, Client(ClusterConfig(server=sandbox.server)) as made:
        await made.create(NAMESPACES, namespace("csdr"))
        await made.create(CONFIG_MAPS, config_map("csdr/rules", policies=POLICY), namespace="csdr")
        yield made


def backup(**spec: Any) -> ApplicationBackup:
    made = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", "csdr/nightly")
    made.meta(uid="task-1").with_(spec={"storageLocation": "vault", **spec})
    return read(made, ApplicationBackup)


async def test_a_spec_becomes_a_request(client: Client) -> None:
    given = backup(
        includedNamespaces=["shop-*"],
        includedResources=["deploy"],
        labelSelector={"matchLabels": {"app": "web"}},
        includeClusterResources=False,
        allVersions=False,
        ttl="1h0m0s",
        resourcePolicy={"kind": "ConfigMap", "name": "rules"},
    )
    request = await prepare(given, client=client, namespace="csdr")
    assert (request.name, request.uid, request.location) == ("nightly", "task-1", "vault")
    assert (request.ttl, request.all_versions) == (3600.0, False)
    assert request.selection.included_namespaces == ("shop-*",)
    assert request.selection.labels.queries == ("app=web",)
    assert len(request.selection.volumes.policies.volumes) == 1
    assert request.asked == {
        "includedResources": ["deploy"],
        "labelSelector": {"matchLabels": {"app": "web"}},
        "includeClusterResources": False,
        "resourcePolicy": {"kind": "ConfigMap", "name": "rules"},
        "backupType": "AppAndPvBackup",
        "generatedObjects": "Skip",
        "allVersions": False,
        "pvBackup": {"defaultPvBackup": True},
    }


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param({"ttl": "0s"}, "spec.ttl", id="a time to live of nothing"),
        pytest.param(
            {"includedNamespaces": ["csdr"]}, "'csdr' cannot be backed up", id="its own namespace"
        ),
        pytest.param(
            {"resourcePolicy": {"kind": "ConfigMap", "name": "gone"}},
            "spec.resourcePolicy.name: there is no ConfigMap csdr/gone",
            id="a policy that is not there",
        ),
        pytest.param(
            {"labelSelector": {"matchLabels": {"a": "b"}}, "orLabelSelectors": [{}]},
            "exclude each other",
            id="two sorts of selectors",
        ),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(
    client: Client, spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        await prepare(backup(**spec), client=client, namespace="csdr")
