"""Parsing and checking of modifier ConfigMaps (velero.md §4.1, §4.2)."""

import textwrap

import pytest

from kubeferry.errors import InvalidModifier
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers


def parse(text: str, **more: frozenset[str]) -> Modifiers:
    return parse_modifiers({"modifier": textwrap.dedent(text)}, place="ConfigMap csdr/m", **more)


def rule(conditions: str = "groupResource: pods", patches: str = "") -> str:
    patches = patches or "- {operation: remove, path: /spec/x}"
    return (
        "version: v1\nresourceModifierRules:\n"
        f"- conditions: {{{conditions}}}\n  patches:\n"
        + textwrap.indent(textwrap.dedent(patches).strip(), "  ")
    )


def document_patch(kind: str, data: str, group_resource: str = "pods") -> str:
    return (
        "version: v1\nresourceModifierRules:\n"
        f"- conditions: {{groupResource: {group_resource}}}\n"
        f"  {kind}:\n  - patchData: |\n      {data}\n"
    )


def test_a_rule_is_compiled() -> None:
    (one,) = parse(
        rule(
            'groupResource: statefulsets.apps, namespaces: [a, "t-*"], resourceNameRegex: "^w"',
            "- {operation: replace, path: /spec/replicas, value: 2}",
        )
    ).rules
    assert one.title == "rule 1 (statefulsets.apps)"
    (operation,) = one.operations
    assert (operation.name, operation.path.text, operation.value) == (
        "replace",
        "/spec/replicas",
        2,
    )
    assert operation.cause == ("modifier", "rule 1 (statefulsets.apps): patch 1 replace")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(rule().replace("version", "Version"), id="a field in another case"),
        pytest.param(rule().replace("v1", "V1"), id="the version in another case"),
        pytest.param(
            '{"version": "v1", "resourceModifierRules": [{"conditions": {"groupResource": "pods"},'
            ' "patches": [{"operation": "remove", "path": "/a"}]}]}',
            id="JSON",
        ),
        pytest.param(rule() + "\n---\nrubbish: true\n", id="only the first document counts"),
        pytest.param(rule(patches="- {operation: Remove, path: /a}"), id="the operation's case"),
        pytest.param(rule("groupResource: foos.example.com"), id="a custom resource"),
        pytest.param(rule('groupResource: "*"'), id="a glob of the core group"),
        pytest.param(rule('groupResource: "{deployments,statefulsets}.apps"'), id="alternatives"),
        pytest.param(
            rule("groupResource: pods, labelSelector: {MatchLabels: {a: 1}}"), id="a number label"
        ),
        pytest.param(rule("groupResource: pods, namespaces: null"), id="null is nothing"),
    ],
)
def test_accepted(text: str) -> None:
    assert len(parse(text).rules) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "version '' is not known; write version: v1", id="empty"),
        pytest.param("a: b: c", "does not parse", id="no YAML"),
        pytest.param("[]", "must be a map", id="a list"),
        pytest.param(rule().replace("v1", "1"), "version '1' is not known", id="version 1"),
        pytest.param("version: v1", "has no rules", id="no rules"),
        pytest.param("version: v1\nversion: v1", "key 'version' is there twice", id="a key twice"),
        pytest.param(
            "version: v1\nVersion: v1", "field 'version' is there twice", id="twice by case"
        ),
        pytest.param(
            rule(patches="- {op: remove, path: /a}"),
            r"rule 1 patches\[0\]: unknown field 'op'; did you mean operation\?",
            id="an unknown field",
        ),
        pytest.param(
            rule("namespaces: [a]"), "rule 1 conditions.groupResource: is missing", id="gr"
        ),
        pytest.param(
            rule("groupResource: deployments"),
            r"rule 1 conditions.groupResource: no resource is named 'deployments'; did you mean "
            r"deployments.apps\?",
            id="a plural without its group",
        ),
        pytest.param(
            rule("groupResource: sts"), "did you mean statefulsets.apps", id="a short name"
        ),
        pytest.param(rule("groupResource: Pod"), "did you mean pods", id="a kind"),
        pytest.param(
            rule("groupResource: Deployments.apps"), "did you mean deployments.apps", id="case"
        ),
        pytest.param(
            rule('groupResource: "deploy*"'), "do not cross the dot", id="a glob before the dot"
        ),
        pytest.param(rule('groupResource: "{a"'), "a { is not closed", id="a broken glob"),
        pytest.param(
            rule("groupResource: namespaces"), "Namespace objects are never modified", id="ns"
        ),
        pytest.param(
            rule('groupResource: pods, resourceNameRegex: "(?<=a)"'),
            "rule 1 conditions.resourceNameRegex: .* is not a regular expression",
            id="a regex that is none",
        ),
        pytest.param(
            rule("groupResource: pods, labelSelector: {matchLabel: {a: b}}"),
            "did you mean matchLabels",
            id="a selector field",
        ),
        pytest.param(
            rule(
                "groupResource: pods,"
                " labelSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}"
            ),
            "'Is' is no operator",
            id="a selector operator",
        ),
        pytest.param(
            rule("groupResource: pods, matches: [{value: 1}]"), "path: is missing", id="m"
        ),
        pytest.param(
            rule(patches="- {operation: turn, path: /a}"), "use one of add, remove", id="o"
        ),
        pytest.param(rule(patches="- {path: /a}"), "operation: is missing", id="no operation"),
        pytest.param(rule(patches="- {operation: remove}"), "path: is missing", id="no path"),
        pytest.param(
            rule(patches="- {operation: remove, path: spec/a}"),
            "begin it with a slash: /spec/a",
            id="a path without a slash",
        ),
        pytest.param(
            rule(patches="- {operation: move, path: /a}"), "move needs from", id="move without from"
        ),
        pytest.param(
            rule(patches="- {operation: add, path: /a, value: {b: c}}"),
            "must be a text, not a map or a list",
            id="a map as value",
        ),
        pytest.param(
            rule(patches='- {operation: add, path: /a, value: "{bad"}'),
            "is not JSON",
            id="bad JSON",
        ),
        pytest.param(
            document_patch("mergePatches", "[1]"), "a patch of a whole object is a map", id="list"
        ),
        pytest.param(
            document_patch("mergePatches", ""), "a patch of a whole object is a map", id="no data"
        ),
        pytest.param(
            document_patch("mergePatches", "a: b: c"),
            r"rule 1 mergePatches\[0\].patchData: does not parse",
            id="a patch that is no YAML",
        ),
        pytest.param(
            document_patch("strategicPatches", "a: 1", "foos.example.com"),
            "foos.example.com is a custom resource, which knows no strategic patches",
            id="a strategic patch of a custom resource",
        ),
        pytest.param(
            rule() + "\n  mergePatches: [{patchData: 'a: 1'}]",
            "rule 1: has patches and mergePatches; make a rule of each",
            id="two kinds of patches",
        ),
        pytest.param(
            rule(patches="- {operation: substitute, path: /a}"),
            "it is one of version v2",
            id="an operation of v2",
        ),
        pytest.param(
            rule().replace("- conditions", "- name: x\n  conditions"),
            "unknown field 'name'",
            id="a field of v2",
        ),
        pytest.param(
            "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}}]",
            "rule 1: changes nothing",
            id="no patches",
        ),
    ],
)
def test_refused_with_place_and_remedy(text: str, problem: str) -> None:
    with pytest.raises(InvalidModifier, match=problem) as caught:
        parse(text)
    assert caught.value.place.startswith("ConfigMap csdr/m")


@pytest.mark.parametrize("data", [{}, {"a": "version: v1", "b": "version: v1"}])
def test_exactly_one_key(data: dict[str, str]) -> None:
    with pytest.raises(InvalidModifier, match=rf"data has {len(data)} keys"):
        parse_modifiers(data, place="ConfigMap csdr/m")


def test_a_resource_that_the_target_knows_is_accepted() -> None:
    assert parse(rule("groupResource: foos"), known=frozenset({"foos"})).rules


def test_values_that_velero_would_not_understand_are_noted_once() -> None:
    modifiers = parse(rule(patches='- {operation: add, path: /a, value: "007"}'))
    (note,) = modifiers.notes
    assert note.reason == "ValueNotForVelero"
    assert "rule 1 patches[0].value" in note.message


def test_rules_are_chosen_by_kind() -> None:
    modifiers = parse(rule('groupResource: "*.apps"'))
    assert modifiers.for_kind("deployments.apps") == modifiers.rules
    assert modifiers.for_kind("pods") == ()
