"""API versions that objects name inside: what an autoscaler scales follows the upgrade; what a role
or a webhook names is told, for nobody's rights and no admission are changed unasked.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from kubeferry.kube.names import split_api_version
from kubeferry.kube.objects import Object
from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.automatic.upgrades.table import CONVERSIONS
from kubeferry.transform.change import Cause, Change, Note
from kubeferry.transform.facts import Facts

_REFERENCE = Cause("automatic", "api-upgrade-reference")


def scale_targets(facts: Facts, obj: Object) -> list[Change]:
    """What a HorizontalPodAutoscaler scales and measures, in a version that the target serves: of
    a group that is not served it would find nothing.
    """
    editor = Editor(obj, _REFERENCE)
    _follow(editor, ("spec", "scaleTargetRef"), facts)
    for metric, _ in editor.items(("spec", "metrics")):
        _follow(editor, (*metric, "object", "describedObject"), facts)
    return editor.changes


def _follow(editor: Editor, path: Path, facts: Facts) -> None:
    version, kind = editor.get((*path, "apiVersion")), editor.get((*path, "kind"))
    if not isinstance(version, str) or not isinstance(kind, str):
        return
    if ServedKind(version, kind) in facts.served:
        return
    for one in CONVERSIONS:
        if one.kind == kind and version in one.sources:
            for target in one.targets:
                if ServedKind(target, kind) in facts.served:
                    editor.set((*path, "apiVersion"), target)
                    return


def role_groups(facts: Facts, obj: Object) -> list[Note]:
    """Rules of a role that grant a resource in a group that it has left."""
    told: dict[str, Note] = {}
    rules = [one for one in _list(obj.get("rules")) if isinstance(one, dict)]
    for rule in rules:
        for group in _texts(rule.get("apiGroups")):
            for resource in _texts(rule.get("resources")):
                new = _moved(facts, group, resource)
                if new is None or any(_grants(other, new, resource, rule) for other in rules):
                    continue
                told[f"{group} {resource}"] = Note(
                    "OldApiNamed",
                    f"a rule grants {resource} of the group {group}; they are of {new} here: add "
                    "that group to the rule if it is still meant",
                )
    return list(told.values())


def _grants(other: dict[str, Any], group: str, resource: str, rule: dict[str, Any]) -> bool:
    """Whether a rule grants as much for the resource in the group."""
    verbs = _texts(other.get("verbs"))
    return (
        bool({group, "*"} & set(_texts(other.get("apiGroups"))))
        and bool({resource, "*"} & set(_texts(other.get("resources"))))
        and ("*" in verbs or set(_texts(rule.get("verbs"))) <= set(verbs))
    )


def _moved(facts: Facts, group: str, resource: str) -> str | None:
    """The group that a resource is in here, if it has left this one."""
    for target in _left().get((group, resource.partition("/")[0]), ()):
        if target in facts.served:
            return split_api_version(target.api_version)[0]
    return None


@cache
def _left() -> dict[tuple[str, str], list[ServedKind]]:
    """By group and resource: what a resource that has left the group is now."""
    found: dict[tuple[str, str], list[ServedKind]] = {}
    for one in CONVERSIONS:
        for group, _ in map(split_api_version, one.sources):
            targets = [to for to in one.targets if split_api_version(to)[0] != group]
            found.setdefault((group, one.plural), []).extend(
                ServedKind(to, one.kind) for to in targets
            )
    return {key: targets for key, targets in found.items() if targets}


def webhook_rules(facts: Facts, obj: Object) -> list[Note]:
    """Webhooks that ask for objects in versions that nobody sends any more, and not in those that
    took their place.
    """
    notes = []
    for webhook in _list(obj.get("webhooks")):
        missed = list(_missed(facts, webhook)) if isinstance(webhook, dict) else []
        if missed:
            resource, source, target = missed[0]
            more = f" (and {len(missed) - 1} more kinds)" if len(missed) > 1 else ""
            text = (
                f"the webhook {webhook.get('name')} asks for {resource} of {source}{more}, which "
                f"are sent as {target} here: it is not called for them; add that to its rules"
            )
            notes.append(Note("OldApiNamed", text))
    return notes


def _missed(facts: Facts, webhook: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    rules = [one for one in _list(webhook.get("rules")) if isinstance(one, dict)]
    for one in CONVERSIONS:
        target = next((to for to in one.targets if ServedKind(to, one.kind) in facts.served), None)
        if target is None or any(_asks(rule, one.plural, target) for rule in rules):
            continue
        for source in one.sources:
            is_asked = any(_asks(rule, one.plural, source) for rule in rules)
            if is_asked and ServedKind(source, one.kind) not in facts.served:
                yield one.plural, source, target
                break


def _asks(rule: dict[str, Any], plural: str, api_version: str) -> bool:
    group, version = split_api_version(api_version)
    wanted = (("apiGroups", group), ("apiVersions", version), ("resources", plural))
    return all(
        bool({one, "*", f"{one}/*", "*/*"} & set(_texts(rule.get(field)))) for field, one in wanted
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in _list(value) if isinstance(one, str)]
