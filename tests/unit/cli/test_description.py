from datetime import UTC, datetime

from kubeferry.cli.description import events_lines, problems_lines, told_problems
from kubeferry.report import Problem

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


RESULTS = {
    "warnings": {"cluster": ["storageclasses.storage.k8s.io fast: Differs: is other"]},
    "errors": {
        "velero": ["ArchiveDamaged: is cut off", "Velero's own text"],
        "namespaces": {
            "x": ["pods x/a: Forbidden: no: never", "Velero: said so"],
            "y": ["gone: NamespaceMissing: was asked for"],
        },
    },
}


def test_problems_come_errors_first_by_their_reasons_each_with_what_to_do() -> None:
    assert list(problems_lines(RESULTS)) == [
        "",
        "Errors: 5",
        "  ArchiveDamaged: 1",
        "    what to do: use another backup",
        "    is cut off",
        "  Forbidden: 1",
        "    what to do: kubectl auth can-i; ask for the right",
        "    pods x/a: no: never",
        "  NamespaceMissing: 1",
        "    what to do: correct includedNamespaces",
        "    gone: was asked for",
        "  others: 2",
        "    Velero's own text",
        "    x: Velero: said so",
        "",
        "Warnings: 1",
        "  Differs: 1",
        "    what to do: existingResourcePolicy: update, or map to another namespace: what exists "
        "already",
        "    storageclasses.storage.k8s.io fast: is other",
    ]
    assert list(problems_lines(None)) == []


def test_a_problem_is_read_as_it_was_written() -> None:
    for problem in (
        Problem("error", "Forbidden", "no: Differs: x", "shop", "pods shop/a"),
        Problem("error", "Forbidden", "Differs: x"),
        Problem("error", "NamespaceMissing", "is not there", "", "gone"),
    ):
        where = (
            {"namespaces": {"shop": [str(problem)]}}
            if problem.namespace
            else {"velero": [str(problem)]}
        )
        assert list(told_problems({"errors": where})) == [problem]


def test_events_oldest_first() -> None:
    events = [
        {
            "type": "Warning",
            "reason": "B",
            "message": "later ",
            "lastTimestamp": "2026-01-02T03:04:00Z",
        },
        {"type": "Normal", "reason": "A", "message": "m", "eventTime": "2026-01-02T03:00:00Z"},
        {},
    ]
    assert list(events_lines(events, now=NOW)) == [
        "  TYPE      REASON   AGE      MESSAGE",
        "  <none>    <none>   <none>",
        "  Normal    A        4m5s     m",
        "  Warning   B        5s       later",
    ]
