"""How a use case tells what it does: events to a ``Reporter``, which others show."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Level = Literal["warning", "error"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one object, or with the task as a whole.

    ``namespace`` is the source namespace, empty for a cluster-scoped object; ``subject`` names the
    object (``statefulsets.apps default/web``), empty when the problem is the task's own. No secrets
    in ``message``.
    """

    level: Level
    reason: str
    message: str
    namespace: str = ""
    subject: str = ""

    def __str__(self) -> str:
        text = f"{self.reason}: {self.message}"
        return f"{self.subject}: {text}" if self.subject else text


class ReasonCount(NamedTuple):
    """How often a reason was given.

    ``outcome`` is what became of objects (``failed``, ``refused``, ``skipped``), or how bad
    problems are (``error``, ``warning``, ``note``).
    """

    outcome: str
    reason: str
    times: int


_OUTCOMES = ("failed", "refused", "error", "warning", "skipped", "note")


def reason_counts(*counts: Mapping[tuple[str, str], int]) -> tuple[ReasonCount, ...]:
    """What was counted by outcome and reason: what is worst first, then the most frequent."""
    found = [
        ReasonCount(outcome, reason, times)
        for some in counts
        for (outcome, reason), times in some.items()
        if outcome in _OUTCOMES and times
    ]
    return tuple(sorted(found, key=lambda one: (_OUTCOMES.index(one.outcome), -one.times, one)))


class Reporter(Protocol):
    """Receives what a backup or a restore does, in order; a method returns at once, never fails."""

    def phase(self, name: str) -> None:
        """A new part of the task begins: ``collect``, ``upload``, ``wave 3: workloads``."""

    def progress(self, done: int, total: int | None) -> None:
        """So many objects of so many (None: not known yet) are through."""

    def problem(self, problem: Problem) -> None:
        """Something is wrong and the task goes on."""


class Silent:
    """A reporter that shows nothing."""

    def phase(self, name: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int | None) -> None:
        """Nothing."""

    def problem(self, problem: Problem) -> None:
        """Nothing."""


class Several:
    """Passes each event on to several reporters, in order."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self._reporters = tuple(reporters)

    def phase(self, name: str) -> None:
        """Passed on."""
        for reporter in self._reporters:
            reporter.phase(name)

    def progress(self, done: int, total: int | None) -> None:
        """Passed on."""
        for reporter in self._reporters:
            reporter.progress(done, total)

    def problem(self, problem: Problem) -> None:
        """Passed on."""
        for reporter in self._reporters:
            reporter.problem(problem)


@dataclass(slots=True)
class Findings:
    """The problems of a task: all are counted, the first ``keep`` of each level are kept.

    ``reasons`` counts them by level and reason.
    """

    keep: int = 5_000
    warnings: int = 0
    errors: int = 0
    problems: list[Problem] = field(default_factory=list)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    def phase(self, name: str) -> None:
        """No finding."""

    def progress(self, done: int, total: int | None) -> None:
        """No finding."""

    def problem(self, problem: Problem) -> None:
        """Counts it, and keeps it while there is room."""
        self.reasons[problem.level, problem.reason] += 1
        if problem.level == "error":
            self.errors += 1
            count = self.errors
        else:
            self.warnings += 1
            count = self.warnings
        if count <= self.keep:
            self.problems.append(problem)

    def results(self) -> dict[str, Any]:
        """What Velero's results file holds: ``{"warnings": R, "errors": R}`` (velero.md §1.2).

        An entry is one line, as who prints them expects.
        """
        return {
            "warnings": self._side("warning", self.warnings),
            "errors": self._side("error", self.errors),
        }

    def _side(self, level: Level, count: int) -> dict[str, Any]:
        task: list[str] = []
        cluster: list[str] = []
        namespaces: dict[str, list[str]] = {}
        for one in self.problems:
            if one.level != level:
                continue
            line = " ".join(str(one).splitlines())
            if one.namespace:
                namespaces.setdefault(one.namespace, []).append(line)
            else:
                (cluster if one.subject else task).append(line)
        if count > self.keep:
            task.append(f"{count - self.keep} more: see the items files of this task")
        side = {"velero": task, "cluster": cluster, "namespaces": namespaces}
        return {name: part for name, part in side.items() if part}
