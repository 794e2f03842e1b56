"""Compiled rules."""

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from kubeferry.transform.change import Note, RuleRun
from kubeferry.transform.modifiers.conditions import Conditions
from kubeferry.transform.modifiers.kinds import is_built_in
from kubeferry.transform.patch.documents import strategic_run
from kubeferry.transform.patch.json_patch import Operation
from kubeferry.transform.patch.merge_keys import merge_keys

OnError = Literal["record", "skipObject", "abort"]
_APPLIED = RuleRun(1, "applied", 1)


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule; ``title`` names it in messages and causes, ``number`` counts from 1.

    ``on_error`` says what a failure does to the object, or the restore. ``has_variables``: its
    operations must be bound before they run. ``applied`` tells that they were, of which
    those count that are no ``test``.
    """

    title: str
    conditions: Conditions
    operations: tuple[Operation, ...]
    number: int = 1
    on_error: OnError = "record"
    has_variables: bool = False
    applied: RuleRun = _APPLIED


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The rules of one ConfigMap, and what there is to say of them (once, not for each object)."""

    rules: tuple[Rule, ...]
    notes: tuple[Note, ...] = ()
    version: Literal["v1", "v2"] = "v1"

    def for_kind(self, group_resource: str, formerly: str = "") -> tuple[Rule, ...]:
        """The rules whose groupResource matches, or matches what the kind was called before an
        API upgrade; strategic patches know the kind.
        """
        names = [name for name in (group_resource, formerly) if name]
        return tuple(
            _for_kind(rule, group_resource)
            for rule in self.rules
            if any(rule.conditions.group_resource.matches(name) for name in names)
        )


def _for_kind(rule: Rule, group_resource: str) -> Rule:
    if not is_built_in(group_resource):
        return rule
    if all(operation.name != "strategic" for operation in rule.operations):
        return rule
    run = strategic_run(merge_keys(group_resource))
    operations = (
        msgspec.structs.replace(one, run=run) if one.name == "strategic" else one
        for one in rule.operations
    )
    return replace(rule, operations=tuple(operations))
