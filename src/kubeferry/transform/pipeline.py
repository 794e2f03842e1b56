"""The way of one object through a restore, in its order (design.md, Order of work on one object).

Pure: an object and rules in, an ``Outcome`` out, and the object that went in is as it was. What
depends on the kind alone is worked out once for each kind, so an object pays only for the steps
that concern it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kubeferry.errors import PatchFailed
from kubeferry.kube.names import label_value
from kubeferry.kube.objects import Object
from kubeferry.transform.automatic.metadata import strip_server_fields
from kubeferry.transform.automatic.table import fixes_for, verdicts_for, warnings_for
from kubeferry.transform.automatic.upgrades.conversion import Upgrade
from kubeferry.transform.automatic.upgrades.table import upgrades_for
from kubeferry.transform.change import (
    MISSING,
    STRIPPED,
    Cause,
    Change,
    Note,
    Outcome,
    RuleRun,
    apply_changes,
)
from kubeferry.transform.facts import Facts
from kubeferry.transform.init_hooks import InitHook, InitHooks, init_changes, init_errors
from kubeferry.transform.modifiers.apply import Applier, Task
from kubeferry.transform.modifiers.matching import KindRules
from kubeferry.transform.modifiers.protected import Guard, Widened
from kubeferry.transform.modifiers.rule import Modifiers
from kubeferry.transform.parameters import namespaces
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.patch.pointer import escape, pointer_of

Step = Callable[[Object], list[Change]]

RESTORE_LABEL = "velero.io/restore-name"
"""The label by which the objects of one restore are found."""
_LABELS = Cause("automatic", "restore-labels")


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that decides what a restore makes of an object; checked before it gets here.

    ``task`` is what variables in modifiers stand for, ``protected`` what an administrator protects
    from these.
    """

    namespaces: Mapping[str, str] = field(default_factory=dict)
    images: ImageMap = field(default_factory=lambda: ImageMap({}))
    parameters: Parameters = field(default_factory=Parameters)
    modifiers: Modifiers | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    init_hooks: tuple[InitHook, ...] = ()
    task: Task = field(default_factory=Task)
    protected: tuple[Widened, ...] = ()


def restore_labels(backup: str, restore: str) -> dict[str, str]:
    """The two labels that every restored object gets (velero.md §3.5)."""
    return {
        "velero.io/backup-name": label_value(backup),
        RESTORE_LABEL: label_value(restore),
    }


@dataclass(frozen=True, slots=True)
class _Kind:
    """What concerns the objects of one kind."""

    verdicts: tuple[Callable[[Object], Note | None], ...]
    upgrades: Mapping[str, Upgrade | Note]
    warns: tuple[Callable[[Object], Iterable[Note]], ...]
    concerns: tuple[Callable[[Object], Iterable[Note]], ...]
    steps: tuple[Step, ...]
    rules: KindRules
    guard: Guard
    place: Callable[[Object, list[Change]], Object]


class Pipeline:
    """Call it with an object and its group resource (``statefulsets.apps``); the object is not
    changed.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._kinds: dict[str, _Kind] = {}
        self._applier = Applier(rules.task, rules.namespaces)
        self._labels = dict(rules.labels)
        self._label_keys = frozenset(rules.labels)
        self._added = [
            Change(f"/metadata/labels/{escape(key)}", MISSING, value, _LABELS)
            for key, value in self._labels.items()
        ]
        self._moved = {
            source: Change("/metadata/namespace", source, target, namespaces.cause(source))
            for source, target in rules.namespaces.items()
            if source != target
        }

    def __call__(self, obj: Object, group_resource: str) -> Outcome:
        """What becomes of the object. Never raises for what an object holds, other than
        ``ModifierAborts`` where a modifier's rule asks for that.
        """
        if not _is_sound(obj):
            return Outcome(None, [], [], [], refused=_MALFORMED)
        doing: object = "selection"
        try:
            kind = self._kinds.get(group_resource) or self._learn(group_resource)

            # 1. Selection is done. What is not to be created at all ends here.
            for doing in kind.verdicts:
                note = doing(obj)
                if note is not None:
                    return Outcome(None, [], [], [], skipped=note)

            # 2. Automatic: what the server wrote, a version that is served, the fixes of the kind,
            # init hooks of pods, whose images are mapped as all others are. 3. Parameters.
            changes = [STRIPPED]
            result = strip_server_fields(obj)
            warnings: list[Note] = []
            errors: list[Note] = []
            upgrade = kind.upgrades and _upgrade_of(obj, kind.upgrades)
            if upgrade:
                if isinstance(upgrade, Note):
                    return Outcome(None, [], [], [], skipped=upgrade)
                doing = "api-upgrade"
                result, made, warned = upgrade(result)
                changes += made
                warnings += warned
                kind = self._renamed(group_resource, upgrade.group_resource)
                for doing in kind.verdicts:
                    note = doing(result)
                    if note is not None:
                        return Outcome(None, [], [], [], skipped=note)
            for doing in kind.warns:
                warnings += doing(result)
            for doing in kind.concerns:
                errors += doing(result)
            for doing in kind.steps:
                made = doing(result)
                if made:
                    result = apply_changes(result, made)
                    changes += made

            # 4. Modifiers: they see the source namespace; what they must not change is compared.
            doing = "modifiers"
            runs: list[RuleRun] = []
            matching = kind.rules and kind.rules.matching(result, errors, runs)
            if matching:
                entered = result
                result, refused = self._applier.apply(entered, matching, changes, errors, runs)
                if refused is None:
                    refused = kind.guard.refuse(entered, result)
                if refused is None and not _is_still_sound(entered, result):
                    refused = _MALFORMED_BY_MODIFIER
                if refused is not None:
                    return Outcome(None, changes, warnings, errors, refused=refused, runs=runs)

            # 5. Target namespace and labels.
            doing = "placing"
            result = kind.place(result, changes)
        except _ODD as error:
            return Outcome(None, [], [], [], refused=_unforeseen(doing, error))
        return Outcome(result, changes, warnings, errors, runs=runs)

    def own(self, obj: Object) -> Object:
        """An object that the restore adds by itself, already in its target namespace."""
        return {**obj, "metadata": {**obj["metadata"], "labels": dict(self._labels)}}

    def _renamed(self, formerly: str, group_resource: str) -> _Kind:
        """The kind of an object after its API upgrade; rules may still call it by its old name."""
        key = group_resource if formerly == group_resource else f"{formerly} {group_resource}"
        return self._kinds.get(key) or self._learn(group_resource, formerly, key)

    def _learn(self, group_resource: str, formerly: str = "", key: str = "") -> _Kind:
        rules = self._rules
        facts = rules.facts
        steps: list[Step] = list(fixes_for(group_resource, facts))
        concerns: list[Callable[[Object], Iterable[Note]]] = []
        if group_resource == "pods":
            hooks = InitHooks(rules.init_hooks, rules.namespaces)
            steps.append(partial(init_changes, hooks))
            concerns.append(partial(init_errors, hooks))
        parameters = rules.parameters
        concerns += parameters.concerns_for(group_resource, facts)
        steps += parameters.steps_for(group_resource, rules.images, rules.namespaces, facts)
        is_namespace = group_resource == "namespaces"
        modifiers = None if is_namespace else rules.modifiers
        kind = _Kind(
            verdicts=(
                *verdicts_for(group_resource, facts),
                *parameters.verdicts_for(group_resource),
            ),
            upgrades=upgrades_for(group_resource, facts.served)
            if "api-upgrade" not in facts.off
            else {},
            warns=tuple(warnings_for(group_resource, facts)),
            concerns=tuple(concerns),
            steps=tuple(steps),
            rules=KindRules(modifiers.for_kind(group_resource, formerly) if modifiers else ()),
            guard=Guard(group_resource, rules.protected, formerly),
            place=self._place_namespace if is_namespace else self._place,
        )
        self._kinds[key or group_resource] = kind
        return kind

    def _place(self, obj: Object, changes: list[Change]) -> Object:
        """Gives an object its target namespace and labels, which overwrite labels of the same
        keys.
        """
        metadata = obj["metadata"].copy()
        moved = self._moved.get(metadata.get("namespace"))
        if moved is not None:
            metadata["namespace"] = moved.new
            changes.append(moved)
        if self._added:
            labels = metadata.get("labels")
            if not labels:
                changes.append(_all_labels(metadata, self._labels))
                labels = {}
            elif self._label_keys.isdisjoint(labels):
                changes += self._added
            else:
                changes += _changed_labels(labels, self._added)
            metadata["labels"] = labels | self._labels
        placed = obj.copy()
        placed["metadata"] = metadata
        return placed

    def _place_namespace(self, obj: Object, changes: list[Change]) -> Object:
        """A Namespace gets its new name and no labels (velero.md §3.3)."""
        renamed = namespaces.renamed_namespace(obj, self._rules.namespaces)
        changes += renamed
        return apply_changes(obj, renamed)


def _upgrade_of(obj: Object, upgrades: Mapping[str, Upgrade | Note]) -> Upgrade | Note | None:
    """What is done with an object of a version that is not served; None where that is its own
    affair: it is served, or the object is not of the kind that its path says.
    """
    version = obj.get("apiVersion")
    found = upgrades.get(version) if isinstance(version, str) else None
    if isinstance(found, Upgrade) and found.kind != obj.get("kind"):
        return None
    return found


def _all_labels(metadata: Mapping[str, Any], labels: Mapping[str, str]) -> Change:
    """The change of an object that had no labels."""
    return Change("/metadata/labels", metadata.get("labels", MISSING), dict(labels), _LABELS)


def _changed_labels(labels: Mapping[str, Any], added: Iterable[Change]) -> Iterator[Change]:
    """The changes of an object that has some of the labels from a restore before this one."""
    for change in added:
        old = labels.get(pointer_of(change.pointer).last, MISSING)
        if old != change.new:
            yield Change(change.pointer, old, change.new, _LABELS)


_MALFORMED = Note("Malformed", "its metadata is not what Kubernetes' metadata is")
_MALFORMED_BY_MODIFIER = Note(
    "Malformed", "after the modifiers its metadata is not what Kubernetes' metadata is"
)
_ODD = (TypeError, ValueError, LookupError, AttributeError, RecursionError, PatchFailed)
"""What a step raises when an object is none that a Kubernetes API server can have sent."""


def _unforeseen(doing: object, error: Exception) -> Note:
    """The refusal of an object that a step cannot handle; what it holds may be secret."""
    if isinstance(doing, partial):
        step = f"{doing.func.__module__.rpartition('.')[2]}.{doing.func.__name__}"
    else:
        step = doing if isinstance(doing, str) else type(doing).__name__
    return Note("Malformed", f"the step {step} cannot handle it ({type(error).__name__})")


def _is_still_sound(before: Object, after: Object) -> bool:
    """``_is_sound`` of an object that was; what an edit does not touch is the same part."""
    return after.get("metadata") is before["metadata"] or _is_sound(after)


def _is_sound(obj: Object) -> bool:
    """Whether the parts of the metadata that every step relies on have their types."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return False
    labels, annotations = metadata.get("labels"), metadata.get("annotations")
    return (
        isinstance(metadata.get("name"), str)
        and isinstance(metadata.get("namespace", ""), str)
        and (labels is None or isinstance(labels, dict))
        and (annotations is None or isinstance(annotations, dict))
    )
