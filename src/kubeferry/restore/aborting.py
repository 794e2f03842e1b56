"""Finds what stops a restore by a modifier's ``onError: abort`` before anything is written."""

from kubeferry.restore.plan import Planner
from kubeferry.transform.modifiers.rule import Modifiers


def check_aborts(planner: Planner, modifiers: Modifiers | None) -> None:
    """Plans the objects that a rule with ``onError: abort`` may be for; nothing is kept of it.

    Raises ``ModifierAborts`` with the first object for which one fails.
    """
    if modifiers is None or all(rule.on_error != "abort" for rule in modifiers.rules):
        return
    for kind in planner.spool.kinds():
        # What an object is called after an API upgrade is known once it was upgraded: those are
        # looked at too.
        aborting = [one for one in modifiers.rules if one.on_error == "abort"]
        resource = planner.resource_of(kind)
        names = {kind, *([resource.group_resource] if resource is not None else [])}
        if any(one.conditions.group_resource.matches(name) for one in aborting for name in names):
            for spooled in planner.spool.walk(kind):
                planner.item(spooled)
