"""What no policy changes, and why."""

from typing import Any

import pytest

from kubeferry.kube.names import Identity
from kubeferry.restore.untouched import OURS, Homes, given_role, why_untouched
from tests.builders import Built, obj

RBAC = "rbac.authorization.k8s.io"


def right(kind: str, name: str, *subjects: dict[str, Any]) -> Built:
    made = obj(f"{RBAC}/v1/{kind}", name)
    return made.with_(subjects=list(subjects)) if subjects else made


def account(name: str, namespace: str = "csdr") -> dict[str, Any]:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> dict[str, Any]:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}


def user(name: str) -> dict[str, Any]:
    return {"kind": "User", "name": name, "apiGroup": RBAC}


@pytest.mark.parametrize(
    ("kind", "live", "why"),
    [
        pytest.param(
            "namespaces", obj("v1/Namespace", "a"), "a namespace is never changed", id="a namespace"
        ),
        pytest.param(
            "persistentvolumes",
            obj("v1/PersistentVolume", "a").with_(
                spec={"claimRef": {"namespace": "shop", "name": "data"}}
            ),
            "a volume is never changed: it is bound to claim shop/data",
            id="a volume with its claim",
        ),
        pytest.param(
            "persistentvolumes",
            obj("v1/PersistentVolume", "a").with_(spec={}),
            "a volume is never changed: it is bound to no claim",
            id="a volume without one",
        ),
        pytest.param(
            "persistentvolumeclaims",
            obj("v1/PersistentVolumeClaim", "shop/a").with_(spec={"volumeName": "pv-1"}),
            "a claim is never changed: it is bound to volume pv-1",
            id="a claim with its volume",
        ),
        pytest.param(
            "customresourcedefinitions.apiextensions.k8s.io",
            obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "a.x.io"),
            "a definition is never changed: what it defines could be lost",
            id="a definition",
        ),
        pytest.param(
            "priorityclasses.scheduling.k8s.io",
            obj("scheduling.k8s.io/v1/PriorityClass", "system-node-critical"),
            "it is the cluster's own",
            id="a priority of the cluster",
        ),
        pytest.param(
            f"clusterroles.{RBAC}",
            right("ClusterRole", "kubeferry-controller"),
            "it is kubeferry's own",
            id="a role of kubeferry",
        ),
        pytest.param(
            f"clusterroles.{RBAC}",
            right("ClusterRole", "cluster-admin"),
            "it is the cluster's own",
            id="the role of administrators",
        ),
        pytest.param(
            f"rolebindings.{RBAC}",
            right("RoleBinding", "kube-system/system::leader-locking"),
            "it is the cluster's own",
            id="a binding of the cluster",
        ),
    ],
)
def test_what_is_never_changed(kind: str, live: Built, why: str) -> None:
    assert why_untouched(kind, live, OURS) == why


@pytest.mark.parametrize(
    "subject",
    [
        account("kubeferry-controller"),
        account("kubeferry-controller", "elsewhere"),
        user("system:serviceaccount:csdr:kubeferry-controller"),
        group("system:masters"),
        group("system:authenticated"),
        group("system:serviceaccounts"),
        group("system:serviceaccounts:csdr"),
    ],
    ids=lambda one: f"{one['kind']} {one['name']}",
)
@pytest.mark.parametrize("kind", ["ClusterRoleBinding", "RoleBinding"])
def test_a_binding_that_gives_rights_to_the_controller_stays(
    kind: str, subject: dict[str, Any]
) -> None:
    live = right(kind, "mine", account("other"), subject)
    why = why_untouched(f"{kind.lower()}s.{RBAC}", live, OURS)
    assert why == "it gives rights to kubeferry's controller"


@pytest.mark.parametrize(
    ("kind", "live"),
    [
        pytest.param("configmaps", obj("v1/ConfigMap", "a/b"), id="what nothing is special about"),
        pytest.param(
            "priorityclasses.scheduling.k8s.io",
            obj("scheduling.k8s.io/v1/PriorityClass", "high"),
            id="a priority of a person's",
        ),
        pytest.param(
            f"clusterrolebindings.{RBAC}",
            right(
                "ClusterRoleBinding", "b", account("other"), group("system:serviceaccounts:shop")
            ),
            id="a binding of others",
        ),
        pytest.param(
            f"clusterrolebindings.{RBAC}",
            right("ClusterRoleBinding", "b").with_(subjects="none"),
            id="a binding that is none",
        ),
        pytest.param("roles." + RBAC, right("Role", "shop/reader"), id="a role of a person's"),
    ],
)
def test_all_else_may_be_changed(kind: str, live: Built) -> None:
    assert why_untouched(kind, live, OURS) == ""


@pytest.mark.parametrize(
    ("binding", "ref", "role"),
    [
        ("ClusterRoleBinding", "ClusterRole", Identity(f"clusterroles.{RBAC}", "", "mine")),
        ("RoleBinding", "ClusterRole", Identity(f"clusterroles.{RBAC}", "", "mine")),
        ("RoleBinding", "Role", Identity(f"roles.{RBAC}", "shop", "mine")),
    ],
)
def test_a_role_that_is_given_to_the_controller_stays(
    binding: str, ref: str, role: Identity
) -> None:
    name = "shop/b" if binding == "RoleBinding" else "b"
    given = right(binding, name, account("kubeferry-controller"))
    given = given.with_(roleRef={"kind": ref, "name": "mine", "apiGroup": RBAC})
    assert given_role(given, OURS) == role
    assert given_role({**given, "subjects": [account("other")]}, OURS) is None
    homes = Homes(roles={role})
    live = right(ref, "/".join(part for part in role[1:] if part))
    assert "rights to kubeferry's controller" in why_untouched(role.group_resource, live, homes)
    other = right(ref, "shop/other" if ref == "Role" else "other")
    assert why_untouched(role.group_resource, other, homes) == ""
