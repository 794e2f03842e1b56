"""The images of a plan, by their names in the backup and after it, for a tool that copies them."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from kubeferry import codec
from kubeferry.cli.output import printable, say, table
from kubeferry.cli.plan_summary import Tally
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.waves import Step


def image_lines(
    steps: Iterable[tuple[Step, Iterable[PlanItem]]], tally: Tally, *, json: bool
) -> Iterator[str]:
    """Source and target image of each that a mapping renames, once, sorted, without a heading.

    As JSON a line ``{"source": ..., "target": ...}`` for each. What no copying brings is told on
    stderr: two images that get one name, and one that a modifier names.
    """
    found: set[tuple[str, str]] = set()
    needed: set[str] = set()
    for _, items in tally.through(steps):
        for item in items:
            if item.object is not None:
                found.update(_renamed(item))
                needed.update(item.images)
    if json:
        for source, target in sorted(found):
            yield codec.encode({"source": source, "target": target}).decode()
    else:
        yield from table(
            [(printable(source), printable(target)) for source, target in sorted(found)]
        )
    _warn(found, needed)


def _renamed(item: PlanItem) -> Iterator[tuple[str, str]]:
    targets = set(item.images)
    for change in item.changes:
        is_renamed = change.cause.mechanism == "parameter" and isinstance(change.old, str)
        if is_renamed and isinstance(change.new, str) and change.new in targets:
            yield change.old, change.new


def _warn(found: set[tuple[str, str]], needed: set[str]) -> None:
    by_target = sorted((target, source) for source, target in found)
    for target, pairs in groupby(by_target, key=lambda pair: pair[0]):
        sources = [source for _, source in pairs]
        if len(sources) > 1:
            say(f"warning: {' and '.join(sources)} both become {target}")
    for image in sorted(needed - {target for _, target in found}):
        say(f"warning: {image} must be there too: a modifier names it")
