"""The old document with the edits between two documents is the new one, whatever they are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.errors import PatchFailed
from kubeferry.transform.change import apply_changes
from kubeferry.transform.patch.edits import Cause
from kubeferry.transform.patch.merge_keys import merge_keys
from kubeferry.transform.patch.merge_patch import apply_merge_patch
from kubeferry.transform.patch.pointer import MISSING, equal
from kubeferry.transform.patch.recording import edits_between
from kubeferry.transform.patch.strategic import apply_strategic_patch

CAUSE = Cause("modifier", "rule 1")
NAMES = st.sampled_from(["a", "b", "c", "name", "key", "~/"])
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | NAMES
NAMED = st.lists(st.fixed_dictionaries({"name": NAMES, "v": SCALARS}), max_size=5)
VALUES = st.recursive(
    SCALARS | NAMED,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)


@given(DOCUMENTS, DOCUMENTS)
def test_the_old_document_with_the_edits_is_the_new_one(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    edits = edits_between(old, new, CAUSE)
    assert equal(apply_changes(old, edits), new)
    assert (edits == []) is equal(old, new)


@given(DOCUMENTS, DOCUMENTS)
def test_what_a_merge_patch_did_is_recorded(old: dict[str, Any], patch: dict[str, Any]) -> None:
    new = apply_merge_patch(old, patch)
    assert equal(apply_changes(old, edits_between(old, new, CAUSE)), new)


CONTAINERS = st.fixed_dictionaries(
    {
        "spec": st.fixed_dictionaries(
            {
                "containers": st.lists(
                    st.fixed_dictionaries({"name": NAMES, "v": SCALARS}),
                    max_size=4,
                    unique_by=lambda one: one["name"],
                )
            },
            optional={"tolerations": st.lists(SCALARS, max_size=3), "x": VALUES},
        )
    }
)


@given(CONTAINERS, CONTAINERS)
def test_what_a_strategic_patch_did_is_recorded(old: dict[str, Any], patch: dict[str, Any]) -> None:
    try:
        new = apply_strategic_patch(old, patch, merge_keys("pods"))
    except PatchFailed:
        return
    assert equal(apply_changes(old, edits_between(old, new, CAUSE)), new)


@pytest.mark.parametrize(
    ("old", "new", "edits"),
    [
        pytest.param([1, 2, 3], [1, 3], [("/1", 2, MISSING)], id="an element goes"),
        pytest.param([1, 3], [1, 2, 3], [("/1", MISSING, 2)], id="an element comes"),
        pytest.param(
            [{"name": "a", "v": 1}, {"name": "b"}],
            [{"name": "c"}, {"name": "a", "v": 2}, {"name": "b"}],
            [("/0", MISSING, {"name": "c"}), ("/1/v", 1, 2)],
            id="elements belong together by name",
        ),
        pytest.param(
            [{"name": "a"}, {"name": "b"}],
            [{"name": "b"}, {"name": "a"}],
            [("", [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}])],
            id="another order is another list",
        ),
        pytest.param(1, 1.0, [("", 1, 1.0)], id="1 is not 1.0"),
    ],
)
def test_edits_are_small(old: Any, new: Any, edits: list[tuple[str, Any, Any]]) -> None:
    found = edits_between({"list": old}, {"list": new}, CAUSE)
    assert [(one.pointer.removeprefix("/list"), one.old, one.new) for one in found] == edits
