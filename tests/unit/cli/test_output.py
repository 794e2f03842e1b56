from datetime import UTC, datetime

import pytest

from kubeferry.api.definition import Column
from kubeferry.cli.output import (
    cell,
    columns_for,
    fields,
    full_name,
    headings,
    listed,
    printable,
    row,
    size_text,
    table,
    tidy,
)
from kubeferry.kube.names import Resource

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COLUMNS = (
    Column("Phase", ".status.phase"),
    Column("Age", ".metadata.creationTimestamp", "date"),
    Column("Done", ".status.progress.itemsDone", "integer", wide=True),
)
OBJECT = {
    "metadata": {"name": "shop-1", "creationTimestamp": "2026-01-02T03:01:00Z"},
    "status": {"phase": "Completed", "progress": {"itemsDone": 12}},
}


def test_a_table_has_three_spaces_between_columns_and_none_at_the_end() -> None:
    assert table([("NAME", "PHASE"), ("shop-1", "Completed"), ("a", "")]) == [
        "NAME     PHASE",
        "shop-1   Completed",
        "a",
    ]


def test_a_table_that_grows_keeps_its_widths() -> None:
    widths: list[int] = []
    assert table([("shop-1", "x")], widths=widths) == ["shop-1   x"]
    assert table([("a", "y")], widths=widths) == ["a        y"]


def test_wide_characters_take_two_cells() -> None:
    assert table([("备份", "x"), ("abcd", "y")]) == ["备份   x", "abcd   y"]


def test_wide_columns_are_shown_when_asked_for() -> None:
    assert headings(columns_for(COLUMNS, "")) == ["NAME", "PHASE", "AGE"]
    assert headings(columns_for(COLUMNS, "wide")) == ["NAME", "PHASE", "AGE", "DONE"]
    assert row(OBJECT, COLUMNS, now=NOW) == ["shop-1", "Completed", "3m5s", "12"]


@pytest.mark.parametrize(
    ("obj", "column", "text"),
    [
        pytest.param({}, COLUMNS[0], "<none>", id="what is missing"),
        pytest.param({"status": {"phase": ""}}, COLUMNS[0], "<none>", id="what is empty"),
        pytest.param({"status": 1}, COLUMNS[0], "<none>", id="what is no map"),
        pytest.param(
            {"metadata": {"creationTimestamp": "soon"}}, COLUMNS[1], "soon", id="what is no time"
        ),
        pytest.param({"a": ["x", "y"]}, Column("A", ".a"), "x,y", id="a list"),
        pytest.param({"a": 2048}, Column("A", ".a", "bytes"), "2.0 KiB", id="a size"),
        pytest.param({"a": "?"}, Column("A", ".a", "bytes"), "?", id="what is no size"),
        pytest.param(
            {"a": "2026-01-03T03:04:05Z"}, Column("A", ".a", "deadline"), "24h", id="what is left"
        ),
        pytest.param(
            {"a": "2026-01-01T03:04:05Z"}, Column("A", ".a", "deadline"), "expired", id="past"
        ),
        pytest.param(
            {
                "a": {
                    "startTimestamp": "2026-01-02T03:00:00Z",
                    "completionTimestamp": "2026-01-02T03:01:30Z",
                }
            },
            Column("A", ".a", "duration"),
            "90s",
            id="how long a task took",
        ),
        pytest.param(
            {"a": {"startTimestamp": "2026-01-02T03:04:00Z"}},
            Column("A", ".a", "duration"),
            "5s",
            id="how long a task has been going on",
        ),
        pytest.param(
            {"a": {"phase": "x"}}, Column("A", ".a", "duration"), "<none>", id="not begun yet"
        ),
        pytest.param(
            {"status": {"phase": "a\x1b[31mb\n"}}, COLUMNS[0], r"a\x1b[31mb\n", id="no escapes"
        ),
    ],
)
def test_a_cell(obj: dict[str, object], column: Column, text: str) -> None:
    assert cell(obj, column, now=NOW) == text


def test_one_object_is_itself_and_several_are_a_list() -> None:
    assert listed([OBJECT], single=True) == OBJECT
    assert listed([OBJECT], single=False) == {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {},
        "items": [OBJECT],
    }


def test_managed_fields_are_not_shown_and_the_object_is_as_it_was() -> None:
    obj = {"metadata": {"name": "a", "managedFields": [{}]}, "spec": {}}
    assert tidy(obj) == {"metadata": {"name": "a"}, "spec": {}}
    assert "managedFields" in obj["metadata"]


def test_a_full_name_is_kubectls() -> None:
    ours = Resource(
        "csdr.alibabacloud.com", "v1beta1", "applicationbackups", "ApplicationBackup", True
    )
    core = Resource("", "v1", "pods", "Pod", True)
    assert full_name(ours, OBJECT) == "applicationbackup.csdr.alibabacloud.com/shop-1"
    assert full_name(core, OBJECT) == "pod/shop-1"


def test_fields_are_aligned_and_empty_ones_left_out() -> None:
    pairs = [("Name", "a"), ("Message", ""), ("Namespaces", ["x -> y", "z -> w"]), ("N", None)]
    assert fields(pairs) == ["Name:        a", "Namespaces:  x -> y", "             z -> w"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (1 << 41, "2.0 TiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


def test_printable_keeps_what_a_terminal_only_shows() -> None:
    assert printable("grün 备份") == "grün 备份"
    assert printable("a\tb\x07") == r"a\tb\x07"


def test_patterns_of_which_there_are_none_mean_all() -> None:
    column = Column("Namespaces", ".spec.includedNamespaces", "patterns")
    for names, shown in ((None, "*"), ([], "*"), (["*"], "*"), (["a", "b"], "a,b")):
        spec = {} if names is None else {"includedNamespaces": names}
        assert cell({"spec": spec}, column, now=NOW) == shown


def test_the_phase_of_a_dry_run_says_so() -> None:
    obj = {"spec": {"dryRun": True}, "status": {"phase": "Completed"}}
    assert cell(obj, Column("Phase", ".status.phase"), now=NOW) == "Completed (dry run)"
