import gzip

from hypothesis import given
from hypothesis import strategies as st

from kubeferry.clock import utc_now
from kubeferry.vault import gzips
from kubeferry.vault.keys import Key, KeyRing, new_key
from kubeferry.vault.seals import is_sealed, sealed

KEY, OTHER = (new_key(clock=utc_now) for _ in range(2))
DATA = gzip.compress(b'{"a":1}\n')


def check(data: bytes, key: Key = KEY, uid: str = "u", folder: str = "f", number: int = 1) -> bool:
    return is_sealed(data, KeyRing((key,)), uid=uid, folder=folder, number=number)


def seal(data: bytes = DATA) -> bytes:
    return sealed(data, KEY, uid="u", folder="f", number=1)


def test_a_sealed_file_unpacks_to_its_lines_for_everybody() -> None:
    assert gzip.decompress(seal()) == b'{"a":1}\n'
    assert gzips.unpack(seal(), limit=100) == b'{"a":1}\n'


def test_a_seal_is_of_one_key_restore_folder_and_number() -> None:
    assert check(seal())
    assert not check(seal(), key=OTHER)
    assert not check(seal(), uid="v")
    assert not check(seal(), folder="g")
    assert not check(seal(), number=2)
    assert is_sealed(seal(), KeyRing((OTHER, KEY)), uid="u", folder="f", number=1)


def test_a_file_without_its_seal_or_with_lines_behind_it_is_not_sealed() -> None:
    assert not check(DATA)
    assert not check(seal() + DATA)
    assert not check(DATA + seal())
    assert not check(b"")


@given(st.integers(0, len(seal()) - 1), st.integers(1, 255))
def test_no_byte_of_a_sealed_file_can_be_changed(at: int, by: int) -> None:
    changed = bytearray(seal())
    changed[at] ^= by
    assert not check(bytes(changed))
