from typing import Any

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.parameters.image_rows import compile_rows


def config_map(name: str = "renames", **data: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "csdr", "name": name}, "data": data}


@pytest.mark.parametrize(
    ("rows", "image", "result"),
    [
        pytest.param({"a": "v1,v2"}, "r/x:v1", "r/x:v2", id="a tag"),
        pytest.param({"a": " r/x , s/y "}, "r/x:1", "s/y:1", id="blanks around"),
        pytest.param({"a": "x,y"}, "x/x:x", "y/y:y", id="every occurrence"),
        pytest.param({"a": "r,s", "b": "r/x,t/z"}, "r/x", "t/z", id="the longest wins, once"),
        pytest.param({"a": "r,s", "b": "s,t"}, "r/x", "s/x", id="a result is not renamed again"),
        pytest.param({"a": "r,s"}, "q/x", None, id="none fits"),
        pytest.param({"a": "r,r"}, "r/x", None, id="the same name"),
        pytest.param({"a": "old,new,x"}, "old", "new,x", id="the first comma divides"),
    ],
)
def test_rename(rows: dict[str, str], image: str, result: str | None) -> None:
    compiled, _ = compile_rows([config_map(**rows)])
    found = compiled.rename(image)
    assert (found[0] if found else None) == result


def test_two_config_maps_are_refused_as_none_can_be_preferred() -> None:
    with pytest.raises(InvalidInput, match="2 ConfigMaps rename images: configmap csdr/a, "):
        compile_rows([config_map("b"), config_map("a")])


@pytest.mark.parametrize("row", ["old,", ",new", " , "])
def test_an_empty_side_is_refused(row: str) -> None:
    with pytest.raises(InvalidInput, match="has an empty side") as caught:
        compile_rows([config_map(a=row)])
    assert caught.value.place == "configmap csdr/renames data.a"


def test_a_row_without_a_comma_is_told_of_and_so_is_whom_the_rows_are_for() -> None:
    rows, notes = compile_rows([config_map(a="v1:v2", b="v1,v2")])
    assert rows
    assert [note.reason for note in notes] == ["ImageRowIgnored", "ImagesRenamed"]


def test_no_config_map_renames_nothing() -> None:
    rows, notes = compile_rows([])
    assert not rows
    assert not notes
