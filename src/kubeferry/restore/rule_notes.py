"""What is to be told of modifier rules once the archive and the target are known."""

from collections.abc import Collection, Iterator

from kubeferry.kube.near_names import did_you_mean
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.counts import lonely_rules
from kubeferry.transform.modifiers.kinds import BUILT_IN
from kubeferry.transform.modifiers.rule import Modifiers


def rule_notes(
    modifiers: Modifiers | None, *, spool: Spool, served: Collection[str]
) -> Iterator[Note]:
    """Rules for kinds that nobody knows, and rules for workloads without one for their pods.

    ``served`` are the group resources that the target serves, or that the archive defines.
    """
    if modifiers is None:
        return
    known = {*BUILT_IN, *served, *spool.kinds(), *spool.dropped_kinds()}
    for rule in modifiers.rules:
        glob = rule.conditions.group_resource
        if not any(map(glob.matches, known)):
            near = did_you_mean(glob.pattern, known) if glob.literal else ""
            yield Note(
                "RuleKindUnknown",
                f"{rule.title}: neither the backup nor the target has such a kind{near}",
            )
    yield from lonely_rules(modifiers, {namespace for namespace, _ in spool.names("pods")})
