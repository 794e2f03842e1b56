"""What came of each rule over all objects, and rules that lack something. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kubeferry.kube.objects import POD_SPEC_PATHS
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.rule import Modifiers, Rule
from kubeferry.transform.patch.json_patch import Operation
from kubeferry.transform.patch.pointer import escape

_TEMPLATE = "/spec/template"
_ELEMENT = re.compile(r"/(?:-?[0-9]+|-|\[[^/]*\])(?=/|$)")
WORKLOADS = tuple(
    kind for kind, path in POD_SPEC_PATHS.items() if path == ("spec", "template", "spec")
)
"""Kinds whose pods' template is ``/spec/template``."""


class RuleCount(NamedTuple):
    """One rule: ``objects`` met its conditions; of these it ``failed`` for some and was
    ``skipped`` by a ``test`` for some. ``operations`` were applied to the others.
    """

    title: str
    objects: int = 0
    operations: int = 0
    failed: int = 0
    skipped: int = 0


class RuleTally:
    """Counts what came of the rules, object by object."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}

    def count(self, runs: Iterable[tuple[int, str, int]]) -> None:
        """Counts one object's: ``RuleRun``, or what a journal made of it."""
        for rule, ended, operations in runs:
            numbers = self._counts.setdefault(rule, [0, 0, 0, 0])
            numbers[0] += 1
            numbers[1] += operations
            numbers[2] += ended == "failed"
            numbers[3] += ended == "skipped"

    def counts(self, modifiers: Modifiers | None) -> tuple[RuleCount, ...]:
        """Each of the rules with its counts, in order; zeros for one that no object met."""
        rules: Sequence[Rule] = modifiers.rules if modifiers is not None else ()
        return tuple(
            RuleCount(rule.title, *self._counts.get(rule.number, (0, 0, 0, 0))) for rule in rules
        )


def lonely_rules(modifiers: Modifiers, has_pods: Callable[[Rule], bool]) -> Iterator[Note]:
    """Rules that change the pods' template of workloads of which the archive has pods, and no rule
    changes these: they are restored as they were, and the workload may replace or disown them.

    ``has_pods`` says whether the archive has pods of a workload that a rule may be for.
    """
    below = {
        path
        for rule in modifiers.rules
        if rule.conditions.group_resource.matches("pods")
        for path in _touched(rule)
    }
    for rule in modifiers.rules:
        matched = rule.conditions.group_resource.matches
        if not any(map(matched, WORKLOADS)) or matched("pods"):
            continue
        changed = [path.removeprefix(_TEMPLATE) for path in _touched(rule)]
        missing = [
            path
            for path, whole in zip(changed, _touched(rule), strict=True)
            if whole.startswith(_TEMPLATE) and not _is_covered(path, below)
        ]
        if missing and has_pods(rule):
            yield Note(
                "PodsRuleMissing",
                f"{rule.title} changes the template's {missing[0] or '/'}, and no rule for pods "
                "does so in the pods that are in the archive",
            )


def _is_covered(path: str, below: Iterable[str]) -> bool:
    """Whether a rule for pods changes the same, a part of it or what it is a part of."""
    return any(
        path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")
        for other in below
    )


def _touched(rule: Rule) -> list[str]:
    """The pointers that a rule changes, those of a whole-object patch as deep as its maps go; an
    element of a list is ``*``.
    """
    return [_ELEMENT.sub("/*", path) for one in rule.operations for path in _paths(one)]


def _paths(operation: Operation) -> Iterator[str]:
    if operation.name == "test":
        return
    if operation.name in ("merge", "strategic"):
        yield from _leaves(operation.value, "")
        return
    yield operation.path.text
    if operation.name == "move":
        yield operation.source.text


def _leaves(patch: object, pointer: str) -> Iterator[str]:
    if not isinstance(patch, dict) or not patch:
        yield pointer
        return
    for key, value in patch.items():
        if not key.startswith("$"):
            yield from _leaves(value, f"{pointer}/{escape(key)}")
