"""What a benchmark prints: figures against their goals as a table, every pass as a JSON line."""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and what it is to reach; ``note`` says what the ratio is made of.

    ``goal`` is None for what explains the others and has no goal itself.
    """

    name: str
    value: float
    goal: float | None
    sense: Literal["at least", "at most"]
    note: str = ""
    unit: str = "x"

    @property
    def is_reached(self) -> bool:
        """Whether the goal is met, or there is none."""
        if self.goal is None:
            return True
        if self.sense == "at least":
            return self.value >= self.goal
        return self.value <= self.goal

    def line(self) -> str:
        """One line of the table."""
        number = f"{self.value:.{0 if self.unit == 'MiB' else 2}f} {self.unit}"
        if self.goal is None:
            return f"{self.name:<44}{number:>10}  {'':<23}{self.note}"
        goal = f"{self.sense} {self.goal:g}"
        verdict = "reached" if self.is_reached else "MISSED"
        return f"{self.name:<44}{number:>10}  {goal:<14}{verdict:<9}{self.note}"


class Record:
    """Where passes are told as they end: on the terminal, and as JSON lines in a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._begun = time.monotonic()

    def add(self, what: str, count: int, result: dict[str, Any]) -> dict[str, Any]:
        """Tells of one pass; returns it."""
        seconds = result["seconds"]
        shown = f"{seconds:8.2f} s  {count / seconds:8,.0f}/s"
        if "create_seconds" in result:
            shown += f"  creates {count / result['create_seconds']:,.0f}/s"
        shown += f"  cpu {result['cpu']:.1f} s  peak {result['peak_mib']:.0f} MiB"
        shown += f"  servers' cpu {sum(result['server_cpu'].values()):.1f} s"
        at = time.monotonic() - self._begun
        print(f"[{at:6.0f} s] {what:<16}{count:>8}  {shown}  load {result['load']}", flush=True)
        for problem in result.get("problems", ()):
            print(f"           ! {problem}", flush=True)
        self.write({"what": what, "objects": count} | result)
        return result

    def write(self, line: dict[str, Any]) -> None:
        """One JSON line."""
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def print_table(figures: Sequence[Figure]) -> None:
    print()
    for figure in figures:
        print(figure.line())


def all_cpu(result: dict[str, Any]) -> float:
    """CPU seconds of the client and of the cluster's processes in one pass."""
    return float(result["cpu"] + sum(result["server_cpu"].values()))


def between(bare: Sequence[float], at: int) -> float:
    """The mean of the passes of A before and after the pass of B with this index."""
    return (bare[at] + bare[at + 1]) / 2


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
