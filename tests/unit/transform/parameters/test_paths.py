from typing import Any

import pytest

from kubeferry.transform.parameters.paths import Finder, path_of


@pytest.mark.parametrize(
    ("path", "value", "places"),
    [
        pytest.param("a/b", {"a": {"b": 1}}, [("/a/b", 1)], id="keys"),
        pytest.param("/a/b", {"a": {"b": 1}}, [("/a/b", 1)], id="a slash at the beginning"),
        pytest.param("a/*/b", {"a": [{"b": 1}, {}, {"b": 2}]}, [("/a/0/b", 1), ("/a/2/b", 2)]),
        pytest.param("a/*", {"a": [1, 2]}, [("/a/0", 1), ("/a/1", 2)], id="the items themselves"),
        pytest.param("*/*", [[1], [2]], [("/0/0", 1), ("/1/0", 2)], id="lists in a list"),
        pytest.param("a~1b/~0", {"a/b": {"~": 1}}, [("/a~1b/~0", 1)], id="slashes and tildes"),
        pytest.param("a/b", {"a": {}}, [], id="a missing key"),
        pytest.param("a/b", {"a": [1]}, [], id="a list where a map should be"),
        pytest.param("a/*", {"a": {"*": 1}}, [], id="a map where a list should be"),
        pytest.param("a", {"a": None}, [("/a", None)], id="null is a value"),
    ],
)
def test_found(path: str, value: Any, places: list[tuple[str, Any]]) -> None:
    assert [one[:2] for one in Finder([(path_of(path), None)])(value)] == places


def test_paths_that_share_a_part_are_told_apart_by_their_meaning() -> None:
    find = Finder([(("a", "b"), 1), (("a",), 2), (("a", "c"), 3), (("a", "b"), 4), (("a", "b"), 4)])
    found = find({"a": {"b": "x"}})
    assert [(pointer, meaning) for pointer, _, meaning in found] == [
        ("/a", 2),
        ("/a/b", 1),
        ("/a/b", 4),
    ]
    assert find
    assert not Finder([])
