"""A backup of a cluster with Alibaba's FlexVolumes, restored into one with CSI."""

import time
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.foreign import writer
from tests.foreign.writer import Backup, Item, Volume

DISK = Volume("shop/data", "d-bp1", reclaim_policy="Retain")
NAS = {
    "driver": "alicloud/nas",
    "options": {"server": "x.nas.example.com", "path": "/k8s", "vers": "3"},
}


def template(app: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {
            "containers": [{"name": app, "image": "nginx"}],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "files", "flexVolume": NAS},
            ],
        },
    }


def items() -> list[Item]:
    pod = template("web") | {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] |= {"name": "alone", "namespace": "shop"}
    return [
        Item(
            "storageclasses.storage.k8s.io",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "alicloud-disk-b"},
                "provisioner": "alicloud/disk",
                "parameters": {"type": "cloud_ssd", "zoneid": "cn-hangzhou-b"},
            },
        ),
        Item(
            "persistentvolumes",
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {
                    "name": "d-bp1",
                    "labels": {"failure-domain.beta.kubernetes.io/zone": "cn-hangzhou-b"},
                },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": {"storage": "20Gi"},
                    "claimRef": {"namespace": "shop", "name": "data", "uid": "1"},
                    "flexVolume": {"driver": "alicloud/disk", "options": {"volumeId": "d-bp1"}},
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": "alicloud-disk-b",
                },
            },
        ),
        Item(
            "persistentvolumeclaims",
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": "data",
                    "namespace": "shop",
                    "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
                },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "20Gi"}},
                    "storageClassName": "alicloud-disk-b",
                    "volumeName": "d-bp1",
                },
                "status": {"phase": "Bound"},
            },
        ),
        Item("pods", pod),
        Item(
            "deployments.apps",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": template("web"),
                },
            },
        ),
    ]


@pytest.fixture(scope="module")
def restored(machine: Machine) -> Machine:
    writer.write(machine.folder / "vaults" / "flex", Backup("flex", items(), volumes=[DISK]))
    made = machine.ferry(
        "restore", "vault", "create", "disk", "--provider", "local", "--bucket", "flex", "--wait"
    )
    assert made.exit_code == 0, made.output
    until = time.monotonic() + 20
    while machine.ferry("restore", "backup", "get", "flex").exit_code:
        assert time.monotonic() < until
        time.sleep(0.2)
    done = machine.ferry(
        "restore", "restore", "create", "flex", "--from-backup", "flex",
        "--namespace-mapping", "shop=shop2", "--wait", "--timeout", "60s",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    # One: Velero has no checksums; one: of which cloud a target without nodes is is not known.
    assert "Completed (8 created, 4 warnings)" in done.output
    return machine


def test_volume_and_class_are_those_of_the_csi_driver(restored: Machine) -> None:
    volume = restored.objects("restore", "persistentvolumes", "")["d-bp1"]
    assert "flexVolume" not in volume["spec"]
    assert volume["spec"]["csi"]["driver"] == "diskplugin.csi.alibabacloud.com"
    assert volume["spec"]["csi"]["volumeHandle"] == "d-bp1"
    assert volume["spec"]["claimRef"]["namespace"] == "shop2"
    found = restored.objects("restore", "storageclasses", "")["alicloud-disk-b"]
    assert found["provisioner"] == "diskplugin.csi.alibabacloud.com"
    assert found["parameters"] == {"type": "cloud_ssd", "zoneId": "cn-hangzhou-b"}
    claim = restored.objects("restore", "persistentvolumeclaims", "shop2")["data"]
    assert claim["spec"]["volumeName"] == "d-bp1"


def test_pod_and_workload_share_the_claim_that_was_added(restored: Machine) -> None:
    claims = restored.objects("restore", "persistentvolumeclaims", "shop2")
    [added] = [claim for name, claim in claims.items() if name != "data"]
    volume = restored.objects("restore", "persistentvolumes", "")[added["spec"]["volumeName"]]
    assert volume["spec"]["csi"]["volumeAttributes"] == {
        "server": "x.nas.example.com",
        "path": "/k8s",
    }
    assert volume["spec"]["mountOptions"] == ["nolock,tcp,noresvport", "vers=3"]
    assert volume["metadata"]["labels"]["velero.io/restore-name"] == "flex"
    deployment = restored.objects("restore", "deployments", "shop2")["web"]
    pod = restored.objects("restore", "pods", "shop2")["alone"]
    for spec in (pod["spec"], deployment["spec"]["template"]["spec"]):
        named = {one["name"]: one.get("persistentVolumeClaim") for one in spec["volumes"]}
        assert named["files"] == {"claimName": added["metadata"]["name"]}
