"""Runs a page's commands as a person would paste them, and compares what they print."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kubeferry.cli.command import DIFFERS
from tests.docs.pages import ROOT, Command

SECONDS = 90.0
PROGRAMS = Path(sys.executable).parent
_EXPORT = re.compile(r"export (?P<name>[A-Z_]+)=")
_VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\bin \d+[dhms](\d+[hms])?\b|\b\d+[dhms](\d+[hms])? ago\b"), "WHEN"),
    (re.compile(r"\b\d+(d|h|m|s)(\d+[hms])*(?=$|\s|\))", re.MULTILINE), "AGE"),
    (re.compile(r"\b[\d,.]+ (bytes|[KM]iB)"), "SIZE"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"/\S+/vaults(?=/)"), "VAULTS"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "https://SERVER"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "https://SERVER"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass
class Shell:
    """Where a page's commands run: a folder of its own, with the examples and the programs.

    Attributes:
        environ: variables beside PATH and HOME; ``export`` adds to them.
        programs: more folders of programs, kubectl's.
    """

    folder: Path
    environ: dict[str, str]
    programs: Sequence[Path] = ()
    background: list[asyncio.subprocess.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "examples").symlink_to(ROOT / "examples")

    async def run(self, command: Command) -> str:
        """What the command prints; a wrong exit code or output is a failure with the line."""
        if export := _EXPORT.match(command.text):
            text = f'{command.text}; printf %s "${export["name"]}"'
            self.environ[export["name"]] = (await self._output(text, command)).strip()
            return ""
        if "kubeferry controller" in command.text:
            log = (self.folder / f"background-{len(self.background)}.log").open("wb")
            self.background.append(await self._start(command.text, stdout=log, stderr=log))
            log.close()
            return ""
        if "--watch" in command.text:
            return await self._watched(command)
        return await self._output(command.text, command)

    async def stop(self) -> None:
        """Ends what runs in the background; it is a failure if one has ended by itself."""
        ended = [one.returncode is not None for one in self.background]
        for process in self.background:
            _end(process, signal.SIGTERM)
            await process.wait()
        logs = [path.read_text() for path in sorted(self.folder.glob("background-*.log"))]
        assert not any(ended), "\n".join(logs)

    async def _output(self, text: str, command: Command) -> str:
        process = await self._start(text, stderr=asyncio.subprocess.STDOUT)
        try:
            async with asyncio.timeout(SECONDS):
                printed, _ = await process.communicate()
        except TimeoutError:
            _end(process, signal.SIGKILL)
            raise AssertionError(f"line {command.line}: {text} does not end") from None
        told = printed.decode()
        if _fails(command):
            assert process.returncode, f"line {command.line}: {text} is not refused\n{told}"
        else:
            good = (0, DIFFERS) if "kubeferry backup diff " in text else (0,)
            assert process.returncode in good, f"line {command.line}: {text}\n{told}"
        return told

    async def _watched(self, command: Command) -> str:
        """What a command printed that follows something, up to the last line that is expected."""
        process = await self._start(command.text)
        assert process.stdout is not None
        last = normal((command.expected or ("Completed",))[-1])
        printed = ""
        try:
            async with asyncio.timeout(SECONDS):
                while last not in normal(printed):
                    line = await process.stdout.readline()
                    assert line, f"line {command.line}: {command.text} ended\n{printed}"
                    printed += line.decode()
        except TimeoutError:
            raise AssertionError(f"line {command.line}: {command.text}: {printed}") from None
        finally:
            _end(process, signal.SIGKILL)
            await process.wait()
        return printed

    async def _start(
        self,
        text: str,
        *,
        stdout: int | IO[bytes] = asyncio.subprocess.PIPE,
        stderr: int | IO[bytes] | None = None,
    ) -> asyncio.subprocess.Process:
        path = os.pathsep.join(map(str, (PROGRAMS, *self.programs, os.environ["PATH"])))
        return await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            text,
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **self.environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def _fails(command: Command) -> bool:
    """Whether the page shows that the command is refused."""
    return any(line.startswith(("error:", "Error from server")) for line in command.expected or ())


def _end(process: asyncio.subprocess.Process, how: signal.Signals) -> None:
    if process.returncode is None:
        os.killpg(process.pid, how)


def normal(text: str) -> str:
    """A text with what differs from run to run made the same: times, sizes, addresses, spaces."""
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return text.strip()


def agree(printed: str, expected: Sequence[str]) -> bool:
    """Whether a program printed what a page shows; a line ``...`` stands for any lines."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += f"{re.escape(normal(line))}\n"
    text = "".join(f"{normal(line)}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None


_LOOKS = re.compile(r"kube(ferry|ctl) .*\b(get|describe)\b")
_LOOK_SECONDS = 30.0


async def run_and_compare(shell: Shell, command: Command) -> None:
    """Runs a command; fails with both texts where it prints something else than the page shows.

    What only looks may have to look again: a controller needs its moment.
    """
    end = asyncio.get_running_loop().time() + _LOOK_SECONDS
    while True:
        printed = await shell.run(command)
        if command.expected is None or agree(printed, command.expected):
            return
        if not _LOOKS.match(command.text) or asyncio.get_running_loop().time() > end:
            shown = "\n".join(command.expected)
            raise AssertionError(
                f"line {command.line}: {command.text}\nthe page shows:\n{shown}\n"
                f"printed is:\n{printed}"
            )
