from typing import Any

import pytest

from kubeferry.api.metadata import Metadata
from kubeferry.api.restore import ApplicationRestore, RestoreSpec
from kubeferry.cli.plan_view import Look
from kubeferry.cli.why import compared, lines
from kubeferry.journal import Item
from kubeferry.transform.patch.pointer import MISSING

RESTORE = ApplicationRestore(metadata=Metadata(name="back"), spec=RestoreSpec(backup_name="b"))
LOOK = Look(width=100, colour=False, unicode=True, full=False)
IMAGE = "/spec/template/spec/containers/0/image"


def change(
    pointer: str, rule: str = "rule 1 (deployments.apps): patch 1 replace", **values: Any
) -> dict[str, Any]:
    return {"pointer": pointer, **values, "mechanism": "modifier", "rule": rule}


def item(*changes: dict[str, Any], action: str = "created") -> Item:
    return Item(
        source=("deployments.apps", "shop", "web"),
        target=("deployments.apps", "shop1", "web"),
        action=action,
        kind="apps/v1/Deployment",
        changes=list(changes),
    )


def live(image: str = "new", **spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"image": image}]}}, **spec}}


def now(*changes: dict[str, Any], there: dict[str, Any]) -> list[Any]:
    return [one.now for one in compared(item(*changes), there)]


def test_a_field_that_somebody_changed_is_told() -> None:
    moved = change(IMAGE, old="old", new="new")
    assert now(moved, there=live("new")) == [None]
    assert now(moved, there=live("newer")) == ["newer"]
    assert now(moved, there={"spec": {}}) == [MISSING]


def test_of_two_changes_of_a_field_the_last_one_counts() -> None:
    twice = change(IMAGE, old="a", new="b"), change(IMAGE, old="b", new="new")
    assert now(*twice, there=live("new")) == [None, None]
    assert now(*twice, there=live("x")) == [None, "x"]


def test_what_a_server_adds_to_a_value_is_no_change() -> None:
    added = change("/spec/strategy", new={"type": "Recreate"})
    assert now(added, there=live(strategy={"type": "Recreate", "more": 1})) == [None]


def test_what_was_taken_out_and_is_there_again_is_told() -> None:
    gone = change("/spec/paused", old=True)
    assert now(gone, there=live()) == [None]
    assert now(gone, there=live(paused=False)) == [False]


def test_elements_that_moved_in_a_list_are_no_changes() -> None:
    changed, removed = change("/spec/l/1", old="b", new="c"), change("/spec/l/0", old="a")
    assert now(changed, removed, there={"spec": {"l": ["c"]}}) == [None, None]
    assert now(change("/spec/l/0", new="c"), there={"spec": {"l": ["z", "c"]}}) == [None]
    assert now(change("/spec/l/0", new="c"), there={"spec": {"l": ["z"]}}) == [MISSING]


def test_a_masked_value_is_not_compared() -> None:
    secret = change("/data/word", old="(masked)", new="(masked)")
    assert now(secret, there={"data": {"word": "aHVudGVyMg=="}}) == [None]


def test_a_masked_value_inside_another_is_not_compared_and_not_shown() -> None:
    key = {"akSecret": "s3cret"}
    written = change("/spec/options", new={"akSecret": "(masked)", "bucket": "b"})
    assert now(written, there={"spec": {"options": {**key, "bucket": "b"}}}) == [None]
    hidden = {"akSecret": "(masked)", "bucket": "c"}
    assert now(written, there={"spec": {"options": {**key, "bucket": "c"}}}) == [hidden]
    gone = change("/spec/options", old={"akSecret": "(masked)"})
    assert now(gone, there={"spec": {"options": key}}) == [{"akSecret": "(masked)"}]


def test_each_change_is_told_with_its_cause_and_what_became_of_it() -> None:
    told = item(change(IMAGE, old="old", new="new"))
    drawn = lines(RESTORE, told, list(compared(told, live("newer"))), LOOK)
    assert [" ".join(line.split()) for line in drawn] == [
        "Deployment shop1/web",
        "created by restore back, from shop/web of backup b",
        f"~ {IMAGE}: old -> new (modifier rule 1, patch 1 replace)",
        "! since then it was changed: newer",
    ]


@pytest.mark.parametrize("action", ["skipped", "failed"])
def test_what_was_not_written_is_not_compared(action: str) -> None:
    told = item(change(IMAGE, old="old", new="new"), action=action)
    assert [one.now for one in compared(told, live("x"))] == [None]
