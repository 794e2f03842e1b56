import sqlite3

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.scratch import Scratch


def test_rows_are_read_in_parts_while_more_are_added() -> None:
    with Scratch("numbers (value)") as scratch:
        scratch.add("insert into numbers values (?)", ((value,) for value in range(1_200)))
        parts = scratch.parts("select value from numbers order by value")
        assert [len(part) for part in parts] == [500, 500, 200]
        assert scratch.first("select value from numbers where value = ?", (7,)) == (7,)
        assert scratch.first("select value from numbers where value < 0") is None


def test_no_room_is_told_with_what_to_do() -> None:
    with Scratch("texts (value)", cache=64) as scratch:
        scratch.execute("pragma max_page_count = 20")
        with pytest.raises(InvalidInput, match=r"more disk than is free.*TMPDIR"):
            scratch.add("insert into texts values (?)", (("x" * 1_000,) for _ in range(1_000)))


def test_a_defect_stays_one() -> None:
    with Scratch("numbers (value)") as scratch, pytest.raises(sqlite3.OperationalError):
        scratch.execute("select nothing from nowhere")
