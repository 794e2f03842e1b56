"""What modifiers may not change (ack-backup-center.md §2.3.3)."""

import copy
from typing import Any

import pytest

from kubeferry.transform.modifiers.protected import Guard, widened_by
from kubeferry.transform.patch.json_patch import apply_json_patch

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "1"}},
    "spec": {
        "serviceAccountName": "web",
        "securityContext": {},
        "volumes": [
            {"name": "host", "hostPath": {"path": "/var"}},
            {"name": "data", "emptyDir": {}},
        ],
        "containers": [
            {"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]},
            {"name": "b", "image": "b:1"},
        ],
    },
}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def refused(obj: dict[str, Any], operation: dict[str, Any], kind: str = "pods") -> str:
    note = Guard(kind).refuse(obj, apply_json_patch(obj, [operation]))
    return "" if note is None else note.message


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        pytest.param(add("/apiVersion", "v2"), "/apiVersion", id="apiVersion"),
        pytest.param(add("/kind", "Job"), "/kind", id="kind"),
        pytest.param(add("/metadata/name", "x"), "/metadata/name", id="name"),
        pytest.param(add("/metadata/namespace", "x"), "/metadata/namespace", id="namespace"),
        pytest.param(add("/metadata", {"name": "x"}), "/metadata/name", id="the whole metadata"),
        pytest.param(add("/spec/hostNetwork", True), "/spec/hostNetwork", id="host network"),
        pytest.param(add("/spec/hostPID", True), "/spec/hostPID", id="host processes"),
        pytest.param(
            add("/spec/securityContext", {"runAsUser": 0}),
            "/spec/securityContext",
            id="pod context",
        ),
        pytest.param(
            {"op": "remove", "path": "/spec/serviceAccountName"},
            "/spec/serviceAccountName",
            id="the account",
        ),
        pytest.param(
            add("/spec/containers/1/securityContext", {"privileged": True}),
            "/spec/containers",
            id="a privileged container",
        ),
        pytest.param(
            add("/spec/containers/0/ports/0/hostPort", 80), "/spec/containers", id="a host port"
        ),
        pytest.param(
            add("/spec/containers/-", {"name": "c", "image": "c"}),
            "/spec/containers",
            id="another container",
        ),
        pytest.param(
            add("/spec/initContainers", [{"name": "c"}]),
            "/spec/initContainers",
            id="an init container",
        ),
        pytest.param(
            add("/spec/volumes/-", {"name": "x", "hostPath": {"path": "/"}}),
            "/spec/volumes",
            id="a host volume",
        ),
        pytest.param(
            add("/spec/volumes/0/hostPath/path", "/"), "/spec/volumes", id="another host path"
        ),
        pytest.param(
            add("/spec", {**POD["spec"], "hostIPC": True}), "/spec/hostIPC", id="the whole spec"
        ),
        pytest.param(
            {"op": "copy", "from": "/metadata/labels", "path": "/spec/securityContext"},
            "/spec/securityContext",
            id="by a copy",
        ),
    ],
)
def test_refused(operation: dict[str, Any], field: str) -> None:
    assert f"a modifier changes {field};" in refused(POD, operation)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(add("/metadata/labels/b", "2"), id="a label"),
        pytest.param(add("/spec/containers/0/image", "a:2"), id="an image"),
        pytest.param(add("/spec/containers/0/env", []), id="the environment"),
        pytest.param({"op": "remove", "path": "/spec/containers/1"}, id="a container less"),
        pytest.param({"op": "remove", "path": "/spec/volumes/0"}, id="a host volume less"),
        pytest.param(add("/spec/volumes/1/emptyDir", {"medium": "Memory"}), id="another volume"),
        pytest.param(add("/spec", copy.deepcopy(POD["spec"])), id="the same spec again"),
    ],
)
def test_allowed(operation: dict[str, Any]) -> None:
    assert refused(POD, operation) == ""


@pytest.mark.parametrize(
    ("kind", "obj", "path"),
    [
        ("persistentvolumeclaims", {"spec": {"storageClassName": "a"}}, "/spec/storageClassName"),
        ("persistentvolumes", {"spec": {"csi": {"driver": "a"}}}, "/spec/csi/driver"),
        ("roles.rbac.authorization.k8s.io", {"rules": []}, "/rules"),
        ("rolebindings.rbac.authorization.k8s.io", {"subjects": []}, "/subjects"),
        ("secrets", {"data": {"a": "eA=="}}, "/data/a"),
        (
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            {"webhooks": [{"name": "a"}]},
            "/webhooks/0/name",
        ),
        (
            "apiservices.apiregistration.k8s.io",
            {"spec": {"service": {"name": "a"}}},
            "/spec/service/name",
        ),
        (
            "customresourcedefinitions.apiextensions.k8s.io",
            {"spec": {"conversion": {"strategy": "None"}}},
            "/spec/conversion/strategy",
        ),
        (
            "cronjobs.batch",
            {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"hostNetwork": False}}}}}},
            "/spec/jobTemplate/spec/template/spec/hostNetwork",
        ),
    ],
)
def test_refused_by_kind(kind: str, obj: dict[str, Any], path: str) -> None:
    assert refused(obj, add(path, "x"), kind)
    assert not refused({**obj, "note": 1}, add("/note", 2), kind)


def test_labels_of_claim_templates_are_free_and_their_storage_is_not() -> None:
    obj = {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "a"}, "spec": {"x": 1}}]}}
    template = "/spec/volumeClaimTemplates/0"
    kind = "statefulsets.apps"
    assert not refused(obj, add(f"{template}/metadata/labels", {"a": "1"}), kind)
    assert "storage class conversion" in refused(obj, add(f"{template}/spec/x", 2), kind)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            {"volumes": []},
            {"volumes": [{"name": "n", "nfs": {"server": "x", "path": "/"}}]},
            id="a volume of the network",
        ),
        pytest.param(
            {"volumes": [{"name": "p", "emptyDir": {}}]},
            {"volumes": [{"name": "p", "projected": {"sources": []}}]},
            id="a projected volume",
        ),
        pytest.param(
            {"volumes": [{"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {"a": 1}}}}]},
            {"volumes": [{"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {"a": 2}}}}]},
            id="the claim of an ephemeral volume",
        ),
        pytest.param(
            {"volumes": [{"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]},
            {
                "volumes": [
                    {
                        "name": "e",
                        "ephemeral": {
                            "volumeClaimTemplate": {
                                "metadata": {
                                    "annotations": {"volume.beta.kubernetes.io/storage-class": "x"}
                                },
                                "spec": {},
                            }
                        },
                    }
                ]
            },
            id="the class of an ephemeral volume, by the annotation",
        ),
        pytest.param(
            {"containers": [{"name": "a", "livenessProbe": {"httpGet": {"port": 1}}}]},
            {"containers": [{"name": "a", "livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}]},
            id="a probe of another host",
        ),
        pytest.param(
            {"containers": [{"name": "a"}]},
            {
                "containers": [
                    {"name": "a", "lifecycle": {"preStop": {"tcpSocket": {"host": "10.0.0.1"}}}}
                ]
            },
            id="a handler that asks another host",
        ),
        pytest.param(
            {"containers": [{"name": "a"}]},
            {"containers": [{"name": "a"}], "ephemeralContainers": [{"name": "b"}]},
            id="an ephemeral container",
        ),
    ],
)
def test_the_standards_fields_and_claims_of_pods_are_protected(before: Any, after: Any) -> None:
    guard = Guard("pods")
    assert guard.refuse({"spec": before}, {"spec": after}) is not None
    if "containers" in before:
        taken_out = {"spec": {**after, "containers": []}}
        assert guard.refuse({"spec": after}, taken_out) is None


def test_pods_of_custom_resources_are_protected_where_workloads_have_theirs() -> None:
    obj = {"spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a"}]}}}}
    kind = "clonesets.apps.kruise.io"
    assert "hostPID" in refused(obj, add("/spec/template/spec/hostPID", True), kind)
    context = add("/spec/template/spec/containers/0/securityContext", {"privileged": True})
    assert "containers" in refused(obj, context, kind)
    assert not refused(obj, add("/spec/replicas", 2), kind)
    assert not refused(obj, add("/spec/template/spec/containers/0/image", "b"), kind)


PROFILE = "container.apparmor.security.beta.kubernetes.io/a"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("pods", ("metadata",)),
        ("deployments.apps", ("spec", "template", "metadata")),
        ("cronjobs.batch", ("spec", "jobTemplate", "spec", "template", "metadata")),
    ],
)
@pytest.mark.parametrize("before", [None, {"annotations": {PROFILE: "runtime/default"}}])
def test_profiles_in_annotations_are_protected_and_others_are_free(
    kind: str, path: tuple[str, ...], before: Any
) -> None:
    def around(inner: Any) -> Any:
        for key in reversed(path):
            inner = {key: inner}
        return inner

    annotations = {} if before is None else before["annotations"]
    free = {"annotations": {**annotations, "other": "x"}, "labels": {"a": "b"}}
    changed = {"annotations": {PROFILE: "unconfined"}}
    guard = Guard(kind)
    assert guard.refuse(around(before), around(free)) is None
    note = guard.refuse(around(before), around(changed))
    assert note is not None
    assert f"/{'/'.join(path)}/annotations;" in note.message


@pytest.mark.parametrize(
    ("kind", "field", "key"),
    [
        ("persistentvolumeclaims", "annotations", "volume.beta.kubernetes.io/storage-class"),
        ("persistentvolumes", "annotations", "volume.beta.kubernetes.io/mount-options"),
        ("persistentvolumes", "annotations", "pv.beta.kubernetes.io/gid"),
        (
            "clusterroles.rbac.authorization.k8s.io",
            "labels",
            "rbac.authorization.k8s.io/aggregate-to-admin",
        ),
    ],
)
def test_one_label_or_annotation_is_protected_and_others_are_free(
    kind: str, field: str, key: str
) -> None:
    before: dict[str, Any] = {"metadata": {"name": "a"}}
    guard = Guard(kind)
    assert guard.refuse(before, {"metadata": {"name": "a", field: {"other": "x"}}}) is None
    assert guard.refuse(before, {"metadata": {"name": "a", field: {key: "x"}}}) is not None


@pytest.mark.parametrize(
    ("field", "path", "is_refused"),
    [
        ("pods:/spec/nodeName", "/spec/nodeName", True),
        ("pods:/spec/nodeName", "/spec/hostname", False),
        ("*:/metadata/labels/a", "/metadata/labels/a", True),
        ("*:/metadata/labels/b~1c", "/metadata/labels/b~1c", True),
        ("*.apps:/spec/nodeName", "/spec/nodeName", False),
        ("pods:/spec/containers/0/image", "/spec/containers/1/image", True),
    ],
)
def test_an_administrator_protects_more(field: str, path: str, is_refused: bool) -> None:
    guard = Guard("pods", widened_by([field]))
    note = guard.refuse(POD, apply_json_patch(POD, [add(path, "x")]))
    assert (note is not None) is is_refused
    if note is not None:
        assert "this cluster's administrator protects it" in note.message


def test_an_administrator_may_name_a_kind_as_it_was_called_before_an_upgrade() -> None:
    widened = widened_by(["deployments.extensions:/spec/replicas"])
    before, after = {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}
    guard = Guard("deployments.apps", widened, "deployments.extensions")
    assert guard.refuse(before, after) is not None
    assert Guard("deployments.apps", widened).refuse(before, after) is None
