from typing import Any

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.parameters.annotation_overwrites import (
    compile_overwrites,
    overwrite_changes,
)


@pytest.mark.parametrize(
    "key",
    [
        "nginx.ingress.kubernetes.io/configuration-snippet",
        "nginx.ingress.kubernetes.io/server-snippet",
        "nginx.ingress.kubernetes.io/auth-snippet",
        "nginx.ingress.kubernetes.io/stream-snippet",
        "nginx.ingress.kubernetes.io/modsecurity-snippet",
        "my-nginx.example.com/server-snippet",
        "nginx.org/location-snippets",
        "nginx.org/server-snippets",
        "haproxy.org/backend-config-snippet",
        "haproxy-ingress.github.io/config-backend",
        "ingress.kubernetes.io/config-frontend",
        "NGINX.org/Server-Snippets",
        "getambassador.io/config",
    ],
)
def test_configuration_of_an_ingress_controller_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be overwritten") as caught:
        compile_overwrites({key: "x"}, place="spec.overwriteIngressAnnotations")
    assert caught.value.place == f"spec.overwriteIngressAnnotations.{key}"
    assert compile_overwrites({key: None}, place="p") == {key: None}  # taking it out is free


@pytest.mark.parametrize("key", ["", "a b", "/x", "a/b/c", "x" * 64, "-", "a-"])
def test_what_is_no_annotation_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be an annotation's key"):
        compile_overwrites({key: "x"}, place="p")


def test_a_hyphen_at_the_end_takes_out_as_null_does() -> None:
    assert compile_overwrites({"a/b-": "", "c": None}, place="p") == {"a/b": None, "c": None}
    with pytest.raises(InvalidInput, match="'a' is both set and taken out"):
        compile_overwrites({"a": "x", "a-": ""}, place="p")


def test_other_annotations_may_be_set() -> None:
    keys = (
        "nginx.ingress.kubernetes.io/rewrite-target",
        "kubernetes.io/ingress.class",
        "alb.ingress.kubernetes.io/listen-ports",
        "snippet",
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id",
    )
    compile_overwrites(dict.fromkeys(keys, "x"), place="p")


@pytest.mark.parametrize(
    ("annotations", "changed"),
    [
        pytest.param(None, ["/metadata/annotations"], id="null"),
        pytest.param({}, ["/metadata/annotations"], id="none"),
        pytest.param({"x": "y"}, ["/metadata/annotations/a~1b"], id="others"),
        pytest.param({"a/b": "new"}, [], id="the same already"),
        pytest.param({"a/b": "new", "gone": "1"}, ["/metadata/annotations/gone"], id="one to go"),
    ],
)
def test_only_what_differs_is_changed(annotations: Any, changed: list[str]) -> None:
    step = overwrite_changes("services", {"a/b": "new", "gone": None}, {})
    assert step is not None
    made = step({"metadata": {"annotations": annotations}})
    assert [change.pointer for change in made] == changed


def test_each_parameter_is_for_its_kind() -> None:
    assert overwrite_changes("services", {}, {"a": "b"}) is None
    assert overwrite_changes("ingresses.networking.k8s.io", {"a": "b"}, {}) is None
    assert overwrite_changes("configmaps", {"a": "b"}, {"a": "b"}) is None
    assert overwrite_changes("ingresses.extensions", {}, {"a": "b"}) is not None
