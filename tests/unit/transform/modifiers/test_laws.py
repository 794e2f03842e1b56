"""What holds whatever the rules are: protected fields never differ, changes are the whole truth."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeferry.errors import InvalidModifier
from kubeferry.kube.objects import at
from kubeferry.transform.change import apply_changes
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.pipeline import Pipeline, Rules

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "serviceAccountName": "web",
                "securityContext": {"runAsNonRoot": True},
                "hostNetwork": False,
                "containers": [
                    {"name": "web", "image": "web:1", "securityContext": {"privileged": False}},
                    {"name": "side", "image": "side:1"},
                ],
                "volumes": [{"name": "v", "emptyDir": {}}],
            },
        },
    },
}
POD = ("spec", "template", "spec")
PROTECTED = (
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    *((*POD, field) for field in ("serviceAccountName", "securityContext", "hostNetwork")),
)
PATHS = st.sampled_from(
    [
        *("/metadata", "/metadata/labels", "/metadata/labels/app"),
        *("/spec", "/spec/replicas", "/spec/template", "/spec/template/spec"),
        "/spec/template/spec/hostNetwork",
        "/spec/template/spec/securityContext/runAsNonRoot",
        *(f"/spec/template/spec/containers{end}" for end in ("", "/0", "/-", "/1/image", "/*")),
        "/spec/template/spec/containers/[name=web]/securityContext/privileged",
        *("/spec/template/spec/volumes/0", "/spec/template/spec/volumes/-", "/data"),
    ]
)
VALUES = st.sampled_from(
    [
        *(None, True, 3, "x", {}, [], {"name": "other"}, {"privileged": True}),
        {"name": "web", "image": "x", "securityContext": {"privileged": True}},
        {"name": "v", "hostPath": {"path": "/"}},
        {"containers": [], "hostNetwork": True},
        {**DEPLOYMENT, "kind": "DaemonSet"},
        DEPLOYMENT["spec"],
    ]
)
PLACES = PATHS.filter(lambda path: "*" not in path)
JSON_PATCH = st.one_of(
    st.fixed_dictionaries(
        {"operation": st.just("add"), "path": PLACES, "value": VALUES},
        optional={"createParents": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"operation": st.sampled_from(["replace", "test"]), "path": PATHS, "value": VALUES}
    ),
    st.fixed_dictionaries({"operation": st.just("remove"), "path": PATHS}),
    st.fixed_dictionaries(
        {"operation": st.sampled_from(["move", "copy"]), "path": PLACES, "from": PLACES}
    ),
)
DOCUMENT = st.sampled_from(
    [{"spec": {"template": {"spec": one}}} for one in ({}, None)]
) | st.builds(
    lambda path, value: nested(path.split("/")[1:], value),
    PATHS.filter(lambda path: path and not set("*[-") & set(path) and "/0" not in path),
    VALUES,
)


def nested(keys: list[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


RULES = st.builds(
    lambda kind, patches, documents: {
        "conditions": {"groupResource": "deployments.*"},  # so paths alone do not tell
        kind: patches if kind == "patches" else [{"patchData": one} for one in documents],
    },
    st.sampled_from(["patches", "mergePatches", "strategicPatches"]),
    st.lists(JSON_PATCH, min_size=1, max_size=4),
    st.lists(DOCUMENT, min_size=1, max_size=3),
)


@settings(max_examples=400)
@given(st.lists(RULES, min_size=1, max_size=3))
def test_protected_fields_never_differ_and_changes_are_the_whole_truth(rules: list[Any]) -> None:
    text = json.dumps({"version": "v2", "resourceModifierRules": rules})
    before = json.dumps(DEPLOYMENT)
    try:
        modifiers = parse_modifiers({"m": text}, place="m")
    except InvalidModifier:
        return
    outcome = Pipeline(Rules(modifiers=modifiers))(DEPLOYMENT, "deployments.apps")
    assert json.dumps(DEPLOYMENT) == before
    if outcome.object is None:
        assert outcome.refused is not None
        return
    assert apply_changes(DEPLOYMENT, outcome.changes) == outcome.object
    for path in PROTECTED:
        assert at(outcome.object, path) == at(DEPLOYMENT, path)
    volumes = at(outcome.object, (*POD, "volumes")) or []
    assert not any("hostPath" in json.dumps(volume) for volume in volumes)
    for container in at(outcome.object, (*POD, "containers")) or []:
        assert container["name"] in ("web", "side")
        assert not at(container, ("securityContext", "privileged"))


@pytest.mark.parametrize(
    "rule",
    [
        {"patches": [{"operation": "add", "path": "/spec/template/spec/hostPID", "value": True}]},
        {"mergePatches": [{"patchData": {"spec": {"template": {"spec": {"hostPID": True}}}}}]},
        {"strategicPatches": [{"patchData": {"spec": {"template": {"spec": {"hostPID": True}}}}}]},
        {
            "patches": [
                {"operation": "add", "path": "/spec/keep", "value": {"hostPID": True}},
                {"operation": "move", "from": "/spec/keep", "path": "/spec/template/spec"},
            ]
        },
    ],
)
def test_no_kind_of_patch_gets_around_protection(rule: dict[str, Any]) -> None:
    rule = {"conditions": {"groupResource": "deployments.*"}, **rule}
    text = json.dumps({"version": "v2", "resourceModifierRules": [rule]})
    modifiers = parse_modifiers({"m": text}, place="m")
    outcome = Pipeline(Rules(modifiers=modifiers))(DEPLOYMENT, "deployments.apps")
    assert outcome.refused is not None
    assert outcome.refused.reason == "ProtectedField"
