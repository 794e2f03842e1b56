from typing import Any

import pytest

from kubeferry.sandbox.jsonpath import find

OBJECT = {
    "spec": {"a.b": 1, "list": [{"type": "Ready", "status": "True"}, {"type": "Other"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param(".spec.list[0].type", ["Ready"], id="an index"),
        pytest.param(".spec.list[*].type", ["Ready", "Other"], id="all"),
        pytest.param('.spec.list[?(@.type=="Ready")].status', ["True"], id="a filter"),
        pytest.param(".spec['a.b']", [1], id="a quoted key"),
        pytest.param(r".spec.a\.b", [1], id="an escaped dot"),
        pytest.param(".spec.none.x", [], id="nothing there"),
        pytest.param(".spec..list", [], id="not understood"),
    ],
)
def test_a_path_finds(path: str, found: list[Any]) -> None:
    assert list(find(OBJECT, path)) == found
