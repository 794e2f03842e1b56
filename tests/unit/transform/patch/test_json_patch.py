"""JSON patch against velero.md §4.6, row by row, and against jsonpatch where the two agree."""

import copy
from typing import Any

import jsonpatch
import jsonpointer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeferry.errors import InvalidInput, PatchFailed, PatchTestFailed
from kubeferry.transform.change import apply_changes
from kubeferry.transform.patch.edits import Change
from kubeferry.transform.patch.json_patch import (
    apply_json_patch,
    apply_operations,
    compile_json_patch,
)

DOCUMENT = {"a": {"b": 1}, "c": [10, 20], "z": None, "s": "text", "x/y": {"t~u": 2}, "n": 1}


def op(name: str, path: str, value: Any = ..., **more: Any) -> dict[str, Any]:
    given = {} if value is ... else {"value": value}
    return {"op": name, "path": path, **given, **more}


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        pytest.param(op("replace", "/z", 1), {"z": 1}, id="replace works on a null"),
        pytest.param(op("add", "/a/b", 2), {"a": {"b": 2}}, id="add overwrites"),
        pytest.param(op("add", "/a/c", 2), {"a": {"b": 1, "c": 2}}, id="add makes a field"),
        pytest.param(op("add", "/c/0", 5), {"c": [5, 10, 20]}, id="add inserts"),
        pytest.param(op("add", "/c/2", 5), {"c": [10, 20, 5]}, id="add at the end"),
        pytest.param(op("add", "/c/-", 5), {"c": [10, 20, 5]}, id="add with a dash appends"),
        pytest.param(op("add", "/c/-1", 5), {"c": [10, 20, 5]}, id="add at -1 appends"),
        pytest.param(op("replace", "/c/-1", 5), {"c": [10, 5]}, id="replace at -1: the last"),
        pytest.param(op("remove", "/c/-1"), {"c": [10]}, id="remove at -1: the last"),
        pytest.param(op("replace", "/c/01", 5), {"c": [10, 5]}, id="a leading zero is accepted"),
        pytest.param(op("replace", "/x~1y/t~0u", 5), {"x/y": {"t~u": 5}}, id="~1 and ~0"),
        pytest.param(op("add", "/", 5), {"": 5}, id="a slash addresses the empty key"),
        pytest.param(op("test", "/a/b", 1), {}, id="test equal"),
        pytest.param(op("test", "/a/missing", None), {}, id="test missing is null"),
        pytest.param(op("test", "/z", None), {}, id="test null"),
        pytest.param(
            op("move", "/a/d", **{"from": "/c/0"}), {"a": {"b": 1, "d": 10}, "c": [20]}, id="move"
        ),
        pytest.param(
            op("copy", "/c/0", **{"from": "/a"}), {"c": [{"b": 1}, 10, 20]}, id="copy into a list"
        ),
        pytest.param(op("copy", "/all"), {"all": DOCUMENT}, id="copy without from: all of it"),
    ],
)
def test_operation_applies(operation: dict[str, Any], changed: dict[str, Any]) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert apply_json_patch(DOCUMENT, [operation]) == {**before, **changed}
    assert before == DOCUMENT


def test_remove_takes_the_field_out() -> None:
    assert "z" not in apply_json_patch(DOCUMENT, [op("remove", "/z")])


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(op("replace", "/a/x", 1), id="replace a missing leaf"),
        pytest.param(op("remove", "/a/x"), id="remove a missing leaf"),
        pytest.param(op("remove", "/q/x"), id="remove below a missing parent"),
        pytest.param(op("add", "/q/x", 1), id="add makes no parents"),
        pytest.param(op("add", "/z/x", 1), id="add below null"),
        pytest.param(op("add", "/s/x", 1), id="add below a text"),
        pytest.param(op("add", "/c/3", 1), id="add beyond the end"),
        pytest.param(op("add", "/c/-4", 1), id="add before the beginning"),
        pytest.param(op("replace", "/c/-", 1), id="replace at the dash"),
        pytest.param(op("replace", "/c/2", 1), id="replace out of range"),
        pytest.param(op("remove", "/c/-9"), id="remove out of range"),
        pytest.param(op("remove", "/c/x"), id="remove by a name from a list"),
        pytest.param(op("remove", "/c/1_0"), id="an index with an underscore"),
        pytest.param(op("remove", "/c/" + "9" * 5000), id="an index of many digits"),
        pytest.param(op("remove", "/x/y"), id="an unescaped slash"),
        pytest.param(op("test", "/q/x", None), id="test below a missing parent"),
        pytest.param(op("test", "/c/9", 1), id="test out of range"),
        pytest.param(op("test", "/s/x", 1), id="test through a scalar"),
        pytest.param(op("move", "/a", **{"from": "/q"}), id="move what is missing"),
        pytest.param(op("copy", "/a", **{"from": "/q"}), id="copy what is missing"),
        pytest.param(op("move", "/a/b/c", **{"from": "/a"}), id="move into its own child"),
        pytest.param(op("remove", ""), id="remove the document"),
        pytest.param(op("replace", "", 1), id="a document that is a number"),
    ],
)
def test_operation_fails(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchFailed) as caught:
        apply_json_patch(DOCUMENT, [operation])
    assert not isinstance(caught.value, PatchTestFailed)
    what = f"{operation['op']} {operation['path']}".rstrip()
    assert caught.value.place == f"patch 1 ({what})"


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(op("test", "/a/b", 2), id="another value"),
        pytest.param(op("test", "/a/b", 1.0), id="1 is not 1.0"),
        pytest.param(op("test", "/a/b", True), id="1 is not true"),
        pytest.param(op("test", "/a/b", "1"), id="1 is not a text"),
        pytest.param(op("test", "/a/missing", 1), id="missing is nothing but null"),
        pytest.param(op("test", "/c", [10, 20.0]), id="inside a list too"),
        pytest.param(op("test", "/a", {"b": 1, "c": 2}), id="a map with more"),
    ],
)
def test_test_fails(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchTestFailed):
        apply_json_patch(DOCUMENT, [operation])


def test_a_patch_that_fails_halfway_records_nothing() -> None:
    earlier = Change("/x", 1, 2, ("modifier", "before"))  # type: ignore[arg-type]
    changes = [earlier]
    operations = compile_json_patch([op("replace", "/a/b", 2), op("remove", "/q")])
    with pytest.raises(PatchFailed, match="patch 2"):
        apply_operations(DOCUMENT, operations, changes)
    assert changes == [earlier]


def test_what_is_copied_is_not_tied_to_its_origin() -> None:
    patched = apply_json_patch(
        {"a": {"b": 1}}, [op("copy", "/c", **{"from": "/a"}), op("replace", "/c/b", 2)]
    )
    assert patched == {"a": {"b": 1}, "c": {"b": 2}}


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param({}, id="no list"),
        pytest.param(["x"], id="no map"),
        pytest.param([op("turn", "/a")], id="an unknown operation"),
        pytest.param([{"op": "add"}], id="no path"),
        pytest.param([op("add", "a", 1)], id="a path without a slash"),
        pytest.param([op("add", "/a")], id="add without a value"),
        pytest.param([op("move", "/a")], id="move without from"),
        pytest.param([op("copy", "/a", **{"from": 1})], id="from is no text"),
    ],
)
def test_malformed_patch_is_refused(patch: Any) -> None:
    with pytest.raises(InvalidInput, match="patch"):
        apply_json_patch({"a": 1}, patch)


NAMES = st.sampled_from(["a", "b", "c~d", "e/f"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["x", "y"]))
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=3,
)
POINTERS = st.lists(
    st.one_of(NAMES, st.sampled_from(["0", "1", "2", "-"])), min_size=1, max_size=3
).map(lambda tokens: jsonpointer.JsonPointer.from_parts(tokens).path)


@st.composite
def operations(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(["add", "remove", "replace", "test", "move", "copy"]))
    made: dict[str, Any] = {"op": name, "path": draw(POINTERS)}
    if name in ("add", "replace", "test"):
        made["value"] = draw(SCALARS | st.dictionaries(NAMES, SCALARS, max_size=2))
    if name in ("move", "copy"):
        made["from"] = draw(POINTERS)
    return made


def oracle(document: Any, patch: list[dict[str, Any]]) -> Any:
    """What jsonpatch makes of it, None if it refuses."""
    try:
        return jsonpatch.apply_patch(copy.deepcopy(document), patch)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        return None


def differs_by_intent(document: Any, patch: list[dict[str, Any]]) -> bool:
    """Where the two libraries mean different things: tests of what is missing, and numbers."""
    return any(one["op"] == "test" for one in patch)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, st.lists(operations(), min_size=1, max_size=4))
def test_as_jsonpatch_does(document: Any, patch: list[dict[str, Any]]) -> None:
    """Law: without tests and negative indexes both libraries agree, and no input is changed."""
    before = copy.deepcopy(document)
    try:
        ours = apply_json_patch(document, patch)
    except PatchFailed:
        ours = None
    assert document == before
    if not differs_by_intent(document, patch):
        assert ours == oracle(before, patch)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, st.lists(operations(), min_size=1, max_size=4))
def test_changes_make_the_document_after(document: Any, patch: list[dict[str, Any]]) -> None:
    """Law: the document before and the recorded changes make the document after."""
    changes: list[Change] = []
    try:
        after = apply_operations(document, compile_json_patch(patch), changes)
    except PatchFailed:
        assert changes == []
        return
    assert apply_changes(document, changes) == after


def test_copies_of_copies_end_where_no_object_could_hold_them() -> None:
    copies = [{"op": "copy", "from": "/a", "path": f"/a/b{number}"} for number in range(40)]
    assert apply_json_patch({"a": {"x": "y"}}, copies[:3])
    with pytest.raises(PatchFailed, match="would be copied"):
        apply_json_patch({"a": {"x": "y"}}, copies)
