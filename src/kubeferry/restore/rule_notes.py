"""What is to be told of modifier rules once the archive and the target are known."""

from bisect import bisect_left
from collections.abc import Collection, Iterator

from kubeferry.kube.near_names import did_you_mean
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.counts import WORKLOADS, lonely_rules
from kubeferry.transform.modifiers.kinds import BUILT_IN
from kubeferry.transform.modifiers.rule import Modifiers, Rule


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
    pods = list(spool.names("pods"))
    yield from lonely_rules(modifiers, lambda rule: _has_pods(rule, spool, pods))


def _has_pods(rule: Rule, spool: Spool, pods: list[tuple[str, str]]) -> bool:
    """Whether a workload that the rule may be for has pods, which are named after it; the pods are
    sorted.
    """
    conditions = rule.conditions
    for kind in spool.kinds():
        if kind not in WORKLOADS or not conditions.group_resource.matches(kind):
            continue
        for namespace, name in spool.names(kind):
            if conditions.namespaces is not None and not conditions.namespaces.hold(namespace):
                continue
            if conditions.name is not None and not conditions.name.search(name):
                continue
            at = bisect_left(pods, (namespace, f"{name}-"))
            if at < len(pods) and pods[at][0] == namespace and pods[at][1].startswith(f"{name}-"):
                return True
    return False
