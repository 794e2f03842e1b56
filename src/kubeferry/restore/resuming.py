"""Goes on with a restore that was interrupted: what its journal says, and how much of it counts.

Whoever can write to the vault can write a journal that says everything is done. So where the vault
has a key, an item file that no key has sealed says nothing, which is told, and what was written in
it is done again. Where it has none the journal is a hint: what it says was made must be in the
target, with the task's field manager, as the plan's lists found it; all else is done again, which
finds by itself what is there. Hooks leave no trace, so without a key their lines are believed.
"""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator

import msgspec

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged
from kubeferry.journal import HookRun, Item, read_line
from kubeferry.kube.names import Identity
from kubeferry.report import Problem, Reporter
from kubeferry.restore.apply import Result
from kubeferry.restore.existing import PRESENT
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import MADE, PlanItem
from kubeferry.restore.report import WRITTEN, Recorder
from kubeferry.restore.waves import DEFINITIONS
from kubeferry.transform.change import Note
from kubeferry.vault.restores import ItemFile

UNPROVEN = "JournalUnproven"
UNSEALED = "is not sealed with the vault's key, or was changed: what it tells is done again"
"""What is said of a file of a journal that is not believed."""
TURN = 256
"""Items after which others have their turn."""


class _Entry(msgspec.Struct):
    manager: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    managed_fields: list[_Entry] = []


class _Live(msgspec.Struct):
    metadata: _Metadata


_LIVE = codec.Decoder(_Live)


async def resume(
    files: AsyncIterable[ItemFile], recorder: Recorder, planner: Planner, *, reporter: Reporter
) -> None:
    """Takes over what earlier runs of the task were through with.

    Raises ``ArchiveDamaged`` for what is no journal, ``InvalidInput`` when the spool has no room.
    """
    unproven: list[str] = []
    async for file in files:
        if file.proof == "missing":
            unproven.append(file.place)
            continue
        for line in file.lines():
            _take(line, file, recorder, planner)
    if unproven:
        more = f" and {len(unproven) - 1} more" if len(unproven) > 1 else ""
        reporter.problem(Problem("warning", UNPROVEN, f"{unproven[0]}{more} {UNSEALED}"))


def read_told(line: bytes, file: ItemFile) -> Item | HookRun:
    """A line of a journal's file. Raises ``ArchiveDamaged`` for what is none."""
    try:
        return read_line(line)
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"a line of the journal is none: {error}", place=file.place) from error


def _take(line: bytes, file: ItemFile, recorder: Recorder, planner: Planner) -> None:
    done = read_told(line, file)
    if isinstance(done, Item) and file.proof == "unknown":
        recorder.hint(done)
        return
    recorder.resume(done)
    if isinstance(done, Item):
        why = Note(done.reason, done.message)
        note_lost(planner, Identity(*done.source), done.action, why)


def left_to_do(
    items: Iterable[PlanItem],
    planner: Planner,
    recorder: Recorder,
    schedule: Callable[[PlanItem], None],
) -> Iterator[PlanItem | None]:
    """The items that no earlier run of the task is through with; of the others, those that it
    made are handed to ``schedule``. Now and then, while it passes over items, it yields None: a
    hundred thousand in a row would cost the controller its lease.
    """
    for number, item in enumerate(items):
        if number % TURN == 0:
            yield None
        action = planner.spool.done(item.source)
        if action is None:
            action = _confirmed(item, planner)
            if action is None:
                yield item
                continue
            recorder.confirm(Result(item, action))
        if action in MADE:
            schedule(item)


def _confirmed(item: PlanItem, planner: Planner) -> str | None:
    """What an earlier run made of an item, if it is said and the target bears it out.

    What takes more than being there goes through the hands that know: a definition is waited for, a
    status written.
    """
    hinted = planner.spool.hinted(item.source)
    if hinted not in MADE or item.action != "create" or item.status is not None:
        return None
    body = planner.spool.live(item.target)
    if body is None or item.source.group_resource == DEFINITIONS:
        return None
    try:
        managers = {one.manager for one in _LIVE.decode(body).metadata.managed_fields}
    except msgspec.DecodeError:
        return None
    return hinted if planner.manager in managers else None


def note_lost(planner: Planner, source: Identity, action: str, why: Note | None) -> None:
    """What a definition defines cannot be restored where the definition is not there."""
    if source.group_resource != DEFINITIONS or action in WRITTEN:
        return
    if why is not None and why.reason not in PRESENT:
        planner.lose(source.name, why)
