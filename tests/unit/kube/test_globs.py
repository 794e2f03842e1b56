import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.globs import compile_glob

NAMES = ("pods", "services", "deployments.apps", "ingresses.networking.k8s.io")


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        pytest.param("pods", {"pods"}, id="a plain name is itself"),
        pytest.param("*", {"pods", "services"}, id="one star does not cross the dot"),
        pytest.param("**", set(NAMES), id="two stars cross it"),
        pytest.param("*.apps", {"deployments.apps"}, id="all of a group"),
        pytest.param("*.*", {"deployments.apps"}, id="exactly one dot"),
        pytest.param("*.networking.k8s.io", {NAMES[3]}, id="a group with dots"),
        pytest.param("deployments.*", {"deployments.apps"}, id="any group of one label"),
        pytest.param("deploy*", set(), id="a star cannot reach the group"),
        pytest.param("deployments", set(), id="a plural without its group"),
        pytest.param("{pods,services}", {"pods", "services"}, id="alternatives"),
        pytest.param("{pod{s,z},x}", {"pods"}, id="alternatives nest"),
        pytest.param("p?ds", {"pods"}, id="one character"),
        pytest.param("deployments?apps", set(), id="a question mark does not match the dot"),
        pytest.param("[ps]ods", {"pods"}, id="a set"),
        pytest.param("[o-q]ods", {"pods"}, id="a range"),
        pytest.param("[!p]ods", set(), id="another character"),
        pytest.param("[!a-b]ods", {"pods"}, id="a character outside a range"),
        pytest.param("!pods", set(), id="an exclamation mark in front means nothing"),
        pytest.param("pods|services", set(), id="a bar means nothing"),
        pytest.param("Deployments.apps", set(), id="case counts"),
        pytest.param("", set(), id="the empty pattern"),
        pytest.param(r"deployments\.apps", {"deployments.apps"}, id="an escaped character"),
        pytest.param("[.p]ods", {"pods"}, id="what is special to regular expressions is not here"),
    ],
)
def test_pattern_with_dot_as_separator(pattern: str, matched: set[str]) -> None:
    glob = compile_glob(pattern, separator=".", place="groupResource")
    assert {name for name in NAMES if glob.matches(name)} == matched


def test_without_separator_a_star_matches_everything() -> None:
    glob = compile_glob("team-*", place="namespaces")
    assert glob.matches("team-a.b")
    assert not glob.matches("ateam-")


@pytest.mark.parametrize("pattern", ["{a", "[", "[]", "[a-z0]", "[z-a]", "a[!", "a*\\"])
def test_broken_patterns_are_refused_with_their_place(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"namespaces\[0\]: .* is not a pattern"):
        compile_glob(pattern, place="namespaces[0]")
