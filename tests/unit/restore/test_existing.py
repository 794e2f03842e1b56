from typing import Any

import pytest

from kubeferry.kube.objects import Object
from kubeferry.restore.existing import Policy, Verdict, judge, update_manager
from kubeferry.transform.change import STRIPPED
from tests.builders import Built, config_map, namespace, obj, pod

MANAGER = "kubeferry-1"
KINDS = {
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "Deployment": "deployments.apps",
    "Namespace": "namespaces",
    "PersistentVolume": "persistentvolumes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "PriorityClass": "priorityclasses.scheduling.k8s.io",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
    "StatefulSet": "statefulsets.apps",
}


def judged(ours: Built, live: Object, policy: Policy = "none") -> Verdict:
    return judge(
        ours,
        live,
        archived=ours,
        changes=(STRIPPED,),
        group_resource=KINDS[ours["kind"]],
        policy=policy,
        manager=MANAGER,
    )


def reason(verdict: Verdict) -> tuple[str, str]:
    return verdict.action, verdict.why.reason if verdict.why else ""


def deployment(replicas: int = 1, **more: Any) -> Built:
    return obj("apps/v1/Deployment", "shop/web").with_(spec={"replicas": replicas, **more})


def by(made: Built, manager: str) -> Built:
    return made.meta(managedFields=[{"manager": manager, "operation": "Update"}])


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_what_is_identical_is_left_alone(policy: Policy) -> None:
    found = judged(deployment(), deployment().with_(status={"replicas": 1}), policy)
    assert reason(found) == ("skip", "Identical")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("none", ("skip", "Differs")),
        ("update", ("update", "")),
        ("recreate", ("update", "")),
    ],
)
def test_what_differs_follows_the_policy(policy: Policy, expected: tuple[str, str]) -> None:
    found = judged(deployment(2), deployment(1).meta(resourceVersion="7"), policy)
    assert reason(found) == expected
    assert [(one.pointer, one.old, one.new) for one in found.changes] == [("/spec/replicas", 1, 2)]
    if found.action == "update":
        assert found.patch == {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 2}}
    assert found.why is None or "differs in /spec/replicas and is left" in found.why.message


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("none", ("skip", "Differs")),
        ("update", ("fail", "ImmutableField")),
        ("recreate", ("recreate", "")),
    ],
)
def test_what_no_update_can_change_is_made_anew_only_where_that_is_asked_for(
    policy: Policy, expected: tuple[str, str]
) -> None:
    live = config_map("shop/a", a="old").with_(immutable=True)
    found = judged(config_map("shop/a", a="new"), live, policy)
    assert reason(found) == expected
    if found.action == "recreate":
        assert found.live == live


def test_a_workload_whose_pods_would_not_be_taken_over_is_not_made_anew() -> None:
    live = deployment(selector={"matchLabels": {"app": "old"}})
    found = judged(deployment(selector={"matchLabels": {"app": "new"}}), live, "recreate")
    assert reason(found) == ("fail", "ImmutableField")
    assert found.why is not None
    assert "left behind or deleted: delete it yourself" in found.why.message


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_who_has_a_volume_keeps_it(policy: Policy) -> None:
    def volume(namespace: str) -> Built:
        ref = {"namespace": namespace, "name": "data"}
        return obj("v1/PersistentVolume", "pv-1").with_(spec={"claimRef": ref})

    found = judged(volume("shop-test"), volume("shop"), policy)
    assert reason(found) == ("skip", "Differs")
    assert found.patch is None
    assert found.why is not None
    assert "it is bound to claim shop/data" in found.why.message


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_a_claim_keeps_its_volume(policy: Policy) -> None:
    def claim(volume: str) -> Built:
        return obj("v1/PersistentVolumeClaim", "shop/data").with_(spec={"volumeName": volume})

    found = judged(claim("pv-2"), claim("pv-1"), policy)
    assert reason(found) == ("skip", "Differs")
    assert found.why is not None
    assert "it is bound to volume pv-1" in found.why.message


def stateful(replicas: int, when_scaled: str) -> Built:
    kept = {"whenDeleted": "Retain", "whenScaled": when_scaled}
    spec = {"replicas": replicas, "persistentVolumeClaimRetentionPolicy": kept}
    return obj("apps/v1/StatefulSet", "shop/db").with_(spec=spec)


@pytest.mark.parametrize(
    ("ours", "live", "expected"),
    [
        pytest.param(
            stateful(1, "Delete"), stateful(5, "Delete"), ("fail", "ClaimsAtRisk"), id="there"
        ),
        pytest.param(
            stateful(1, "Delete"), stateful(5, "Retain"), ("fail", "ClaimsAtRisk"), id="brought"
        ),
        pytest.param(stateful(1, "Retain"), stateful(5, "Retain"), ("update", ""), id="kept"),
        pytest.param(stateful(5, "Delete"), stateful(1, "Delete"), ("update", ""), id="scaled up"),
    ],
)
def test_no_update_deletes_claims_by_scaling(
    ours: Built, live: Built, expected: tuple[str, str]
) -> None:
    assert reason(judged(ours, live, "update")) == expected


RBAC = "rbac.authorization.k8s.io/v1"


def binding(name: str, role: str, subject: dict[str, str]) -> Built:
    return obj(f"{RBAC}/ClusterRoleBinding", name).with_(
        roleRef={"kind": "ClusterRole", "name": role}, subjects=[subject]
    )


def group(name: str) -> dict[str, str]:
    return {"kind": "Group", "name": name}


CONTROLLERS = {"kind": "ServiceAccount", "name": "kubeferry-controller", "namespace": "csdr"}


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
@pytest.mark.parametrize(
    ("live", "ours"),
    [
        pytest.param(
            obj(f"{RBAC}/ClusterRole", name).with_(rules=[{"verbs": ["get", "delete"]}]),
            obj(f"{RBAC}/ClusterRole", name).with_(rules=[{"verbs": ["get"]}]),
            id=name,
        )
        for name in ("kubeferry-controller", "kubeferry-viewer", "cluster-admin", "system:node")
    ]
    + [
        pytest.param(binding("x", "a", subject), binding("x", "b", subject), id=str(subject))
        for subject in (
            CONTROLLERS,
            {"kind": "User", "name": "system:serviceaccount:csdr:kubeferry-controller"},
            group("system:serviceaccounts"),
            group("system:serviceaccounts:csdr"),
            group("system:authenticated"),
            group("system:masters"),
        )
    ]
    + [
        pytest.param(
            obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "x.y.z").with_(
                spec={"versions": [{"name": "v1"}, {"name": "v2"}]}
            ),
            obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "x.y.z").with_(
                spec={"versions": [{"name": "v1"}]}
            ),
            id="a definition",
        ),
        pytest.param(
            obj("scheduling.k8s.io/v1/PriorityClass", "system-node-critical").with_(value=2),
            obj("scheduling.k8s.io/v1/PriorityClass", "system-node-critical").with_(value=1),
            id="a class of the cluster",
        ),
    ],
)
def test_what_the_restore_and_the_cluster_stand_on_stays(
    live: Built, ours: Built, policy: Policy
) -> None:
    found = judged(ours, live, policy)
    assert reason(found) == ("skip", "Differs")
    assert found.patch is None
    about = {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    going = judged(ours, {**live, "metadata": about}, policy)
    assert reason(going) == ("skip", "Terminating")


def test_what_gives_rights_to_others_is_made_anew() -> None:
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}
    found = judged(binding("x", "b", subject), binding("x", "a", subject), "recreate")
    assert found.action == "recreate"


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_a_namespace_is_never_changed(policy: Policy) -> None:
    found = judged(namespace("shop").label(a="b"), namespace("shop"), policy)
    assert reason(found) == ("skip", "Differs")


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_an_account_gets_what_it_lacks_whatever_the_policy(policy: Policy) -> None:
    ours = obj("v1/ServiceAccount", "shop/a").with_(imagePullSecrets=[{"name": "pull"}])
    assert reason(judged(ours, obj("v1/ServiceAccount", "shop/a"), policy)) == ("update", "")
    assert reason(judged(ours, ours, policy)) == ("skip", "Identical")


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_what_a_controller_made_is_that_controllers(policy: Policy) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": True}
    live = pod("shop/web-0", image="new").meta(ownerReferences=[owner])
    found = judged(pod("shop/web-0"), live, policy)
    assert reason(found) == ("skip", "Controlled")
    assert found.why is not None
    assert "StatefulSet web" in found.why.message


def test_what_an_earlier_run_created_is_still_to_be_created() -> None:
    assert judged(deployment(2), by(deployment(), MANAGER), "update").action == "create"


def test_what_an_earlier_run_updated_is_updated_without_another_patch() -> None:
    found = judged(deployment(2), by(deployment(2), update_manager(MANAGER)), "update")
    assert (found.action, found.patch) == ("update", None)


@pytest.mark.parametrize(
    ("policy", "action"), [("none", "skip"), ("update", "skip"), ("recreate", "recreate")]
)
def test_what_is_going_is_waited_for_only_where_it_is_made_anew(
    policy: Policy, action: str
) -> None:
    going = config_map("shop/a").meta(deletionTimestamp="2026-01-01T00:00:00Z")
    found = judged(config_map("shop/a"), going, policy)
    assert found.action == action
    assert found.why is None or found.why.reason == "Terminating"


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_what_is_going_and_a_controller_made_is_that_controllers(policy: Policy) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": True}
    going = pod("shop/web-0").meta(ownerReferences=[owner])
    going.meta(deletionTimestamp="2026-01-01T00:00:00Z")
    assert reason(judged(pod("shop/web-0"), going, policy)) == ("skip", "Controlled")


def test_another_version_is_not_compared() -> None:
    live = obj("apps/v1beta1/Deployment", "shop/web").with_(spec={"replicas": 5})
    assert reason(judged(deployment(), live, "update")) == ("skip", "Exists")


def test_a_sentence_names_a_few_fields() -> None:
    found = judged(config_map("shop/a", **{key: "" for key in "abcde"}), config_map("shop/a"))
    assert found.why is not None
    assert "in /data/a, /data/b, /data/c and 2 more and" in found.why.message


@pytest.mark.parametrize(
    ("ours", "live"),
    [
        pytest.param(
            obj("v1/ServiceAccount", "a/b").with_(imagePullSecrets=5),
            obj("v1/ServiceAccount", "a/b"),
            id="a number for a list",
        ),
        pytest.param(
            obj("v1/Secret", "a/b").with_(data=["x"], stringData={"a": "b"}),
            obj("v1/Secret", "a/b").with_(data={}),
            id="a list for a map",
        ),
        pytest.param(
            deployment(),
            deployment().meta(
                managedFields=[
                    {"manager": "kubeferry-0", "fieldsV1": {"f:spec": {"f:x": {"k:{": {}}}}}
                ]
            ),
            id="owned fields that are no JSON",
        ),
    ],
)
def test_what_no_server_sent_is_left_alone(ours: Built, live: Built) -> None:
    assert reason(judged(ours, live, "update")) == ("skip", "Exists")


def test_what_is_nested_too_deeply_to_be_compared_is_left_alone() -> None:
    def deep(bottom: int) -> Any:
        value: Any = bottom
        for _ in range(2000):
            value = {"a": value}
        return value

    found = judged(deployment(template=deep(1)), deployment(template=deep(2)), "update")
    assert reason(found) == ("skip", "Exists")
