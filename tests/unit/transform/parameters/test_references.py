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
    ("mapping", "off", "steps"),
    [
        pytest.param({"shop": "shop2"}, (), 1, id="a mapping"),
        pytest.param({}, (), 0, id="no mapping"),
        pytest.param({"shop": "shop"}, (), 0, id="a mapping that changes nothing"),
        pytest.param({"shop": "shop2"}, ("subjects",), 0, id="switched off"),
        pytest.param({"shop": "shop2"}, ("webhooks",), 1, id="another one switched off"),
    ],
)
def test_a_kind_has_steps_only_for_what_may_change(
    mapping: dict[str, str], off: tuple[str, ...], steps: int
) -> None:
    assert len(references_for(BINDINGS, mapping, off)) == steps


def test_a_kind_that_names_no_namespaces_has_no_steps() -> None:
    assert references_for("configmaps", {"shop": "shop2"}) == []


def test_a_swap_is_one_step() -> None:
    [step] = references_for(BINDINGS, {"shop": "db", "db": "shop"})
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
    [step] = references_for(BINDINGS, {"shop": "shop2"})
    assert step({"metadata": {}, "subjects": [{"kind": "User", "name": name}]}) == []
