"""Rules that tell what they do to an object, while the pipeline runs them as ever."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from kubeferry.errors import PatchFailed
from kubeferry.kube.globs import compile_glob
from kubeferry.kube.objects import Object
from kubeferry.transform.change import Change, RuleRun
from kubeferry.transform.modifiers.conditions import Conditions
from kubeferry.transform.modifiers.rule import Modifiers, Rule
from kubeferry.transform.patch.edits import Cause
from kubeferry.transform.patch.json_patch import Operation
from kubeferry.transform.patch.pointer import parse_pointer

_ENTRY = 0
"""The number of a rule that only looks on."""


class Step(NamedTuple):
    """One operation of a rule: what it changed, or why it failed."""

    rule: int
    operation: Operation
    changes: tuple[Change, ...]
    failed: PatchFailed | None = None


@dataclass(slots=True)
class Watch:
    """What was seen since ``begin``: the object as it entered the rules, None where it did not get
    to them, and the operations that ran.
    """

    entered: Object | None = None
    steps: list[Step] = field(default_factory=list)

    def begin(self) -> None:
        """Forgets what was seen."""
        self.entered = None
        self.steps = []

    def entry(self) -> Rule:
        """A rule for all objects that keeps the object as it is, and nothing else."""

        def look(document: Object, operation: Operation, changes: list[Change]) -> Object:
            self.entered = document
            return document

        root = parse_pointer("")
        looking = Operation(1, "test", root, root, None, Cause("modifier", ""), look)
        everywhere = Conditions(compile_glob("**", place="watch"))
        return Rule("", everywhere, (looking,), _ENTRY, applied=RuleRun(_ENTRY, "applied", 0))

    def over(self, rule: Rule) -> Rule:
        """The rule, looked at."""
        operations = (self._watched(rule.number, one) for one in rule.operations)
        return replace(rule, operations=tuple(operations))

    def _watched(self, number: int, watched: Operation) -> Operation:
        run = watched.run

        def look(document: Object, operation: Operation, changes: list[Change]) -> Object:
            before = len(changes)
            try:
                result: Object = run(document, operation, changes)
            except PatchFailed as error:
                self.steps.append(Step(number, watched, (), error))
                raise
            self.steps.append(Step(number, watched, tuple(changes[before:])))
            return result

        return msgspec.structs.replace(watched, run=look)


@dataclass(frozen=True, slots=True)
class WatchedModifiers(Modifiers):
    """Rules with somebody who looks on."""

    watch: Watch = field(default_factory=Watch)

    def for_kind(self, group_resource: str, formerly: str = "") -> tuple[Rule, ...]:
        """As of all rules, and one that sees the object first."""
        rules = Modifiers.for_kind(self, group_resource, formerly)
        return (self.watch.entry(), *map(self.watch.over, rules))


def watched(modifiers: Modifiers) -> WatchedModifiers:
    """The rules, looked at; one that would stop the restore leaves the object out instead."""
    rules = (
        replace(rule, on_error="skipObject") if rule.on_error == "abort" else rule
        for rule in modifiers.rules
    )
    return WatchedModifiers(tuple(rules), modifiers.notes, modifiers.version)
