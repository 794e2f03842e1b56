"""An edit becomes a rule that makes the same edit."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubeferry.kube.names import Identity
from kubeferry.transform.change import MISSING
from kubeferry.transform.modifiers.recording import (
    pods_selector,
    recorded_edits,
    recorded_pods_rule,
    recorded_rule,
    same_edits,
    template_edits,
    value_text,
)
from kubeferry.transform.modifiers.values import typed_value
from kubeferry.transform.patch.pointer import equal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
WEB = Identity("statefulsets.apps", "shop", "web.1")


@given(VALUES | st.sampled_from(["true", "3", "1e3", "null", "", '"a"', "{", "[x", "a\\nb", "007"]))
def test_the_text_of_a_value_stands_for_it(value: Any) -> None:
    typed = typed_value(value_text(value), place="value")
    assert equal(typed.value, value)
    assert not typed.note


def test_a_rule_names_the_object_whole_and_has_an_operation_a_field() -> None:
    before = {"spec": {"replicas": 2, "paused": True}}
    after = {"spec": {"replicas": 1, "name": "3"}}
    assert recorded_rule(WEB, recorded_edits(before, after)) == {
        "conditions": {
            "groupResource": "statefulsets.apps",
            "namespaces": ["shop"],
            "resourceNameRegex": r"^web\.1$",
        },
        "patches": [
            {"operation": "remove", "path": "/spec/paused"},
            {"operation": "replace", "path": "/spec/replicas", "value": "1"},
            {"operation": "add", "path": "/spec/name", "value": '"3"'},
        ],
    }


def test_what_is_in_no_namespace_has_no_condition_of_one() -> None:
    edits = recorded_edits({"a": 1}, {})
    rule = recorded_rule(Identity("priorityclasses.scheduling.k8s.io", "", "high"), edits)
    assert "namespaces" not in rule["conditions"]


def test_pods_get_what_is_below_the_template() -> None:
    workload = {
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"spec": {"nodeName": "a"}},
        }
    }
    edits = recorded_edits(workload, {"spec": {**workload["spec"], "template": {"spec": {}}}})
    below = template_edits(edits)
    assert [(one.pointer, one.new) for one in below] == [("/spec/nodeName", MISSING)]
    assert recorded_pods_rule(WEB, workload, below) == {
        "conditions": {
            "groupResource": "pods",
            "namespaces": ["shop"],
            "resourceNameRegex": r"^web\.1-",
            "labelSelector": {"matchLabels": {"app": "web"}},
        },
        "patches": [{"operation": "remove", "path": "/spec/nodeName"}],
    }


def test_a_replication_controllers_selector_is_of_labels_alone() -> None:
    source = Identity("replicationcontrollers", "shop", "web")
    workload = {"spec": {"selector": {"app": "web"}}}
    assert pods_selector(source.group_resource, workload) == {"matchLabels": {"app": "web"}}
    rule = recorded_pods_rule(source, workload, [])
    assert rule["conditions"]["labelSelector"] == {"matchLabels": {"app": "web"}}
    assert pods_selector("deployments.extensions", {"spec": {}}) == {}


def test_edits_are_the_same_by_place_and_value() -> None:
    one = recorded_edits({"a": 1}, {"a": 2})
    assert same_edits(one, recorded_edits({"a": 5}, {"a": 2}))
    assert not same_edits(one, recorded_edits({"a": 1}, {"a": 3}))
    assert not same_edits(one, recorded_edits({"a": 1}, {}))
    assert not same_edits(one, recorded_edits({"a": 1, "b": 1}, {"a": 2, "b": 2}))
