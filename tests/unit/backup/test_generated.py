import pytest

from kubeferry.backup.generated import GENERATED, GENERATED_KINDS, is_generated

MADE = b'{"metadata":{"managedFields":[{"manager":"kube-controller-manager","fieldsV1":{}}]}}'
WRITTEN = b'{"metadata":{"managedFields":[{"manager":"kubectl","fieldsV1":{}}]}}'


@pytest.mark.parametrize(
    ("kind", "name", "labels"),
    [
        pytest.param("events", "web.17", {}, id="an event"),
        pytest.param("leases.coordination.k8s.io", "web", {}, id="a lease"),
        pytest.param("controllerrevisions.apps", "web-1", {}, id="a revision"),
        pytest.param("configmaps", "kube-root-ca.crt", {}, id="root certificates"),
        pytest.param(
            "endpointslices.discovery.k8s.io",
            "web-x",
            {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
            id="a slice made of a selector",
        ),
        pytest.param(
            "endpointslices.discovery.k8s.io",
            "web-x",
            {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"},
            id="a slice made of Endpoints",
        ),
        pytest.param(
            "endpoints",
            "web",
            {"endpoints.kubernetes.io/managed-by": "endpoint-controller"},
            id="Endpoints made of a selector",
        ),
        pytest.param(
            "clusterroles.rbac.authorization.k8s.io",
            "admin",
            {"kubernetes.io/bootstrapping": "rbac-defaults"},
            id="a role that each cluster has",
        ),
        pytest.param(
            "clusterrolebindings.rbac.authorization.k8s.io",
            "system:discovery",
            {"kubernetes.io/bootstrapping": "rbac-defaults"},
            id="a binding that each cluster has",
        ),
        pytest.param(
            "apiservices.apiregistration.k8s.io",
            "v1.apps",
            {"kube-aggregator.kubernetes.io/automanaged": "onstart"},
            id="a group's own APIService",
        ),
        pytest.param(
            "priorityclasses.scheduling.k8s.io", "system-node-critical", {}, id="a system priority"
        ),
    ],
)
def test_what_others_make(kind: str, name: str, labels: dict[str, str]) -> None:
    assert is_generated(kind, name, labels)


@pytest.mark.parametrize(
    ("kind", "name", "labels"),
    [
        pytest.param("configmaps", "ca.crt", {}, id="another ConfigMap"),
        pytest.param("secrets", "kube-root-ca.crt", {}, id="a Secret of that name"),
        pytest.param("endpointslices.discovery.k8s.io", "web-x", {}, id="a slice made by hand"),
        pytest.param("endpoints", "web", {}, id="Endpoints made by hand"),
        pytest.param("pods", "web-1", {}, id="a pod, whoever owns it"),
        pytest.param("replicasets.apps", "web-1", {}, id="a ReplicaSet"),
        pytest.param("jobs.batch", "nightly-1", {}, id="a Job"),
        pytest.param("clusterroles.rbac.authorization.k8s.io", "shop", {}, id="a person's role"),
        pytest.param(
            "clusterrolebindings.rbac.authorization.k8s.io",
            "system:metrics-server",
            {},
            id="an add-on's binding, whatever its name begins with",
        ),
        pytest.param("apiservices.apiregistration.k8s.io", "v1.metrics", {}, id="an extension"),
    ],
)
def test_what_people_make(kind: str, name: str, labels: dict[str, str]) -> None:
    assert not is_generated(kind, name, labels)


@pytest.mark.parametrize(
    ("kind", "raw", "generated"),
    [
        pytest.param("endpoints", MADE, True, id="written by the controller, without a label"),
        pytest.param("endpoints", WRITTEN, False, id="written by a person"),
        pytest.param("services", MADE, False, id="other kinds that the controller writes to"),
    ],
)
def test_endpoints_of_old_servers_are_told_by_who_wrote_them(
    kind: str, raw: bytes, generated: bool
) -> None:
    assert is_generated(kind, "web", {}, raw=raw) is generated


@pytest.mark.parametrize(
    ("kind", "secret_type", "generated"),
    [
        pytest.param("secrets", "Opaque", False, id="a Secret"),
        pytest.param("secrets", "kubernetes.io/service-account-token", True, id="a token"),
        pytest.param("things.x", "kubernetes.io/service-account-token", False, id="no Secret"),
    ],
)
def test_a_token_is_made_anew_where_it_is_restored(
    kind: str, secret_type: str, generated: bool
) -> None:
    assert is_generated(kind, "x", {}, secret_type) is generated


def test_a_kind_has_one_rule() -> None:
    kinds = [kind for one in GENERATED for kind in one.kinds]
    assert len(kinds) == len(set(kinds))
    assert all(one.made_by for one in GENERATED)
    assert set(kinds) > GENERATED_KINDS
