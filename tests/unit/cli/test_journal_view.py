import json
from typing import Any

import pytest

from kubeferry.cli.journal_view import hook_json, item_json, journal_json, journal_lines
from kubeferry.cli.plan_summary import item_json as planned_json
from kubeferry.cli.plan_view import Look
from kubeferry.journal import HookRun, Item
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.apply import Result
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.report import journal_item
from kubeferry.restore.waves import STEPS
from kubeferry.transform.change import STRIPPED, Cause, Change, Note

MOVED = {
    "pointer": "/metadata/namespace",
    "old": "shop",
    "new": "shop1",
    "mechanism": "parameter",
    "rule": "namespaceMapping shop=shop1",
}
IMAGE = {"pointer": "/image", "old": "a", "new": "b", "mechanism": "modifier", "rule": "rule 1"}
COMMON = {"pointer": "", "mechanism": "automatic", "rule": "server-fields"}


def item(action: str = "created", **fields: Any) -> Item:
    return Item(
        source=("statefulsets.apps", "shop", "web"),
        target=("statefulsets.apps", "shop1", "web"),
        action=action,
        kind="apps/v1/StatefulSet",
        **fields,
    )


def drawn(line: Item | HookRun, **look: Any) -> list[str]:
    return list(journal_lines([line], Look(**look)))


def test_an_object_is_drawn_as_in_a_plan_what_all_meet_alike_is_left_out() -> None:
    made = item(changes=[COMMON, MOVED, IMAGE])
    assert drawn(made) == [
        "created    StatefulSet shop/web -> shop1/web".ljust(100 - len("(namespaceMapping)"))
        + "(namespaceMapping)",
        "           ~ /image: a -> b".ljust(100 - len("(modifier: rule 1)")) + "(modifier: rule 1)",
    ]
    assert [line.strip().partition("  ")[0] for line in drawn(made, full=True)] == [
        "created",
        "- status and what else only the server writes",
        "~ /metadata/namespace: shop -> shop1",
        "~ /image: a -> b",
    ]


def test_of_an_update_what_differed_is_shown() -> None:
    updated = item("updated", changes=[MOVED, IMAGE], differences=[IMAGE | {"old": "x"}])
    assert [line.strip() for line in drawn(updated)[1:]] == ["~ /image: x -> b"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            item("skipped", reason="Identical", message="is there"),
            ["skipped    StatefulSet shop/web", "           ! Identical: is there"],
            id="what was left out says why",
        ),
        pytest.param(
            item(
                "failed", reason="Forbidden", message="no", problems=[("error", "Forbidden", "no")]
            ),
            ["failed     StatefulSet shop/web", "           ! Forbidden: no"],
            id="a failure says it once",
        ),
        pytest.param(
            item(grants=[("privilegedPod", "hostPID")], notes=[("RolloutFollows", "web-0")]),
            [
                "created    StatefulSet shop/web -> shop1/web",
                "           i grants (privilegedPod): hostPID",
                "           i RolloutFollows: web-0",
            ],
            id="grants and notes are no problems",
        ),
        pytest.param(
            Item(source=("x.y", "", "a"), target=("x.y", "", "a"), action="failed", reason="No"),
            ["failed     x.y a", "           ! No: "],
            id="a kind that is not served",
        ),
        pytest.param(
            HookRun(
                source=("pods", "shop", "db"), target=("pods", "shop1", "db"), number=0, hook="h",
                outcome="failed", reason="HookFailed", message="exit code 1",
            ),
            ["failed     hook h in Pod shop1/db", "           ! HookFailed: exit code 1"],
            id="a hook",
        ),
    ],
)  # fmt: skip
def test_other_lines(line: Item | HookRun, expected: list[str]) -> None:
    assert [one.rstrip() for one in drawn(line)] == [one.rstrip() for one in expected]


def test_what_was_done_has_the_form_of_what_was_planned() -> None:
    plan = PlanItem(
        Identity("pods", "shop", "a"),
        Identity("pods", "shop1", "a"),
        Resource("", "v1", "pods", "Pod", True),
        "create",
        {"spec": {"hostPID": True}},
        changes=(STRIPPED, Change("/spec/x", 1, 2, Cause("modifier", "rule 1"))),
        warnings=(Note("Odd", "look"),),
        errors=(Note("ModifierFailed", "no"),),
        images=("r/a:1",),
        notes=(Note("RolloutFollows", "so"),),
    )
    planned = planned_json(STEPS[0], plan)
    done = item_json(journal_item(Result(plan, "created")))
    assert done == {key: value for key, value in planned.items() if key != "wave"} | {
        "action": "created"
    }


def test_json_is_a_line_an_object_a_hook_and_a_summary() -> None:
    run = HookRun(
        source=("pods", "shop", "db"),
        target=("pods", "shop1", "db"),
        number=1,
        hook="h",
        container="main",
    )
    made, hook, summary = map(json.loads, journal_json([item(), run], {"phase": "Completed"}))
    assert (made["type"], made["kind"]) == ("item", "StatefulSet")
    assert (
        hook
        == hook_json(run)
        == {
            "type": "hook",
            "source": {"groupResource": "pods", "namespace": "shop", "name": "db"},
            "target": {"groupResource": "pods", "namespace": "shop1", "name": "db"},
            "number": 1,
            "hook": "h",
            "outcome": "done",
            "container": "main",
        }
    )
    assert summary == {"type": "summary", "phase": "Completed"}
