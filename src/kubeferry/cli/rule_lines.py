"""What came of each modifier rule, as lines."""

from collections.abc import Iterator, Sequence

from kubeferry.cli.output import counted, printable
from kubeferry.cli.plan_view import Look
from kubeferry.transform.modifiers.counts import RuleCount


def rule_lines(counts: Sequence[RuleCount], look: Look) -> Iterator[str]:
    """The rules that some object met, each with its counts, and those that none met."""
    if not counts:
        return
    yield ""
    yield "Modifier rules"
    for one in counts:
        title = printable(one.title)
        if not one.objects:
            yield f"  {title}: {look.paint('no object meets it', fg='yellow')}"
            continue
        parts = [counted(one.objects, "object"), f"{counted(one.operations, 'operation')} applied"]
        if one.skipped:
            parts.append(f"{one.skipped:,} passed over by a test")
        if one.failed:
            parts.append(look.paint(f"failed for {one.failed:,}", fg="red"))
        yield f"  {title}: {', '.join(parts)}"
