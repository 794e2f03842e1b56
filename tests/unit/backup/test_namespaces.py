import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.backup.namespaces import Scope, check_namespaces, choose_namespaces
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import RESERVED_NAMESPACES, reserved_namespaces
from kubeferry.kube.namespace_globs import is_glob, matching

THERE = [("default", False), ("shop", False), ("going", True), ("kube-system", False)]
ALL = ("default", "shop")


@pytest.mark.parametrize(
    ("included", "excluded", "expected"),
    [
        pytest.param([], [], Scope(ALL, (), (), True), id="nothing named means all"),
        pytest.param(["*"], [], Scope(ALL, (), (), True), id="a star means all"),
        pytest.param(["shop"], [], Scope(("shop",), (), (), False), id="named ones alone"),
        pytest.param([], ["shop"], Scope(("default",), (), (), False), id="excluded are left out"),
        pytest.param(
            ["*"],
            ["gone"],
            Scope(ALL, (), (), True, idle=("gone",)),
            id="a name to be left out that is not there is told",
        ),
        pytest.param(
            ["shop", "gone", "away"],
            [],
            Scope(("shop",), missing=("away", "gone"), left_out=(), most=False),
            id="missing ones are told",
        ),
        pytest.param(
            ["shop", "going"],
            [],
            Scope(("shop",), missing=(), left_out=("going",), most=False),
            id="those that may not be taken are told",
        ),
        pytest.param(
            ["kube-system"], [], Scope((), (), (), False), id="a reserved one is never taken"
        ),
        pytest.param(["sho?"], [], Scope(("shop",), (), (), False), id="a glob selects"),
        pytest.param(
            ["shop", "s*"], [], Scope(("shop",), (), (), False), id="a name and a glob for it"
        ),
        pytest.param(
            ["*o*"], ["def*"], Scope(("shop",), (), (), False), id="an excluded glob beats a glob"
        ),
        pytest.param(
            ["shop"], ["s*"], Scope((), (), (), False), id="an excluded glob beats a name"
        ),
        pytest.param(
            ["tmp-*"],
            [],
            Scope((), (), (), False, unmatched=("tmp-*",)),
            id="a glob that matches nothing selects nothing, and says so",
        ),
        pytest.param(
            ["shop", "tmp-*", "kube-*", "going*"],
            [],
            Scope(("shop",), (), (), False, unmatched=("going*", "kube-*", "tmp-*")),
            id="a glob never selects what may not be taken",
        ),
        pytest.param(
            [],
            ["tmp-*"],
            Scope(ALL, (), (), True, idle=("tmp-*",)),
            id="an excluded glob for nothing is told",
        ),
        pytest.param(
            [],
            ["kube-*", "going"],
            Scope(ALL, (), (), True),
            id="leaving out what is not taken anyway is fine",
        ),
    ],
)
def test_namespaces_are_chosen_of_those_there(
    included: list[str], excluded: list[str], expected: Scope
) -> None:
    assert choose_namespaces(THERE, included=included, excluded=excluded) == expected


_TEXTS = st.lists(st.sampled_from(["a", "b", "a*", "?", "[bc]", "gone", "csdr", "c*"]), unique=True)


@given(included=_TEXTS, excluded=_TEXTS, there=st.sets(st.sampled_from(["a", "b", "c", "csdr"])))
def test_excludes_beat_includes_and_every_text_without_effect_is_told(
    included: list[str], excluded: list[str], there: set[str]
) -> None:
    existing = [(name, False) for name in there]
    chosen = choose_namespaces(existing, included=included, excluded=excluded)
    without = choose_namespaces(existing, included=included, excluded=[])
    left_out = choose_namespaces(existing, included=excluded or ["gone"], excluded=[])
    assert set(chosen.namespaces) == set(without.namespaces) - set(left_out.namespaces)
    assert "csdr" not in chosen.namespaces
    for text in filter(is_glob, included):
        assert (text in chosen.unmatched) == (not matching(text, set(chosen.namespaces)))
    assert set(chosen.missing) == {text for text in included if not is_glob(text)} - there


def test_the_controllers_own_namespace_is_never_taken() -> None:
    reserved = reserved_namespaces("ferry")
    with pytest.raises(InvalidInput, match="'ferry' cannot be backed up"):
        check_namespaces(["ferry"], [], reserved=reserved)
    scope = choose_namespaces(
        [("default", False), ("ferry", False)], included=["*"], excluded=[], reserved=reserved
    )
    assert scope.namespaces == ("default",)


@pytest.mark.parametrize("reserved", sorted(RESERVED_NAMESPACES))
def test_a_reserved_namespace_cannot_be_asked_for(reserved: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_namespaces(["shop", reserved], [])
    assert error.value.place == "spec.includedNamespaces[1]"
    assert repr(reserved) in error.value.problem
    assert reserved in error.value.remedy


@pytest.mark.parametrize(
    ("included", "excluded", "place"),
    [
        pytest.param(["Shop"], [], "spec.includedNamespaces[0]", id="capital letters"),
        pytest.param(["shop-**"], [], "spec.includedNamespaces[0]", id="no pattern"),
        pytest.param([""], [], "spec.includedNamespaces[0]", id="an empty name"),
        pytest.param(["*", "shop"], [], "spec.includedNamespaces", id="a star and a name"),
        pytest.param(["*", "shop-*"], [], "spec.includedNamespaces", id="a star and a glob"),
        pytest.param(["shop"], ["shop"], "spec.includedNamespaces[0]", id="in and out"),
        pytest.param(["s*"], ["s*"], "spec.includedNamespaces[0]", id="a glob in and out"),
        pytest.param([], ["*"], "spec.excludedNamespaces[0]", id="everything out"),
        pytest.param([], ["a", "[b"], "spec.excludedNamespaces[1]", id="no pattern, out"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    included: list[str], excluded: list[str], place: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        check_namespaces(included, excluded)
    assert error.value.place == place


@pytest.mark.parametrize(
    ("included", "excluded"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["*"], ["kube-system"], id="all but a reserved one"),
        pytest.param(["a", "b-1"], ["c"], id="names"),
        pytest.param(["team-*", "x[12]"], ["team-old-*"], id="globs"),
        pytest.param(["kube-*"], [], id="a glob that would match reserved ones"),
    ],
)
def test_what_can_be_asked_for_passes(included: list[str], excluded: list[str]) -> None:
    check_namespaces(included, excluded)
