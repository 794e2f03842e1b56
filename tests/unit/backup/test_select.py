import pytest

from kubeferry.backup.select import (
    Scope,
    check_namespaces,
    choose_namespaces,
    choose_resources,
    is_taken,
)
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import RESERVED_NAMESPACES, Resource, reserved_namespaces

ALL = frozenset({"list", "get", "create", "delete", "watch"})
THERE = [("default", False), ("shop", False), ("going", True), ("kube-system", False)]


@pytest.mark.parametrize(
    ("included", "excluded", "namespaces", "missing", "left_out"),
    [
        pytest.param([], [], ("default", "shop"), (), (), id="nothing named means all"),
        pytest.param(["*"], [], ("default", "shop"), (), (), id="a star means all"),
        pytest.param(["shop"], [], ("shop",), (), (), id="named ones alone"),
        pytest.param([], ["shop"], ("default",), (), (), id="excluded ones are left out"),
        pytest.param(["*"], ["gone"], ("default", "shop"), (), (), id="excluding nothing is fine"),
        pytest.param(
            ["shop", "gone", "away"], [], ("shop",), ("away", "gone"), (), id="missing are told"
        ),
        pytest.param(
            ["shop", "going"], [], ("shop",), (), ("going",), id="what may not be taken is told"
        ),
        pytest.param(["kube-system"], [], (), (), (), id="a reserved one is never taken"),
    ],
)
def test_namespaces_are_chosen_of_those_there(
    included: list[str],
    excluded: list[str],
    namespaces: tuple[str, ...],
    missing: tuple[str, ...],
    left_out: tuple[str, ...],
) -> None:
    scope = choose_namespaces(THERE, included=included, excluded=excluded)
    most = len(namespaces) >= 2
    assert scope == Scope(namespaces, missing=missing, left_out=left_out, most=most)


def test_the_controllers_own_namespace_is_never_taken() -> None:
    reserved = reserved_namespaces("ferry")
    with pytest.raises(InvalidInput, match="'ferry' cannot be backed up"):
        check_namespaces(["ferry"], [], reserved=reserved)
    scope = choose_namespaces(
        [("default", False), ("ferry", False)], included=["*"], excluded=[], reserved=reserved
    )
    assert scope.namespaces == ("default",)


@pytest.mark.parametrize("reserved", sorted(RESERVED_NAMESPACES))
def test_a_reserved_namespace_cannot_be_asked_for(reserved: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_namespaces(["shop", reserved], [])
    assert error.value.place == "spec.includedNamespaces[1]"
    assert repr(reserved) in error.value.problem
    assert reserved in error.value.remedy


@pytest.mark.parametrize(
    ("included", "excluded", "place"),
    [
        pytest.param(["Shop"], [], "spec.includedNamespaces[0]", id="capital letters"),
        pytest.param([""], [], "spec.includedNamespaces[0]", id="an empty name"),
        pytest.param(["*", "shop"], [], "spec.includedNamespaces", id="a star and a name"),
        pytest.param(["shop"], ["shop"], "spec.includedNamespaces[0]", id="in and out"),
        pytest.param([], ["*"], "spec.excludedNamespaces[0]", id="everything out"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    included: list[str], excluded: list[str], place: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        check_namespaces(included, excluded)
    assert error.value.place == place


@pytest.mark.parametrize(
    ("included", "excluded"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["*"], ["kube-system"], id="all but a reserved one"),
        pytest.param(["a", "b-1"], ["c"], id="names"),
    ],
)
def test_what_can_be_asked_for_passes(included: list[str], excluded: list[str]) -> None:
    check_namespaces(included, excluded)


def resource(name: str, *, namespaced: bool = True, verbs: frozenset[str] = ALL) -> Resource:
    plural, _, group = name.partition(".")
    return Resource(group, "v1", plural, plural.title(), namespaced, verbs)


def test_pods_and_claims_are_listed_first_then_by_name() -> None:
    given = ["secrets", "persistentvolumeclaims", "deployments.apps", "pods", "configmaps"]
    assert [one.group_resource for one in choose_resources(map(resource, given))] == (
        ["pods", "persistentvolumeclaims", "configmaps", "deployments.apps", "secrets"]
    )


@pytest.mark.parametrize(
    "left_out",
    [
        pytest.param(resource("nodes", namespaced=False), id="cluster-scoped ones"),
        pytest.param(resource("bindings", verbs=frozenset({"create"})), id="what has no list"),
        pytest.param(
            resource("pods.metrics.k8s.io", verbs=ALL - {"create"}), id="what is no object"
        ),
        pytest.param(resource("events"), id="events"),
        pytest.param(resource("events.events.k8s.io"), id="events of the newer group"),
        pytest.param(resource("leases.coordination.k8s.io"), id="leases"),
        pytest.param(resource("controllerrevisions.apps"), id="controller revisions"),
        pytest.param(resource("volumesnapshots.snapshot.storage.k8s.io"), id="snapshots"),
    ],
)
def test_resources_that_are_not_listed(left_out: Resource) -> None:
    assert choose_resources([left_out, resource("pods")]) == [resource("pods")]


def test_of_two_groups_with_the_same_objects_one_is_listed() -> None:
    old, new = resource("deployments.extensions"), resource("deployments.apps")
    assert choose_resources([old, new]) == [new]
    assert choose_resources([old]) == [old]


@pytest.mark.parametrize(
    ("kind", "name", "labels", "taken"),
    [
        pytest.param("pods", "shop/web", {}, True, id="an ordinary object"),
        pytest.param(
            "pods", "shop/web", {"velero.io/exclude-from-backup": "true"}, False, id="labelled out"
        ),
        pytest.param(
            "pods", "shop/web", {"velero.io/exclude-from-backup": "1"}, True, id="only by true"
        ),
        pytest.param("services", "default/kubernetes", {}, False, id="the API server's Service"),
        pytest.param("endpoints", "default/kubernetes", {}, False, id="its Endpoints"),
        pytest.param(
            "endpointslices.discovery.k8s.io", "default/kubernetes", {}, False, id="its slice"
        ),
        pytest.param("services", "shop/kubernetes", {}, True, id="another one of that name"),
        pytest.param("configmaps", "shop/kube-root-ca.crt", {}, False, id="root certificates"),
        pytest.param("configmaps", "shop/ca.crt", {}, True, id="another ConfigMap"),
        pytest.param(
            "endpointslices.discovery.k8s.io",
            "shop/web-x",
            {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
            False,
            id="a slice made of a selector",
        ),
        pytest.param(
            "endpointslices.discovery.k8s.io",
            "shop/web-x",
            {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"},
            False,
            id="a slice made of Endpoints",
        ),
        pytest.param(
            "endpointslices.discovery.k8s.io", "shop/web-x", {}, True, id="a slice made by hand"
        ),
        pytest.param(
            "endpoints",
            "shop/web",
            {"endpoints.kubernetes.io/managed-by": "endpoint-controller"},
            False,
            id="Endpoints made of a selector",
        ),
    ],
)
def test_which_objects_are_taken(kind: str, name: str, labels: dict[str, str], taken: bool) -> None:
    assert is_taken(kind, *name.split("/"), labels) is taken


@pytest.mark.parametrize(
    ("kind", "secret_type", "taken"),
    [
        pytest.param("secrets", "Opaque", True, id="a Secret"),
        pytest.param("secrets", "kubernetes.io/service-account-token", False, id="a token"),
        pytest.param("things.x", "kubernetes.io/service-account-token", True, id="no Secret"),
    ],
)
def test_a_token_is_made_anew_where_it_is_restored(
    kind: str, secret_type: str, taken: bool
) -> None:
    assert is_taken(kind, "shop", "x", {}, secret_type) is taken
