"""In a process of its own: what the allocator was told cannot be taken back."""

import platform
import subprocess
import sys

import pytest

from kubeferry import allocator

FRAGMENT = """
import re, sys
from pathlib import Path
from kubeferry import allocator

if sys.argv[1] == "early":
    allocator.give_back_early()
for _ in range(4):
    bytearray(8 << 20)  # from now on such blocks are taken from the heap, if nobody says otherwise
large, small = [], []
for _ in range(30):
    large.append(bytearray(3 << 20))
    small.append(bytearray(64 << 10))
del large
if sys.argv[1] == "after":
    allocator.give_back()
status = Path("/proc/self/status").read_text()
print(int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) // 1024)
"""
HAS_GLIBC = platform.libc_ver()[0] == "glibc"


def left(when: str) -> int:
    """MiB that are left of 90 which were freed, while small blocks between them live on."""
    command = [sys.executable, "-c", FRAGMENT, when]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("when", ["early", "after"])
def test_what_is_freed_goes_back_to_the_kernel(when: str) -> None:
    if not HAS_GLIBC:  # nothing to do, and nothing is done
        allocator.give_back_early()
        allocator.give_back()
        return
    assert left("never") > 80
    assert left(when) < 40
