"""Rules found by the index are those that would be found by asking each."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubeferry.kube.globs import compile_glob
from kubeferry.kube.regex import compile_regex
from kubeferry.kube.selectors import parse_selector
from kubeferry.transform.change import Note, RuleRun
from kubeferry.transform.modifiers.conditions import Conditions, Namespaces
from kubeferry.transform.modifiers.matching import KindRules
from kubeferry.transform.modifiers.rule import Rule
from kubeferry.transform.patch.json_patch import compile_operation

NAMES = ["web", "web-1", "db", "my-web"]
NAMESPACES = ["shop", "shop-2", "blog"]
EXPRESSIONS = ["^web$", "web", "^web", "1$", "^db$", "w.*b", "^(web|db)$"]
SELECTORS = [
    {"matchLabels": {"app": "web"}},
    {"matchLabels": {"app": "db", "tier": "x"}},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]},
    {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
    {"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
]
PODS = compile_glob("pods", place="x")


def namespaces(patterns: list[str]) -> Namespaces | None:
    globs = [compile_glob(one, place="x") for one in patterns]
    plain = frozenset(one.pattern for one in globs if one.literal)
    return Namespaces(plain, tuple(one for one in globs if not one.literal)) if globs else None


CONDITIONS = st.builds(
    Conditions,
    st.just(PODS),
    st.lists(st.sampled_from(["shop", "shop*", "*"]), max_size=2).map(namespaces),
    st.none() | st.sampled_from(EXPRESSIONS).map(lambda text: compile_regex(text, place="x")),
    st.none() | st.sampled_from(SELECTORS).map(lambda one: parse_selector(one, place="x")),
)
OBJECTS = st.builds(
    lambda name, namespace, labels: {
        "metadata": {"name": name, "labels": labels, **namespace},
    },
    st.sampled_from(NAMES),
    st.just({}) | st.sampled_from(NAMESPACES).map(lambda one: {"namespace": one}),
    st.none()
    | st.dictionaries(
        st.sampled_from(["app", "tier"]), st.sampled_from(["web", "db", "x"]) | st.just([])
    ),
)


@given(st.lists(CONDITIONS, min_size=5, max_size=20), st.lists(OBJECTS, max_size=5))
def test_the_index_finds_what_asking_each_finds(
    conditions: list[Conditions], objects: list[dict[str, Any]]
) -> None:
    rules = [
        Rule(f"rule {number}", one, (), number) for number, one in enumerate(conditions, start=1)
    ]
    indexed = KindRules(rules)
    for obj in objects:
        asked = [rule for rule in rules if rule.conditions.hold(obj, obj["metadata"])]
        assert indexed.matching(obj, [], []) == asked


def test_a_condition_that_cannot_be_evaluated_is_an_error_of_its_rule_alone() -> None:
    bad = Conditions(PODS, matches=(compile_operation(1, "test", "/list/9", value=1),))
    rules = [Rule("rule 1", bad, (), 1), Rule("rule 2", Conditions(PODS), (), 2)]
    errors: list[Note] = []
    runs: list[RuleRun] = []
    found = KindRules(rules).matching({"metadata": {"name": "a"}, "list": []}, errors, runs)
    assert found == [rules[1]]
    assert [note.reason for note in errors] == ["ModifierFailed"]
    assert "rule 1 matches: index 9 is out of range" in errors[0].message
    assert runs == [RuleRun(1, "failed", 0)]
