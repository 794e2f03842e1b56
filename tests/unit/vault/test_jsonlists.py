import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.vault.jsonlists import ENTRY_BYTES, BadList, ListReader

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def taken_apart(document: bytes, step: int = 1 << 20) -> list[bytes]:
    reader = ListReader()
    pieces = [document[start : start + step] for start in range(0, len(document), step)]
    found = [entry for piece in pieces for entry in reader.feed(piece)]
    reader.finish()
    return found


@given(st.lists(VALUES), st.integers(1, 20), st.booleans())
def test_every_list_is_taken_apart_wherever_it_is_cut(
    values: list[Any], step: int, is_indented: bool
) -> None:
    document = json.dumps(values, indent=2 if is_indented else None).encode() + b"\n"
    assert [json.loads(entry) for entry in taken_apart(document, step)] == values


def test_null_has_no_entries() -> None:
    assert taken_apart(b" null\n", 2) == []


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"a": [1]}',
        b'"text"',
        b"1",
        b"[1, 2",
        b'["a',
        b"[1] [2]",
        b"[1] 2",
        b"x [1]",
        b"null null",
    ],
)
def test_what_is_no_whole_list_is_refused(document: bytes) -> None:
    with pytest.raises(BadList):
        taken_apart(document, 3)


@pytest.mark.parametrize("filling", [b'"' + b"x" * (2 * ENTRY_BYTES), b"[" * (2 * ENTRY_BYTES)])
def test_an_endless_entry_is_not_held(filling: bytes) -> None:
    reader = ListReader()
    pieces = (filling[start : start + 65536] for start in range(0, len(filling), 65536))
    with pytest.raises(BadList, match="more than 1,048,576 bytes"):
        [list(reader.feed(piece)) for piece in (b"[", *pieces)]
