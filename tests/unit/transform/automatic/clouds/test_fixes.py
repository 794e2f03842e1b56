from typing import Any

import pytest

from kubeferry.transform.automatic.clouds import fixes
from kubeferry.transform.facts import Facts

SPEC = ("spec",)
POOL = "eks.amazonaws.com/nodegroup"


def pod(*terms: dict[str, Any], **selector: str) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]} for term in terms]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    return {"metadata": {"name": "a"}, "spec": {"nodeSelector": selector, "affinity": affinity}}


def demanded(facts: Facts, obj: dict[str, Any]) -> list[str]:
    return [note.message for note in fixes.unmatched_nodes(facts, obj, path=SPEC)]


ZONE = "topology.kubernetes.io/zone"
HERE = Facts(left=("aws",), node_labels={ZONE: frozenset({"z1"}), POOL: frozenset({"here"})})


@pytest.mark.parametrize(
    ("facts", "obj", "told"),
    [
        pytest.param(Facts(), pod(**{POOL: "x"}), 0, id="of one provider"),
        pytest.param(HERE, pod(**{ZONE: "z1"}), 0, id="a zone that is here"),
        pytest.param(HERE, pod(**{ZONE: "z2"}), 1, id="a zone that is not"),
        pytest.param(HERE, pod(**{POOL: "x"}), 1, id="nodes here have the label, another value"),
        pytest.param(HERE, pod(**{"example.com/disk": "x"}), 0, id="a label of nobody's"),
        pytest.param(
            HERE, pod({"key": ZONE, "operator": "In", "values": ["z2", "z1"]}), 0, id="one fits"
        ),
        pytest.param(
            HERE, pod({"key": ZONE, "operator": "In", "values": ["z2"]}), 1, id="none fits"
        ),
        pytest.param(
            HERE,
            pod(
                {"key": ZONE, "operator": "In", "values": ["z2"]},
                {"key": "a", "operator": "Exists"},
            ),
            0,
            id="one of two terms is enough",
        ),
    ],
)
def test_nodes_that_the_target_lacks_are_told(facts: Facts, obj: dict[str, Any], told: int) -> None:
    assert len(demanded(facts, obj)) == told


@pytest.mark.parametrize(
    ("labels", "gone"),
    [
        pytest.param(None, [], id="nodes not known"),
        pytest.param({POOL: frozenset({"big"})}, [], id="a node has it"),
        pytest.param(
            {"a": frozenset({"b"})},
            ["/spec/nodeSelector/eks.amazonaws.com~1nodegroup"],
            id="no node has it",
        ),
    ],
)
def test_a_selector_goes_only_where_no_node_has_it(labels: Any, gone: list[str]) -> None:
    facts = Facts(left=("aws",), node_labels=labels)
    found = fixes.node_selector(facts, pod(**{POOL: "big", "a": "b"}), path=SPEC)
    assert [change.pointer for change in found] == gone


def test_a_selector_that_is_kept_is_told() -> None:
    facts = Facts(
        left=("aws",),
        node_labels={"a": frozenset({"b"})},
        off=frozenset({"cloud-node-selector"}),
    )
    assert len(demanded(facts, pod(**{POOL: "big"}))) == 1


def test_what_a_person_wrote_beside_an_injected_volume_stays() -> None:
    """The environment goes with the mount only."""
    container = {"name": "a", "env": [{"name": "AWS_ROLE_ARN", "value": "x"}]}
    obj = {"metadata": {"name": "a"}, "spec": {"containers": [container], "volumes": []}}
    assert fixes.injected(Facts(left=("aws",)), obj) == []
