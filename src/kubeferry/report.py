"""How a use case tells what it does: events to a ``Reporter``, which a terminal, a status or a log then shows."""

from dataclasses import dataclass
from typing import Literal, Protocol

Level = Literal["warning", "error"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one object, or with the task as a whole.

    ``namespace`` is the source namespace, empty for a cluster-scoped object; ``subject`` names the object
    (``statefulsets.apps default/web``), empty when the problem is the task's own. No secrets in ``message``.
    """

    level: Level
    reason: str
    message: str
    namespace: str = ""
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}" if self.subject else self.message


class Reporter(Protocol):
    """Receives what a backup or a restore does, in order. Every method returns at once and never fails."""

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
