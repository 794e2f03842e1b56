"""A sampling profiler by CPU time: cheap enough not to change what it measures.

Every ``INTERVAL`` seconds of CPU time a signal notes where the main thread is; waiting takes no CPU
time and is not seen, nor is what other threads do in their own code. The result is a JSON object:
``samples``, ``own`` (function to samples with it on top) and ``under`` (function to samples with it
anywhere on the stack).
"""

import json
import signal
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType, TracebackType

INTERVAL = 0.002
_KEPT = 150


class Sampler:
    """A context manager; writes its figures to ``path`` at the end."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._own: Counter[CodeType] = Counter()
        self._under: Counter[CodeType] = Counter()

    def __enter__(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.siginterrupt(signal.SIGPROF, False)  # or libraries' calls would be broken off
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        result = {
            "samples": self._own.total(),
            "own": {_name(code): count for code, count in self._own.most_common(_KEPT)},
            "under": {_name(code): count for code, count in self._under.most_common(_KEPT)},
        }
        self._path.write_text(json.dumps(result, indent=1))

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._own[frame.f_code] += 1
        seen: set[CodeType] = set()
        while frame is not None:
            seen.add(frame.f_code)
            frame = frame.f_back
        self._under.update(seen)


def _name(code: CodeType) -> str:
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_firstlineno} {code.co_qualname}"
