"""What holds of every conversion; what each does is in tests/golden."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeferry.kube.names import split_api_version, version_rank
from kubeferry.transform.automatic.upgrades.conversion import (
    Conversion,
    ServedKind,
    Upgrade,
    group_resource_of,
)
from kubeferry.transform.automatic.upgrades.table import (
    CONVERSIONS,
    REMOVED,
    successor,
    upgrades_for,
)
from kubeferry.transform.change import Note, apply_changes
from kubeferry.transform.facts import Facts
from kubeferry.transform.pipeline import Pipeline, Rules

TARGETS = frozenset(ServedKind(to, one.kind) for one in CONVERSIONS for to in one.targets)
SOURCES = [(source, one) for one in CONVERSIONS for source in one.sources]


@pytest.mark.parametrize(("source", "one"), SOURCES, ids=[f"{s} {c.kind}" for s, c in SOURCES])
def test_no_target_is_older_than_its_source(source: str, one: Conversion) -> None:
    group, version = split_api_version(source)
    for target in one.targets:
        other, newer = split_api_version(target)
        assert other != group or version_rank(newer) < version_rank(version)


def test_what_is_served_is_left_alone() -> None:
    served = TARGETS | {ServedKind("policy/v1beta1", "PodDisruptionBudget")}
    assert upgrades_for("poddisruptionbudgets.policy", served) == {}


def test_a_target_that_serves_neither_gets_nothing() -> None:
    assert upgrades_for("poddisruptionbudgets.policy", frozenset()) == {}


@pytest.mark.parametrize(
    ("served", "target"),
    [
        pytest.param(["autoscaling/v2", "autoscaling/v2beta2"], "autoscaling/v2", id="the newest"),
        pytest.param(["autoscaling/v2beta2"], "autoscaling/v2beta2", id="what an older target has"),
    ],
)
def test_the_target_s_discovery_decides(served: list[str], target: str) -> None:
    kind = "HorizontalPodAutoscaler"
    kinds = frozenset(ServedKind(one, kind) for one in served)
    found = upgrades_for("horizontalpodautoscalers.autoscaling", kinds)["autoscaling/v2beta1"]
    assert isinstance(found, Upgrade)
    assert found.target == target


@pytest.mark.parametrize("gone", REMOVED, ids=[one.kind for one in REMOVED])
def test_a_kind_that_is_gone_is_told_with_what_to_do(gone: Any) -> None:
    for source in gone.sources:
        name = group_resource_of(gone.plural, source)
        note = upgrades_for(name, TARGETS)[source]
        assert isinstance(note, Note)
        assert (note.reason, gone.advice in note.message) == ("ApiRemoved", True)
        assert source not in upgrades_for(name, TARGETS | {ServedKind(source, gone.kind)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("replicasets.extensions", "replicasets.apps", id="moved"),
        pytest.param("cronjobs.batch", "cronjobs.batch", id="another version only"),
        pytest.param("things.example.com", "things.example.com", id="somebody else's"),
    ],
)
def test_what_a_kind_is_called_now(old: str, new: str) -> None:
    assert successor(old) == new


def test_an_object_of_another_kind_than_its_path_says_is_not_converted() -> None:
    """Rights must not come in through the folder of something harmless."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1beta1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "a"},
    }
    pipeline = Pipeline(Rules(facts=Facts(served=TARGETS)))
    for name in ("ingresses.extensions", "clusterroles.rbac.authorization.k8s.io"):
        outcome = pipeline(binding, name)
        assert outcome.object is not None
        assert outcome.object["apiVersion"] == "rbac.authorization.k8s.io/v1beta1"


FIELDS = [
    *("spec", "selector", "template", "metadata", "labels", "annotations", "strategy", "type"),
    *("webhooks", "sideEffects", "subjects", "kind", "apiVersion", "name", "endpoints", "topology"),
    *("limited", "assuredConcurrencyShares", "metrics", "resource", "object", "external", "pods"),
    *("rules", "http", "paths", "backend", "serviceName", "servicePort", "matchExpressions", "key"),
    *("versions", "version", "schema", "openAPIV3Schema", "properties", "items", "validation"),
    *("additionalProperties", "additionalPrinterColumns", "conversion", "oneOf", "not", "group"),
    *("preserveUnknownFields", "nodeName", "updateStrategy", "rollingUpdate", "runtimeHandler"),
    "autoscaling.alpha.kubernetes.io/behavior",
]
LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    st.sampled_from(["object", "User", "*", "RollingUpdate", "[" * 50, '{"A":[1]}', "a.k8s.io"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=25,
)
PIPELINE = Pipeline(Rules(facts=Facts(served=TARGETS)))


@settings(max_examples=600, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    st.dictionaries(st.sampled_from(FIELDS), LEAVES, max_size=3),
    st.sampled_from(SOURCES),
)
def test_any_object_is_converted_and_its_changes_explain_it(
    fields: Any, annotations: Any, which: tuple[str, Conversion]
) -> None:
    source, one = which
    about = {"name": "a", "annotations": annotations}
    obj = {**fields, "apiVersion": source, "kind": one.kind, "metadata": about}
    before = copy.deepcopy(obj)
    outcome = PIPELINE(obj, group_resource_of(one.plural, source))
    assert obj == before
    assert outcome.refused is None
    if outcome.object is None:
        assert outcome.skipped is not None
        return
    assert apply_changes(obj, outcome.changes) == outcome.object
    assert ServedKind(outcome.object["apiVersion"], one.kind) in TARGETS
