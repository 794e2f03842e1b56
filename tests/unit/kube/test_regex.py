import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.regex import compile_regex


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
