"""Archives made to do harm, planned by the program itself: memory is bounded, nothing is written.

Beside each bomb is a good object, which must come through unless the whole archive is refused.
"""

import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeferry.codec import MAX_ARCHIVED
from tests.builders import config_map
from tests.unit.vault.hostile import BLOCK, GOOD, file, header, pax

PEAK = 256
"""MiB of resident memory; a plan of one object takes some 60."""
MAPS = "resources/configmaps/namespaces/default"
HEAD = config_map("default/x").json[:-1]
MEASURED = """
import atexit, sys
from kubeferry.cli.main import run

def told():
    print(*[line for line in open("/proc/self/status") if "VmHWM" in line], file=sys.stderr)

atexit.register(told)
run()
"""
_LARGE = MAX_ARCHIVED - 1000


def zeros() -> Iterator[bytes]:
    yield header("resources/zeros", size=1 << 30)
    yield from [bytes(1 << 20)] * 1024


def labels(size: int) -> bytes:
    some = b",".join(b'"%06d":""' % number for number in range(size // 12))
    metadata = b'"metadata":{"name":"x","namespace":"default","labels":{' + some + b"}}"
    return b'{"apiVersion":"v1","kind":"ConfigMap",' + metadata + b"}"


def lists(size: int) -> bytes:
    return HEAD + b',"x":[' + b"[]," * (size // 3) + b"1]}"


@dataclass(frozen=True)
class Planned:
    code: int
    out: str
    told: str
    peak: int


def planned(folder: Path, parts: Iterable[bytes]) -> Planned:
    """What ``restore plan`` says of an archive, and the MiB of memory that it took."""
    archive, work = folder / "bomb.tar.gz", folder / "work"
    work.mkdir()
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with archive.open("wb") as packed:
        for part in (*parts, file(GOOD, config_map("default/good").json), bytes(2 * BLOCK)):
            packed.write(packer.compress(part))
        packed.write(packer.flush())
    command = [sys.executable, "-c", MEASURED, "restore", "plan", "--offline", str(archive)]
    done = subprocess.run(
        [*command, "-o", "summary"],
        capture_output=True,
        text=True,
        cwd=work,
        env=os.environ | {"TMPDIR": str(work), "HOME": str(work)},
        check=False,
    )
    assert list(work.iterdir()) == []
    told, _, peak = done.stderr.rpartition("VmHWM:")
    return Planned(done.returncode, done.stdout, told, int(peak.split()[0]) >> 10)


@pytest.mark.parametrize(
    ("parts", "code", "said"),
    [
        pytest.param(zeros, 0, "1 files that are no objects", id="a GiB of zeros"),
        pytest.param(
            lambda: (file(f"{MAPS}/n{number}.json", b"") for number in range(100_000)),
            8,
            "100,000",
            id="nothing, a hundred thousand times",
        ),
        pytest.param(
            lambda: [file(f"{MAPS}/x.json", HEAD + b"}")] * 100_000,
            0,
            "",
            id="one object, as often",
        ),
        pytest.param(
            lambda: [
                pax((b"path", f"{MAPS}/{number}{'n' * 3900}.json".encode())) + file("x")
                for number in range(5_000)
            ],
            8,
            "5,000",
            id="names of 4 KiB",
        ),
        pytest.param(
            lambda: [file(f"{MAPS}/x.json", lists(_LARGE))], 0, "", id="a million empty lists"
        ),
        pytest.param(
            lambda: [file(f"{MAPS}/x.json", lists(15 << 20))], 8, "Undecodable", id="four million"
        ),
        pytest.param(
            lambda: [file(f"{MAPS}/x.json", labels(15 << 20))], 8, "Undecodable", id="labels alone"
        ),
        pytest.param(
            lambda: [file(f"{MAPS}/x.json", b"[" * (15 << 20))], 8, "Undecodable", id="depth alone"
        ),
        pytest.param(
            lambda: [header(f"{MAPS}/x.json", size=b"-0000001000")],
            6,
            "a header's number",
            id="a size below zero",
        ),
    ],
)
def test_a_bomb_takes_bounded_memory_and_writes_nothing(
    tmp_path: Path, parts: Callable[[], Iterable[bytes]], code: int, said: str
) -> None:
    found = planned(tmp_path, parts())
    assert found.code == code, found
    assert said in found.out + found.told
    assert found.peak < PEAK
