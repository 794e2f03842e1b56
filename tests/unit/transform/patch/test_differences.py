from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.transform.patch.differences import Difference, differences
from kubeferry.transform.patch.pointer import MISSING, equal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b/~c"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "name", "c/~"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **more} for name in names]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="the same"),
        pytest.param({"a": 1}, {"a": 2}, [("/a", 1, 2)], id="a value"),
        pytest.param({"a": 1}, {"a": 1.0}, [("/a", 1, 1.0)], id="an integer is no float"),
        pytest.param({"a": True}, {"a": 1}, [("/a", True, 1)], id="true is not 1"),
        pytest.param({}, {"a": None}, [("/a", MISSING, None)], id="null is not nothing"),
        pytest.param({"a": {}}, {}, [("/a", {}, MISSING)], id="an empty map that is gone"),
        pytest.param(
            {"b": 1, "a": 1}, {"c": 1, "a": 2},
            [("/c", MISSING, 1), ("/a", 1, 2), ("/b", 1, MISSING)],
            id="what is gone comes last",
        ),
        pytest.param({"a/b": {"c~": 1}}, {"a/b": {"c~": 2}}, [("/a~1b/c~0", 1, 2)], id="escapes"),
        pytest.param({"a": [1]}, {"a": {"0": 1}}, [("/a", [1], {"0": 1})], id="another type"),
        pytest.param(
            named("a", "b"), named("c", "a", "b"), [("/0", MISSING, {"name": "c"})],
            id="a container that comes in at the front",
        ),
        pytest.param(
            named("a", "b", x=1), [{"name": "b", "x": 2}],
            [("/0/x", 1, 2), ("/0", {"name": "a", "x": 1}, MISSING)],
            id="a container that is gone, and one that changed",
        ),
        pytest.param(
            named("a", "b"), named("b", "a"), [("/0/name", "a", "b"), ("/1/name", "b", "a")],
            id="another order is a difference",
        ),
        pytest.param(
            [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
            [{"name": "v", "mountPath": "/b"}],
            [("/0", {"name": "v", "mountPath": "/a"}, MISSING)],
            id="mounts of one volume are told apart by their paths",
        ),
        pytest.param([1, 2, 3], [0, 1, 2, 3], [("/0", MISSING, 0)], id="one more at the front"),
        pytest.param([1, 2, 3], [1, 3], [("/1", 2, MISSING)], id="one less in the middle"),
        pytest.param([1, 1], [1], [("/1", 1, MISSING)], id="one less of the same"),
        pytest.param([{"p": 1}], [{"p": 2}], [("/0/p", 1, 2)], id="elements without a key"),
        pytest.param(1, 2, [("", 1, 2)], id="the whole document"),
    ],
)  # fmt: skip
def test_each_difference_has_its_pointer(old: Any, new: Any, found: list[Any]) -> None:
    assert differences(old, new) == [Difference(*one) for one in found]


@given(JSON, JSON)
def test_there_is_a_difference_exactly_where_documents_are_not_equal(old: Any, new: Any) -> None:
    assert bool(differences(old, new)) is not equal(old, new)


@given(JSON, JSON)
def test_the_other_way_round_it_is_the_same_fields(old: Any, new: Any) -> None:
    forth = sorted(repr((one.old, one.new)) for one in differences(old, new))
    back = sorted(repr((one.new, one.old)) for one in differences(new, old))
    assert forth == back


def test_what_is_nested_deeply_is_compared() -> None:
    old: Any = 1
    new: Any = 2
    for _ in range(400):
        old, new = {"a": [old]}, {"a": [new]}
    assert [one.pointer for one in differences(old, new)] == ["/a/0" * 400]
