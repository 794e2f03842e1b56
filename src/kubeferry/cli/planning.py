"""``restore plan``: makes the plan of a restore that does not exist yet, and shows it."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags, program
from kubeferry.cli.connection import connect
from kubeferry.cli.creating import ordered
from kubeferry.cli.live import ViewReporter, view
from kubeferry.cli.manifests import load, placed, refuse_beside_file
from kubeferry.cli.output import emit, printable
from kubeferry.cli.plan_summary import Tally, json_lines, plan_lines
from kubeferry.cli.plan_view import WIDTH, Look
from kubeferry.cli.restore_words import rows, words_of
from kubeferry.cli.stores import vault_of_backup
from kubeferry.clock import utc_now
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import TaskIncomplete
from kubeferry.kube.objects import Object
from kubeferry.restore.opening import open_plan
from kubeferry.restore.prepare import prepare
from kubeferry.transform.change import Note

_UNNAMED = "plan"
"""The name of a restore that is planned from options; labels carry it."""
_WIDEST = 140


@dataclass(frozen=True, slots=True)
class How:
    """What the options say of the plan's form."""

    json: bool
    full: bool


async def plan(
    flags: Flags,
    *,
    file: str | None,
    options: Mapping[str, Any],
    build: Callable[[str], ApplicationRestore],
    vault: str | None,
    how: How,
) -> int:
    """Prints the plan; writes nothing. Raises what makes the restore impossible.

    Returns the exit code: that of a restore which ended as the plan says, as far as it can tell.
    """
    tally = Tally()
    body, restore = _asked(file, options, build)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(connect(flags))
        where = placed(RESTORES, body, given=flags.namespace, default=session.namespace).namespace
        request = await prepare(restore, client=session.client, namespace=where)
        opened = await stack.enter_async_context(
            vault_of_backup(session, request.backup, vault=vault, task=restore.metadata)
        )
        with view(f"plan of backup {request.backup}") as shown:
            planner = await stack.enter_async_context(
                open_plan(
                    request,
                    client=session.client,
                    store=opened.store,
                    settings=session.settings,
                    reporter=ViewReporter(shown),
                    clock=utc_now,
                )
            )
        if how.json:
            emit(json_lines(planner.steps(), tally))
            return _exit_code(tally)
        notes = request.modifiers.notes if request.modifiers else ()
        emit(heading(restore, vault=opened.name, cluster=session.cluster_name, notes=notes))
        emit(plan_lines(planner.steps(), look(full=how.full), tally))
        emit(farewell(file, restore, full=how.full))
    return _exit_code(tally)


def _exit_code(tally: Tally) -> int:
    return TaskIncomplete.exit_code if tally.errors else 0


def _asked(
    file: str | None, options: Mapping[str, Any], build: Callable[[str], ApplicationRestore]
) -> tuple[Object, ApplicationRestore]:
    if file is None:
        restore = build(_UNNAMED)
        return ordered(restore), restore
    refuse_beside_file({f"--{key.replace('_', '-')}": value for key, value in options.items()})
    return load(file, ApplicationRestore)


def heading(
    restore: ApplicationRestore, *, vault: str, cluster: str, notes: Iterable[Note]
) -> Iterator[str]:
    """What is planned: the backup, the cluster, and everything that changes objects."""
    spec = restore.spec
    yield printable(f"Plan  backup {spec.backup_name} of vault {vault} into {cluster}")
    shown = [tuple(map(printable, row)) for row in rows(spec)]
    width = max((len(name) for name, _, _ in shown), default=0)
    for name, source, target in shown:
        line = f"  {name:{width}}   {source}"
        if not target or len(line) + len(target) + 4 <= WIDTH:
            yield f"{line} -> {target}" if target else line
        else:
            yield line
            yield f"  {'':{width}}   -> {target}"
    for note in notes:
        yield printable(f"  ! {note.reason}: {note.message}")


def farewell(file: str | None, restore: ApplicationRestore, *, full: bool) -> Iterator[str]:
    """What was not shown, and how to do what was planned."""
    yield ""
    if not full:
        yield "Not shown: server-fields and restore-labels, which change all objects alike, and the"
        yield "rest of long values. --full shows them."
    yield "Nothing was written. To do it:"
    words = _command(file, restore)
    line = f"  {program()} {' '.join(words)}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield f"  {program()} {' '.join(words[:2])} \\"
        yield from (f"    {word} \\" for word in words[2:-1])
        yield f"    {words[-1]}"


def _command(file: str | None, restore: ApplicationRestore) -> list[str]:
    """The command in pieces that belong together, the verb with its name first."""
    if restore.spec.retry_of and file is None:
        return ["restore retry", restore.spec.retry_of, "--wait"]
    if file is not None:
        return ["restore create", f"-f {shlex.quote(file)}", "--wait"]
    return ["restore create", "NAME", *words_of(restore.spec), "--wait"]


def look(*, full: bool) -> Look:
    """How to draw on this stdout: its width, colours (unless NO_COLOR), box characters."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((WIDTH, 0)).columns if terminal else WIDTH
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return Look(
        width=max(60, min(width, _WIDEST)),
        colour=terminal and not os.environ.get("NO_COLOR"),
        unicode=encoding.startswith("utf"),
        full=full,
    )
