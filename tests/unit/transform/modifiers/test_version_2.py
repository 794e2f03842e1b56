"""Version v2: values as YAML has them, elements by name, substitution, variables, onError."""

import json
from typing import Any

import pytest

from kubeferry.errors import InvalidModifier, ModifierAborts
from kubeferry.transform.change import Outcome, RuleRun, apply_changes
from kubeferry.transform.modifiers.apply import Task
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers
from kubeferry.transform.pipeline import Pipeline, Rules

WIDGET: dict[str, Any] = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {"name": "w", "namespace": "shop", "annotations": None},
    "spec": {
        "parts": [
            {"name": "a", "image": "docker.io/a:1", "port": 80},
            {"name": "b", "image": "quay.io/b:1", "extra": {"x": 1}},
        ],
        "on": True,
    },
}


def parse(*patches: dict[str, Any], matches: Any = (), **more: Any) -> Modifiers:
    rule = {
        "conditions": {"groupResource": "widgets.example.com", "matches": list(matches)},
        "patches": list(patches),
        **more,
    }
    text = json.dumps({"version": "v2", "resourceModifierRules": [rule]})
    return parse_modifiers({"modifier": text}, place="m")


def run(modifiers: Modifiers, obj: dict[str, Any] = WIDGET) -> Outcome:
    rules = Rules(
        namespaces={"shop": "shop-2"}, modifiers=modifiers, task=Task(r"b\1${restore}", "r-1")
    )
    outcome = Pipeline(rules)(obj, "widgets.example.com")
    if outcome.object is not None:  # the law of the record
        assert apply_changes(obj, outcome.changes) == outcome.object
    return outcome


def spec(outcome: Outcome) -> Any:
    assert outcome.errors == []
    assert outcome.object is not None
    return outcome.object["spec"]


def op(operation: str, path: str, **more: Any) -> dict[str, Any]:
    return {"operation": operation, "path": path, **more}


@pytest.mark.parametrize("value", ["1", "true", 1, True, None, 1.5, {"a": [1, "2"]}, "{bad", ""])
def test_a_value_is_what_yaml_has(value: Any) -> None:
    result = spec(run(parse(op("add", "/spec/new", value=value))))["new"]
    assert (result, type(result)) == (value, type(value))


def test_every_element() -> None:
    parts = spec(run(parse(op("add", "/spec/parts/*/new", value=1))))["parts"]
    assert [part["new"] for part in parts] == [1, 1]


@pytest.mark.parametrize("operation", ["remove", "replace"])
def test_behind_every_what_is_missing_is_passed_over(operation: str) -> None:
    more = {"value": 2} if operation == "replace" else {}
    parts = spec(run(parse(op(operation, "/spec/parts/*/extra/x", **more))))["parts"]
    assert "extra" not in parts[0]
    assert parts[1]["extra"] == ({} if operation == "remove" else {"x": 2})


def test_all_elements_are_taken_out() -> None:
    assert spec(run(parse(op("remove", "/spec/parts/*"))))["parts"] == []


@pytest.mark.parametrize(
    ("where", "index"), [("[name=b]", 1), ("[port=80]", 0), ("[image=docker.io~1a:1]", 0)]
)
def test_an_element_by_a_field(where: str, index: int) -> None:
    parts = spec(run(parse(op("add", f"/spec/parts/{where}/new", value=1))))["parts"]
    assert [("new" in part) for part in parts] == [index == 0, index == 1]


def test_an_element_that_must_be_there_fails_the_rule() -> None:
    outcome = run(parse(op("replace", "/spec/parts/[name=c]/image", value="x")))
    (error,) = outcome.errors
    assert "no element of the list is [name=c]" in error.message
    assert outcome.runs == [RuleRun(1, "failed", 0)]


def test_of_an_element_that_is_not_there_no_test_holds() -> None:
    outcome = run(
        parse(op("test", "/spec/parts/[name=c]/image", value="x"), op("remove", "/spec/on"))
    )
    assert outcome.runs == [RuleRun(1, "skipped", 0)]
    assert spec(outcome) == WIDGET["spec"]


def test_in_a_map_a_star_and_brackets_are_keys() -> None:
    obj = WIDGET | {"spec": {"map": {"*": 1, "[a=b]": 2, "c": 3}}}
    patches = (op("remove", "/spec/map/*"), op("remove", "/spec/map/[a=b]"))
    assert spec(run(parse(*patches), obj)) == {"map": {"c": 3}}


def test_an_element_is_moved_and_copied() -> None:
    outcome = run(
        parse(
            op("copy", "/spec/parts/[name=b]/copied", **{"from": "/spec/parts/[name=a]/image"}),
            op("move", "/spec/first", **{"from": "/spec/parts/[name=a]"}),
        )
    )
    assert spec(outcome)["first"] == WIDGET["spec"]["parts"][0]
    assert [part["copied"] for part in spec(outcome)["parts"]] == ["docker.io/a:1"]


@pytest.mark.parametrize(
    ("pattern", "replacement", "image"),
    [
        (r"^docker\.io/", "mirror/", "mirror/a:1"),
        (r"^([^/]+)/(\w+):(\d)$", r"\3/\2/\0", "1/a/docker.io/a:1"),
        (r"o", r"\\${restore}", r"d\r-1cker.i\r-1/a:1"),
        (r"nothing", "x", "docker.io/a:1"),
        (r"$", "${backup}$${backup}", r"docker.io/a:1b\1${restore}${backup}"),
        (r"(x)?d", r"<\1>", "<>ocker.io/a:1"),
        (r"[ockeri]*", "-", "-d-.-/-a-:-1-"),
    ],
)
def test_substitute(pattern: str, replacement: str, image: str) -> None:
    patch = op("substitute", "/spec/parts/0/image", pattern=pattern, replacement=replacement)
    assert spec(run(parse(patch)))["parts"][0]["image"] == image


def test_a_text_that_grows_with_each_substitution_is_refused_before_it_is_there() -> None:
    double = op("substitute", "/spec/parts/0/image", pattern=".+", replacement=r"\0\0")
    (error,) = run(parse(*[double] * 40)).errors
    assert "would have more than 3145728 characters" in error.message


@pytest.mark.parametrize("name", ["replace", "remove"])
def test_a_list_that_would_keep_the_others_waiting_is_refused(name: str) -> None:
    value = {"value": 1} if name == "replace" else {}
    rule = parse(op(name, "/spec/parts/*/port", **value))
    parts = [{"port": 0}] * 2000
    (error,) = run(rule, {**WIDGET, "spec": {"parts": parts * 11}}).errors
    assert "its path stands for 22000 places, which are too many" in error.message
    done = run(rule, {**WIDGET, "spec": {"parts": parts}})
    assert done.errors == []
    assert len(done.changes) > 2000


@pytest.mark.parametrize("named", ["*", "[name=a]"])
def test_parents_are_made_in_elements(named: str) -> None:
    patch = op("add", f"/spec/parts/{named}/extra/deep/here", value=1, createParents=True)
    done = run(parse(patch))
    assert done.errors == []
    assert done.object is not None
    first, second = done.object["spec"]["parts"]
    assert first["extra"] == {"deep": {"here": 1}}
    assert second["extra"] == ({"x": 1, "deep": {"here": 1}} if named == "*" else {"x": 1})


def test_a_test_does_not_hold_of_an_element_that_lacks_the_way() -> None:
    done = run(parse(op("test", "/spec/parts/*/extra/x", value=1), op("remove", "/spec/on")))
    assert [one.ended for one in done.runs] == ["skipped"]
    assert done.errors == []


NAMED: list[dict[str, Any]] = [{"env": [{"name": "x", "value": 1}]}, {"env": [{"name": "y"}]}]


@pytest.mark.parametrize(
    ("name", "ended"), [("test", "skipped"), ("add", "failed"), ("replace", "applied")]
)
def test_an_element_that_only_some_have_is_passed_over_where_something_must_be_there(
    name: str, ended: str
) -> None:
    rule = parse(op(name, "/spec/parts/*/env/[name=x]/value", value=1))
    done = run(rule, {**WIDGET, "spec": {"parts": NAMED}})
    assert [one.ended for one in done.runs] == [ended]


def test_an_add_without_its_parents_fails_in_elements_too() -> None:
    (error,) = run(parse(op("add", "/spec/parts/*/extra/here", value=1))).errors
    assert "there is no field 'extra'" in error.message


def test_parents_are_made_at_many_places() -> None:
    patch = op("add", "/spec/parts/*/made/here", value=1, createParents=True)
    done = run(parse(patch), {**WIDGET, "spec": {"parts": [{"port": 0}] * 2000}})
    assert done.errors == []
    assert done.object is not None
    assert done.object["spec"]["parts"] == [{"port": 0, "made": {"here": 1}}] * 2000


def test_only_a_text_is_substituted() -> None:
    (error,) = run(parse(op("substitute", "/spec/on", pattern="x", replacement="y"))).errors
    assert "substitute changes texts, here is a boolean" in error.message


@pytest.mark.parametrize(
    ("path", "where", "made"),
    [
        ("/metadata/annotations/a~1b", ("metadata", "annotations"), {"a/b": "v"}),
        ("/spec/x/y/z", ("spec", "x"), {"y": {"z": "v"}}),
        ("/spec/list/-", ("spec", "list"), ["v"]),
        ("/spec/x/list/-", ("spec", "x"), {"list": ["v"]}),
        ("/spec/parts/-", ("spec", "parts"), [*WIDGET["spec"]["parts"], "v"]),
    ],
)
def test_parents_are_made_when_told(path: str, where: tuple[str, str], made: Any) -> None:
    outcome = run(parse(op("add", path, value="v", createParents=True)))
    assert outcome.object is not None
    assert outcome.object[where[0]][where[1]] == made


def test_a_missing_parent_that_may_be_a_list_is_not_guessed() -> None:
    (error,) = run(parse(op("add", "/spec/list/0", value=1, createParents=True))).errors
    assert "may be a key or an index" in error.message


def test_without_being_told_no_parent_is_made() -> None:
    (error,) = run(parse(op("add", "/spec/x/y", value=1))).errors
    assert "there is no field 'x'" in error.message


def test_variables_are_filled_into_texts_once() -> None:
    value = {"${backup}": ["${source.namespace} to ${target.namespace}", "${backup}", "$${backup}"]}
    result = spec(run(parse(op("add", "/spec/new", value=value))))["new"]
    assert result == {"${backup}": ["shop to shop-2", r"b\1${restore}", "${backup}"]}


def test_a_variable_without_a_value_fails_the_rule() -> None:
    obj = WIDGET | {"metadata": {"name": "w"}}
    (error,) = run(parse(op("add", "/spec/new", value="${source.namespace}")), obj).errors
    assert "${source.namespace} has no value for this object" in error.message


@pytest.mark.parametrize(
    ("path", "value", "holds"),
    [
        ("/spec/parts/[name=a]/port", 80, True),
        ("/spec/parts/[name=a]/port", "80", False),
        ("/spec/parts/[name=c]/port", 80, False),
        ("/spec/parts/*/name", "b", True),
        ("/spec/parts/*/name", "c", False),
        ("/nothing/*/name", "c", False),
        ("/spec/on", True, True),
        ("/spec/on", "true", False),
    ],
)
def test_matches(path: str, value: Any, holds: bool) -> None:
    modifiers = parse(op("remove", "/spec/on"), matches=[{"path": path, "value": value}])
    assert ("on" not in spec(run(modifiers))) is holds


BAD = op("remove", "/spec/missing")


def test_a_failure_is_recorded_by_default() -> None:
    outcome = run(parse(BAD, onError="record"))
    assert spec_of_failed(outcome) == WIDGET["spec"]
    assert [note.reason for note in outcome.errors] == ["ModifierFailed"]


def spec_of_failed(outcome: Outcome) -> Any:
    assert outcome.object is not None
    return outcome.object["spec"]


def test_a_failure_may_skip_the_object() -> None:
    outcome = run(parse(BAD, onError="skipObject"))
    assert outcome.object is None
    assert outcome.refused is not None
    assert outcome.refused.reason == "ModifierSkipsObject"


def test_a_failure_may_stop_the_restore() -> None:
    with pytest.raises(ModifierAborts, match=r"Widget shop/w: rule 1 strict .*'missing'"):
        run(parse(BAD, onError="abort", name="strict"))


def test_a_test_that_does_not_hold_is_no_failure() -> None:
    outcome = run(parse(op("test", "/spec/on", value=False), onError="abort"))
    assert outcome.object is not None


def test_a_name_is_in_causes() -> None:
    outcome = run(parse(op("remove", "/spec/on"), name="off"))
    rule = "rule 1 off (widgets.example.com): patch 1 remove"
    assert rule in [change.cause.rule for change in outcome.changes]


def test_document_patches_are_maps_or_texts_and_have_variables() -> None:
    rule = {
        "conditions": {"groupResource": "widgets.example.com"},
        "mergePatches": [
            {"patchData": {"spec": {"a": "${restore}"}}},
            {"patchData": "spec: {b: '${backup}', 'on': null}"},
        ],
    }
    text = json.dumps({"version": "v2", "resourceModifierRules": [rule]})
    result = spec(run(parse_modifiers({"m": text}, place="m")))
    assert (result["a"], result["b"], "on" in result) == ("r-1", r"b\1${restore}", False)


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        (op("add", "/a"), r"patches\[0\].value: is missing"),
        (op("remove", "/a", value=1), "value: is for add, replace, test, not for remove"),
        (op("add", "/a", value=1, createParents="x"), "must be true or false"),
        (op("replace", "/a", value=1, createParents=True), "createParents: is for add"),
        (op("add", "/a/*", value=1), "add puts something new"),
        (op("move", "/a", **{"from": "/b/*"}), "from: move needs one place"),
        (op("copy", "/a/*/b", **{"from": "/b"}), "path: copy needs one place"),
        (op("move", "/a"), "move needs from"),
        (op("substitute", "/a", replacement="x"), "pattern: is missing"),
        (op("substitute", "/a", pattern="(", replacement="x"), "is not a regular expression"),
        (op("substitute", "/a", pattern="(x)", replacement=r"\2"), "has no group 2, it has 1"),
        (op("substitute", "/a", pattern="x", replacement=r"\n"), "stands for nothing"),
        (op("add", "/a", value="${backups}"), r"did you mean \$\{backup\}\?"),
        (op("add", "/a", value=["${x"]), r"value\[0\]: \$\{ is not closed"),
        (op("remove", "/a/[b]"), "names no element"),
        (op("remove", "a"), "begin it with a slash"),
    ],
)
def test_refused_before_the_restore(patch: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidModifier, match=problem):
        parse(patch)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"onError": "stop"}, "use one of record, skipObject, abort"),
        ({"nam": "x"}, "did you mean name"),
    ],
)
def test_a_rules_fields_are_checked(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidModifier, match=problem):
        parse(op("remove", "/a"), **more)


def test_two_rules_of_one_name_are_refused() -> None:
    rule = {"name": "x", "conditions": {"groupResource": "pods"}, "patches": [op("remove", "/a")]}
    text = json.dumps({"version": "v2", "resourceModifierRules": [rule, rule]})
    with pytest.raises(InvalidModifier, match="rule 2: rule 1 has the name 'x' too"):
        parse_modifiers({"m": text}, place="m")
