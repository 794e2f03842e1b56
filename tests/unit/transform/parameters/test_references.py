import msgspec
import pytest

from kubeferry.api.restore import References
from kubeferry.transform.parameters.reference_places import REFERENCES
from kubeferry.transform.parameters.references import references_for

BINDING = {
    "metadata": {"name": "b"},
    "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}],
}
BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"


def test_the_switches_of_the_spec_are_the_kinds_of_reference() -> None:
    switches = [one.encode_name for one in msgspec.structs.fields(References)]
    assert sorted(switches) == sorted(REFERENCES)


@pytest.mark.parametrize(
    ("mapping", "off", "is_there"),
    [
        pytest.param({"shop": "shop2"}, (), True, id="a mapping"),
        pytest.param({}, (), False, id="no mapping"),
        pytest.param({"shop": "shop"}, (), False, id="a mapping that changes nothing"),
        pytest.param({"shop": "shop2"}, ("subjects",), False, id="switched off"),
        pytest.param({"shop": "shop2"}, ("webhooks",), True, id="another one switched off"),
    ],
)
def test_a_kind_has_a_step_only_for_what_may_change(
    mapping: dict[str, str], off: tuple[str, ...], is_there: bool
) -> None:
    assert (references_for(BINDINGS, mapping, off) is not None) is is_there


def test_a_kind_that_names_no_namespaces_has_no_step() -> None:
    assert references_for("configmaps", {"shop": "shop2"}) is None


def test_a_swap_is_one_step() -> None:
    step = references_for(BINDINGS, {"shop": "db", "db": "shop"})
    assert step is not None
    [change] = step(BINDING)
    assert (change.old, change.new) == ("shop", "db")
    assert change.cause.rule == "references.subjects shop"


@pytest.mark.parametrize(
    "name",
    [
        "system:serviceaccount",
        "system:serviceaccounts",
        "system:serviceaccount:",
        "system:serviceaccount:shops:robot",
        "system:serviceaccounts:shops",
        "system:node:shop",
    ],
)
def test_what_only_looks_like_an_account_of_the_namespace_stays(name: str) -> None:
    step = references_for(BINDINGS, {"shop": "shop2"})
    assert step is not None
    assert step({"metadata": {}, "subjects": [{"kind": "User", "name": name}]}) == []
