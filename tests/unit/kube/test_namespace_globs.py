import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.api.fields import NAMESPACE_PATTERN
from kubeferry.errors import InvalidInput
from kubeferry.kube.namespace_globs import check_namespace, is_glob, matching

THERE = {"default", "shop", "shop-1", "shop-2", "shop-12", "workshop"}


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        pytest.param("shop", {"shop"}, id="a name is itself alone"),
        pytest.param("gone", set(), id="a name that is not there"),
        pytest.param("shop-*", {"shop-1", "shop-2", "shop-12"}, id="a star is any text"),
        pytest.param("shop*", THERE - {"default", "workshop"}, id="or none"),
        pytest.param("*shop", {"shop", "workshop"}, id="a star in front"),
        pytest.param("*shop*", THERE - {"default"}, id="two stars apart"),
        pytest.param("*", THERE, id="a star alone is all"),
        pytest.param("shop-?", {"shop-1", "shop-2"}, id="a question mark is one character"),
        pytest.param("shop-[12]", {"shop-1", "shop-2"}, id="one of a set"),
        pytest.param("shop-[2-9]", {"shop-2"}, id="one of a range"),
        pytest.param("[a-d]*", {"default"}, id="the whole name must match"),
        pytest.param("hop", set(), id="a part of a name is not enough"),
    ],
)
def test_what_a_text_stands_for(text: str, matched: set[str]) -> None:
    assert matching(text, THERE) == matched


@pytest.mark.parametrize("text", ["shop", "shop-*", "*-shop", "a?", "[ab]c", "[a-z]*", "*a*b*"])
def test_names_and_globs_pass(text: str) -> None:
    check_namespace(text, place="spec.includedNamespaces[0]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("Shop", "no namespace's name", id="a capital letter in a name"),
        pytest.param("", "no namespace's name", id="nothing"),
        pytest.param("-shop", "no namespace's name", id="a hyphen in front of a name"),
        pytest.param("{a,b}", "no namespace's name", id="alternatives without a wildcard"),
        pytest.param("{a,b}-*", "no pattern", id="alternatives (Velero refuses them)"),
        pytest.param("**", "no pattern", id="two stars (Velero refuses them)"),
        pytest.param("shop-**", "no pattern", id="two stars at the end"),
        pytest.param("[!a]b", "no pattern", id="a negated set (Velero refuses !)"),
        pytest.param("shop-[12", "no pattern", id="an open bracket (Velero refuses it)"),
        pytest.param("shop-[]", "no pattern", id="an empty bracket (Velero refuses it)"),
        pytest.param("shop]", "no pattern", id="a bracket that was not opened"),
        pytest.param("(shop|web)*", "no pattern", id="a regular expression (Velero refuses it)"),
        pytest.param("shop.*", "no pattern", id="a dot, which no namespace has"),
        pytest.param("Shop-*", "no pattern", id="a capital letter, which no namespace has"),
        pytest.param("*", "no pattern", id="a star alone is for the caller to know"),
        pytest.param("[a-c0]*", "not a pattern", id="a range beside others (gobwas refuses it)"),
        pytest.param("[c-a]*", "not a pattern", id="a range that runs backwards"),
    ],
)
def test_what_can_never_match_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        check_namespace(text, place="spec.includedNamespaces[0]")
    assert caught.value.place == "spec.includedNamespaces[0]"


_NAMES = st.text("ab-", min_size=1, max_size=5)
_GLOBS = st.lists(st.sampled_from(["a", "b", "-", "?", "*", "[ab]"]), min_size=2, max_size=6).map(
    "".join
)


@given(glob=_GLOBS.filter(lambda text: "**" not in text), names=st.sets(_NAMES))
def test_a_glob_matches_as_a_shells_does(glob: str, names: set[str]) -> None:
    assert matching(glob, names) == {name for name in names if fnmatchcase(name, glob)}


@given(st.text("ab*?[]-{}!.", max_size=6))
def test_what_the_schema_refuses_is_never_a_glob(text: str) -> None:
    try:
        check_namespace(text, place="")
    except InvalidInput:
        return
    assert re.search(NAMESPACE_PATTERN, text) is not None or not is_glob(text)
