"""How much memory this process may use, and what it may therefore hold at once.

The kernel ends a process that needs more than its control group's limit, so what is under way is
bounded by bytes: pages of lists, objects being created, parts of uploads. Where a limit is small
those bounds are small too, and fewer tasks run at once. What is bounded here is most of what a task
needs; the rest (``_IDLE``) is Python, our modules and connections.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20

_IDLE = 64 * MIB
"""What a controller needs before it holds anything, and what is not given back between tasks."""
_A_TASK = 24 * MIB
"""What one more task takes that runs beside others: parts of its upload, caches, fragments."""
_UNLIMITED = 1 << 60
"""No machine has so much: version 1 of control groups says "no limit" by a number of that size."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be held at once, in bytes where nothing else is said. The defaults are for plenty.

    Attributes:
        page: one page of a list; a larger one is asked for again with fewer objects.
        pages: pages of all lists that are being read, wait or are being archived.
        objects: archived JSON of the objects that one restore creates at the moment.
        part: a part of an upload, of which S3 takes 10,000.
        parts: parts of one upload under way.
        writes: requests at once that write.
        tasks: backups and restores at once.
    """

    page: int = 16 * MIB
    pages: int = 80 * MIB
    objects: int = 16 * MIB
    part: int = 8 * MIB
    parts: int = 2
    writes: int = 64
    tasks: int = 1000

    @property
    def is_tight(self) -> bool:
        """Whether memory is worth more than time: freed blocks are given back at once."""
        return self.pages < Allowance().pages


def allowance(limit: int | None) -> Allowance:
    """What a process may hold that may use ``limit`` bytes in all; None for no limit."""
    if limit is None:
        return Allowance()
    spare = max(limit - _IDLE, _A_TASK)
    plenty = Allowance()
    pages = min(spare * 2 // 5, plenty.pages)
    is_small = spare < 10 * _A_TASK
    return Allowance(
        page=min(max(pages // 5, MIB), plenty.page),
        pages=pages,
        objects=min(spare // 16, plenty.objects),
        # The smallest that S3 takes: 50 GiB of archive.
        part=5 * MIB if is_small else plenty.part,
        parts=1 if is_small else plenty.parts,
        writes=min(max(spare // (2 * MIB), 16), plenty.writes),
        tasks=max(spare // _A_TASK - 1, 1),
    )


def memory_limit(root: Path = Path("/")) -> int | None:
    """The limit of this process's control group or of one above it, in bytes; None if none has.

    Versions 1 and 2. Inside a container the group's own folder may not be visible, only what is
    mounted; a limit is then at its top.
    """
    limits = [number for number in _limits(root) if number < _UNLIMITED]
    return min(limits, default=None)


def _limits(root: Path) -> Iterator[int]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            if group.is_relative_to(top):
                yield from _number(group / file)


def _number(file: Path) -> Iterator[int]:
    try:
        text = file.read_text().strip()
    except OSError:  # not mounted, or the topmost group, which has no limit
        return
    if text.isdecimal():  # else "max"
        yield int(text)
