"""The images of a plan, by their names in the backup and after it, for a tool that copies them."""

from collections.abc import Iterable, Iterator

from kubeferry import codec
from kubeferry.cli.output import printable, table
from kubeferry.cli.plan_summary import Tally
from kubeferry.restore.plan import PlanItem
from kubeferry.restore.waves import Step
from kubeferry.transform.change import MISSING


def image_lines(
    steps: Iterable[tuple[Step, Iterable[PlanItem]]], tally: Tally, *, json: bool
) -> Iterator[str]:
    """Source and target image of each that a mapping renames, once, sorted.

    As JSON a line ``{"source": ..., "target": ...}`` for each.
    """
    found: set[tuple[str, str]] = set()
    for _, items in tally.through(steps):
        for item in items:
            if item.object is not None:
                found.update(_renamed(item))
    if json:
        for source, target in sorted(found):
            yield codec.encode({"source": source, "target": target}).decode()
        return
    rows = [tuple(map(printable, row)) for row in sorted(found)]
    yield from table([("SOURCE", "TARGET"), *rows])


def _renamed(item: PlanItem) -> Iterator[tuple[str, str]]:
    targets = set(item.images)
    for change in item.changes:
        if change.old is MISSING or change.new is MISSING:
            continue
        if isinstance(change.old, str) and change.new in targets:
            yield change.old, str(change.new)
