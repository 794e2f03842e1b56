"""A plan as a unified diff: each object as the backup has it and as it would be written.

    # create StatefulSet default/web -> default1/web
    --- backup/statefulsets.apps/default/web
    +++ target/statefulsets.apps/default1/web
    @@ -24,5 +24,4 @@

Of an object that is there already the first side is that one. What every object meets alike (server
fields go, two labels come) is left out of both sides, unless ``full``. Values of Secrets are never
shown. What is not written is one line that begins with ``#``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from kubeferry import codec
from kubeferry.cli.masking import masked_planned
from kubeferry.cli.output import document, printable, tidy
from kubeferry.cli.plan_summary import Tally
from kubeferry.cli.plan_view import Look, identity_text
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.restore.plan_item import WRITING, PlanItem
from kubeferry.restore.waves import Step
from kubeferry.transform.automatic.metadata import strip_server_fields
from kubeferry.transform.patch.merge_patch import apply_merge_patch
from kubeferry.transform.pipeline import RESTORE_LABEL

Live = Callable[[Identity], bytes | None]
"""The JSON of an object that is in the target already."""

_CONTEXT = 3
_MOST = 5_000
"""Lines of one side that are compared; more are one replacement, for comparing is not linear."""
_LABELS = ("velero.io/backup-name", RESTORE_LABEL)
_COLOURS = {"-": "red", "+": "green", "@": "cyan"}


class Sides(NamedTuple):
    """What is compared: names and objects; no object is an empty side."""

    old_name: str
    old: Object | None
    new_name: str
    new: Object


def diff_lines(
    steps: Iterable[tuple[Step, Iterable[PlanItem]]], look: Look, tally: Tally, *, live: Live
) -> Iterator[str]:
    """The whole plan, an object at a time, in the order of the restore."""
    for _, items in tally.through(steps):
        for item in items:
            yield from _item(item, look, live)


def _item(item: PlanItem, look: Look, live: Live) -> Iterator[str]:
    told = f"# {item.action} {identity_text(item)}"
    if item.why is not None:
        told = f"{told}: {item.why.reason}: {item.why.message}"
    yield look.paint(printable(told), dim=True)
    if item.action not in WRITING or item.object is None:
        return
    sides = sides_of(item, live)
    shown = [
        None if one is None else _shown(item, one, sides.old if one is sides.new else None, look)
        for one in (sides.old, sides.new)
    ]
    old, new = ([] if one is None else document(one, "yaml").split("\n") for one in shown)
    if old == new:
        return
    yield look.paint(f"--- {printable(sides.old_name)}", bold=True)
    yield look.paint(f"+++ {printable(sides.new_name)}", bold=True)
    for line in unified(old, new):
        yield look.paint(_safe(line), fg=_COLOURS.get(line[0]))


def sides_of(item: PlanItem, live: Live) -> Sides:
    """What is compared for an object that is written: with the one that is there, if there is one,
    else with the backup's.
    """
    new_name = f"target/{_path(item.target)}"
    planned = item.object or {}
    if item.present is None:
        if item.archived is None:  # the restore adds it
            return Sides("/dev/null", None, new_name, planned)
        return Sides(f"backup/{_path(item.source)}", item.archived, new_name, planned)
    body = live(item.target)
    there: Object = codec.decode(body) if body is not None else {}
    if item.action == "update":
        planned = apply_merge_patch(there, item.present.patch or {})
    return Sides(new_name, there, new_name, planned)


def _shown(item: PlanItem, obj: Object, before: Object | None, look: Look) -> Object:
    shown = masked_planned(item, obj, before=before)
    if look.full:
        return tidy(shown)
    shown = strip_server_fields(shown)
    kept = {key: value for key, value in labels(shown).items() if key not in _LABELS}
    if len(kept) == len(labels(shown)):
        return shown
    about = {**metadata(shown), "labels": kept}
    return {**shown, "metadata": {key: value for key, value in about.items() if value != {}}}


def unified(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """The hunks of a unified diff, three lines around each change; none if the texts are equal."""
    begin = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    end = 0
    while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    before = max(0, begin - _CONTEXT)
    after = max(0, end - _CONTEXT)
    left, right = old[before : len(old) - after], new[before : len(new) - after]
    for group in _groups(left, right):
        (_, a, _, c, _), (_, _, b, _, d) = group[0], group[-1]
        yield f"@@ -{_range(a + before, b + before)} +{_range(c + before, d + before)} @@"
        for what, a, b, c, d in group:
            if what == "equal":
                yield from (f" {line}" for line in left[a:b])
            else:
                yield from (f"-{line}" for line in left[a:b])
                yield from (f"+{line}" for line in right[c:d])


_Code = tuple[str, int, int, int, int]


def _groups(left: Sequence[str], right: Sequence[str]) -> Iterable[Sequence[_Code]]:
    if max(len(left), len(right)) <= _MOST:
        return SequenceMatcher(None, left, right).get_grouped_opcodes(_CONTEXT)
    return [[("replace", 0, len(left), 0, len(right))]]


def _range(start: int, stop: int) -> str:
    """As ``diff -u`` writes it: an empty range names the line before it."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _path(identity: Identity) -> str:
    return "/".join(part for part in identity if part)


def _safe(line: str) -> str:
    """The line without what a terminal would obey, tabs aside."""
    return "\t".join(map(printable, line.split("\t")))
