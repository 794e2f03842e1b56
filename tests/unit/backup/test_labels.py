import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.api.labels import LabelExpression, Labels
from kubeferry.backup.labels import LabelSelection, compile_label, compile_labels
from kubeferry.errors import InvalidInput
from kubeferry.kube.selectors import parse_selector_text

WEB, DB = Labels(match_labels={"app": "web"}), Labels(match_labels={"app": "db"})
GOLD = Labels(match_expressions=[LabelExpression(key="tier", operator="In", values=["gold", "au"])])


def test_without_a_selector_everything_is_selected_by_one_list_without_one() -> None:
    for selection in (compile_label(None, place="x"), compile_labels([], place="x")):
        assert selection.queries == ()
        assert selection.first_match({}) == 0
        assert not selection


@pytest.mark.parametrize(
    ("given_labels", "query"),
    [
        pytest.param(WEB, "app=web", id="a label"),
        pytest.param(GOLD, "tier in (au,gold)", id="an expression"),
        pytest.param(
            Labels(match_labels={"b": "1", "a": ""}, match_expressions=[
                LabelExpression(key="x", operator="DoesNotExist")]),
            "a=,b=1,!x",
            id="several requirements are one query",
        ),
    ],
)  # fmt: skip
def test_a_selector_is_one_query_of_the_server(given_labels: Labels, query: str) -> None:
    assert compile_label(given_labels, place="spec.labelSelector").queries == (query,)


@pytest.mark.parametrize(
    ("labels", "query"),
    [
        pytest.param({"app": "web"}, 0, id="the first"),
        pytest.param({"app": "db"}, 1, id="the second"),
        pytest.param({"app": "db", "tier": "gold"}, 1, id="of two the first, so it comes once"),
        pytest.param({"tier": "gold"}, 2, id="the third alone"),
        pytest.param({"app": "x"}, None, id="none"),
        pytest.param({}, None, id="no labels"),
    ],
)
def test_an_object_belongs_to_the_first_selector_that_selects_it(
    labels: dict[str, str], query: int | None
) -> None:
    selection = compile_labels([WEB, DB, GOLD], place="spec.orLabelSelectors")
    assert selection.first_match(labels) == query
    assert selection.matches(labels) is (query is not None)


def test_the_same_selector_twice_is_one_list() -> None:
    assert compile_labels([WEB, DB, WEB], place="x").queries == ("app=web", "app=db")


@pytest.mark.parametrize("selectors", [[Labels()], [WEB, Labels()]])
def test_a_selector_without_requirements_selects_everything(selectors: list[Labels]) -> None:
    assert compile_labels(selectors, place="x") == LabelSelection()
    assert compile_label(Labels(), place="x") == LabelSelection()


def test_what_no_label_can_be_is_refused_with_its_place() -> None:
    wrong = Labels(match_labels={"app": "not a label"})
    with pytest.raises(InvalidInput) as caught:
        compile_labels([WEB, wrong], place="spec.orLabelSelectors")
    assert caught.value.place == "spec.orLabelSelectors[1].matchLabels.app"


_KEYS, _VALUES = st.sampled_from("ab"), st.sampled_from(["1", "2", ""])


@given(
    wanted=st.lists(st.dictionaries(_KEYS, _VALUES, min_size=1), max_size=3),
    labels=st.dictionaries(_KEYS, _VALUES),
)
def test_a_query_reads_back_as_its_selector(
    wanted: list[dict[str, str]], labels: dict[str, str]
) -> None:
    selection = compile_labels([Labels(match_labels=one) for one in wanted], place="x")
    read = [parse_selector_text(query).matches(labels) for query in selection.queries]
    first = selection.first_match(labels)
    assert first == (read.index(True) if True in read else (None if read else 0))
