"""Runs a page's commands as a person would paste them, and compares what they print."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
            self.background.append(await self._start(command.text))
            return ""
        if "--watch" in command.text:
            return await self._watched(command)
        return await self._output(command.text, command)

    async def stop(self) -> None:
        """Ends what runs in the background."""
        for process in self.background:
            _end(process, signal.SIGTERM)
            await process.wait()

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
            assert process.returncode == 0, f"line {command.line}: {text}\n{told}"
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

    async def _start(self, text: str, *, stderr: int | None = None) -> asyncio.subprocess.Process:
        path = os.pathsep.join(map(str, (PROGRAMS, *self.programs, os.environ["PATH"])))
        return await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            text,
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **self.environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
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


def check(command: Command, printed: str) -> None:
    """Fails with both texts where they differ."""
    if command.expected is not None:
        shown = "\n".join(command.expected)
        assert agree(printed, command.expected), (
            f"line {command.line}: {command.text}\nthe page shows:\n{shown}\nprinted is:\n{printed}"
        )


Skip = Callable[[Command], bool]
Environ = Mapping[str, str]
