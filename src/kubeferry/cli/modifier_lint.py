"""``modifiers lint``: what is wrong with rules, or only seems right."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kubeferry import codec
from kubeferry.cli.command import Flags
from kubeferry.cli.modifier_plans import Trial, Tried, rules_of, tried
from kubeferry.cli.output import counted, emit, printable
from kubeferry.cli.planning import look
from kubeferry.cli.rule_lines import rule_lines
from kubeferry.errors import InvalidInput
from kubeferry.restore.rule_notes import rule_notes
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.counts import RuleCount, RuleTally
from kubeferry.transform.modifiers.rule import Modifiers
from kubeferry.transform.modifiers.velero import differences_from_velero

FOUND = 1
_VELERO = "ValueNotForVelero"
_RECORDED = frozenset({"ModifierFailed", "ModifierSkipsObject", "ProtectedField"})


class Linted(NamedTuple):
    """What was found, and what came of each rule where there were objects to try it on."""

    findings: list[Note]
    counts: Sequence[RuleCount] = ()


async def lint(flags: Flags, file: Path, trial: Trial, *, velero: bool, output: str) -> int:
    """Prints the findings; the exit code: 0 without any, 1 with some, 2 if the rules are none that
    a restore takes (raised, but for JSON).
    """
    try:
        modifiers = rules_of(file)
        linted = await _linted(flags, modifiers, trial, velero=velero)
    except InvalidInput as error:
        if output != "json":
            raise
        where = f"{error.place}: " if error.place else ""
        advice = f"; {error.remedy}" if error.remedy else ""
        _emit_json(file, Linted([Note(error.reason, f"{where}{error.problem}{advice}")]))
        return error.exit_code
    if output == "json":
        _emit_json(file, linted)
    else:
        emit(_lines(file, modifiers, linted))
    return FOUND if linted.findings else 0


async def _linted(flags: Flags, modifiers: Modifiers, trial: Trial, *, velero: bool) -> Linted:
    findings = [one for one in modifiers.notes if velero or one.reason != _VELERO]
    if velero:
        findings += differences_from_velero(modifiers)
    if not trial.has_archive:
        return Linted(findings)
    async with tried(flags, trial, modifiers) as plan:
        counts, failures = _count(plan, modifiers)
        served = {one.group_resource for one in plan.planner.discovery.resources}
        served |= {one.group_resource for one in plan.planner.defined.values()}
        findings += rule_notes(modifiers, spool=plan.planner.spool, served=served)
    findings += (
        Note("RuleMatchesNothing", f"{one.title}: no object meets it")
        for one in counts
        if not one.objects
    )
    return Linted([*findings, *failures], counts)


def _count(plan: Tried, modifiers: Modifiers) -> tuple[tuple[RuleCount, ...], list[Note]]:
    """What came of each rule, and the first object of each failure."""
    tally = RuleTally()
    failures: dict[Note, tuple[str, int]] = {}
    for _, items in plan.planner.steps():
        for item in items:
            tally.count(item.rules)
            for note in (*item.errors, *([item.why] if item.why is not None else ())):
                if note.reason in _RECORDED:
                    first, count = failures.get(note, (str(item.source), 0))
                    failures[note] = (first, count + 1)
    told = [
        Note(note.reason, f"{note.message} ({first}{_others(count)})")
        for note, (first, count) in failures.items()
    ]
    return tally.counts(modifiers), told


def _others(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""


def _lines(file: Path, modifiers: Modifiers, linted: Linted) -> Iterator[str]:
    about = f"{counted(len(modifiers.rules), 'rule')} of version {modifiers.version}"
    yield printable(f"{file}: {about}")
    for one in linted.findings:
        yield printable(f"  ! {one.reason}: {one.message}")
    if not linted.findings:
        yield "  nothing found"
    yield from rule_lines(linted.counts, look(full=False))


def _emit_json(file: Path, linted: Linted) -> None:
    found = {
        "file": str(file),
        "findings": [one._asdict() for one in linted.findings],
        "rules": [one._asdict() for one in linted.counts],
    }
    emit([codec.encode(found).decode()])
