"""What came of each modifier rule, as lines."""

from kubeferry.cli.plan_view import Look
from kubeferry.cli.rule_lines import rule_lines
from kubeferry.transform.modifiers.counts import RuleCount


def test_each_rule_has_a_line() -> None:
    counts = (
        RuleCount("rule 1 (pods)", 3, 4),
        RuleCount("rule 2 off (pods)", 1_000, 0, 1, 999),
        RuleCount("rule 3 (\x1bpods)"),
    )
    assert list(rule_lines(counts, Look())) == [
        "",
        "Modifier rules",
        "  rule 1 (pods): 3 objects, 4 operations applied",
        "  rule 2 off (pods): 1,000 objects, 0 operations applied, 999 passed over by a test, "
        "failed for 1",
        "  rule 3 (\\x1bpods): no object meets it",
    ]


def test_without_rules_nothing_is_told() -> None:
    assert list(rule_lines((), Look())) == []
