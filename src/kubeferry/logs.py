"""Logs: a line a record for people, JSON in a cluster; and the log a task leaves in its vault."""

import logging
import tempfile
import time
from types import TracebackType
from typing import Protocol

from kubeferry import codec
from kubeferry.clock import Clock, timestamp
from kubeferry.report import Problem

MAX_LOG_BYTES = 32 << 20
"""A task's log stops growing here and says so."""
MAX_OUTPUT_BYTES = 4 << 20
"""Bytes of a log that what commands printed may take up."""


class Line(Protocol):
    """Takes a line of a task's log (``TaskLog.line``)."""

    def __call__(self, level: str, message: str, **fields: str) -> None:
        """Adds the line."""


class TaskLog:
    """The log of one task, a ``Reporter``: on disk once it outgrows a megabyte, bounded in size.

    Lines are as Velero writes them: ``time="..." level=info msg="..."`` (velero.md §1.2).
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._file = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115 - closed by us
        self._size = 0
        self._full = False

    def __enter__(self) -> "TaskLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def line(self, level: str, message: str, **fields: str) -> None:
        """Adds one line; beyond ``MAX_LOG_BYTES`` only the fact that there was more."""
        if self._full:
            return
        extra = "".join(f" {key}={_quoted(value)}" for key, value in fields.items())
        moment = timestamp(self._clock())
        data = f"time={_quoted(moment)} level={level} msg={_quoted(message)}{extra}\n".encode()
        if self._size + len(data) > MAX_LOG_BYTES:
            self._full = True
            data = b'level=warning msg="the log ends here: it is full"\n'
        self._file.write(data)
        self._size += len(data)

    def phase(self, name: str) -> None:
        """A new part of the task begins."""
        self.line("info", name)

    def progress(self, done: int, total: int | None) -> None:
        """Progress is no log line."""

    def problem(self, problem: Problem) -> None:
        """A warning or an error, with its reason and the object."""
        fields = {"reason": problem.reason}
        if problem.subject:
            fields["object"] = problem.subject
        self.line(problem.level, problem.message, **fields)

    def read(self) -> bytes:
        """All lines so far."""
        self._file.seek(0)
        return self._file.read()


class OutputLog:
    """Puts what commands printed into a task's log: one line a command, bounded for all together,
    so that no command's output keeps what is wrong out of the log.
    """

    def __init__(self, line: Line, *, most: int = MAX_OUTPUT_BYTES) -> None:
        self._line = line
        self._left = self._most = most

    def __call__(self, message: str, *, stdout: bytes, stderr: bytes, **fields: str) -> None:
        """Adds what a command printed; of what is too much only its size."""
        told: dict[str, str] = {}
        for name, data in (("stdout", stdout), ("stderr", stderr)):
            text = data.decode(errors="replace")
            size = len(codec.encode(text)) - 2  # as it takes up the log: control characters grow
            if size > self._left:
                told[name] = f"({len(data)} bytes left out: commands said more than {self._most})"
            elif size:
                self._left -= size
                told[name] = text
        self._line("info", message, **fields, **told)


def _quoted(text: str) -> str:
    return codec.encode(text).decode()


class _JsonLines(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return codec.encode(line).decode()


def configure(*, json_lines: bool, level: str = "INFO") -> None:
    """Sends our log records to stderr, as JSON lines or as short text."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        _JsonLines() if json_lines else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    ours = logging.getLogger("kubeferry")
    ours.handlers[:] = [handler]
    ours.setLevel(level)
    ours.propagate = False
