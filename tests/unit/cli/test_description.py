from datetime import UTC, datetime

from kubeferry.cli.description import events_lines, problems_lines

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_problems_errors_first() -> None:
    results = {
        "warnings": {"cluster": ["c"]},
        "errors": {"velero": ["v"], "namespaces": {"x": ["pods x/a: no"]}},
    }
    assert list(problems_lines(results)) == [
        "",
        "Errors: 2",
        "  v",
        "  namespace x: 1",
        "    pods x/a: no",
        "",
        "Warnings: 1",
        "  c",
    ]
    assert list(problems_lines(None)) == []


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
