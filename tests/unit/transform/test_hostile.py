"""Objects that no API server can have sent, and rules made for them: an outcome, never a crash."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeferry import codec
from kubeferry.errors import InvalidModifier
from kubeferry.transform.automatic.table import FIXES, VERDICTS
from kubeferry.transform.change import Note
from kubeferry.transform.facts import Facts
from kubeferry.transform.hook_pods import PodSelection
from kubeferry.transform.init_hooks import InitHook
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers
from kubeferry.transform.parameters.claim_conversions import Conversion
from kubeferry.transform.parameters.images import ImageMap, target_images
from kubeferry.transform.parameters.paths import path_of
from kubeferry.transform.parameters.reference_places import REFERENCES
from kubeferry.transform.parameters.service_names import ServiceNames
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.pipeline import Pipeline, Rules

LABELS = {"velero.io/restore-name": "r"}


def rules(*patches: str, group_resource: str = "'**'") -> Modifiers:
    listed = "\n".join(f"  - {patch}" for patch in patches)
    text = f"""version: v1
resourceModifierRules:
- conditions: {{groupResource: {group_resource}}}
  patches:
{listed}
"""
    return parse_modifiers({"m": text}, place="m")


def named(**more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "default"}, **more}


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param("{operation: add, path: /metadata/labels, value: hello}", id="labels a text"),
        pytest.param("{operation: add, path: /metadata/labels, value: '[1]'}", id="labels a list"),
        pytest.param(
            "{operation: copy, from: /metadata/name, path: /metadata/annotations}",
            id="annotations a text",
        ),
    ],
)
def test_a_modifier_that_breaks_the_metadata_has_the_object_refused(patch: str) -> None:
    outcome = Pipeline(Rules(modifiers=rules(patch), labels=LABELS))(named(), "pods")
    assert outcome.object is None
    assert outcome.refused is not None
    assert outcome.refused.reason == "Malformed"
    assert "modifiers" in outcome.refused.message


@pytest.mark.parametrize(
    ("kind", "obj"),
    [
        pytest.param(
            "persistentvolumeclaims", named(spec={"volumeName": {}}), id="a volume's name"
        ),
        pytest.param(
            "pods",
            named(spec={"volumes": [{"name": "default-token-x"}], "containers": 5}),
            id="containers are a number",
        ),
        pytest.param("pods", named(spec={"containers": [{"name": {}}]}), id="a container's name"),
    ],
)
def test_a_field_of_another_type_is_the_api_server_s_to_refuse(kind: str, obj: Any) -> None:
    image = "{operation: add, path: /spec/containers/0/image, value: x}"
    outcome = Pipeline(Rules(modifiers=rules(image)))(obj, kind)
    assert outcome.refused is None
    assert outcome.object is not None


def test_an_index_of_many_digits_does_not_fit() -> None:
    path = "/spec/containers/" + "9" * 5000
    modifiers = rules(f"{{operation: add, path: {path}, value: x}}")
    outcome = Pipeline(Rules(modifiers=modifiers))(named(spec={"containers": []}), "pods")
    assert [error.reason for error in outcome.errors] == ["ModifierFailed"]


def test_an_object_too_deep_to_be_compared_is_refused_with_the_step() -> None:
    def deep(inside: Any) -> Any:
        for _ in range(900):
            inside = {"a": inside}
        return inside

    patch = "{operation: copy, from: /other, path: /data}"
    obj = named(data=deep(1), other=deep(2))
    outcome = Pipeline(Rules(modifiers=rules(patch)))(obj, "secrets")
    why = "the step modifiers cannot handle it (RecursionError)"
    assert outcome.refused == Note("Malformed", why)


def test_a_step_that_fails_is_named_and_what_the_object_holds_is_not() -> None:
    class Secretive(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key == "secrets":
                raise ValueError("hunter2")
            return super().get(key, default)

        def copy(self) -> "Secretive":
            return Secretive(self)

    outcome = Pipeline(Rules())(Secretive(named()), "serviceaccounts")
    why = "the step service_accounts.token_references cannot handle it (ValueError)"
    assert outcome.refused == Note("Malformed", why)


KINDS = sorted(
    {kind for entry in (*FIXES, *VERDICTS) for kind in entry.kinds}
    | {kind for listed in REFERENCES.values() for places in listed for kind in places.kinds}
    | {"namespaces", "deployments.apps", "cronjobs.batch", "statefulsets.apps", "foos.example.com"}
    | {"rolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"}
    | {"mutatingwebhookconfigurations.admissionregistration.k8s.io", "podtemplates", ""}
)
FIELDS = [
    *("spec", "template", "jobTemplate", "metadata", "status", "data", "secrets", "subjects"),
    *("containers", "initContainers", "volumes", "volumeMounts", "image", "name", "namespace"),
    *("labels", "annotations", "claimRef", "selector", "matchLabels", "type", "clusterIP", "phase"),
    *("uid", "volumeName", "securityContext", "ports", "hostPort", "kind", "apiVersion", "env"),
    *("volumeClaimTemplates", "serviceAccountName", "projected", "manualSelector", "a/b~", "-"),
    *("flexVolume", "driver", "options", "secretRef", "webhooks", "schedule", "initContainers"),
    "seccomp.security.alpha.kubernetes.io/pod",
    *("init.hook.restore.velero.io/container-image", "init.hook.restore.velero.io/command"),
    *("webhooks", "clientConfig", "service", "namespaceSelector", "matchExpressions", "values"),
    *("affinity", "podAffinity", "rules", "value", "args", "command", "storageClassName", "key"),
    *("resources", "requests", "accessModes", "capabilities", "add", "sysctls", "seLinuxOptions"),
]
LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3)),
    st.sampled_from(["a", "default", "nginx:1", "default-token-x", "9" * 5000, "LoadBalancer"]),
    st.sampled_from(["alicloud/nas", "alicloud/disk", "TZ=UTC @daily", "localhost/a"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=20,
)
SOUND = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "default"])},
    optional={"namespace": st.just("default"), "labels": VALUES, "annotations": VALUES},
)
OBJECTS = st.builds(
    lambda fields, metadata: {**fields, "metadata": metadata},
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    SOUND | VALUES,
)
POINTERS = st.lists(
    st.sampled_from([*FIELDS, "0", "-1", "01", "9" * 5000, "~", "~2", ""]), max_size=5
).map(lambda tokens: "".join(f"/{token}" for token in tokens))
JSON_TEXTS = st.sampled_from(
    ["", "null", "x", "[]", "{}", '{"a":[1]}', "1e3", "1e999", "9" * 4000, "[" * 50, '"', "\\ud800"]
)
PATCHES = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["add", "remove", "replace", "test", "move", "copy"]),
        "path": POINTERS,
    },
    optional={"from": POINTERS, "value": JSON_TEXTS},
)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "conditions": st.fixed_dictionaries(
                {"groupResource": st.sampled_from(["**", "pods", "secrets", "*.apps"])},
                optional={
                    "resourceNameRegex": st.sampled_from(["a", "(", ".*"]),
                    "namespaces": st.lists(st.sampled_from(["default", "*", "{", "[a-z]"])),
                    "labelSelector": st.sampled_from(
                        [{"matchLabels": {"name": "a"}}, {}, {"a": 1}]
                    ),
                    "matches": st.lists(
                        st.fixed_dictionaries({"path": POINTERS}, optional={"value": JSON_TEXTS}),
                        max_size=2,
                    ),
                },
            ),
            "patches": st.lists(PATCHES, min_size=1, max_size=4),
        }
    ),
    max_size=3,
)


PARAMETERS = Parameters(
    image_paths={"foos.example.com": (path_of("spec/*/image"), path_of("data"))},
    service_names=ServiceNames({"default": "default1"}, {("default", "a")}),
    storage_classes={"a": "default"},
    conversions={("default", "a"): Conversion("default", "a", "b", ("ReadWriteOnce",), "1Gi")},
    service_annotations={"a/b~": "x", "name": None},
    ingress_annotations={"a": "x"},
)
INIT_HOOK = InitHook("h", PodSelection(), ({"name": "a", "image": "i", "command": ["c"]},))


@settings(max_examples=400, deadline=None)
@given(OBJECTS, st.sampled_from(KINDS), RULES, st.booleans())
def test_any_object_and_any_rules_have_an_outcome(
    obj: Any, kind: str, listed: Any, skips: bool
) -> None:
    """Nothing is raised, and no step has to be saved from an object of limited depth."""
    try:
        document = {"version": "v1", "resourceModifierRules": listed}
        modifiers = parse_modifiers({"m": as_yaml(document)}, place="m")
    except InvalidModifier:
        modifiers = None
    pipeline = Pipeline(
        Rules(
            namespaces={"default": "default1"},
            images=ImageMap({"docker.io": "new.example.com"}),
            parameters=replace(PARAMETERS, skip_privileged=skips),
            modifiers=modifiers,
            labels=LABELS,
            facts=Facts(restored_volumes=frozenset({"a", "default"})),
            init_hooks=(INIT_HOOK,),
        )
    )
    outcome = pipeline(obj, kind)
    assert outcome.refused is None or "cannot handle it" not in outcome.refused.message
    if outcome.object is not None:
        target_images(outcome)


def as_yaml(document: Any) -> str:
    return codec.encode(document).decode()


RULE_FIELDS = [
    *("conditions", "patches", "mergePatches", "operation", "path", "value", "from", "matches"),
    *("groupResource", "namespaces", "resourceNameRegex", "labelSelector", "matchLabels", "GROUP"),
    *("matchExpressions", "key", "operator", "values"),
]
TEXTS = st.sampled_from(
    [
        *("version: v1\n", "resourceModifierRules:\n", "- conditions:\n", "    groupResource: "),
        *("pods\n", "'*'\n", "'{'\n", "  patches:\n", "  - operation: ", "add\n", "    path: "),
        *(
            "/a\n",
            "    value: ",
            "1e999\n",
            "0x_\n",
            "'1e999'\n",
            "'[' \n",
            "    from: /\n",
            "[]\n",
        ),
        *("    labelSelector: ", "{matchLabels: {a: [1]}}\n", "{matchExpressions: [1]}\n", "- 1\n"),
        *("    namespaces: ", "['[', '\\', 1]\n", "    matches: ", "[{path: x}]\n", "[1, {}]\n"),
        *("    resourceNameRegex: ", "'('\n", "(?<a>)\n", "{a: 1}\n", "  mergePatches: [1]\n"),
        *("\t", "? ", "&a ", "*a", "!!int ", "9" * 5000 + "\n", "\x00", "\ud800", "null\n", "~\n"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(TEXTS | st.text(max_size=4), max_size=16).map("".join)
    | st.text(max_size=60)
    | st.recursive(
        LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(RULE_FIELDS), inner)
    ).map(lambda listed: as_yaml({"version": "v1", "resourceModifierRules": [listed]}))
)
def test_any_text_is_rules_or_refused(text: str) -> None:
    try:
        parse_modifiers({"m": text}, place="m")
    except InvalidModifier:
        return
