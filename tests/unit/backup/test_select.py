import pytest

from kubeferry.backup.select import is_taken


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
    ],
)
def test_which_objects_are_taken(kind: str, name: str, labels: dict[str, str], taken: bool) -> None:
    assert is_taken(kind, *name.split("/"), labels) is taken
    assert is_taken(kind, *name.split("/"), labels, generated=True) is taken


@pytest.mark.parametrize(
    ("kind", "name", "secret_type", "raw"),
    [
        pytest.param("configmaps", "kube-root-ca.crt", "", b"", id="by its name"),
        pytest.param("secrets", "x", "kubernetes.io/service-account-token", b"", id="by its type"),
        pytest.param(
            "endpoints", "web", "", b'{"manager":"kube-controller-manager"}', id="by who wrote it"
        ),
    ],
)
def test_what_others_make_is_taken_only_if_it_is_wanted(
    kind: str, name: str, secret_type: str, raw: bytes
) -> None:
    assert not is_taken(kind, "shop", name, {}, secret_type, raw)
    assert is_taken(kind, "shop", name, {}, secret_type, raw, generated=True)
