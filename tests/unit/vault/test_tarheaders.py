"""Headers made by hand, read by Python's own tarfile."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.errors import InvalidInput
from kubeferry.vault.tarheaders import END, MAX_USTAR_SIZE, HeaderMaker

MTIME = 1_767_323_045
PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=120)
PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.:", min_size=1, max_size=120)


def read(header: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(header + END), mode="r:") as archive:
        found = archive.next()
    assert found is not None
    return found


@given(
    folders=st.tuples(st.one_of(PARTS, PLAIN), st.one_of(PARTS, PLAIN)),
    name=st.one_of(PARTS, PLAIN),
    size=st.one_of(st.integers(0, 1 << 21), st.just(MAX_USTAR_SIZE + 1)),
)
def test_the_two_headers_of_an_object_are_those_of_its_paths(
    folders: tuple[str, str], name: str, size: int
) -> None:
    maker = HeaderMaker(mtime=MTIME)
    made = maker.pair(f"{folders[0]}/", f"{folders[1]}/", name, size)
    paths = [f"{folder}/{name}.json" for folder in folders]
    assert made == tuple(maker.header(path, size) for path in paths)
    for header, path in zip(made, paths, strict=True):
        found = read(header)
        assert (found.name, found.size, found.mtime, found.mode) == (path, size, MTIME, 0o755)
        assert found.isreg()


def test_an_object_may_have_one_header() -> None:
    maker = HeaderMaker(mtime=MTIME)
    assert maker.pair("a/", "", "b", 1) == (maker.header("a/b.json", 1), b"")


@pytest.mark.parametrize("where", ["a\0/", "a/"])
def test_a_path_with_a_zero_is_refused(where: str) -> None:
    maker = HeaderMaker(mtime=MTIME)
    with pytest.raises(InvalidInput):
        maker.pair(where, "", "b\0" if where == "a/" else "b", 1)
