"""Applies the rules that an object meets (velero.md §4.4).

A rule applies whole or not at all. One whose ``test`` fails is passed over in silence; any other
failure is recorded and the rules after it still run, unless the rule says that the object is then
not created, or the restore stops. Each rule sees the changes of those before it; conditions see
none of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from kubeferry.errors import ModifierAborts, PatchFailed, PatchTestFailed
from kubeferry.kube.objects import Object, metadata
from kubeferry.transform.change import Change, Note, RuleRun
from kubeferry.transform.modifiers.rule import Rule
from kubeferry.transform.modifiers.variables import bind
from kubeferry.transform.patch.json_patch import Operation, apply_operations

_REMEMBERED = 4096


class Task(NamedTuple):
    """What a restore knows of itself, for variables: its name, its backup's."""

    backup: str = ""
    restore: str = ""


class Applier:
    """Applies rules of one task, which moves namespaces; what it filled in for a rule and a
    namespace is remembered.
    """

    def __init__(self, task: Task, namespaces: Mapping[str, str]) -> None:
        self._task = task
        self._namespaces = namespaces
        self._bound: dict[tuple[int, str], tuple[Rule, tuple[Operation, ...]]] = {}

    def apply(
        self,
        obj: Object,
        rules: Sequence[Rule],
        changes: list[Change],
        errors: list[Note],
        runs: list[RuleRun],
    ) -> tuple[Object, Note | None]:
        """The object after the rules that it meets: the same one if none of them changed it. With
        a note it must not be created.

        What they changed is appended to ``changes``, what failed to ``errors``, what became of each
        rule to ``runs``. Raises ``ModifierAborts``.
        """
        namespace = metadata(obj).get("namespace") or ""
        for rule in rules:
            try:
                operations = rule.operations
                if rule.has_variables:
                    operations = self._filled(rule, namespace)
                obj = apply_operations(obj, operations, changes)
            except PatchTestFailed:
                runs.append(RuleRun(rule.number, "skipped", 0))
            except PatchFailed as error:
                runs.append(RuleRun(rule.number, "failed", 0))
                if rule.on_error == "record":
                    errors.append(Note("ModifierFailed", f"{rule.title}: {error}"))
                elif rule.on_error == "skipObject":
                    return obj, Note("ModifierSkipsObject", f"{rule.title}: {error}")
                else:
                    raise ModifierAborts(
                        f"{rule.title}: {error}",
                        place=_of(obj),
                        remedy="correct the rule, or give it another onError",
                    ) from error
            else:
                runs.append(rule.applied)
        return obj, None

    def _filled(self, rule: Rule, namespace: str) -> tuple[Operation, ...]:
        """The rule's operations with their variables filled in. Raises ``PatchFailed``."""
        key = (id(rule), namespace)
        known = self._bound.get(key)
        if known is not None:
            return known[1]
        variables = {
            "source.namespace": namespace,
            "target.namespace": self._namespaces.get(namespace, namespace),
            "backup": self._task.backup,
            "restore": self._task.restore,
        }
        operations = tuple(
            msgspec.structs.replace(one, value=bind(one.value, variables))
            for one in rule.operations
        )
        if len(self._bound) >= _REMEMBERED:
            self._bound.clear()
        self._bound[key] = (rule, operations)  # the rule too: its id is its own while it is here
        return operations


def _of(obj: Object) -> str:
    meta = metadata(obj)
    namespace = meta.get("namespace")
    name = f"{namespace}/{meta.get('name')}" if namespace else str(meta.get("name"))
    return f"{obj.get('kind')} {name}"
