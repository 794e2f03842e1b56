"""A restore that is only planned (``spec.dryRun``): its plan in the journal of the vault.

The lines are those of a restore, but for what would be written: ``create``, ``update`` and
``recreate`` where one says ``created`` and so on. So whatever reads a journal reads a plan.
"""

import asyncio
from collections.abc import Mapping

from kubeferry.restore.apply import Result
from kubeferry.restore.plan import Planner
from kubeferry.restore.report import Recorder

ACTIONS: Mapping[str, str] = {
    "create": "create",
    "update": "update",
    "recreate": "recreate",
    "skip": "skipped",
    "refuse": "refused",
    "fail": "failed",
}
"""What a journal calls the actions of a plan."""
_AT_ONCE = 64


async def record_plan(planner: Planner, recorder: Recorder) -> None:
    """Records each item; others have their turn meanwhile. Raises what the recorder raises."""
    for _, items in planner.steps():
        for number, item in enumerate(items):
            differences = item.present.changes if item.present is not None else ()
            await recorder(Result(item, ACTIONS[item.action], item.why, differences=differences))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)


def counts_text(counts: Mapping[str, int]) -> str:
    """``7 to create, 2 skipped``."""
    would = {"create": "to create", "update": "to update", "recreate": "to make anew"}
    return ", ".join(
        f"{count:,} {would.get(action, action)}" for action, count in counts.items() if count
    )
