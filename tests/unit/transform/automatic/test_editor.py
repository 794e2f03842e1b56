from typing import Any

import pytest

from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.change import MISSING, Cause, Change, apply_changes

CAUSE = Cause("automatic", "test")
OBJECT: dict[str, Any] = {
    "spec": {"a": 1, "none": None, "list": [{"x": 1}, "text"], "map": {"b/c": 2}},
    "text": "t",
}


def edited(edit: Any) -> tuple[Any, list[tuple[str, Any, Any]]]:
    editor = Editor(OBJECT, CAUSE)
    edit(editor)
    assert apply_changes(OBJECT, editor.changes) == editor.object
    assert {one.cause for one in editor.changes} <= {CAUSE}
    return editor.object, [(one.pointer, one.old, one.new) for one in editor.changes]


@pytest.mark.parametrize(
    ("path", "value", "changes"),
    [
        pytest.param(("spec", "a"), 2, [("/spec/a", 1, 2)], id="another value"),
        pytest.param(("spec", "a"), 1, [], id="the same value is no change"),
        pytest.param(("spec", "a"), True, [("/spec/a", 1, True)], id="true is not 1"),
        pytest.param(("spec", "new"), 2, [("/spec/new", MISSING, 2)], id="a new field"),
        pytest.param(
            ("spec", "deep", "er"), 2, [("/spec/deep", MISSING, {"er": 2})],
            id="what is missing around it comes with it",
        ),
        pytest.param(
            ("spec", "none", "er"), 2, [("/spec/none", None, {"er": 2})], id="null is as missing"
        ),
        pytest.param(("spec", "list", 0, "x"), 2, [("/spec/list/0/x", 1, 2)], id="in a list"),
        pytest.param(("spec", "map", "b/c"), 3, [("/spec/map/b~1c", 2, 3)], id="an odd key"),
        pytest.param(("text", "a"), 3, [], id="a text has no fields"),
        pytest.param(("spec", "list", 1, "a"), 3, [], id="nor has one in a list"),
        pytest.param(("spec", "list", 9, "a"), 3, [], id="an element that is not there"),
    ],
)  # fmt: skip
def test_a_value_is_put(path: Path, value: Any, changes: list[Any]) -> None:
    _, found = edited(lambda editor: editor.set(path, value))
    assert found == changes


def test_a_default_is_for_what_is_not_there_or_null() -> None:
    def edit(editor: Editor) -> None:
        editor.default(("spec", "a"), 5)
        editor.default(("spec", "none"), 6)
        editor.default(("spec", "new"), 7)

    assert edited(edit)[1] == [("/spec/none", None, 6), ("/spec/new", MISSING, 7)]


def test_a_field_is_moved_and_null_only_goes() -> None:
    def edit(editor: Editor) -> None:
        editor.move(("spec", "a"), ("other", "b"))
        editor.move(("spec", "none"), ("other", "c"))
        editor.move(("spec", "missing"), ("other", "d"))

    after, changes = edited(edit)
    assert after["other"] == {"b": 1}
    assert changes == [
        ("/spec/a", 1, MISSING),
        ("/other", MISSING, {"b": 1}),
        ("/spec/none", None, MISSING),
    ]


def test_what_was_given_stays_as_it_was_and_the_rest_is_shared() -> None:
    after, _ = edited(lambda editor: editor.set(("spec", "a"), 2))
    assert OBJECT["spec"]["a"] == 1
    assert after["spec"]["list"] is OBJECT["spec"]["list"]


def test_a_change_may_have_a_cause_of_its_own() -> None:
    editor, own = Editor(OBJECT, CAUSE), Cause("automatic", "own")
    editor.set(("a", "b"), 1, cause=own)
    assert editor.changes == [Change("/a", MISSING, {"b": 1}, own)]
