"""Files of tests for rules: what they may say."""

from pathlib import Path

import pytest

from kubeferry.cli.modifier_tests import load_tests
from kubeferry.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("tests: []", "has no tests", id="none"),
        pytest.param("tests: [{object: sts/web, expect: {}}]", "expects nothing", id="nothing"),
        pytest.param(
            "tests: [{object: sts/web, expect: {refused: Protected, fields: [{path: /a}]}}]",
            "what is refused has no fields",
            id="fields of what is not written",
        ),
        pytest.param(
            "tests: [{object: sts/web, expect: {fields: [{path: /a}]}}]",
            "expects 0 things",
            id="a field without an expectation",
        ),
        pytest.param(
            "tests: [{object: sts/web, expect: {fields: [{path: /a, equal: 1, absent: true}]}}]",
            "expects 2 things",
            id="a field with two",
        ),
        pytest.param(
            "tests: [{object: sts/web, expect: {fields: [{path: a, equal: 1}]}}]",
            "is no JSON pointer",
            id="no pointer",
        ),
        pytest.param("tests: [{object: sts/web, expects: {}}]", "expects", id="an unknown field"),
    ],
)
def test_what_cannot_be_tested_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tests.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_tests(path)
    assert said in str(caught.value)


def test_null_is_a_value_that_may_be_expected(tmp_path: Path) -> None:
    path = tmp_path / "tests.yaml"
    path.write_text("tests: [{object: sts/web, expect: {fields: [{path: /a, equal: null}]}}]")
    [test] = load_tests(path).tests
    assert test.expect.fields[0].equal is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_tests(tmp_path / "none.yaml")
