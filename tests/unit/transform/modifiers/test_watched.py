"""Rules that tell what they do do the same as ever."""

from kubeferry.kube.objects import Object
from kubeferry.transform.change import Outcome
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.modifiers.watched import Watch, watched
from kubeferry.transform.pipeline import Pipeline, Rules
from tests.builders import obj

RULES = """
version: v2
resourceModifierRules:
- conditions: {groupResource: deployments.apps}
  patches:
  - {operation: replace, path: /spec/replicas, value: 1}
- conditions: {groupResource: deployments.apps}
  strategicPatches:
  - patchData: {spec: {paused: true}}
- conditions: {groupResource: deployments.apps}
  patches:
  - {operation: replace, path: /spec/paused, value: false}
  - {operation: remove, path: /spec/none}
  onError: abort
"""
WEB = obj("apps/v1/Deployment", "shop/web").with_(spec={"replicas": 2})


def done(modifiers: object) -> Outcome:
    archived: Object = dict(WEB)
    return Pipeline(Rules(modifiers=modifiers))(archived, "deployments.apps")  # type: ignore[arg-type]


def test_each_operation_tells_what_it_changed_or_why_it_failed() -> None:
    looked_at = watched(parse_modifiers({"modifier": RULES}, place="rules"))
    done(looked_at)
    told = [
        (
            step.rule,
            [change.pointer for change in step.changes],
            step.failed and step.failed.problem,
        )
        for step in looked_at.watch.steps
    ]
    assert told == [
        (1, ["/spec/replicas"], None),
        (2, ["/spec/paused"], None),
        (3, ["/spec/paused"], None),
        (3, [], "there is no field 'none'"),
    ]


def test_the_object_is_seen_as_it_entered_the_rules() -> None:
    looked_at = watched(parse_modifiers({"modifier": RULES}, place="rules"))
    done(looked_at)
    assert looked_at.watch.entered is not None
    assert looked_at.watch.entered["spec"] == {"replicas": 2}
    looked_at.watch.begin()
    assert looked_at.watch == Watch()


def test_what_comes_out_is_what_the_rules_alone_make() -> None:
    text = RULES.replace("onError: abort", "onError: record")
    rules = parse_modifiers({"modifier": text}, place="rules")
    plain, seen = done(rules), done(watched(rules))
    assert (seen.object, seen.changes, seen.errors) == (plain.object, plain.changes, plain.errors)
    assert [run for run in seen.runs if run.rule] == list(plain.runs)


def test_a_rule_that_would_stop_the_restore_leaves_the_object_out() -> None:
    out = done(watched(parse_modifiers({"modifier": RULES}, place="rules")))
    assert out.object is None
    assert out.refused is not None
    assert out.refused.reason == "ModifierSkipsObject"
