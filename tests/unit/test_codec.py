from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry import codec
from kubeferry.errors import InvalidInput

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=20,
)


def test_json_is_compact_and_keeps_integers_of_any_size() -> None:
    assert codec.encode({"a": [1, None], "b": "é"}) == '{"a":[1,null],"b":"é"}'.encode()
    assert codec.decode(b'{"n":123456789012345678901234567890}') == {
        "n": 123456789012345678901234567890
    }


def test_equal_values_are_equal_bytes_when_sorted() -> None:
    assert codec.encode_sorted({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'


def test_pretty_json_ends_with_a_newline() -> None:
    assert codec.encode_pretty({"a": 1}) == b'{\n  "a": 1\n}\n'


@pytest.mark.parametrize("text", [b"{", b"NaN", b"'a'", b"{}x", b""])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.decode(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("yes", True, id="yes is true"),
        pytest.param("Off", False, id="Off is false"),
        pytest.param("n", False, id="n is false"),
        pytest.param("~", None, id="a tilde is null"),
        pytest.param("0777", 511, id="a leading zero is octal"),
        pytest.param("0o17", 15, id="0o is octal"),
        pytest.param("0x1F", 31, id="0x is hexadecimal"),
        pytest.param("0b11", 3, id="0b is binary"),
        pytest.param("1_000", 1000, id="underscores divide digits"),
        pytest.param("-7", -7, id="a negative number"),
        pytest.param("1e3", 1000.0, id="an exponent makes a number"),
        pytest.param("1.5", 1.5, id="a fraction"),
        pytest.param("2026-01-02", "2026-01-02", id="a date stays a text"),
        pytest.param("12:30:45", "12:30:45", id="a time of day stays a text"),
        pytest.param("1:30", "1:30", id="there are no numbers to base 60"),
        pytest.param('"yes"', "yes", id="what is quoted is a text"),
        pytest.param("20Gi", "20Gi", id="a quantity is a text"),
        pytest.param("", None, id="nothing is null"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, value: object) -> None:
    found = codec.load_yaml(f"a: {text}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_keys_become_texts_as_in_json() -> None:
    found = codec.load_yaml("1: a\ntrue: b\nnull: c\nx: d")
    assert found == {"1": "a", "true": "b", "null": "c", "x": "d"}


def test_aliases_and_merges_are_expanded() -> None:
    text = "base: &b {a: 1, b: 2}\nuse:\n  <<: *b\n  c: 3\nagain: *b"
    assert codec.load_yaml(text) == {
        "base": {"a": 1, "b": 2},
        "use": {"a": 1, "b": 2, "c": 3},
        "again": {"a": 1, "b": 2},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: 1\na: 2", "key 'a' is there twice", id="a key twice"),
        pytest.param("1: a\n'1': b", "key '1' is there twice", id="a key twice as a text"),
        pytest.param("a: [", "does not parse", id="no YAML"),
        pytest.param("a: .inf", "is no JSON number", id="infinity"),
        pytest.param("{a: b}: c", "a key must be a scalar", id="a map as a key"),
        pytest.param("a: &x [*x]", "an alias refers to itself", id="a circle"),
        pytest.param(
            "a: !!python/object:os.system x", "stands for nothing", id="a type of Python's"
        ),
        pytest.param("a: *b", "does not parse", id="an alias of nothing"),
    ],
)
def test_a_bad_document_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as error:
        codec.load_yaml(text, place="manifest.yaml")
    assert said in str(error.value)
    assert error.value.place.startswith("manifest.yaml")


def test_a_few_lines_that_expand_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 9):
        before = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} [{before}]")
    with pytest.raises(InvalidInput, match="expands to more than 200000 nodes"):
        codec.load_yaml("\n".join(lines))


def test_documents_are_read_one_by_one_and_empty_ones_left_out() -> None:
    text = "---\n---\na: 1\n---\n# nothing\n---\nb: 2\n"
    assert list(codec.load_yaml_documents(text)) == [{"a": 1}, {"b": 2}]
    assert codec.load_yaml("") is None


def test_yaml_is_written_as_kubectl_writes_it() -> None:
    obj = {
        "kind": "ConfigMap",
        "data": {"b": "line 1\nline 2\n", "a": "yes", "n": "0777", "empty": "", "t": "12:30"},
        "list": [{"x": 1}],
    }
    assert codec.dump_yaml(obj) == (
        "kind: ConfigMap\n"
        "data:\n"
        "  b: |\n    line 1\n    line 2\n"
        '  a: "yes"\n'
        '  "n": "0777"\n'
        "  empty: ''\n"
        '  t: "12:30"\n'
        "list:\n- x: 1\n"
    )
    assert codec.dump_yaml({"a": 1}, {"b": 2}) == "a: 1\n---\nb: 2\n"


@given(JSON)
def test_what_is_written_as_yaml_reads_the_same(value: Any) -> None:
    assert codec.load_yaml(codec.dump_yaml({"value": value})) == {"value": value}


@given(JSON)
def test_what_is_written_as_json_reads_the_same(value: Any) -> None:
    assert codec.decode(codec.encode(value)) == value


class _Point(msgspec.Struct):
    x: int


def test_a_value_of_another_type_is_refused_by_its_field() -> None:
    assert codec.convert({"x": 1}, _Point, place="spec") == _Point(1)
    with pytest.raises(InvalidInput, match=r"spec: .*\$\.x"):
        codec.convert({"x": "1"}, _Point, place="spec")
    assert codec.to_builtins(_Point(1)) == {"x": 1}
