import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.transform.parameters.namespaces import (
    check_clashes,
    check_mapping,
    check_sources,
    find_clashes,
)


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        pytest.param({"a": "kube-system"}, "'kube-system' is a reserved", id="a reserved target"),
        pytest.param({"a": "csdr"}, "'csdr' is a reserved", id="our own namespace"),
        pytest.param(
            {"kube-public": "a"}, "source 'kube-public' is a reserved", id="a reserved source"
        ),
        pytest.param({"a": "B"}, "'B' cannot be a namespace's name", id="an upper-case letter"),
        pytest.param({"a": "b.c"}, "'b.c' cannot be", id="a dot"),
        pytest.param({"a": ""}, "'' cannot be", id="nothing"),
        pytest.param({"a": "x" * 64}, "cannot be", id="too long"),
    ],
)
def test_refused_mappings(mapping: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        check_mapping(mapping)
    assert caught.value.place == f"spec.namespaceMapping.{next(iter(mapping))}"


def test_good_mappings() -> None:
    check_mapping({"a": "b", "b": "a", "c": "c"})
    check_sources({"a": "b"}, {"a", "c"})


def test_a_source_that_the_backup_does_not_hold() -> None:
    with pytest.raises(InvalidInput, match="no namespace 'x'; it has a, b"):
        check_sources({"x": "y"}, {"b", "a"})


def test_a_source_of_which_nothing_is_selected() -> None:
    check_sources({"a": "b"}, {"a", "b"}, selected={"a"})
    with pytest.raises(InvalidInput, match="nothing of the namespace 'a' is selected"):
        check_sources({"a": "b"}, {"a", "b"}, selected={"b"})


OBJECTS = [
    Identity("configmaps", "a", "same"),
    Identity("configmaps", "b", "same"),
    Identity("secrets", "b", "same"),
    Identity("configmaps", "c", "same"),
    Identity("serviceaccounts", "a", "default"),
    Identity("serviceaccounts", "b", "default"),
    Identity("configmaps", "a", "kube-root-ca.crt"),
    Identity("configmaps", "b", "kube-root-ca.crt"),
    *(
        Identity(kind, namespace, name)
        for namespace in ("a", "b")
        for kind, name in (
            ("configmaps", "istio-ca-root-cert"),
            ("configmaps", "openshift-service-ca.crt"),
            ("serviceaccounts", "builder"),
            ("serviceaccounts", "deployer"),
            ("rolebindings.rbac.authorization.k8s.io", "system:image-pullers"),
        )
    ),
    Identity("configmaps", "a", "alone"),
    Identity("persistentvolumes", "", "same"),
]


@pytest.mark.parametrize(
    ("mapping", "clashes"),
    [
        pytest.param({}, [], id="nothing is mapped"),
        pytest.param({"a": "b", "b": "a"}, [], id="a swap"),
        pytest.param(
            {"a": "x", "b": "x"},
            ["configmaps same of a and b would be one in x"],
            id="two to one",
        ),
        pytest.param(
            {"a": "b"}, ["configmaps same of a and b would be one in b"], id="one onto another"
        ),
        pytest.param(
            {"a": "x", "b": "x", "c": "x"},
            ["configmaps same of a and b and c would be one in x"],
            id="three to one",
        ),
    ],
)
def test_clashes(mapping: dict[str, str], clashes: list[str]) -> None:
    found = find_clashes(mapping, {"a", "b", "c"}, OBJECTS)
    assert [str(clash) for clash in found] == clashes
    if clashes:
        with pytest.raises(InvalidInput, match=clashes[0]):
            check_clashes(found)
    else:
        check_clashes(found)
