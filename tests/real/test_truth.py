"""Whether reports are true, on real API servers with their controllers: what is gone again, which
rollouts follow, what was granted, and the events of a task.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from kubeferry.controller import phrases
from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "truth"
SHOP = "tr-shop"
RBAC = "rbac.authorization.k8s.io"
MODIFIER = """
version: v1
resourceModifierRules:
- conditions: {groupResource: deployments.apps, resourceNameRegex: ^web$}
  patches:
  - {operation: replace, path: /spec/template/spec/containers/0/image, value: other.io/web:2}
"""


def named(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    api_version, _, kind = kind.rpartition("/")
    about = {"name": name, "namespace": SHOP} | fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": about, **fields}


def deployment(name: str, **pod: Any) -> dict[str, Any]:
    container = {"name": "web", "image": "old.example.com/web:1"}
    labels = {"app": name}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [container], **pod},
        },
    }
    return named("apps/v1/Deployment", name, spec=spec)


OBJECTS = (
    named("v1/ServiceAccount", "robot"),
    named("v1/ConfigMap", "taken", data={"a": "1"}),
    named("v1/ConfigMap", "kept", data={"a": "1"}),
    named(
        f"{RBAC}/v1/RoleBinding",
        "robot-edits",
        roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"},
        subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": SHOP}],
    ),
    deployment("web"),
    deployment("same", hostNetwork=True),
)


@pytest.fixture(scope="module")
def backup(source: Site, target: Site) -> Iterator[str]:
    """A backup that the target knows."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    source.cluster.kubectl("create", "namespace", SHOP)
    for one in OBJECTS:
        source.apply(one)
    until(
        lambda: len(replica_sets(source, SHOP, "web") + replica_sets(source, SHOP, "same")) == 2,
        what="the Deployments have their ReplicaSets",
    )
    source.back_up("tr-backup", VAULT, SHOP)
    assert source.ended("applicationbackup", "tr-backup")["status"]["phase"] == "Completed"
    until(
        lambda: target.phase("applicationbackup", "tr-backup") == "Completed",
        what="the backup appears in the other cluster",
    )
    yield "tr-backup"
    for site, namespace in ((source, SHOP), (target, "tr-gone"), (target, "tr-rolls")):
        site.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def replica_sets(site: Site, namespace: str, app: str) -> list[str]:
    return site.cluster.kubectl(
        "get", "replicasets", "-n", namespace, "-l", f"app={app}", "-o", "name"
    ).split()


def events_of(site: Site, kind: str, name: str) -> list[tuple[str, str, str]]:
    """Type, reason and message of a task's events, as ``kubectl get events`` has them."""
    found = site.cluster.kubectl(
        "get", "events", "-n", "csdr", "-o", "json",
        "--field-selector", f"involvedObject.kind={kind},involvedObject.name={name}",
    )  # fmt: skip
    return [(one["type"], one["reason"], one["message"]) for one in json.loads(found)["items"]]


@pytest.fixture(scope="module")
def lost(backup: str, target: Site) -> Mapping[str, Any]:
    """A restore that waits for Deployments, which never become ready here. Meanwhile an operator
    gives an object an owner that is not there: the garbage collector takes it.
    """
    mapping = {SHOP: "tr-gone"}
    target.restore("tr-gone", backup, namespaceMapping=mapping, waitForReady="15s")
    asked = ("get", "configmap", "taken", "-n", "tr-gone", "-o", "name", "--ignore-not-found")
    until(lambda: bool(target.cluster.kubectl(*asked).strip()), what="the object is restored")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": str(uuid4())}
    patch = json.dumps({"metadata": {"ownerReferences": [owner]}})
    target.cluster.kubectl("patch", "configmap/taken", "-n", "tr-gone", "--type=merge", "-p", patch)
    return target.ended("applicationrestore", "tr-gone", seconds=90.0)


def test_what_a_controller_deletes_behind_a_restore_s_back_is_an_error(
    lost: Mapping[str, Any], s3: S3Server
) -> None:
    status = lost["status"]
    assert status["phase"] == "PartiallyFailed"
    assert status["message"].startswith(f"{phrases.OBJECTS}: ")
    assert {"outcome": "failed", "reason": "Gone", "count": 1} in status["reasons"]
    lines = archives.restore_items(s3.folder / "cnfs-oss-test", "tr-gone", VAULT)
    told = {f"{one['target'][0]}/{one['target'][2]}": one for one in lines}
    gone = [what for what, one in told.items() if one.get("reason") == "Gone"]
    assert gone == ["configmaps/taken"]
    assert status["counts"]["failed"] == 1
    assert status["counts"]["created"] == sum(one["action"] == "created" for one in told.values())


def test_a_task_s_events_tell_its_course_its_first_errors_and_its_end(
    lost: Mapping[str, Any], target: Site
) -> None:
    found = events_of(target, "ApplicationRestore", "tr-gone")
    assert ("Normal", "Started", "begun") in found
    assert ("Normal", "Progress", "wave 1: definitions and namespaces") in found
    assert ("Warning", "Gone") in {one[:2] for one in found}
    assert ("Warning", "PartiallyFailed") in {one[:2] for one in found}
    assert len(found) < 30
    shown = target.cluster.kubectl("describe", "applicationrestore", "tr-gone", "-n", "csdr")
    assert "PartiallyFailed  " in shown.partition("Events:")[2]


@pytest.fixture(scope="module")
def rolled(backup: str, target: Site) -> Mapping[str, Any]:
    """A restore whose modifier changes one Deployment and not its ReplicaSet."""
    rules = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"modifier": MODIFIER}}
    about = {"name": "tr-resource-modifier", "namespace": "csdr"}
    target.apply(rules | {"metadata": about})
    target.restore(
        "tr-rolls",
        backup,
        namespaceMapping={SHOP: "tr-rolls"},
        imageRegistryMapping={"old.example.com": "new.io/a"},
        resourceModifier={"kind": "configmap", "name": "tr-resource-modifier"},
    )
    return target.ended("applicationrestore", "tr-rolls")


def test_rollouts_are_foretold_as_the_real_controller_makes_them(
    rolled: Mapping[str, Any], target: Site
) -> None:
    status = rolled["status"]
    assert status["phase"] == "Completed", status
    [told] = status["rollouts"]
    assert told.startswith("deployments.apps tr-rolls/web: ReplicaSet web-")
    assert told.endswith("(/spec/template/spec/containers/0/image): its 2 pods are replaced")
    until(
        lambda: len(replica_sets(target, "tr-rolls", "web")) == 2,
        what="the Deployment that was changed alone makes a ReplicaSet of its own",
    )
    until(
        lambda: (
            target.cluster.get("deployment", "same", "-n", "tr-rolls")["status"].get(
                "observedGeneration"
            )
            == 1
        ),
        what="the other Deployment is looked at",
    )
    assert len(replica_sets(target, "tr-rolls", "same")) == 1


def test_what_a_restore_granted_is_in_its_status(rolled: Mapping[str, Any]) -> None:
    grants = {one["what"]: one for one in rolled["status"]["grants"]}
    assert grants["binding"]["first"] == [
        f"rolebindings.{RBAC} tr-rolls/robot-edits: ClusterRole edit to "
        "ServiceAccount tr-rolls/robot"
    ]
    assert grants["privilegedPod"]["count"] >= 2, "the Deployment and its ReplicaSet"
    assert all("hostNetwork" in text for text in grants["privilegedPod"]["first"])


def test_a_backup_that_fails_has_a_warning_with_acks_words(source: Site, backup: str) -> None:
    source.back_up("tr-none", VAULT, "tr-nowhere")
    status = source.ended("applicationbackup", "tr-none")["status"]
    assert status["phase"] == "Failed"
    assert "get target namespace failed" in status["message"]
    found = events_of(source, "ApplicationBackup", "tr-none")
    assert [message for level, reason, message in found if level == "Warning"] == [
        status["message"]
    ]
    assert ("Normal", "Completed") in {
        one[:2] for one in events_of(source, "ApplicationBackup", backup)
    }
