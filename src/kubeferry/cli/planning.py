"""``restore plan``: makes the plan of a restore that does not exist yet, and shows it."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec.structs import replace as replace_struct

from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.administrator import without_privileged
from kubeferry.cli.command import Flags, program
from kubeferry.cli.creating import ordered
from kubeferry.cli.manifests import load, placed, refuse_beside_file
from kubeferry.cli.output import counted, emit, printable, say
from kubeferry.cli.plan_diff import Live, diff_lines
from kubeferry.cli.plan_images import image_lines
from kubeferry.cli.plan_manifests import Steps, manifest_lines, write_manifests
from kubeferry.cli.plan_object import depth_lines, find_object
from kubeferry.cli.plan_sources import (
    HERE,
    Sources,
    archive_of,
    modifier_data,
    shown_plan,
    surroundings_of,
)
from kubeferry.cli.plan_summary import (
    Tally,
    json_lines,
    plan_lines,
    summary_json,
    summary_lines,
)
from kubeferry.cli.plan_view import WIDTH, Look
from kubeferry.cli.restore_words import rows, words_of
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import InvalidInput, TaskIncomplete
from kubeferry.kube.objects import Object
from kubeferry.restore.digest import plan_digest
from kubeferry.restore.plan_file import write_plan
from kubeferry.restore.prepare import prepare
from kubeferry.transform.change import Note

_UNNAMED = "plan"
"""The name of a restore that is planned from options; labels carry it."""
_WIDEST = 140


@dataclass(frozen=True, slots=True)
class How:
    """What the options say of the plan's form.

    ``output`` is ``json`` (a line an object), ``yaml`` (the manifests), ``diff``, ``summary`` or
    empty: a tree for people. ``output_dir`` takes the manifests, each in a file. ``images`` shows
    nothing but images. ``object`` is ``KIND/NAME`` of what alone is shown, in ``namespaces``.
    ``out`` takes the plan for ``restore create --plan``; ``name`` is the restore's.
    """

    output: str = ""
    full: bool = False
    images: bool = False
    output_dir: Path | None = None
    show_secrets: bool = False
    object: str = ""
    namespaces: Sequence[str] = ()
    out: Path | None = None
    name: str = ""

    @property
    def is_for_all(self) -> bool:
        """Whether people see all of it."""
        return not (self.output or self.output_dir or self.images or self.object)


async def plan(
    flags: Flags,
    *,
    file: str | None,
    options: Mapping[str, Any],
    build: Callable[[str], ApplicationRestore],
    how: How,
    sources: Sources = HERE,
) -> int:
    """Prints the plan; writes nothing but files that are asked for. Raises what makes the restore
    impossible.

    Returns the exit code: that of a restore which ended as the plan says, as far as it can tell.
    """
    tally = Tally()
    body, restore = _asked(file, options, build, how.name or _UNNAMED)
    if how.out is not None and sources.modifiers and restore.spec.resource_modifier is None:
        raise InvalidInput(
            "the restore follows rules of a ConfigMap, and names none",
            place="spec.resourceModifier",
            remedy="name the one that will hold them: --resource-modifier",
        )
    modifier = modifier_data(sources.modifiers)
    async with AsyncExitStack() as stack:
        around = await stack.enter_async_context(surroundings_of(flags, sources))
        default = around.settings.namespace
        where = placed(RESTORES, body, given=flags.namespace, default=default).namespace
        if file is None and around.session is not None and not options.get("privileged_resources"):
            restore = await without_privileged(around.session, restore)
        request = await prepare(restore, client=around.client, namespace=where, modifier=modifier)
        archive = await stack.enter_async_context(
            archive_of(around, sources, backup=request.backup, task=restore.metadata)
        )
        request = replace(request, backup=archive.backup)
        tally.modifiers = request.modifiers
        planner = await stack.enter_async_context(
            shown_plan(request, target=around.target, store=archive.store, settings=around.settings)
        )
        steps: Steps = planner.steps()
        if how.object:
            steps = find_object(
                planner, how.object, namespaces=how.namespaces, selection=request.selection
            )
        notes = request.modifiers.notes if request.modifiers else ()
        title = f"{archive.title} into {around.title}"
        head = heading(
            restore,
            title,
            is_asked=around.session is not None,
            unselected=planner.spool.count_dropped(),
            notes=notes,
        )
        if not _show_for_programs(steps, tally, how):
            _show_for_people(steps, tally, how, head, live=planner.spool.live)
        if how.out is not None:
            digest = await plan_digest(planner)
            spelled = replace_struct(restore.metadata, namespace=where)
            whole = replace_struct(restore, metadata=spelled)
            write_plan(how.out, whole, digest, title=title, summary=summary_json(tally))
            say(f"the plan is in {how.out}: restore create --plan {how.out} does just that")
        if how.is_for_all:
            emit(farewell(file, restore, full=how.full, sources=sources))
    return _exit_code(tally)


def _show_for_programs(steps: Steps, tally: Tally, how: How) -> bool:
    """Shows the plan in a form that a program reads; whether one was asked for."""
    if how.output_dir is not None:
        written = write_manifests(steps, tally, how.output_dir, show_secrets=how.show_secrets)
        emit([f"{counted(written, 'manifest')} written below {how.output_dir}"])
    elif how.images:
        emit(image_lines(steps, tally, json=how.output == "json"))
    elif how.output == "json":
        emit(json_lines(steps, tally))
    elif how.output == "yaml":
        emit(manifest_lines(steps, tally, show_secrets=how.show_secrets))
    else:
        return False
    return True


def _show_for_people(
    steps: Steps, tally: Tally, how: How, head: Iterable[str], *, live: Live
) -> None:
    seen = look(full=how.full)
    if how.output == "diff":
        emit(f"# {line}" for line in head)
        emit(diff_lines(steps, seen, tally, live=live))
        return
    emit(head)
    if how.output == "summary":
        for _, items in tally.through(steps):
            for _ in items:
                pass
        emit(summary_lines(tally, seen))
    elif how.object:
        emit(["", *depth_lines(steps, seen, tally)])
    else:
        emit(plan_lines(steps, seen, tally))


def _exit_code(tally: Tally) -> int:
    return TaskIncomplete.exit_code if tally.errors else 0


def _asked(
    file: str | None,
    options: Mapping[str, Any],
    build: Callable[[str], ApplicationRestore],
    name: str,
) -> tuple[Object, ApplicationRestore]:
    if file is None:
        restore = build(name)
        return ordered(restore), restore
    refuse_beside_file({f"--{key.replace('_', '-')}": value for key, value in options.items()})
    return load(file, ApplicationRestore)


def heading(
    restore: ApplicationRestore,
    title: str,
    *,
    is_asked: bool,
    unselected: int,
    notes: Iterable[Note],
) -> Iterator[str]:
    """What is planned: the backup and the target, which the title names, whether that is asked, how
    many objects are not selected, and everything that changes objects.
    """
    spec = restore.spec
    yield printable(f"Plan  {title}")
    if not is_asked:
        yield "  ! no cluster is asked: its storage classes, nodes and objects are not known"
    shown = [tuple(map(printable, row)) for row in rows(spec)]
    width = max((len(name) for name, _, _ in shown), default=0)
    for name, source, target in shown:
        line = f"  {name:{width}}   {source}"
        if not target or len(line) + len(target) + 4 <= WIDTH:
            yield f"{line} -> {target}" if target else line
        else:
            yield line
            yield f"  {'':{width}}   -> {target}"
    if unselected:
        yield f"  ! {counted(unselected, 'object')} not selected; --object KIND/NAME says why"
    for note in notes:
        yield printable(f"  ! {note.reason}: {note.message}")


def farewell(
    file: str | None, restore: ApplicationRestore, *, full: bool, sources: Sources
) -> Iterator[str]:
    """What was not shown, and how to do what was planned."""
    yield ""
    if not full:
        yield "Not shown: server-fields and restore-labels, which change all objects alike, and the"
        yield "rest of long values. --full shows them."
    if not sources.needs_cluster or sources.is_url:
        yield "Nothing was written. -o yaml shows the manifests, --output-dir writes them to files."
        return
    if sources.modifiers is not None:
        yield f"Nothing was written. Put the rules of {printable(str(sources.modifiers))} into a"
        yield "ConfigMap, which --resource-modifier or the manifest names; then:"
    else:
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
