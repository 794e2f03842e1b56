from typing import Any

import pytest

from kubeferry.restore.granted import TITLES, grants
from kubeferry.transform.parameters.privileged import KINDS
from tests.builders import Built, namespace, obj, pod

RBAC = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io"


def role(*rules: dict[str, Any], kind: str = "ClusterRole", **more: Any) -> Built:
    return obj(f"{RBAC}/v1/{kind}", "r").with_(rules=list(rules), **more)


def rule(groups: str, resources: str, verbs: str) -> dict[str, Any]:
    """Words, ``core`` for the core group."""
    listed = [one.removesuffix("core") for one in groups.split()]
    return {"apiGroups": listed, "resources": resources.split(), "verbs": verbs.split()}


def texts(kind: str, made: Built) -> list[str]:
    found = grants(kind, made)
    assert {one.what for one in found} <= set(TITLES)
    return [one.text for one in found]


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        pytest.param([rule("*", "*", "*")], "may do everything with every kind", id="all"),
        pytest.param(
            [rule("*", "*", "get list")], "may get, list with every kind", id="every kind"
        ),
        pytest.param([rule("apps", "*", "*")], "may do everything in apps", id="a whole group"),
        pytest.param(
            [rule("core", "*", "*")], "may do everything in the core group", id="the core group"
        ),
        pytest.param([rule("core", "secrets", "list")], "reads Secrets", id="reading Secrets"),
        pytest.param([rule("core", "*", "watch")], "reads Secrets", id="Secrets among others"),
        pytest.param([rule(RBAC, "roles", "escalate")], "escalates roles", id="escalate"),
        pytest.param([rule(RBAC, "clusterroles", "bind")], "binds roles", id="bind"),
        pytest.param([rule("core", "groups", "impersonate")], "impersonates", id="impersonate"),
        pytest.param(
            [rule("core", "pods/exec", "create")], "runs commands in pods", id="commands in pods"
        ),
        pytest.param(
            [rule("core", "*/exec", "create")], "runs commands in pods", id="by a pattern"
        ),
        pytest.param(
            [rule("core", "pods", "create"), rule("apps", "deployments", "patch")],
            "makes pods", id="making pods, said once",
        ),
        pytest.param(
            [rule("core", "secrets", "get"), rule("core", "nodes/proxy", "get")],
            "reads Secrets; reaches kubelets", id="several",
        ),
        pytest.param(
            [{"nonResourceURLs": ["*"], "verbs": ["get"]}],
            "asks for every path of the API server", id="every path",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_what_of_a_role_reaches_far(rules: list[dict[str, Any]], text: str, kind: str) -> None:
    assert texts(f"{kind.lower()}s.{RBAC}", role(*rules, kind=kind)) == [text]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(role(rule("core", "configmaps pods", "get list watch")), id="reading"),
        pytest.param(role(rule("core", "secrets", "create")), id="writing Secrets"),
        pytest.param(role(rule("apps", "secrets", "get")), id="another group's"),
        pytest.param(role(rule("apps", "deployments/scale", "update")), id="scaling"),
        pytest.param(role(), id="nothing"),
        pytest.param(role().with_(rules=None), id="null"),
        pytest.param(role().with_(rules=["nonsense", {"verbs": "get"}]), id="nonsense"),
    ],
)
def test_an_ordinary_role_grants_nothing_to_be_listed(made: Built) -> None:
    assert texts(f"clusterroles.{RBAC}", made) == []


def test_a_role_that_becomes_part_of_others_is_listed() -> None:
    made = role(rule("x.io", "things", "get"))
    made["metadata"]["labels"] = {
        f"{RBAC}/aggregate-to-admin": "true",
        f"{RBAC}/aggregate-to-view": "false",
    }
    assert texts(f"clusterroles.{RBAC}", made) == ["adds its rules to ClusterRole admin"]
    taking = role(aggregationRule={"clusterRoleSelectors": []})
    assert texts(f"clusterroles.{RBAC}", taking) == [
        "takes the rules of other cluster roles by their labels"
    ]


ACCOUNT = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}
HOOK = {
    "name": "a.b.c",
    "clientConfig": {"service": {"namespace": "shop", "name": "hook"}},
    "rules": [
        {"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "resources": ["pods"]},
        {"operations": ["*"], "apiGroups": ["apps"], "resources": ["deployments"]},
    ],
}
POLICY = {"matchConstraints": {"resourceRules": [{"operations": ["*"], "resources": ["*"]}]}}


@pytest.mark.parametrize(
    ("kind", "made", "expected"),
    [
        pytest.param(
            f"rolebindings.{RBAC}",
            obj(f"{RBAC}/v1/RoleBinding", "shop/b").with_(
                roleRef={"kind": "ClusterRole", "name": "admin"},
                subjects=[ACCOUNT, {"kind": "Group", "name": "devs"}],
            ),
            ("binding", "ClusterRole admin to ServiceAccount shop/web, Group devs"),
            id="a binding",
        ),
        pytest.param(
            f"clusterrolebindings.{RBAC}",
            obj(f"{RBAC}/v1/ClusterRoleBinding", "b").with_(
                roleRef={"kind": "ClusterRole", "name": "admin"},
                subjects=[{"kind": "User", "name": name} for name in "abcde"],
            ),
            ("binding", "ClusterRole admin to User a, User b, User c and 2 more"),
            id="a binding to many",
        ),
        pytest.param(
            f"mutatingwebhookconfigurations.{ADMISSION}",
            obj(f"{ADMISSION}/v1/MutatingWebhookConfiguration", "w").with_(webhooks=[HOOK]),
            ("webhook", "Service shop/hook is asked on CREATE/UPDATE pods, * deployments.apps"),
            id="an admission webhook",
        ),
        pytest.param(
            f"validatingwebhookconfigurations.{ADMISSION}",
            obj(f"{ADMISSION}/v1/ValidatingWebhookConfiguration", "w").with_(
                webhooks=[{"clientConfig": {"url": "https://me:secret@hook.example:8/x?token=y"}}]
            ),
            ("webhook", "https://hook.example:8 is asked on nothing"),
            id="by URL, told without what may be secret in it",
        ),
        pytest.param(
            f"validatingadmissionpolicies.{ADMISSION}",
            obj(f"{ADMISSION}/v1/ValidatingAdmissionPolicy", "p").with_(spec=POLICY),
            ("admissionPolicy", "is about * *"),
            id="an admission policy",
        ),
        pytest.param(
            f"validatingadmissionpolicybindings.{ADMISSION}",
            obj(f"{ADMISSION}/v1/ValidatingAdmissionPolicyBinding", "b").with_(
                spec={"policyName": "p", "validationActions": ["Deny"]}
            ),
            ("admissionPolicy", "puts p into force to Deny"),
            id="its binding",
        ),
        pytest.param(
            "apiservices.apiregistration.k8s.io",
            obj("apiregistration.k8s.io/v1/APIService", "v1.x.io").with_(
                spec={
                    "group": "x.io", "version": "v1",
                    "service": {"namespace": "shop", "name": "api"},
                }
            ),
            ("apiService", "Service shop/api serves x.io/v1"),
            id="an API service",
        ),
        pytest.param(
            "customresourcedefinitions.apiextensions.k8s.io",
            obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.x.io").with_(
                spec={
                    "conversion": {
                        "strategy": "Webhook",
                        "webhook": {"clientConfig": HOOK["clientConfig"]},
                    }
                }
            ),
            ("conversionWebhook", "Service shop/hook converts its objects"),
            id="a conversion webhook",
        ),
        pytest.param(
            "priorityclasses.scheduling.k8s.io",
            obj("scheduling.k8s.io/v1/PriorityClass", "high").with_(value=9, globalDefault=True),
            ("priorityClass", "priority 9, of every pod without one"),
            id="a priority",
        ),
        pytest.param(
            "pods",
            pod("shop/a").with_(spec={"hostPID": True, "containers": []}),
            ("privilegedPod", "hostPID"),
            id="a pod beyond baseline",
        ),
        pytest.param(
            "daemonsets.apps",
            obj("apps/v1/DaemonSet", "shop/a").with_(
                spec={
                    "template": {
                        "spec": {
                            "hostNetwork": True, "hostPID": True, "hostIPC": True,
                            "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
                        }
                    }
                }
            ),
            ("privilegedPod", "hostNetwork; hostPID; hostIPC ..."),
            id="a workload far beyond it",
        ),
        pytest.param(
            "securitycontextconstraints.security.openshift.io",
            obj("security.openshift.io/v1/SecurityContextConstraints", "any").with_(
                users=["system:serviceaccount:shop:web"], groups=[]
            ),
            ("podPolicy", "is for system:serviceaccount:shop:web"),
            id="a policy of OpenShift",
        ),
        pytest.param(
            "podsecuritypolicies.policy",
            obj("policy/v1beta1/PodSecurityPolicy", "any"),
            ("podPolicy", "is for whoever may use it"),
            id="a policy of old servers",
        ),
        pytest.param(
            "clusterrolebindings.authorization.openshift.io",
            obj("authorization.openshift.io/v1/ClusterRoleBinding", "b").with_(
                roleRef={"name": "cluster-admin"}, subjects=[{"kind": "User", "name": "ann"}]
            ),
            ("binding", "role cluster-admin to User ann"),
            id="a binding by OpenShift's other name of it",
        ),
        pytest.param(
            "certificatesigningrequests.certificates.k8s.io",
            obj("certificates.k8s.io/v1/CertificateSigningRequest", "node").with_(
                spec={"signerName": "kubernetes.io/kube-apiserver-client-kubelet"}
            ),
            ("certificateRequest", "asks kubernetes.io/kube-apiserver-client-kubelet for one"),
            id="a certificate",
        ),
        pytest.param(
            "clonesets.apps.kruise.io",
            obj("apps.kruise.io/v1alpha1/CloneSet", "shop/a").with_(
                spec={"template": {"spec": {"hostPID": True}}}
            ),
            ("privilegedPod", "hostPID"),
            id="a custom workload beyond baseline",
        ),
        pytest.param(
            "persistentvolumes",
            obj("v1/PersistentVolume", "root").with_(spec={"hostPath": {"path": "/"}}),
            ("nodeVolume", "hostPath /"),
            id="a node's directory",
        ),
    ],
)  # fmt: skip
def test_what_grants_something_is_listed(kind: str, made: Built, expected: tuple[str, str]) -> None:
    assert [tuple(one) for one in grants(kind, made)] == [expected]


def test_a_namespace_grants_by_its_pod_security_labels() -> None:
    made = namespace("shop")
    assert grants("namespaces", made) == []
    made["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "privileged", "team": "a"}
    assert texts("namespaces", made) == ["pod-security.kubernetes.io/enforce=privileged"]


@pytest.mark.parametrize("kind", ["configmaps", "pods", "deployments.apps", "services"])
def test_ordinary_objects_grant_nothing(kind: str) -> None:
    assert grants(kind, pod("shop/a")) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_of_every_privileged_kind_it_is_known_what_it_grants_whatever_is_in_it(kind: str) -> None:
    for nonsense in ({}, {"spec": 1, "rules": 1, "webhooks": 1, "subjects": "x", "roleRef": 2}):
        grants(kind, nonsense)
    full = {
        "roleRef": {},
        "webhooks": [{}],
        "value": 1,
        "rules": [rule("*", "*", "*")],
        "spec": {
            "service": {"name": "a", "namespace": "b"},
            "conversion": {"strategy": "Webhook"},
        },
    }
    assert grants(kind, full), "what privilegedResources: Skip leaves out is listed without it"
