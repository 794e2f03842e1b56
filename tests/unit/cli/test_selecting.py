from typing import Any

import pytest
from click.testing import CliRunner

from kubeferry import codec
from kubeferry.cli.main import root
from kubeferry.cli.selecting import selector_field
from kubeferry.errors import InvalidInput
from kubeferry.kube.selectors import parse_selector, parse_selector_text


def create(*args: str) -> Any:
    words = ["backup", "create", "a", "--vault", "v", *args]
    return CliRunner().invoke(root, words, prog_name="kubeferry")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        pytest.param("a=b", {"matchLabels": {"a": "b"}}, id="a label"),
        pytest.param("a==b,c=", {"matchLabels": {"a": "b", "c": ""}}, id="several"),
        pytest.param(
            "a in (c,b),!d,e notin (f),g,h!=i",
            {
                "matchExpressions": [
                    {"key": "a", "operator": "In", "values": ["b", "c"]},
                    {"key": "d", "operator": "DoesNotExist"},
                    {"key": "e", "operator": "NotIn", "values": ["f"]},
                    {"key": "g", "operator": "Exists"},
                    {"key": "h", "operator": "NotIn", "values": ["i"]},
                ]
            },
            id="expressions",
        ),
        pytest.param(
            "a=b,a=c",
            {
                "matchLabels": {"a": "b"},
                "matchExpressions": [{"key": "a", "operator": "In", "values": ["c"]}],
            },
            id="one label twice is two requirements",
        ),
    ],
)
def test_a_selector_as_a_manifest_has_it(text: str, field: dict[str, Any]) -> None:
    assert selector_field(text) == field
    meant = set(parse_selector_text(text).requirements)
    assert set(parse_selector(field).requirements) == meant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "selects by nothing", id="nothing"),
        pytest.param("a=b=c", "cannot read", id="no selector"),
        pytest.param("a>1", "cannot be asked of a backup", id="what no manifest can say"),
    ],
)
def test_what_selects_nothing_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        selector_field(text)
    result = create("--selector", text, "--dry-run", "client")
    assert result.exit_code == 2
    assert "--selector" in result.stderr
    assert problem in result.stderr


def test_selectors_in_one_option_are_divided_by_or() -> None:
    result = create("--or-selector", "a=b or c=d", "--dry-run", "client", "-o", "yaml")
    spec = codec.load_yaml(result.stdout)["spec"]
    assert spec["orLabelSelectors"] == [{"matchLabels": {"a": "b"}}, {"matchLabels": {"c": "d"}}]


@pytest.mark.parametrize(
    "option",
    ["--no-all-versions", "--include-cluster-resources=false", "--no-mounted-only", "-l a=b"],
)
def test_no_option_beside_a_file_is_passed_over(option: str) -> None:
    words = ["backup", "create", "-f", "backup.yaml", *option.split()]
    result = CliRunner().invoke(root, words, prog_name="kubeferry")
    assert result.exit_code == 2
    assert "cannot be given beside -f" in result.stderr


def test_no_volume_data_alone_is_a_backup_of_objects() -> None:
    result = create("--no-volume-data", "--dry-run", "client", "-o", "yaml")
    assert codec.load_yaml(result.stdout)["spec"] == {
        "storageLocation": "v",
        "backupType": "AppBackup",
    }
