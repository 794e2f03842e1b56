"""Server programs as children of a test run, which never outlive it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# The shell holds the reading end of a pipe from us. However we end, the pipe closes, and it kills
# the program; a parent-death signal would already come when the starting thread ends. 0 instead
# of its number is everything in the shell's group.
_GUARD = """
exec 3<&0
whom=$1
shift
"$@" </dev/null 3<&- &
pid=$!
(cat <&3 >/dev/null; kill -9 "${whom:-$pid}") 2>/dev/null &
watcher=$!
exec 3<&-
wait $pid
code=$?
kill -9 $watcher 2>/dev/null
wait $watcher
exit $code
"""
_TAIL = 30


class StartFailed(RuntimeError):
    """A server program ended, or did not become ready; the end of its log is in the message."""


class Server:
    """A running program whose output goes to a log.

    ``with_children`` ends what it has started with it, of a program that leaves that to others.
    """

    def __init__(
        self, arguments: list[str | Path], *, log: Path, with_children: bool = False
    ) -> None:
        self.name = Path(arguments[0]).name
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", "0" * with_children, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def group(self) -> int:
        """The process group that the program and what it starts are in."""
        return self._shell.pid

    @staticmethod
    def output(*arguments: str | Path) -> str:
        """What a program that ends prints. Raises ``StartFailed`` if it fails."""
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StartFailed(f"{arguments[0]}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float) -> None:
        """Polls until it is ready. Raises ``StartFailed`` when it ends or takes too long."""
        end = time.monotonic() + seconds
        while not is_ready():
            if self._shell.poll() is not None:
                raise StartFailed(f"{self.name} ended\n{self.last_lines()}")
            if time.monotonic() > end:
                raise StartFailed(
                    f"{self.name} is not ready after {seconds:.0f} s\n{self.last_lines()}"
                )
            time.sleep(0.05)

    def wait(self, *, seconds: float) -> int:
        """Waits for its own end; the exit code. Raises ``subprocess.TimeoutExpired``."""
        return self._shell.wait(timeout=seconds)

    def last_lines(self) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_TAIL:])

    def stop(self) -> None:
        """Ends it at once; what it stored is a test's and not needed any more."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        try:
            self._shell.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()


def free_ports(count: int) -> list[int]:
    """TCP ports of 127.0.0.1 that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_open(host: str, port: int) -> bool:
    """Whether somebody listens on a TCP port."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
