import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.regex import RegexSet, compile_pattern, compile_regex


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        pytest.param("web", "my-webapp", True, id="it is not anchored"),
        pytest.param("^web.*$", "my-webapp", False, id="anchors count"),
        pytest.param("web$", "web\n", False, id="the end is the end of the text, as in Go"),
        pytest.param(r"^\pL+$", "größe", True, id="Unicode classes as in Go"),
        pytest.param(r"a\z", "a", True, id="Go's end of text"),
        pytest.param("(?i)WEB", "web", True, id="flags"),
        pytest.param("", "anything", True, id="the empty pattern is everywhere"),
    ],
)
def test_search(pattern: str, text: str, found: bool) -> None:
    assert compile_regex(pattern, place="x").search(text) is found


@pytest.mark.parametrize("pattern", ["(?<=a)b", r"(a)\1", "(", "a**"])
def test_what_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"rule 1: .* is not a regular expression"):
        compile_regex(pattern, place="rule 1")


def test_time_is_linear() -> None:
    assert not compile_regex("^(a+)+$", place="x").search("a" * 5000 + "!")


def test_many_are_found_in_one_pass() -> None:
    patterns = [compile_regex(one, place="x") for one in ("^a", "b", "c$", "")]
    assert RegexSet(patterns).search("abd") == [0, 1, 3]
    assert RegexSet(patterns).search("c") == [2, 3]
    assert RegexSet([]).search("a") == []


def test_a_set_too_big_for_its_memory_still_finds_what_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kubeferry.kube.regex._SET_MEMORY", 1 << 16)
    patterns = [compile_regex(f"[a-z]+.*x{n}(a|b){{20}}", place="x") for n in range(50)]
    assert RegexSet(patterns).search("qx17" + "ab" * 10) == [17]


@pytest.mark.parametrize(
    ("pattern", "text", "replaced"),
    [
        pytest.param("a", "banana", "b[a]n[a]n[a]", id="all that is found"),
        pytest.param("x*", "baxb", "[]b[]a[x]b[]", id="nothing is found between, as in Go"),
        pytest.param("$", "a", "a[]", id="the end once"),
        pytest.param("ß", "größe", "grö[ß]e", id="characters, not bytes"),
        pytest.param("x", "banana", "banana", id="nothing"),
    ],
)
def test_replace(pattern: str, text: str, replaced: str) -> None:
    compiled = compile_pattern(pattern, place="x")
    assert compiled.replace(text, lambda groups: f"[{groups[0]}]", longest=100) == replaced


def test_groups_that_took_no_part_are_empty() -> None:
    compiled = compile_pattern("(a)|(b)", place="x")
    assert compiled.groups == 2
    assert compiled.replace("ab", lambda groups: repr(list(groups)), longest=100) == (
        "['a', 'a', '']['b', '', 'b']"
    )


def test_a_pattern_to_replace_by_is_checked() -> None:
    with pytest.raises(InvalidInput, match=r"rule 1: .* is not a regular expression"):
        compile_pattern("(", place="rule 1")
