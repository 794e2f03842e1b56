from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.errors import InvalidInput
from kubeferry.kube.selectors import (
    LabelSelector,
    Requirement,
    parse_field_selector,
    parse_selector,
    parse_selector_text,
)

LABELS = {"app": "nginx", "tier": "front", "empty": "", "size": "10"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        pytest.param("", True, id="nothing asked is everything"),
        pytest.param("app=nginx", True, id="equal"),
        pytest.param("app==nginx", True, id="two equals signs"),
        pytest.param("app = nginx , tier = front", True, id="spaces do not matter"),
        pytest.param("app=nginx,tier=back", False, id="all must hold"),
        pytest.param("app!=nginx", False, id="not equal"),
        pytest.param("other!=x", True, id="not equal holds where the label is missing"),
        pytest.param("app in (a, nginx)", True, id="in"),
        pytest.param("app notin (a,nginx)", False, id="notin"),
        pytest.param("other notin (a)", True, id="notin holds where the label is missing"),
        pytest.param("app", True, id="exists"),
        pytest.param("!app", False, id="does not exist"),
        pytest.param("! other", True, id="does not exist, with a space"),
        pytest.param("empty=", True, id="the empty value"),
        pytest.param("other=", False, id="the empty value is not a missing label"),
        pytest.param("size>9", True, id="greater"),
        pytest.param("size<9", False, id="less"),
        pytest.param("app>1", False, id="no number is never greater"),
        pytest.param("example.com/x", False, id="a key with a prefix"),
    ],
)
def test_text_form(text: str, matches: bool) -> None:
    assert parse_selector_text(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text",
    ["a=b,", ",", "=b", "a in b", "a in (b", "a b", "a=b=c", "-a=b", "a=-b", "a>x", "a/b/c=d"],
)
def test_broken_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="label selector"):
        parse_selector_text(text)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        pytest.param({}, True, id="empty is everything"),
        pytest.param({"matchLabels": {"app": "nginx"}}, True, id="labels"),
        pytest.param({"matchLabels": None, "matchExpressions": None}, True, id="nulls"),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "nginx"]}]},
            True,
            id="In",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["a"]}]},
            True,
            id="NotIn without the label",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "x", "operator": "Exists"}]}, False, id="Exists"
        ),
        pytest.param(
            {"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]},
            True,
            id="DoesNotExist",
        ),
        pytest.param(
            {
                "matchLabels": {"app": "nginx"},
                "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
            },
            False,
            id="labels and expressions must both hold",
        ),
    ],
)
def test_manifest_form(selector: dict[str, Any], matches: bool) -> None:
    assert parse_selector(selector).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("selector", "place"),
    [
        pytest.param({"matchlabels": {}}, "labelSelector: unknown field", id="an unknown field"),
        pytest.param(
            {"matchExpressions": [{"key": "a", "operator": "Is"}]},
            r"matchExpressions\[0\].operator: 'Is'",
            id="an unknown operator",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "a", "operator": "In"}]},
            r"matchExpressions\[0\]: In needs values",
            id="In without values",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
            "takes no values",
            id="Exists with values",
        ),
        pytest.param({"matchLabels": {"a": 1}}, "matchLabels.a: 1 cannot", id="a number"),
        pytest.param({"matchLabels": {"a": "x" * 64}}, "cannot be a label", id="a long value"),
        pytest.param({"matchExpressions": {}, "matchLabels": []}, "", id="an empty list is empty"),
    ],
)
def test_broken_manifest_is_refused(selector: dict[str, Any], place: str) -> None:
    if not place:
        assert parse_selector(selector) == LabelSelector()
        return
    with pytest.raises(InvalidInput, match=place):
        parse_selector(selector)


KEYS = st.sampled_from(["a", "b", "example.com/c"])
VALUES = st.sampled_from(["x", "y", "z", ""])
REQUIREMENTS = st.one_of(
    st.builds(
        Requirement,
        KEYS,
        st.sampled_from(["In", "NotIn"]),
        st.sets(VALUES, min_size=1).map(lambda values: tuple(sorted(values))),
    ),
    st.builds(Requirement, KEYS, st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(Requirement, KEYS, st.sampled_from(["Gt", "Lt"]), st.just(("3",))),
)


@given(st.lists(REQUIREMENTS).map(tuple).map(LabelSelector))
def test_the_text_of_a_selector_reads_as_the_same_selector(selector: LabelSelector) -> None:
    assert parse_selector_text(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        pytest.param("", True, id="nothing asked"),
        pytest.param("metadata.name=web", True, id="equal"),
        pytest.param("metadata.name==web,status.phase!=Failed", True, id="two terms"),
        pytest.param("spec.nodeName=", True, id="a missing field is the empty text"),
        pytest.param("spec.unschedulable=true", True, id="a boolean is its text"),
        pytest.param(r"metadata.note=a\,b\=c", True, id="escapes in the value"),
        pytest.param("status.phase=Failed", False, id="another value"),
    ],
)
def test_field_selector(text: str, matches: bool) -> None:
    obj = {
        "metadata": {"name": "web", "note": "a,b=c"},
        "spec": {"unschedulable": True},
        "status": {"phase": "Running"},
    }
    assert parse_field_selector(text).matches(obj) is matches


@pytest.mark.parametrize("text", ["metadata.name", "=x", "a=b=c"])
def test_broken_field_selector_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="field selector: cannot read"):
        parse_field_selector(text)
