import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
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


DEEP = 100_000


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * DEEP + b"]" * DEEP, id="lists inside each other"),
        pytest.param(b'{"a":' * DEEP + b"1" + b"}" * DEEP, id="maps inside each other"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param(b'{"\xff":1}', id="a key that is no UTF-8"),
        pytest.param("\ud800", id="half a character"),
        pytest.param(b'"\\ud800"', id="half an escape"),
        pytest.param(b"9" * 5000, id="a whole number beyond reason"),
        pytest.param(b"1e999", id="a number beyond reason"),
    ],
)
def test_whatever_is_wrong_with_json_is_a_decode_error(data: bytes | str) -> None:
    for read in (codec.decode, codec.Decoder(dict[str, Any]).decode):
        with pytest.raises(msgspec.DecodeError):
            read(data)


def test_what_a_typed_decoder_passes_over_may_be_no_deeper() -> None:
    deep = b'{"a":{},"b":' + b"[" * DEEP + b"]" * DEEP + b"}"
    with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
        codec.Decoder(OnlyA).decode(deep)


class OnlyA(msgspec.Struct):
    a: dict[str, Any]


@pytest.mark.parametrize(
    ("depth", "is_read"),
    [pytest.param(500, True, id="as deep as may be"), pytest.param(501, False, id="deeper")],
)
def test_an_archived_object_is_bounded_in_depth(depth: int, is_read: bool) -> None:
    data = b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)
    if is_read:
        assert codec.encode(codec.decode_archived(data)) == data
    else:
        with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
            codec.decode_archived(data)


def test_a_wide_archived_object_is_read() -> None:
    assert len(codec.decode_archived(b"[" + b",".join([b"{}"] * 2000) + b"]")) == 2000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[" * DEEP, "100 maps and lists", id="a hundred thousand lists"),
        pytest.param(
            "a: " + "[" * 600 + "]" * 600, "100 maps and lists are inside", id="lists too deep"
        ),
        pytest.param("\n".join(" " * n + "a:" for n in range(101)), "100 maps", id="maps too deep"),
        pytest.param(
            "a: &x " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 60 + "*x" + "]" * 60,
            "100 maps and lists are inside",
            id="an alias makes it too deep",
        ),
        pytest.param("x" * (17 << 20), "is bigger than 16 MiB", id="too big"),
        pytest.param("a: 0x_", "'0x_' is no whole number", id="a prefix without digits"),
        pytest.param("a: " + "9" * 5000, "is too long", id="a number too long"),
        pytest.param("a: !!int abc", "'abc' is no whole number", id="no whole number at all"),
        pytest.param("a: !!int 08", "'08' is no whole number", id="no octal number"),
        pytest.param("a: !!int [1]", "does not parse", id="a list is no number"),
        pytest.param("a: !!float abc", "'abc' is no JSON number", id="no number at all"),
        pytest.param("a: !!bool abc", "'abc' is no boolean", id="no boolean"),
        pytest.param("a: !!map [1]", "is no map", id="a list is no map"),
        pytest.param("a: !!seq {a: 1}", "does not parse", id="a map is no list"),
        pytest.param("a: 1e999", "'1e999' is no JSON number", id="a number beyond reason"),
        pytest.param("a: .nan", "'.nan' is no JSON number", id="no number by name"),
        pytest.param("a: !!timestamp abc", "the tag !!timestamp", id="a date that is none"),
        pytest.param("a: !!timestamp 2026-01-02", "the tag !!timestamp", id="a date"),
        pytest.param("a: !!binary eA==", "the tag !!binary", id="bytes"),
        pytest.param("a: !!set {b}", "the tag !!set", id="a set"),
        pytest.param("a: !mine b", "the tag !mine", id="a tag of one's own"),
        pytest.param("a: \ud800", "has a character that is none", id="half a character"),
        pytest.param("<<: 1", "does not parse", id="a merge of no map"),
    ],
)
def test_odd_yaml_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        codec.load_yaml(text)


def test_what_is_wrong_with_a_scalar_is_told_with_its_line() -> None:
    with pytest.raises(InvalidInput) as caught:
        codec.load_yaml("a: 1\nb: 1e999", place="manifest.yaml")
    assert caught.value.place == "manifest.yaml line 2"


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b",
            "1",
            "0x_",
            "9" * 4400,
            "1e999",
            ".inf",
            "-",
            "~",
            "'",
            '"',
            "{",
            "}",
            "[",
            "]",
        ),
        *(": ", ", ", "- ", "\n", "\n  ", "\n- ", "? ", "&x ", "*x", "<<: ", "!!int ", "!!map "),
        *(
            "!!float ",
            "!!bool ",
            "!!null ",
            "!!set ",
            "!!timestamp ",
            "!!binary ",
            "!!merge ",
            "!a ",
        ),
        *("!!seq ", "!!str ", "!!value ", "!!omap ", "---\n", "...\n", "%YAML 9.9\n", "|\n ", "#"),
        *(
            "\ud800",
            "\x00",
            "\ufeff",
            "\u2028",
            "\t",
            "[" * 200,
            "0b12",
            "089",
            "0o",
            "1_",
            "-0x-1",
        ),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=14).map("".join))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    """Only ``InvalidInput`` is raised; what is read is JSON: finite, and it can be written."""
    try:
        documents = list(codec.load_yaml_documents(text))
    except InvalidInput:
        return
    assert codec.decode(codec.encode(documents)) == documents


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_yaml_or_refused(data: bytes) -> None:
    try:
        codec.load_yaml(data)
    except InvalidInput:
        return


JSON_PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b'"', b'"a"', b":", b",", b"1", b"-", b"9" * 5000, b"1e999"),
        *(b"null", b"true", b"\\ud800", b"\\u0000", b"\xff", b"\x00", b" ", b"[" * 2000),
        *(b'{"a":' * 1500, b'"a":1', b"}" * 1500, b"]" * 2000),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON_PIECES | st.binary(max_size=3), max_size=10).map(b"".join))
def test_any_bytes_are_json_or_a_decode_error(data: bytes) -> None:
    for read in (codec.decode, codec.decode_archived, codec.Decoder(OnlyA).decode):
        try:
            read(data)
        except msgspec.DecodeError:
            continue


def test_what_cannot_be_json_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(InvalidInput, match="nested too deeply"):
        codec.encode(deep)
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        codec.encode("\ud800")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("{<<: *x, l: 2}", {"k": 1, "l": 2}, id="a key more"),
        pytest.param("{<<: *x, k: 2}", {"k": 2}, id="its own key wins"),
        pytest.param("{k: 2, <<: *x}", {"k": 2}, id="its own key wins though it comes first"),
    ],
)
def test_a_merge_brings_what_the_map_has_not(text: str, value: Any) -> None:
    assert codec.load_yaml(f"a: &x {{k: 1}}\nb: {text}")["b"] == value


def test_a_key_twice_beside_a_merge_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'k' is there twice"):
        codec.load_yaml("a: &x {k: 1}\nb: {<<: *x, k: 2, k: 3}")


def test_emoji_are_written_as_they_are() -> None:
    obj = {"a": "🚢 Fähre", "b": "店\n🚢\n", "c": "yes", "d": "1", "e": {"🚢": [1, "x: y"]}}
    text = codec.dump_yaml(obj)
    assert text == (
        'a: 🚢 Fähre\nb: |\n  店\n  🚢\nc: "yes"\nd: "1"\ne:\n  🚢:\n  - 1\n  - \'x: y\'\n'
    )
    assert codec.load_yaml(text) == obj
