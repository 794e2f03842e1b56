"""``modifiers explain``: what each rule makes of one object, and why."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kubeferry import codec
from kubeferry.cli.command import Flags
from kubeferry.cli.masking import holds_keys, is_secret
from kubeferry.cli.modifier_plans import Trial, Tried, rules_of, tried
from kubeferry.cli.output import emit, printable
from kubeferry.cli.plan_view import Look, change_lines, identity_text, shown_change
from kubeferry.cli.planning import look
from kubeferry.restore import report
from kubeferry.restore.plan_item import PlanItem
from kubeferry.transform.modifiers.explaining import explain_conditions
from kubeferry.transform.modifiers.rule import Modifiers, Rule
from kubeferry.transform.modifiers.watched import Step, Watch, watched


async def explain(
    flags: Flags, file: Path, trial: Trial, *, text: str, namespaces: tuple[str, ...]
) -> int:
    """Prints it for each object that ``KIND/NAME`` means; nothing is written."""
    rules = rules_of(file)
    looked_at = watched(rules)
    async with tried(flags, trial, looked_at) as plan:
        seen = replace(look(full=True), full=True)
        lines: list[str] = []
        for item in plan.items(text, namespaces):
            lines += ["", *_of_item(plan, item, rules, looked_at.watch, seen)]
        emit(lines[1:])
    return 0


def _of_item(
    plan: Tried, item: PlanItem, rules: Modifiers, watch: Watch, seen: Look
) -> Iterator[str]:
    yield seen.paint(identity_text(item), bold=True)
    watch.begin()
    body = plan.planner.spool.get(item.source)
    if body is not None:
        archived = codec.decode_archived(body)
        plan.planner.pipeline(archived, item.source.group_resource)
    if watch.entered is None:
        why = f"{item.why.reason}: {item.why.message}" if item.why else "it is not in the archive"
        yield printable(f"  it does not get to the rules: {why}")
        return
    kinds = {item.source.group_resource, item.target.group_resource}
    runs = {run.rule: run.ended for run in item.rules}
    secret = is_secret(item.source, watch.entered) or holds_keys(watch.entered)
    for rule in rules.rules:
        yield printable(f"  {rule.title}: {_ended(rule, runs.get(rule.number, ''))}")
        for one in explain_conditions(rule, watch.entered, kinds, secret=secret):
            verdict = "holds" if one.holds else seen.paint(f"does not hold: {one.why}", fg="yellow")
            yield f"    {printable(one.wants)}: {verdict if one.holds else _safe(verdict)}"
        for step in watch.steps:
            if step.rule == rule.number:
                yield from _of_step(step, item, seen)
    yield printable(f"  then: {_then(item)}")


def _ended(rule: Rule, ended: str) -> str:
    match ended:
        case "applied":
            return "applied"
        case "skipped":
            return "passed over, a test does not hold"
        case "failed" if rule.on_error == "abort":
            return "failed, and the restore would end here (onError abort)"
        case "failed":
            return f"failed, so nothing of it is done (onError {rule.on_error})"
    return "not for this object"


def _of_step(step: Step, item: PlanItem, seen: Look) -> Iterator[str]:
    one = step.operation
    what = printable(f"patch {one.number} {one.name} {one.path.text}".rstrip())
    if step.failed is not None:
        yield f"    {what}: {seen.paint(printable(step.failed.problem), fg='red')}"
        return
    yield f"    {what}: {'done' if step.changes else 'changes nothing'}"
    for change in step.changes:
        line = report.change_line(change, secret=report.is_secret(item))
        yield from change_lines(replace(shown_change(line, seen), cause=""), "      ", seen)


def _then(item: PlanItem) -> str:
    why = f": {item.why.reason}: {item.why.message}" if item.why is not None else ""
    errors = "".join(f"; {note.reason}: {note.message}" for note in item.errors)
    return f"{item.action}{why}{errors}"


def _safe(text: str) -> str:
    return "\x1b".join(map(printable, text.split("\x1b")))
