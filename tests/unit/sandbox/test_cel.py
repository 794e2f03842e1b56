from typing import Any

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.sandbox.cel import compile_rule, parse
from kubeferry.sandbox.celvalues import CelError

SELF = {"a": 1, "name": "web-0", "on": True, "list": [1, 2], "map": {"k": "v"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("self.a == 1 && self.on", True, id="and"),
        pytest.param("self.a == 2 || !self.on", False, id="or, not"),
        pytest.param("has(self.a) && !has(self.b)", True, id="has"),
        pytest.param("has(self.map.k)", True, id="has of a field of a field"),
        pytest.param("!has(self.b) || self.b > 5", True, id="a missing field behind has"),
        pytest.param("self.b == 1 || true", True, id="or takes the side that decides"),
        pytest.param("false && self.b", False, id="and takes the side that decides"),
        pytest.param("self.a in [1, 2]", True, id="in a list"),
        pytest.param("'k' in self.map", True, id="in a map"),
        pytest.param("size(self.list) == 2 && self.name.size() == 5", True, id="size"),
        pytest.param("self.name.startsWith('web') && self.name.endsWith('0')", True, id="texts"),
        pytest.param(r"self.name.matches('^web-[0-9]+$')", True, id="matches"),
        pytest.param(r"self.name.matches(r'^\w+-\d$')", True, id="a raw text"),
        pytest.param("self.on ? 'yes' : 'no'", "yes", id="the ternary"),
        pytest.param("self.list.all(x, x > 0)", True, id="all"),
        pytest.param("self.list.exists(x, x == self.a)", True, id="exists"),
        pytest.param("self.list.map(x, x * 2)[1]", 4, id="map and index"),
        pytest.param("(1 + 2) * 3 - 7 / 2", 6, id="arithmetic of whole numbers"),
        pytest.param("self.on == 1", False, id="a boolean is no number"),
        pytest.param("self == oldSelf", True, id="whole objects"),
    ],
)
def test_an_expression_means_what_cel_says(text: str, value: Any) -> None:
    _, evaluate = parse(text)
    assert evaluate({"self": SELF, "oldSelf": dict(SELF)}) == value


@pytest.mark.parametrize(
    "text",
    ["self.a &&", "foo == 1", "now()", "self.a.unknown(1)", "has(self)", "self.a ~ 1", "(1", "1 2"],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="beyond the sandbox's CEL"):
        parse(text, place="spec")


@pytest.mark.parametrize("text", ["self.b", "self.a.b", "self.a && true", "self.list[9]"])
def test_what_cannot_be_evaluated_is_an_error(text: str) -> None:
    _, evaluate = parse(text)
    with pytest.raises(CelError):
        evaluate({"self": SELF})


def test_a_rule_about_the_change_is_known_by_old_self() -> None:
    assert compile_rule({"rule": "self == oldSelf"}, place="").transition
    assert not compile_rule({"rule": "self.a == 1"}, place="").transition
