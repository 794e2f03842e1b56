"""Finds the rules that an object meets among many, without asking each.

The rules of one kind are sorted once for each namespace: those that name objects by a regular
expression are searched for in one pass over the object's name, those that want a label's value are
found by it; only the rest is asked one by one.
"""

import re
from collections.abc import Sequence

from kubeferry.errors import PatchFailed
from kubeferry.kube.objects import Object, metadata
from kubeferry.kube.regex import RegexSet
from kubeferry.transform.change import Note, RuleRun
from kubeferry.transform.modifiers.rule import Rule

_FEW = 4
"""Rules that are as soon asked as looked up."""
_NAMESPACES = 1024
"""Namespaces that are remembered."""
_WHOLE_NAME = re.compile(r"\^([a-z0-9-]+)\$")


class KindRules:
    """The rules of one kind; false when there are none."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_namespace: dict[str, _Candidates] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def matching(self, obj: Object, errors: list[Note], runs: list[RuleRun]) -> list[Rule]:
        """Those whose conditions hold, in their order; one that cannot be evaluated is an error.

        Conditions see the object as it entered the modifiers, so this is asked once, before any
        rule has run.
        """
        meta = metadata(obj)
        candidates: Sequence[Rule] = self._rules
        if len(candidates) > _FEW:
            candidates = self._of_namespace(meta.get("namespace") or "").find(meta)
        matching = []
        for rule in candidates:
            try:
                if rule.conditions.hold(obj, meta):
                    matching.append(rule)
            except PatchFailed as error:
                errors.append(Note("ModifierFailed", f"{rule.title} matches: {error}"))
                runs.append(RuleRun(rule.number, "failed", 0))
        return matching

    def _of_namespace(self, namespace: str) -> "_Candidates":
        found = self._by_namespace.get(namespace)
        if found is None:
            if len(self._by_namespace) >= _NAMESPACES:
                self._by_namespace.clear()
            wanted = (one.conditions.namespaces for one in self._rules)
            found = self._by_namespace[namespace] = _Candidates(
                [
                    rule
                    for rule, namespaces in zip(self._rules, wanted, strict=True)
                    if namespaces is None or namespaces.hold(namespace)
                ]
            )
        return found


class _Candidates:
    """The rules of one namespace, each in the first of these: by whole name, by expression, by a
    label's value, and all others. Places in them are indexes of ``rules``, so order is kept.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.others: list[int] = []
        self.whole: dict[str, list[int]] = {}
        self.labels: dict[tuple[str, str], list[int]] = {}
        self.searched: list[int] = []
        expressions = []
        for index, rule in enumerate(rules):
            name, selector = rule.conditions.name, rule.conditions.labels
            wanted = selector.requirements if selector is not None else ()
            equality = next((one for one in wanted if one.operator == "In"), None)
            whole = _WHOLE_NAME.fullmatch(name.pattern) if name is not None else None
            if whole is not None:
                self.whole.setdefault(whole[1], []).append(index)
            elif name is not None:
                self.searched.append(index)
                expressions.append(name)
            elif equality is not None:
                for value in set(equality.values):
                    self.labels.setdefault((equality.key, value), []).append(index)
            else:
                self.others.append(index)
        self.expressions = RegexSet(expressions) if expressions else None

    def find(self, meta: Object) -> list[Rule]:
        """The rules that may hold for an object with this metadata, in their order."""
        name = meta["name"]
        found = [*self.others, *self.whole.get(name, ())]
        if self.expressions is not None:
            found += [self.searched[index] for index in self.expressions.search(name)]
        if self.labels:
            for pair in (meta.get("labels") or {}).items():
                try:
                    found += self.labels.get(pair, ())
                except TypeError:  # a value that is no text matches none
                    continue
        return [self.rules[index] for index in sorted(found)]
