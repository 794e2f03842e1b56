"""From a restore's manifest to its request: what is wrong is found before anything is read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubeferry.api.definition import API_VERSION
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.errors import InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.selectors import parse_selector_text
from kubeferry.restore.prepare import CONFIG_MAPS, prepare
from kubeferry.restore.request import RestoreRequest
from kubeferry.sandbox import Sandbox


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Sandbox() as sandbox, Client(ClusterConfig(server=sandbox.server)) as opened:
        yield opened


def restore(**spec: Any) -> ApplicationRestore:
    return read(
        {
            "apiVersion": API_VERSION,
            "kind": "ApplicationRestore",
            "metadata": {"name": "r", "uid": "u"},
            "spec": {"backupName": "b", **spec},
        },
        ApplicationRestore,
    )


async def prepared(client: Client, **spec: Any) -> RestoreRequest:
    return await prepare(restore(**spec), client=client, namespace="csdr")


async def test_every_parameter_arrives(client: Client) -> None:
    request = await prepared(
        client,
        includedNamespaces=["shop"],
        includeClusterResources=False,
        labelSelector={"matchLabels": {"app": "web"}},
        references={"webhooks": False, "subjects": True},
        rewriteServiceNames=True,
        imagePaths={"things.x.io": ["/spec/image"]},
        storageClassMapping={"slow": "fast"},
        convertedarg=[
            {
                "namespace": "shop",
                "persistentVolumeClaim": "data",
                "convertToStorageClassType": "fast",
                "convertToAccessModes": ["ReadWriteOnce"],
                "convertToCapacity": "20Gi",
            }
        ],
        overwriteServiceAnnotations={"a": "b", "c": None},
        overwriteIngressAnnotations={"d": "e"},
        preserveNodePorts=False,
        automatic={"job-selector": False, "claim-volume": True},
        sourceProvider="aws",
        targetProvider="on-prem",
        appRestoreOnly=True,
        existingResourcePolicy="recreate",
        waitForReady="1m30s",
        privilegedResources="Skip",
    )
    assert (request.policy, request.ready_seconds) == ("recreate", 90.0)
    assert request.selection.included_namespaces == ("shop",)
    assert request.selection.cluster is False
    assert request.selection.labels == (parse_selector_text("app=web"),)
    assert request.rewrite_service_names
    assert request.preserve_node_ports is False
    assert request.automatic_off == {"job-selector"}
    assert (request.source_provider, request.target_provider) == ("aws", "on-prem")
    assert request.objects_only
    parameters = request.parameters
    assert parameters.references_off == {"webhooks"}
    assert parameters.image_paths == {"things.x.io": (("spec", "image"),)}
    assert parameters.storage_classes == {"slow": "fast"}
    assert parameters.conversions["shop", "data"].capacity == "20Gi"
    assert parameters.service_annotations == {"a": "b", "c": None}
    assert parameters.ingress_annotations == {"d": "e"}
    assert parameters.skip_privileged


async def test_nothing_said_changes_nothing(client: Client) -> None:
    request = await prepared(client)
    assert request == RestoreRequest(
        name="r",
        uid="u",
        backup="b",
        reserved=request.reserved,
        images=request.images,
        rules_digest=request.rules_digest,
    )
    assert not request.images


async def test_the_rules_digest_is_that_of_what_is_said(client: Client) -> None:
    said = {"storageClassMapping": {"slow": "fast"}}
    first = (await prepared(client, **said)).rules_digest
    assert (await prepared(client, **said)).rules_digest == first
    assert (await prepared(client)).rules_digest != first
    parts = {"archive": "a" * 64, "rules": "b" * 64, "target": "c" * 64, "items": {}}
    planned = await prepared(client, **said, planDigest=parts)
    assert planned.rules_digest == first
    assert planned.plan is not None
    assert planned.plan.archive == "a" * 64


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"includedNamespaces": ["csdr"]}, "spec.includedNamespaces[0]"),
        ({"namespaceMapping": {"a": "kube-system"}}, "spec.namespaceMapping.a"),
        ({"imageRegistryMapping": {"a/b:1": "c"}}, "spec.imageRegistryMapping.a/b:1"),
        ({"imagePaths": {"pods": ["/spec"]}}, "spec.imagePaths.pods"),
        ({"automatic": {"job-selectors": False}}, "spec.automatic.job-selectors"),
        ({"storageClassMapping": {"A": "b"}}, "spec.storageClassMapping.A"),
        (
            {"convertedarg": [{"namespace": "a", "persistentVolumeClaim": "b"}]},
            "spec.convertedarg[0]",
        ),
        (
            {"overwriteIngressAnnotations": {"nginx.org/server-snippets": "x"}},
            "spec.overwriteIngressAnnotations.nginx.org/server-snippets",
        ),
        ({"overwriteServiceAnnotations": {"a b": "x"}}, "spec.overwriteServiceAnnotations.a b"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
async def test_bad_input_is_refused_with_its_field(
    client: Client, spec: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await prepared(client, **spec)
    assert caught.value.place == place


async def test_the_rename_config_map_is_found_by_its_labels(client: Client) -> None:
    labels = {"velero.io/plugin-config": "", "velero.io/change-image-name": "RestoreItemAction"}
    for name, own in (("renames", labels), ("others", {})):
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": own},
            "data": {"row": f"old,{name}"},
        }
        await client.create(CONFIG_MAPS, body, namespace="default")
    request = await prepare(restore(), client=client, namespace="default")
    assert request.images.rename("old/x:1") == "renames/x:1"
    assert [note.reason for note in request.notes] == ["ImagesRenamed"]


async def test_the_config_map_of_versions_is_found_by_its_name(client: Client) -> None:
    assert (await prepare(restore(), client=client, namespace="default")).version_priorities == {}
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "enableapigroupversions"},
        "data": {"restoreResourcesVersionPriority": "gadgets.x.io=v1,v2"},
    }
    await client.create(CONFIG_MAPS, body, namespace="default")
    request = await prepare(restore(), client=client, namespace="default")
    assert request.version_priorities == {"gadgets.x.io": ("v1", "v2")}
