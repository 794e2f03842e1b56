"""What one object needs, kind by kind: an object in, what it refers to out."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubeferry.backup import related
from kubeferry.backup.related import RULES, TARGETS, aggregated, references, seeks, traces
from kubeferry.backup.relating import ORDER
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import POD_SPEC_PATHS
from tests.builders import Built, obj

CLAIM, SECRET, ACCOUNT = "v1/PersistentVolumeClaim", "v1/Secret", "v1/ServiceAccount"
RBAC = "rbac.authorization.k8s.io/v1"


def pod(*volumes: dict[str, Any], **spec: Any) -> Built:
    named = [{"name": f"v{number}", **volume} for number, volume in enumerate(volumes)]
    return obj("v1/Pod", "shop/web").with_(spec={"volumes": named, **spec})


def claim(phase: str, annotations: dict[str, str] | None = None, **spec: Any) -> Built:
    made = obj(CLAIM, "shop/data").with_(spec=spec, status={"phase": phase})
    return made.meta(annotations=annotations or {})


def volume(**spec: Any) -> Built:
    return obj("v1/PersistentVolume", "disk").with_(spec=spec)


def binding(kind: str, role: str, *subjects: dict[str, str]) -> Built:
    name = "own" if kind == "ClusterRoleBinding" else "shop/own"
    made = obj(f"{RBAC}/{kind}", name).with_(subjects=list(subjects))
    return made.with_(roleRef={"kind": role, "name": "reader"})


def ingress(annotations: dict[str, str] | None = None, **spec: Any) -> Built:
    made = obj("networking.k8s.io/v1/Ingress", "shop/web").with_(spec=spec)
    return made.meta(annotations=annotations or {})


def names(kind: str, given: Built) -> list[str]:
    """What is referred to, in words; in brackets what may well not exist."""
    found = []
    for one in references(kind, given.json):
        kind, namespace, name = one.target
        text = f"{kind.partition('.')[0]} {namespace + '/' if namespace else ''}{name}"
        found.append(text if one.needed else f"({text})")
    return found


@pytest.mark.parametrize(
    ("volumes", "found"),
    [
        pytest.param(
            [{"persistentVolumeClaim": {"claimName": "data"}}],
            ["persistentvolumeclaims shop/data"],
            id="a claim",
        ),
        pytest.param(
            [{"ephemeral": {"volumeClaimTemplate": {}}}],
            ["persistentvolumeclaims shop/web-v0"],
            id="a claim that is made for the pod",
        ),
        pytest.param([{"secret": {"secretName": "key"}}], ["secrets shop/key"], id="a Secret"),
        pytest.param(
            [{"secret": {"secretName": "key", "optional": True}}],
            ["(secrets shop/key)"],
            id="a Secret that need not be there",
        ),
        pytest.param(
            [{"projected": {"sources": [{"secret": {"name": "a"}}, {"configMap": {"name": "b"}}]}}],
            ["secrets shop/a"],
            id="a projected Secret",
        ),
        pytest.param(
            [{"csi": {"driver": "x", "nodePublishSecretRef": {"name": "key"}}}],
            ["secrets shop/key"],
            id="an inline CSI volume's Secret",
        ),
        pytest.param(
            [{"flexVolume": {"driver": "x", "secretRef": {"name": "key"}}}],
            ["secrets shop/key"],
            id="a FlexVolume's Secret",
        ),
        pytest.param(
            [{"azureFile": {"secretName": "key", "shareName": "s"}}],
            ["secrets shop/key"],
            id="an Azure file share's Secret",
        ),
        pytest.param(
            [{"emptyDir": {}}, {"configMap": {"name": "a"}}, {"hostPath": {"path": "/x"}}],
            [],
            id="others need nothing",
        ),
        pytest.param(
            [{"secret": {"secretName": "key"}}, {"secret": {"secretName": "key"}}],
            ["secrets shop/key"],
            id="one thing once",
        ),
        pytest.param([{"csi": {"driver": "x", "nodePublishSecretRef": None}}], [], id="a null"),
    ],
)
def test_what_the_volumes_of_a_pod_name(volumes: list[dict[str, Any]], found: list[str]) -> None:
    assert names("pods", pod(*volumes)) == found


def test_a_pod_names_its_account_and_its_classes() -> None:
    given = pod(serviceAccountName="robot", priorityClassName="high", runtimeClassName="sandboxed")
    assert names("pods", given) == [
        "serviceaccounts shop/robot",
        "priorityclasses high",
        "runtimeclasses sandboxed",
    ]


def test_a_stateful_set_names_the_classes_of_claims_that_it_will_make() -> None:
    templates = [{"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}}, {}]
    given = obj("apps/v1/StatefulSet", "shop/db").with_(spec={"volumeClaimTemplates": templates})
    assert names("statefulsets.apps", given) == ["(storageclasses fast)"]


@pytest.mark.parametrize("kind", sorted(set(POD_SPEC_PATHS) - {"pods"}))
def test_what_makes_pods_needs_what_they_will_need(kind: str) -> None:
    template: Any = {"priorityClassName": "high"}
    for key in reversed(POD_SPEC_PATHS[kind]):
        template = {key: template}
    assert names(kind, obj("v1/Maker", "shop/web").with_(**template)) == ["priorityclasses high"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param(
            claim("Bound", volumeName="disk"), ["persistentvolumes disk"], id="bound to a volume"
        ),
        pytest.param(claim("Lost", volumeName="disk"), [], id="its volume is lost"),
        pytest.param(
            claim("Pending", storageClassName="fast"), ["(storageclasses fast)"], id="waits for one"
        ),
        pytest.param(
            claim("Bound", {"volume.kubernetes.io/storage-provisioner": "x"}, storageClassName="a"),
            ["storageclasses a"],
            id="its class made its volume",
        ),
        pytest.param(
            claim("Bound", storageClassName="manual"),
            ["(storageclasses manual)"],
            id="a class that is but a word",
        ),
        pytest.param(
            claim("Bound", {"volume.beta.kubernetes.io/storage-class": "old"}),
            ["(storageclasses old)"],
            id="a class by annotation",
        ),
        pytest.param(claim("Bound", storageClassName=""), [], id="no class"),
        pytest.param(obj(CLAIM, "shop/data"), [], id="no spec, no status"),
    ],
)
def test_what_a_claim_needs(given: Built, found: list[str]) -> None:
    assert names(related.CLAIMS, given) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param(
            volume(
                csi={
                    "nodeStageSecretRef": {"name": "a", "namespace": "store"},
                    "controllerExpandSecretRef": {"name": "b", "namespace": "store"},
                }
            ),
            ["secrets store/a", "secrets store/b"],
            id="the Secrets of a CSI volume, wherever they are",
        ),
        pytest.param(
            volume(flexVolume={"secretRef": {"name": "a"}}, claimRef={"namespace": "shop"}),
            ["secrets shop/a"],
            id="without a namespace the claim's",
        ),
        pytest.param(
            volume(azureFile={"secretName": "a", "secretNamespace": "store"}),
            ["secrets store/a"],
            id="an Azure file share's Secret",
        ),
        pytest.param(volume(storageClassName="word"), ["(storageclasses word)"], id="its class"),
        pytest.param(
            volume(storageClassName="fast").annotate(pv_kubernetes_io__provisioned__by="x"),
            ["(storageclasses fast)"],
            id="an annotation that is none",
        ),
        pytest.param(
            volume(storageClassName="fast").meta(
                annotations={"pv.kubernetes.io/provisioned-by": "x"}
            ),
            ["storageclasses fast"],
            id="the class that made it",
        ),
        pytest.param(volume(nfs={"server": "x"}), [], id="nothing"),
    ],
)
def test_what_a_volume_needs(given: Built, found: list[str]) -> None:
    assert names(related.VOLUMES, given) == found


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        pytest.param(
            related.CLUSTER_ROLE_BINDINGS,
            binding("ClusterRoleBinding", "ClusterRole"),
            ["clusterroles reader"],
            id="a cluster role binding",
        ),
        pytest.param(
            related.ROLE_BINDINGS,
            binding("RoleBinding", "ClusterRole"),
            ["clusterroles reader"],
            id="a role binding to a cluster role",
        ),
        pytest.param(
            related.ROLE_BINDINGS,
            binding("RoleBinding", "Role"),
            ["roles shop/reader"],
            id="a role binding to a role",
        ),
        pytest.param(
            "ingresses.networking.k8s.io",
            ingress(ingressClassName="nginx"),
            ["ingressclasses nginx"],
            id="an Ingress by its field",
        ),
        pytest.param(
            "ingresses.networking.k8s.io",
            ingress({"kubernetes.io/ingress.class": "nginx"}),
            ["(ingressclasses nginx)"],
            id="an Ingress by its annotation",
        ),
        pytest.param("configmaps", obj("v1/ConfigMap", "shop/a"), [], id="a ConfigMap"),
    ],
)
def test_what_others_need(kind: str, given: Built, found: list[str]) -> None:
    assert names(kind, given) == found


@pytest.mark.parametrize(
    ("subject", "sought"),
    [
        pytest.param(
            {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}, True, id="by its name"
        ),
        pytest.param(
            {"kind": "User", "name": "system:serviceaccount:shop:robot"}, True, id="as a user"
        ),
        pytest.param(
            {"kind": "Group", "name": "system:serviceaccounts:shop"},
            True,
            id="as those of its namespace",
        ),
        pytest.param(
            {"kind": "ServiceAccount", "name": "robot", "namespace": "other"}, False, id="another's"
        ),
        pytest.param({"kind": "User", "name": "ann"}, False, id="a person"),
        pytest.param(
            {"kind": "Group", "name": "system:serviceaccounts"}, False, id="all there are"
        ),
    ],
)
def test_a_binding_seeks_the_accounts_that_it_names(subject: dict[str, str], sought: bool) -> None:
    bound = binding("ClusterRoleBinding", "ClusterRole", subject)
    robot = Identity(related.ACCOUNTS, "shop", "robot")
    left = traces(robot, obj(ACCOUNT, "shop/robot").json)
    found = seeks(related.CLUSTER_ROLE_BINDINGS, bound.json)
    assert bool(set(found) & set(left)) is sought


def test_an_aggregated_role_is_known_by_its_selectors() -> None:
    rule = {"clusterRoleSelectors": [{"matchLabels": {"to": "reader"}}]}
    role = obj(f"{RBAC}/ClusterRole", "reader").with_(aggregationRule=rule)
    [selector] = aggregated(role.json)
    assert selector.matches({"to": "reader"})
    assert traces(Identity(related.CLUSTER_ROLES, "", "reader"), role.json)
    plain = obj(f"{RBAC}/ClusterRole", "plain").json
    assert aggregated(plain) == ()
    assert traces(Identity(related.CLUSTER_ROLES, "", "plain"), plain) == []


def test_the_account_of_a_role_binding_is_in_its_namespace_if_none_is_said() -> None:
    subject = {"kind": "ServiceAccount", "name": "robot"}
    found = seeks(related.ROLE_BINDINGS, binding("RoleBinding", "Role", subject).json)
    assert found == [Identity(related.ACCOUNTS, "shop", "robot")]


def test_a_snapshot_class_seeks_the_storage_classes_of_its_driver() -> None:
    storage = obj("storage.k8s.io/v1/StorageClass", "fast").with_(provisioner="disk.example.com")
    snapshots = obj("snapshot.storage.k8s.io/v1/VolumeSnapshotClass", "x").with_(
        driver="disk.example.com"
    )
    left = traces(Identity(related.STORAGE_CLASSES, "", "fast"), storage.json)
    assert seeks(related.SNAPSHOT_CLASSES, snapshots.json) == left


@pytest.mark.parametrize(
    ("read", "given"),
    [
        pytest.param(
            lambda body: references("pods", body), b'{"metadata":{},"spec":[]}', id="a pod"
        ),
        pytest.param(
            lambda body: references(related.CLAIMS, body),
            b'{"metadata":{},"spec":{"volumeName":{}}}',
            id="a claim",
        ),
        pytest.param(
            lambda body: references("pods", body),
            b'{"metadata":{"name":"a"},"x":' + b"[" * 3000 + b"]" * 3000 + b"}",
            id="nested too deeply",
        ),
        pytest.param(
            lambda body: seeks(related.ROLE_BINDINGS, body),
            b'{"metadata":{},"subjects":[1]}',
            id="a binding",
        ),
    ],
)
def test_what_is_not_what_its_kind_has_is_a_decode_error(
    read: Callable[[bytes], object], given: bytes
) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(given)


def test_what_may_need_a_kind_comes_before_it() -> None:
    assert set(ORDER) == TARGETS | {related.DEFINITIONS, related.NAMESPACES}
    for kind, rule in RULES.items():
        for target in rule.kinds:
            assert kind not in ORDER or ORDER.index(kind) < ORDER.index(target)
