"""gzip files as nobody writes them: refused where a gzip program would refuse them, at once."""

import gzip
import time
import zlib

import pytest

from kubeferry.vault.gzips import OUTPUT_BYTES, BadGzip, Unpacker, unpack

TEXT = b"kubeferry " * 1000
GOOD = gzip.compress(TEXT, mtime=0)
EMPTY = gzip.compress(b"", mtime=0)
FLAGGED = b"\x1f\x8b\x08"


def changed(at: int, to: int) -> bytes:
    data = bytearray(GOOD)
    data[at] = to
    return bytes(data)


def fed(data: bytes, *, step: int) -> bytes:
    """Unpacked from pieces of a size."""
    stream = Unpacker()
    found = b"".join(
        out for at in range(0, len(data), step) for out in stream.feed(data[at : at + step])
    )
    stream.finish()
    return found


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(changed(0, 0), "is no gzip or damaged", id="another magic number"),
        pytest.param(changed(2, 9), "is no gzip or damaged", id="another method"),
        pytest.param(
            changed(len(GOOD) // 2, 0x55), "is no gzip|cut short", id="a byte in its middle"
        ),
        pytest.param(changed(-8, GOOD[-8] ^ 1), "is no gzip or damaged", id="another CRC"),
        pytest.param(changed(-1, GOOD[-1] ^ 1), "is no gzip or damaged", id="another length"),
        pytest.param(GOOD[:5], "is cut short", id="cut in the header"),
        pytest.param(GOOD[: len(GOOD) // 2], "is cut short", id="cut in the middle"),
        pytest.param(GOOD[:-8], "is cut short", id="no trailer"),
        pytest.param(GOOD[:-1], "is cut short", id="cut in the trailer"),
        pytest.param(GOOD + b"garbage", "is no gzip or damaged|cut short", id="garbage at the end"),
        pytest.param(GOOD + bytes(9) + GOOD, "garbage after its end", id="a member after zeros"),
        pytest.param(GOOD + GOOD[:-4], "is cut short", id="half a second member"),
        pytest.param(
            FLAGGED + b"\x08" + bytes(6) + b"n" * (1 << 20), "is cut short", id="an endless name"
        ),
        pytest.param(
            FLAGGED + b"\x04" + bytes(6) + b"\xff\xff" + b"n" * 100,
            "is cut short",
            id="a short extra",
        ),
    ],
)
def test_what_is_no_whole_gzip_is_refused(data: bytes, problem: str, step: int) -> None:
    with pytest.raises(BadGzip, match=problem):
        fed(data, step=step)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(GOOD, TEXT, id="one member"),
        pytest.param(GOOD + EMPTY + GOOD, TEXT + TEXT, id="several members, one of them empty"),
        pytest.param(GOOD + bytes(999), TEXT, id="zeros at the end"),
        pytest.param(EMPTY, b"", id="an empty member"),
    ],
)
def test_what_gzip_writes_is_read_whatever_the_pieces(data: bytes, text: bytes, step: int) -> None:
    assert fed(data, step=step) == text


def test_a_bomb_comes_in_bounded_pieces() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    assert max(map(len, Unpacker().feed(bomb))) <= OUTPUT_BYTES
    with pytest.raises(BadGzip, match="unpacks to more than 1000 bytes"):
        unpack(bomb, limit=1000)


def test_empty_members_take_no_time() -> None:
    """Each once cost a copy of all that follow it: 40 s for 4 MiB."""
    begun = time.process_time()
    assert fed(EMPTY * 200_000, step=4 << 20) == b""
    assert time.process_time() - begun < 5
