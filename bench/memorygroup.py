"""A control group that limits a process's memory as a container's limit does (root on Linux).

Versions 1 and 2. What counts is what cannot be given back: anonymous memory and the kernel's (page
cache is dropped when it is short). ``Use`` is the highest of it, sampled.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_INTERVAL = 0.01
_MIB = 1 << 20


@dataclass(slots=True)
class Use:
    """The highest use since ``reset``, MiB, and what happened at the limit.

    Attributes:
        anonymous: heap, stacks, arenas.
        kernel: slabs, socket buffers, page tables.
        together: the highest sum of both at one time.
        pushed: how often the limit was met and page cache was dropped for it.
        killed: processes killed for want of memory.
    """

    anonymous: float = 0.0
    kernel: float = 0.0
    together: float = 0.0
    pushed: int = 0
    killed: int = 0


class MemoryGroup:
    """The group, while it exists."""

    def __init__(self, folder: Path, *, is_unified: bool) -> None:
        self._folder = folder
        self._is_unified = is_unified
        self._use = Use()

    def command(self, *arguments: str | Path) -> list[str]:
        """A command line that runs another one within the group."""
        enter = f'echo $$ > {self._folder}/cgroup.procs; exec "$@"'
        return ["/bin/sh", "-c", enter, "enter", *map(str, arguments)]

    def reset(self) -> None:
        """Begins anew to look for the highest use."""
        self._use = Use()

    def use(self) -> Use:
        """What was found since."""
        self._use.killed = self._count("oom_kill")
        self._use.pushed = self._count("max")
        return self._use

    def sample(self) -> None:
        """Looks once."""
        stat = dict(re.findall(r"^(\w+) (\d+)$", self._read("memory.stat"), re.MULTILINE))
        if self._is_unified:
            anonymous, kernel = int(stat["anon"]), int(stat.get("kernel", 0))
        else:
            anonymous = int(stat["rss"])
            kernel = int(self._read("memory.kmem.usage_in_bytes"))
        use = self._use
        use.anonymous = max(use.anonymous, anonymous / _MIB)
        use.kernel = max(use.kernel, kernel / _MIB)
        use.together = max(use.together, (anonymous + kernel) / _MIB)

    def _count(self, name: str) -> int:
        if not self._is_unified and name == "max":
            return int(self._read("memory.failcnt"))
        file = "memory.events" if self._is_unified else "memory.oom_control"
        return int(dict(re.findall(r"^(\w+) (\d+)$", self._read(file), re.MULTILINE))[name])

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """A group of its own with a limit in bytes; its processes must have ended with the block."""
    is_unified = (_ROOT / "cgroup.controllers").exists()
    if is_unified:
        folder, file = _ROOT / "kubeferry-bench", "memory.max"
    else:
        [own] = re.findall(
            r"^\d+:memory:(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE
        )
        folder, file = _ROOT / f"memory{own}" / "kubeferry-bench", "memory.limit_in_bytes"
    folder.mkdir()
    done = threading.Event()
    try:
        (folder / file).write_text(str(limit))
        group = MemoryGroup(folder, is_unified=is_unified)
        watcher = threading.Thread(target=_watch, args=(group, done))
        watcher.start()
        yield group
    finally:
        done.set()
        watcher.join()
        _remove(folder)


def _watch(group: MemoryGroup, done: threading.Event) -> None:
    while not done.wait(_INTERVAL):
        group.sample()


def _remove(folder: Path) -> None:
    for _ in range(100):
        try:
            folder.rmdir()
        except OSError:  # its last process is just going
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{folder} still has processes")
