"""Laws of the pipeline; what each rule does is in tests/golden."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeferry.transform.change import STRIPPED, apply_changes
from kubeferry.transform.facts import Facts
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.service_names import ServiceNames
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.pipeline import Pipeline, Rules, restore_labels

MODIFIER = """
version: v1
resourceModifierRules:
- conditions: {groupResource: "**"}
  patches:
  - {operation: add, path: /metadata/labels/patched, value: "yes"}
- conditions: {groupResource: "**"}
  patches:
  - {operation: remove, path: /spec/containers/0}
- conditions: {groupResource: "**", resourceNameRegex: a}
  patches:
  - {operation: copy, from: /spec, path: /metadata/annotations}
  - {operation: move, from: /spec/volumes, path: /spec/other}
"""
PIPELINE = Pipeline(
    Rules(
        namespaces={"default": "default1"},
        images=ImageMap({"docker.io": "new.example.com"}),
        parameters=Parameters(
            storage_classes={"nginx": "a"},
            service_annotations={"a": "y", "b": None},
            service_names=ServiceNames({"default": "default1"}, {("default", "a")}),
        ),
        modifiers=parse_modifiers({"m": MODIFIER}, place="m"),
        labels=restore_labels("backup", "restore"),
        facts=Facts(restored_volumes=frozenset({"a"})),
    )
)
KINDS = [
    *("pods", "services", "persistentvolumes", "persistentvolumeclaims", "secrets", "configmaps"),
    *("serviceaccounts", "namespaces", "jobs.batch", "cronjobs.batch", "deployments.apps"),
    *("statefulsets.apps", "rolebindings.rbac.authorization.k8s.io", "foos.example.com"),
]
FIELDS = [
    *("spec", "template", "jobTemplate", "metadata", "status", "data", "secrets", "subjects"),
    *("containers", "initContainers", "volumes", "volumeMounts", "image", "name", "namespace"),
    *("labels", "annotations", "claimRef", "selector", "matchLabels", "type", "clusterIP", "phase"),
    *("uid", "volumeName", "securityContext", "ports", "kind"),
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["a", "default", "nginx", ""])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=25,
)
METADATA = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"])},
    optional={
        "namespace": st.sampled_from(["default", "other"]),
        "labels": st.dictionaries(st.sampled_from(["app", "velero.io/backup-name"]), st.just("x")),
        "annotations": st.none() | st.dictionaries(st.sampled_from(["a"]), st.just("x")),
        "uid": st.just("1"),
        "managedFields": st.just([{"manager": "a"}]),
    },
)
OBJECTS = st.builds(
    lambda fields, metadata: {**fields, "metadata": metadata},
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
    METADATA | VALUES,
)


@settings(max_examples=600, deadline=None)
@given(OBJECTS, st.sampled_from(KINDS))
def test_any_object_has_an_outcome_that_its_changes_explain(obj: Any, kind: str) -> None:
    """Laws: the pipeline never raises; its input stays as it was; the object before and the changes
    make the object after; and the same object gives the same outcome.
    """
    before = copy.deepcopy(obj)
    outcome = PIPELINE(obj, kind)
    assert obj == before
    assert PIPELINE(obj, kind) == outcome
    if outcome.object is None:
        assert (outcome.skipped is None) != (outcome.refused is None)
        return
    assert outcome.changes[0] is STRIPPED
    assert apply_changes(obj, outcome.changes) == outcome.object


def test_what_did_not_change_is_shared() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"big": [1, 2, 3]}}
    outcome = Pipeline(Rules(labels={"a": "b"}))(obj, "foos.example.com")
    assert outcome.object is not None
    assert outcome.object["spec"] is obj["spec"]


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(None, id="none"),
        pytest.param({}, id="no name"),
        pytest.param({"name": "a", "labels": []}, id="labels are a list"),
        pytest.param({"name": "a", "namespace": {}}, id="the namespace is a map"),
        pytest.param({"name": "a", "annotations": "x"}, id="annotations are a text"),
    ],
)
def test_malformed_metadata_is_refused(metadata: Any) -> None:
    outcome = PIPELINE({"metadata": metadata}, "pods")
    assert outcome.refused is not None
    assert outcome.refused.reason == "Malformed"


def test_modifiers_see_the_object_after_the_parameters_and_before_the_namespace() -> None:
    rule = """
    version: v1
    resourceModifierRules:
    - conditions:
        groupResource: pods
        namespaces: [default]
        matches:
        - {path: /spec/containers/0/image, value: new.example.com/library/nginx}
        - {path: /metadata/namespace, value: default}
        - {path: /metadata/labels/velero.io~1backup-name, value: "null"}
      patches: [{operation: add, path: /spec/seen, value: "true"}]
    """
    pipeline = Pipeline(
        Rules(
            namespaces={"default": "default1"},
            images=ImageMap({"docker.io": "new.example.com"}),
            modifiers=parse_modifiers({"m": rule}, place="m"),
            labels=restore_labels("backup", "restore"),
        )
    )
    pod = {
        "metadata": {"name": "a", "namespace": "default", "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "a", "image": "nginx"}]},
    }
    outcome = pipeline(pod, "pods")
    assert outcome.object is not None
    assert outcome.object["spec"]["seen"] is True
    assert outcome.object["metadata"]["namespace"] == "default1"


def test_a_long_name_makes_a_valid_label() -> None:
    value = restore_labels("b" * 100, "r")["velero.io/backup-name"]
    assert len(value) == 63
