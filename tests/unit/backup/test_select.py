import pytest

from kubeferry.backup.select import LABELLED, MADE_ANEW, NEVER, why_left_out


@pytest.mark.parametrize(
    ("kind", "name", "labels", "why"),
    [
        pytest.param("pods", "shop/web", {}, "", id="an ordinary object is taken"),
        pytest.param(
            "pods", "shop/web", {"velero.io/exclude-from-backup": "true"}, LABELLED, id="its label"
        ),
        pytest.param(
            "pods", "shop/web", {"velero.io/exclude-from-backup": "1"}, "", id="only true"
        ),
        pytest.param("services", "default/kubernetes", {}, NEVER, id="the API server's Service"),
        pytest.param("endpoints", "default/kubernetes", {}, NEVER, id="its Endpoints"),
        pytest.param(
            "endpointslices.discovery.k8s.io", "default/kubernetes", {}, NEVER, id="its slice"
        ),
        pytest.param("services", "shop/kubernetes", {}, "", id="another one of that name"),
    ],
)
def test_why_an_object_is_left_out(kind: str, name: str, labels: dict[str, str], why: str) -> None:
    assert why_left_out(kind, *name.split("/"), labels) == why
    assert why_left_out(kind, *name.split("/"), labels, generated=True) == why


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
    assert why_left_out(kind, "shop", name, {}, secret_type, raw) == MADE_ANEW
    assert why_left_out(kind, "shop", name, {}, secret_type, raw, generated=True) == ""
