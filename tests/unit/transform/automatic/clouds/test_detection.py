from typing import Any

import pytest

from kubeferry.transform.automatic.clouds.detection import providers, signs

CLASSES = "storageclasses.storage.k8s.io"


def node(provider: str, **labels: str) -> tuple[str, dict[str, Any]]:
    spec = {"providerID": provider} if provider else {}
    return "nodes", {"metadata": {"name": "n", "labels": labels}, "spec": spec}


def annotated(kind: str, *keys: str) -> tuple[str, dict[str, Any]]:
    return kind, {"metadata": {"name": "a", "annotations": dict.fromkeys(keys, "x")}}


def storage_class(driver: str) -> tuple[str, dict[str, Any]]:
    return CLASSES, {"metadata": {"name": "a"}, "provisioner": driver}


def volume(**spec: Any) -> tuple[str, dict[str, Any]]:
    return "persistentvolumes", {"metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize(
    ("objects", "found"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param([node("aws:///a/i-1")], {"aws": "providerID aws:///a/i-1"}, id="AWS"),
        pytest.param([node("gce://p/z/n")], {"gcp": "providerID gce://p/z/n"}, id="GCP"),
        pytest.param([node("azure:///s")], {"azure": "providerID azure:///s"}, id="Azure"),
        pytest.param(
            [node("cn-hangzhou.i-bp1")], {"alibaba": "providerID cn-hangzhou.i-bp1"}, id="ACK"
        ),
        pytest.param([node("")], {"on-prem": "no providerID"}, id="a node nobody knows"),
        pytest.param([node("digitalocean://1")], {}, id="a cloud without a table"),
        pytest.param(
            [node("aws:///a/i-1", **{"node.openshift.io/os_id": "rhcos"})],
            {"aws": "providerID aws:///a/i-1", "openshift": "node.openshift.io/os_id"},
            id="OpenShift on AWS",
        ),
        pytest.param(
            [storage_class("ebs.csi.aws.com")], {"aws": "ebs.csi.aws.com"}, id="provisioner"
        ),
        pytest.param(
            [volume(csi={"driver": "disk.csi.azure.com"})],
            {"azure": "disk.csi.azure.com"},
            id="CSI volume",
        ),
        pytest.param(
            [volume(gcePersistentDisk={"pdName": "x"})],
            {"gcp": "gcePersistentDisk"},
            id="in-tree volume",
        ),
        pytest.param(
            [volume(flexVolume={"driver": "alicloud/nas"})],
            {"alibaba": "alicloud/nas"},
            id="FlexVolume",
        ),
        pytest.param(
            [annotated("services", "service.beta.kubernetes.io/azure-load-balancer-internal")],
            {"azure": "service.beta.kubernetes.io/azure-load-balancer-internal"},
            id="annotation",
        ),
        pytest.param(
            [
                annotated("services", "cloud.google.com/neg", "networking.gke.io/x"),
                storage_class("ebs.csi.aws.com"),
            ],
            {"aws": "ebs.csi.aws.com"},
            id="storage tells more than annotations",
        ),
        pytest.param(
            [storage_class("ebs.csi.aws.com"), storage_class("pd.csi.storage.gke.io")],
            {},
            id="as many of two: nobody knows",
        ),
        pytest.param(
            [storage_class("kubernetes.io/no-provisioner"), storage_class("nfs.csi.k8s.io")],
            {},
            id="drivers of nobody",
        ),
    ],
)
def test_what_objects_tell(objects: list[tuple[str, Any]], found: dict[str, str]) -> None:
    assert providers(one for kind, obj in objects for one in signs(kind, obj)) == found
