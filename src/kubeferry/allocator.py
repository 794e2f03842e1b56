"""Makes glibc's allocator give memory back. Elsewhere than on glibc nothing is done.

By default it keeps a heap for each thread and, once blocks of megabytes were freed, takes blocks of
that size from those heaps, where small ones that live on between them keep the rest from being
given back: after a backup a process would stay as large as it ever was.
"""

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""The numbers of ``mallopt``'s options in malloc.h."""
_BLOCK, _FREE = 1 << 20, 4 << 20
"""A block of so many bytes is the kernel's own, and a heap keeps so many free bytes at its end:
with smaller ones a backup takes half as much CPU time again, and little less memory.
"""


def give_back_early() -> None:
    """From now on large blocks come from the kernel and go back to it; threads share a heap.

    A backup takes some 5 % more CPU time.
    """
    glibc = _glibc()
    if glibc is not None:
        glibc.mallopt(_ARENA_MAX, 1)
        glibc.mallopt(_MMAP_THRESHOLD, _BLOCK)
        glibc.mallopt(_TRIM_THRESHOLD, _FREE)


def give_back() -> None:
    """Gives back what is free now; takes some milliseconds, so for moments when work has ended."""
    glibc = _glibc()
    if glibc is not None:
        glibc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        _ = library.mallopt, library.malloc_trim, library.gnu_get_libc_version
    except (AttributeError, OSError, TypeError):
        return None
    return library
