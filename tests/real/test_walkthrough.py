"""The seed's walkthrough with kubectl alone, on two real control planes that share one vault.

``examples/*.yaml`` are applied unchanged; the steps are in the fixture ``walked``, in the seed's
order, and the tests look at what they left.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.sites import GROUP
from tests.unit.api.seed import seed
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

IMAGE = "registry.cn-beijing.aliyuncs.com/acr-team/nginx:1.14.1-8.6"
LABELS = {
    "app": "nginx",
    "velero.io/backup-name": "nginx-backup",
    "velero.io/restore-name": "nginx-restore",
}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATION = f"{GROUP}/backuplocations"


@dataclass
class Walk:
    """What the walkthrough left behind.

    Attributes:
        archived: the StatefulSet as the source cluster had it when the backup was taken.
        pods: of the restored namespace, before any of them was marked Ready.
        bucket: the vault's bucket as a directory.
    """

    archived: dict[str, Any]
    backup: dict[str, Any]
    restore: dict[str, Any]
    stateful_set: dict[str, Any]
    pods: dict[str, dict[str, Any]]
    bucket: Path

    @property
    def folder(self) -> Path:
        return archives.backup_folder(self.bucket, "nginx-backup")


@pytest.fixture(scope="module")
def walked(source: Site, target: Site, s3: S3Server) -> Iterator[Walk]:
    cluster = source.cluster
    source.example("01-statefulset.yaml")
    for pod in ("web-0", "web-1"):
        until(lambda pod=pod: pod in names(source, "pods"), what=f"the pod {pod} is made")
        cluster.mark_pods_ready("default", "app=nginx")
    assert names(source, "persistentvolumeclaims") == ["www-web-0", "www-web-1"]
    stateful_set = settled(source)
    source.example("02-applicationbackup.yaml")
    backup = source.ended("applicationbackup", "nginx-backup")
    assert backup["status"]["phase"] == "Completed", backup["status"]

    target.example("03-resource-modifier.yaml")
    target.example("04-backuplocation.yaml")
    until(
        lambda: target.phase("applicationbackup", "nginx-backup") == "Completed",
        what="the backup appears in the restore cluster",
    )
    target.example("05-applicationrestore.yaml")
    restore = target.ended("applicationrestore", "nginx-restore")
    assert restore["status"]["phase"] == "Completed", restore["status"]
    pods = target.cluster.get("pods", "-n", "default1")["items"]
    yield Walk(
        archived=stateful_set,
        backup=backup,
        restore=restore,
        stateful_set=target.cluster.get("statefulset", "web", "-n", "default1"),
        pods={pod["metadata"]["name"]: pod for pod in pods},
        bucket=s3.folder / "cnfs-oss-test",
    )
    cluster.kubectl("delete", "statefulset", "web", "-n", "default", "--wait=false")


def names(site: Site, resource: str, namespace: str = "default") -> list[str]:
    listed = site.cluster.kubectl("get", resource, "-n", namespace, "-o", "name")
    return sorted(line.partition("/")[2] for line in listed.split())


def settled(site: Site) -> dict[str, Any]:
    """The StatefulSet once its controller has nothing more to say about it."""

    def ready() -> dict[str, Any] | None:
        found: dict[str, Any] = site.cluster.get("statefulset", "web", "-n", "default")
        return found if found["status"].get("readyReplicas") == 2 else None

    found = until(ready, what="both pods are ready")
    assert found is not None
    return found


def without_server_fields(obj: dict[str, Any]) -> dict[str, Any]:
    """An object as it was archived: what a status controller writes later is left out."""
    copy = deepcopy(obj)
    for field in ("managedFields", "resourceVersion"):
        copy["metadata"].pop(field, None)
    del copy["status"]
    return copy


@pytest.mark.parametrize(
    ("site", "resource", "name"),
    [
        pytest.param("source", "applicationbackup", "nginx-backup", id="backup"),
        pytest.param("target", "applicationbackup", "nginx-backup", id="backup that was synced"),
        pytest.param("target", "applicationrestore", "nginx-restore", id="restore"),
    ],
)
def test_kubectl_get_prints_name_phase_and_age(
    walked: Walk, request: pytest.FixtureRequest, site: str, resource: str, name: str
) -> None:
    cluster = request.getfixturevalue(site).cluster
    header, line = cluster.kubectl("-n", "csdr", "get", resource, name).splitlines()
    assert header.split() == ["NAME", "PHASE", "AGE"]
    assert line.split()[:2] == [name, "Completed"]
    assert len(line.split()) == 3


def test_the_backup_and_its_side_files_are_in_velero_s_layout(walked: Walk) -> None:
    kinds = [
        "checksums.json",
        "itemoperations.json.gz",
        "logs.gz",
        "podvolumebackups.json.gz",
        "resource-list.json.gz",
        "results.gz",
        "volumeinfo.json.gz",
        "volumesnapshots.json.gz",
    ]
    assert {path.name for path in walked.folder.iterdir()} == {
        "velero-backup.json",
        "nginx-backup.tar.gz",
        *(f"nginx-backup-{kind}" for kind in kinds),
    }
    mark = json.loads((walked.folder / "velero-backup.json").read_text())
    assert (mark["apiVersion"], mark["kind"]) == ("velero.io/v1", "Backup")
    assert mark["metadata"]["name"] == "nginx-backup"
    assert mark["status"]["phase"] == "Completed"
    assert mark["status"]["formatVersion"] == "1.1.0"
    assert mark["spec"]["includedNamespaces"] == ["default"]
    assert archives.unpacked(walked.folder / "nginx-backup-volumeinfo.json.gz") == []
    top = {path.name for path in walked.folder.parent.parent.iterdir()}
    assert top <= {"backups", "restores", "metadata", "restic", "plugins", "kopia"}


def test_the_preferred_version_is_archived_twice(walked: Walk) -> None:
    found = archives.entries(walked.folder)
    order = list(found)
    assert order[0] == "metadata/version"
    assert found["metadata/version"] == b"1.1.0\n"
    bare = "resources/statefulsets.apps/namespaces/default/web.json"
    preferred = "resources/statefulsets.apps/v1-preferredversion/namespaces/default/web.json"
    assert found[bare] == found[preferred]
    assert "resources/namespaces/cluster/default.json" in found
    objects = [path for path in order if path.startswith("resources/")]
    single = {path for path in objects if "-preferredversion/" not in path}
    assert 2 * len(single) == len(objects)


def test_objects_are_archived_as_the_server_sent_them(walked: Walk) -> None:
    found = archives.entries(walked.folder)
    archived = json.loads(found["resources/statefulsets.apps/namespaces/default/web.json"])
    assert (archived["apiVersion"], archived["kind"]) == ("apps/v1", "StatefulSet")
    assert archived["metadata"]["uid"] == walked.archived["metadata"]["uid"]
    assert archived["metadata"]["managedFields"]
    assert archived["status"]["replicas"] == 2
    assert without_server_fields(archived) == without_server_fields(walked.archived)
    for path, body in found.items():
        if path.startswith("resources/"):
            obj = json.loads(body)
            assert obj["apiVersion"], path
            assert obj["kind"], path
            assert obj["metadata"]["uid"], path


def test_the_list_of_every_object_is_the_archive_s_last_entry(walked: Walk) -> None:
    found = archives.entries(walked.folder)
    *_, last = found
    assert last == "metadata/resources.json"
    listed = json.loads(found[last])
    objects = {path for path in found if "-preferredversion/" not in path} - {
        "metadata/version",
        last,
    }
    assert len(listed) == len(objects)
    [web] = [one for one in listed if one["name"] == "web"]
    body = found["resources/statefulsets.apps/namespaces/default/web.json"]
    assert web["namespace"] == "default"
    assert "StatefulSet" in json.dumps(web)
    assert len(body) in web.values()
    assert walked.archived["metadata"]["creationTimestamp"] in web.values()


def test_what_is_never_archived_is_not_in_the_archive(walked: Walk) -> None:
    paths = list(archives.entries(walked.folder))
    assert not [path for path in paths if path.endswith("default/kubernetes.json")]
    for generated in ("events", "leases", "controllerrevisions", "kube-root-ca.crt"):
        assert not [path for path in paths if generated in path]
    bare = [path.split("/") for path in paths if "-preferredversion/" not in path]
    inside = {parts[3] for parts in bare if parts[2:3] == ["namespaces"]}
    assert inside == {"default"}


def test_the_status_of_the_backup_says_what_was_done(walked: Walk) -> None:
    status = walked.backup["status"]
    archive = walked.folder / "nginx-backup.tar.gz"
    objects = [
        path
        for path in archives.entries(walked.folder)
        if path.startswith("resources/") and "-preferredversion/" not in path
    ]
    assert status["progress"] == {"itemsDone": len(objects), "totalItems": len(objects)}
    assert status["bytes"] == archive.stat().st_size
    assert status["startTimestamp"] <= status["completionTimestamp"] < status["expiration"]
    assert not status.get("message")


def test_an_annotation_without_network_means_internal(walked: Walk, source: Site) -> None:
    vault = source.cluster.get("backuplocation", "vault", "-n", "csdr")
    assert vault["spec"]["config"] == {"network": "internal", "region": "cn-beijing"}
    assert vault["status"]["phase"] == "Available"


def test_the_stateful_set_is_restored_with_the_four_modifications(walked: Walk) -> None:
    before, after = walked.archived, walked.stateful_set
    template = after["spec"]["template"]["spec"]
    [container] = template["containers"]
    assert after["metadata"]["namespace"] == "default1"
    assert container["image"] == IMAGE
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/data"]
    assert template["affinity"] == {}
    assert after["metadata"]["labels"] == LABELS
    annotations = after["metadata"]["annotations"]
    assert annotations == before["metadata"]["annotations"]
    assert json.loads(annotations[LAST_APPLIED])["metadata"]["namespace"] == "default"
    claims = [one["spec"]["volumeClaimTemplates"] for one in (before, after)]
    assert claims[0] == claims[1]


def test_nothing_else_of_the_stateful_set_is_changed(walked: Walk) -> None:
    expected, spec = deepcopy(walked.archived["spec"]), walked.stateful_set["spec"]
    pod = expected["template"]["spec"]
    pod["affinity"] = {}
    pod["containers"][0]["image"] = IMAGE
    pod["containers"][0]["volumeMounts"][0]["mountPath"] = "/data"
    assert spec == expected


def test_the_pods_are_changed_by_their_own_rule(walked: Walk) -> None:
    assert sorted(walked.pods) == ["web-0", "web-1"]
    for pod in walked.pods.values():
        [container] = pod["spec"]["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert container["image"] == IMAGE
        assert mounts["www"] == "/data"
        assert "affinity" not in pod["spec"]
        assert "nodeName" not in pod["spec"]
        assert LABELS.items() <= pod["metadata"]["labels"].items()


def test_the_report_lists_the_target_images_that_must_exist(walked: Walk) -> None:
    assert walked.restore["status"]["images"] == [IMAGE]
    told = {image for line in restore_lines(walked) for image in line.get("images", ())}
    assert told == {IMAGE}


def restore_lines(walked: Walk) -> list[dict[str, Any]]:
    return archives.restore_items(walked.bucket, "nginx-restore")


def test_each_change_is_told_with_its_cause(walked: Walk) -> None:
    [web] = [line for line in restore_lines(walked) if line["source"][0] == "statefulsets.apps"]
    assert web["action"] == "created"
    causes = {(one["pointer"], one["mechanism"]) for one in web["changes"]}
    assert ("/metadata/namespace", "parameter") in causes
    assert ("/spec/template/spec/containers/0/image", "parameter") in causes
    assert ("/spec/template/spec/affinity/nodeAffinity", "modifier") in causes
    mount = "/spec/template/spec/containers/0/volumeMounts/0/mountPath"
    assert (mount, "modifier") in causes
    [mapped] = [one for one in web["changes"] if one["pointer"] == "/metadata/namespace"]
    assert (mapped["old"], mapped["new"]) == ("default", "default1")


def test_the_counts_are_those_of_the_journal(walked: Walk) -> None:
    lines = restore_lines(walked)
    status = walked.restore["status"]
    assert sum(status["counts"].values()) == len(lines) == status["progress"]["itemsDone"]
    assert status["progress"]["totalItems"] == len(lines)
    created = [line for line in lines if line["action"] == "created"]
    assert status["counts"]["created"] == len(created)
    assert len({tuple(line["source"]) for line in lines}) == len(lines)


def test_a_backup_taken_later_appears_in_the_restore_cluster(
    walked: Walk, source: Site, target: Site
) -> None:
    later = seed("02-applicationbackup.yaml")
    later["metadata"] = {"name": "later", "namespace": "csdr"}
    source.apply(later)
    assert source.ended("applicationbackup", "later")["status"]["phase"] == "Completed"
    until(
        lambda: target.phase("applicationbackup", "later") == "Completed",
        what="the later backup appears in the restore cluster",
    )
    synced = target.task("applicationbackup", "later")
    assert synced["metadata"]["annotations"] == {f"{GROUP}/synced-from": "vault"}
    assert synced["spec"]["includedNamespaces"] == ["default"]
    taken = source.task("applicationbackup", "later")
    for field in ("startTimestamp", "completionTimestamp", "expiration", "bytes", "progress"):
        assert synced["status"][field] == taken["status"][field]


def test_a_region_other_than_the_vault_s_first_one_is_refused(walked: Walk, target: Site) -> None:
    identity = json.loads((walked.bucket / "subpath/metadata/kubeferry-vault.json").read_text())
    assert identity["region"] == "cn-beijing"
    moved = walked.bucket / "moved" / "metadata"
    moved.mkdir(parents=True)
    (moved / "kubeferry-vault.json").write_text(json.dumps(identity | {"region": "cn-hangzhou"}))
    elsewhere = seed("04-backuplocation.yaml")
    elsewhere["metadata"]["name"] = "elsewhere"
    elsewhere["spec"]["objectStorage"]["prefix"] = "moved"
    target.apply(elsewhere)
    until(
        lambda: target.phase("backuplocation", "elsewhere") == "Unavailable",
        what="the vault of another region is unavailable",
    )
    message = target.cluster.get("backuplocation", "elsewhere", "-n", "csdr")["status"]["message"]
    assert "created with region 'cn-hangzhou', not 'cn-beijing'" in message
    target.cluster.kubectl("delete", "backuplocation", "elsewhere", "-n", "csdr")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        pytest.param("bucket", "other-bucket", "bucket is 'cnfs-oss-test' there", id="bucket"),
        pytest.param("region", "cn-hangzhou", "region is 'cn-beijing' there", id="region"),
        pytest.param("network", "public", "network is 'internal' there", id="network"),
        pytest.param("prefix", "elsewhere", "prefix is 'subpath' there", id="prefix"),
    ],
)
def test_an_annotation_that_differs_from_the_registered_vault_fails_the_task(
    walked: Walk, source: Site, field: str, value: str, said: str
) -> None:
    task = seed("02-applicationbackup.yaml")
    annotated = json.loads(task["metadata"]["annotations"][ANNOTATION])
    task["metadata"]["annotations"][ANNOTATION] = json.dumps(annotated | {field: value})
    task["metadata"]["name"] = f"differs-{field}"
    source.apply(task)
    status = source.ended("applicationbackup", f"differs-{field}")["status"]
    assert status["phase"] == "Failed"
    assert "the annotation differs from the registered vault" in status["message"]
    assert said in status["message"]


def test_a_backup_of_a_reserved_namespace_fails_and_leaves_nothing(
    walked: Walk, source: Site
) -> None:
    task = seed("02-applicationbackup.yaml")
    task["metadata"] = {"name": "reserved", "namespace": "csdr"}
    task["spec"]["includedNamespaces"] = ["default", "kube-system"]
    source.apply(task)
    status = source.ended("applicationbackup", "reserved")["status"]
    assert status["phase"] == "Failed"
    assert "spec.includedNamespaces[1]" in status["message"]
    assert "'kube-system' cannot be backed up" in status["message"]
    assert not archives.backup_folder(walked.bucket, "reserved").exists()


def test_the_data_of_a_bound_claim_is_missed_and_told(
    walked: Walk, source: Site, target: Site
) -> None:
    cluster = source.cluster
    cluster.kubectl("create", "namespace", "volumes")
    source.apply(persistent_volume("disk", claim="volumes/data"))
    source.apply(claim("data", namespace="volumes", volume="disk"))
    path = "jsonpath={.status.phase}"
    asked = ("get", "persistentvolumeclaim", "data", "-n", "volumes", "-o", path)
    until(lambda: cluster.kubectl(*asked) == "Bound", what="the claim is bound")
    source.apply(mounting("data", namespace="volumes"))

    source.back_up("volumes", "vault", "volumes")
    status = source.ended("applicationbackup", "volumes")["status"]
    assert status["phase"] == "PartiallyFailed"
    assert (status["errors"], status["warnings"]) == (1, 0)
    assert "persistentvolumeclaims volumes/data" in status["message"]
    assert "takes no volume data" in status["message"]
    folder = archives.backup_folder(walked.bucket, "volumes")
    [entry] = archives.unpacked(folder / "volumes-volumeinfo.json.gz")
    assert entry["skipped"] is True
    assert (entry["pvcNamespace"], entry["pvcName"], entry["pvName"]) == ("volumes", "data", "disk")
    assert entry["pvInfo"] == {"reclaimPolicy": "Retain", "labels": {}}
    assert "resources/persistentvolumes/cluster/disk.json" in archives.entries(folder)

    source.back_up("no-volumes", "vault", "volumes", pvBackup={"defaultPvBackup": False})
    status = source.ended("applicationbackup", "no-volumes")["status"]
    assert status["phase"] == "Completed"


def mounting(claim: str, *, namespace: str) -> dict[str, Any]:
    """A pod: an application's backup asks for the data of mounted claims alone."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader", "namespace": namespace},
        "spec": {
            "containers": [{"name": "main", "image": "nginx:1"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def persistent_volume(name: str, *, claim: str) -> dict[str, Any]:
    namespace, _, claimed = claim.partition("/")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "claimRef": {"namespace": namespace, "name": claimed},
            "hostPath": {"path": "/nowhere"},
        },
    }


def claim(name: str, *, namespace: str, volume: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "",
            "volumeName": volume,
        },
    }
