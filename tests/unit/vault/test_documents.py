import pytest

from kubeferry.errors import ArchiveDamaged
from kubeferry.vault.documents import QUOTED, decoded, quoted


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("plain Ümläut", "plain Ümläut", id="plain text as it is"),
        pytest.param("a\x1b[2Jb\nc", r"a\x1b[2Jb\nc", id="what a terminal obeys as escapes"),
        pytest.param("\u202egpj.exe", r"\u202egpj.exe", id="what turns text around too"),
        pytest.param("x" * QUOTED, "x" * QUOTED, id="as long as may be"),
        pytest.param("x" * (QUOTED + 1), "x" * QUOTED + "...", id="too long"),
        pytest.param("\0" * 30, (r"\x00" * 20) + "...", id="too long as escapes"),
    ],
)
def test_a_vaults_words_are_one_bounded_line(said: str, shown: str) -> None:
    assert quoted(said) == shown


def test_what_does_not_decode_is_told_in_a_bounded_line() -> None:
    with pytest.raises(ArchiveDamaged) as caught:
        decoded(b'{"\x1b' + b"x" * 5000 + b'": 1}', dict[str, str], place="p")
    assert len(str(caught.value)) < 2 * QUOTED
    assert str(caught.value).isprintable()
