"""velero.md §4.1 (scalars of YAML) and §4.5 (typing of values), row by row."""

from typing import Any

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.modifiers.values import scalar_text, typed_value, whole_numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("x", "x"),
        ("1Gi", "1Gi"),
        ("é", "é"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("Null", "Null"),
        ("1", 1),
        ("-1", -1),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("12345678901234567890", 12345678901234567890),
        ('"true"', "true"),
        ('"1"', "1"),
        ('"null"', "null"),
        ('"', ""),
        ('""', ""),
        ('"a\\"b"', 'a"b'),
        ("0x10", "0x10"),
        (" 1", " 1"),
        ("1 ", "1 "),
        ('{"k":1}', {"k": 1}),
        ("[1,2]", [1, 2]),
        ("a\\nb", "a\nb"),
        ("a\\b", "a\b"),
    ],
)
def test_as_velero(text: str, value: Any) -> None:
    typed = typed_value(text, place="value")
    assert (typed.value, type(typed.value), typed.note) == (value, type(value), "")


@pytest.mark.parametrize(
    "text",
    [
        *("True", "TRUE", "+1", ".5", "5.", "007", "1_000", "NaN", "Inf", "-Infinity", "0x1p4"),
        *('a"b', "line\nbreak", "C:\\x"),
    ],
)
def test_what_velero_cannot_decode_is_the_text_and_is_noted(text: str) -> None:
    typed = typed_value(text, place="value")
    assert typed.value == text
    assert "Velero fails" in typed.note


def test_quotes_inside_quotes_stay() -> None:
    assert typed_value('"a"b"', place="value").value == 'a"b'


@pytest.mark.parametrize("text", ["{bad", "[abc]x", '{"a":1,}'])
def test_broken_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="value: is not JSON"):
        typed_value(text, place="value")


@pytest.mark.parametrize(
    ("scalar", "text"),
    [
        ("x", "x"),
        (2, "2"),
        (2.5, "2.5"),
        (1000.0, "1000"),
        (True, "true"),
        (None, ""),
        (1e6, "1e+06"),
        (2.5e-5, "2.5e-05"),
        (-12345678.5, "-1.23456785e+07"),
        (0.0, "0"),
    ],
)
def test_a_scalar_becomes_gos_text(scalar: object, text: str) -> None:
    assert scalar_text(scalar, place="value") == text


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_a_map_or_list_is_no_text(value: object) -> None:
    with pytest.raises(InvalidInput, match="write it as JSON in quotes"):
        scalar_text(value, place="value")


def test_a_float_without_a_fraction_ends_as_a_whole_number() -> None:
    result = whole_numbers({"a": [1e3, 1.5, True], "b": 2.0})
    assert result == {"a": [1000, 1.5, True], "b": 2}
    assert isinstance(result["a"][0], int)
