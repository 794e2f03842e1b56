from typing import Any

import pytest

from kubeferry.errors import Invalid
from kubeferry.restore.node_ports import TAKEN, without_taken


def said(*pairs: tuple[int, int]) -> Invalid:
    """As a real API server says it."""
    causes = (
        f"spec.ports[{index}].nodePort: Invalid value: {port}: provided port is already allocated"
        for index, port in pairs
    )
    return Invalid(f'Service "web" is invalid: [{", ".join(causes)}]')


def service(*ports: int) -> dict[str, Any]:
    return {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": one} for one in ports]}}


def test_only_what_another_has_goes_and_the_service_given_stays_as_it_was() -> None:
    given = service(30080, 30443)
    found = without_taken(given, said((0, 30080)))
    assert found is not None
    assert found[0]["spec"]["ports"] == [{"port": 80}, {"port": 80, "nodePort": 30443}]
    assert found[1].reason == TAKEN
    assert "30080" in found[1].message
    assert given == service(30080, 30443)


@pytest.mark.parametrize(
    ("obj", "error"),
    [
        pytest.param(
            service(30080),
            Invalid("spec.ports[0].nodePort: Invalid value: 80: provided port is not in the range"),
            id="out of range",
        ),
        pytest.param(service(30080), said((0, 31000)), id="a port that it does not ask for"),
        pytest.param(service(30080), Invalid("spec.clusterIPs: no"), id="something else"),
        pytest.param({"spec": {"ports": 3}}, said((0, 30080)), id="no ports"),
    ],
)
def test_all_else_stays_refused(obj: dict[str, Any], error: Invalid) -> None:
    assert without_taken(obj, error) is None
