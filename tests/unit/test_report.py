from collections import Counter
from typing import Literal

import pytest

from kubeferry.report import Findings, Problem, Several, Silent, reason_counts


def problem(
    message: str,
    *,
    level: Literal["warning", "error"] = "error",
    namespace: str = "",
    subject: str = "",
) -> Problem:
    return Problem(level, "Reason", message, namespace, subject)


@pytest.mark.parametrize(
    ("found", "part"),
    [
        pytest.param(
            problem("is gone", namespace="shop", subject="pods shop/web"),
            {"namespaces": {"shop": ["pods shop/web: Reason: is gone"]}},
            id="an object's is with its source namespace",
        ),
        pytest.param(
            problem("is gone", subject="namespaces shop"),
            {"cluster": ["namespaces shop: Reason: is gone"]},
            id="a cluster-scoped object's is the cluster's",
        ),
        pytest.param(
            problem("the vault is slow"),
            {"velero": ["Reason: the vault is slow"]},
            id="the task's own is by itself",
        ),
        pytest.param(
            problem("said:\nno\r\nway", subject="namespaces shop"),
            {"cluster": ["namespaces shop: Reason: said: no way"]},
            id="an entry is one line",
        ),
    ],
)
def test_results_have_velero_s_parts(found: Problem, part: dict[str, object]) -> None:
    findings = Findings()
    findings.problem(found)
    assert findings.results() == {"warnings": {}, "errors": part}


def test_all_problems_are_counted_and_the_first_are_kept() -> None:
    findings = Findings(keep=2)
    for number in range(5):
        findings.problem(problem(f"error {number}"))
    findings.problem(problem("a warning", level="warning"))
    assert (findings.errors, findings.warnings) == (5, 1)
    assert findings.results() == {
        "warnings": {"velero": ["Reason: a warning"]},
        "errors": {
            "velero": [
                "Reason: error 0",
                "Reason: error 1",
                "3 more: see the items files of this task",
            ]
        },
    }


class Notes:
    def __init__(self) -> None:
        self.told: list[object] = []

    def phase(self, name: str) -> None:
        self.told.append(name)

    def progress(self, done: int, total: int | None) -> None:
        self.told.append((done, total))

    def problem(self, problem: Problem) -> None:
        self.told.append(problem.message)


def test_several_reporters_are_told_the_same_in_order() -> None:
    first, second = Notes(), Notes()
    several = Several([first, Silent(), second])
    several.phase("collect")
    several.progress(1, None)
    several.problem(problem("bad"))
    assert first.told == second.told == ["collect", (1, None), "bad"]


def test_reasons_are_counted_the_worst_first_then_the_most_frequent() -> None:
    findings = Findings(keep=1)
    for reason in ("A", "B", "B"):
        findings.problem(Problem("warning", reason, "x"))
    outcomes = Counter({("skipped", "Same"): 9, ("failed", "Full"): 1, ("created", "Odd"): 3})
    assert [tuple(one) for one in reason_counts(outcomes, findings.reasons)] == [
        ("failed", "Full", 1),
        ("warning", "B", 2),
        ("warning", "A", 1),
        ("skipped", "Same", 9),
    ]
