"""What goes on, on a terminal: a task's status, or a use case's events, as a progress bar.

On a terminal a bar that goes away at the end; elsewhere a line a phase. Always on stderr.
"""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from kubeferry.cli.output import printable, say
from kubeferry.report import Problem

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class View(Protocol):
    """Shows how far something is; a context manager."""

    def __enter__(self) -> Self:
        """Begins."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Ends; a bar goes away."""

    def update(self, phase: str, done: int, total: int | None) -> None:
        """What is being done now and how far it is."""

    def tell(self, text: str) -> None:
        """A line of its own."""


class Lines:
    """A line for each phase: for logs and scripts."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        return None

    def update(self, phase: str, done: int, total: int | None) -> None:
        """A line, when the phase is a new one."""
        if phase != self._phase:
            self._phase = phase
            say(printable(f"{self._title}: {phase}"))

    def tell(self, text: str) -> None:
        """The line."""
        say(printable(text))


class Bar:
    """A progress bar of rich's."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[title]}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, style="dim"),
            console=Console(stderr=True),
            transient=True,
        )
        self._progress.start()
        self._task = self._progress.add_task("", total=None, title=self._title, figures="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, phase: str, done: int, total: int | None) -> None:
        """Moves the bar."""
        if self._progress is None or self._task is None:
            return
        figures = f"{done:,}/{total:,}" if total else f"{done:,}" if done else ""
        self._progress.update(
            self._task,
            description=printable(phase),
            completed=done,
            total=total or None,
            figures=figures,
        )

    def tell(self, text: str) -> None:
        """A line above the bar."""
        if self._progress is not None:
            self._progress.console.print(
                printable(text), markup=False, highlight=False, soft_wrap=True
            )


def view(title: str) -> View:
    """A bar on a terminal, lines elsewhere."""
    return Bar(title) if sys.stderr.isatty() else Lines(title)


class ViewReporter:
    """A ``Reporter`` that shows a use case's events; it keeps the problems.

    Who shows them himself, at the end, has them not told as they come (``tells``).
    """

    def __init__(self, shown: View, *, tells: bool = True) -> None:
        self._view = shown
        self._tells = tells
        self._phase = ""
        self._done = 0
        self._total: int | None = None
        self.problems: list[Problem] = []

    def phase(self, name: str) -> None:
        """Shows the new phase."""
        self._phase, self._done, self._total = name, 0, None
        self._view.update(name, 0, None)

    def progress(self, done: int, total: int | None) -> None:
        """Moves the bar."""
        self._view.update(self._phase, done, total)

    def problem(self, problem: Problem) -> None:
        """Shows the problem."""
        self.problems.append(problem)
        if self._tells:
            self._view.tell(f"{problem.level}: {problem}")
