"""Saved APIs: what kubeferry saves, what kubectl prints, what is neither."""

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.saved_api import load, newest_known

PRINTED = b"""\
NAME             SHORTNAMES   APIVERSION             NAMESPACED   KIND
nodes            no           v1                     false        Node
configmaps       cm           v1                     true         ConfigMap
bindings                      v1                     true         Binding
deployments      deploy       apps/v1                true         Deployment
ingresses        ing,in       networking.k8s.io/v1   true         Ingress
"""


def test_what_kubectl_prints_is_read() -> None:
    found = load(PRINTED, place="api.txt").discovery
    deployments = found.for_kind("apps/v1", "Deployment")
    assert deployments is not None
    assert (deployments.plural, deployments.group, deployments.namespaced) == (
        "deployments",
        "apps",
        True,
    )
    nodes = found.find("nodes")
    assert nodes is not None
    assert not nodes.namespaced
    assert found.resolve("in") == found.find("ingresses.networking.k8s.io")
    assert found.find("bindings") is not None


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"version": "v1", "resources": [{}]}', b"NAME KIND\n", PRINTED + b"odd\n"],
    ids=["nothing", "no resources", "no resource", "no table", "a line of another"],
)
def test_what_is_no_saved_api_is_refused_with_its_file(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(data, place="api.json")
    assert caught.value.place == "api.json"


def test_the_newest_kubernetes_known_has_a_version_and_the_built_in_kinds() -> None:
    known = newest_known()
    assert known.version.startswith("v1.")
    assert known.discovery.for_kind("apps/v1", "StatefulSet") is not None
    assert known.discovery.for_kind("extensions/v1beta1", "Ingress") is None
