"""An edit of one object as a rule of version v1: the smallest one that makes it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubeferry import codec
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, at
from kubeferry.transform.modifiers.values import typed_value
from kubeferry.transform.patch.edits import Cause, Change
from kubeferry.transform.patch.pointer import MISSING, equal
from kubeferry.transform.patch.recording import edits_between

TEMPLATE = "/spec/template"
_OLD = frozenset({"replicationcontrollers"})
_RECORDED = Cause("modifier", "recorded")


def recorded_edits(before: Object, after: Object) -> list[Change]:
    """What an edit changed, each change to be made after those before it."""
    return edits_between(before, after, _RECORDED)


def recorded_rule(source: Identity, edits: Sequence[Change]) -> dict[str, Any]:
    """The rule for one object, by its kind, namespace and whole name."""
    return _rule(source, f"^{_quoted(source.name)}$", edits)


def recorded_pods_rule(
    source: Identity, workload: Object, edits: Sequence[Change]
) -> dict[str, Any]:
    """The rule for a workload's pods: by its namespace, its name before theirs, its selector."""
    pods = Identity("pods", source.namespace, source.name)
    rule = _rule(pods, f"^{_quoted(source.name)}-", edits)
    selector = pods_selector(source.group_resource, workload)
    if selector:
        rule["conditions"]["labelSelector"] = selector
    return rule


def pods_selector(group_resource: str, workload: Object) -> dict[str, Any]:
    """A workload's selector of its pods, empty if it has none; a ReplicationController's is of
    labels alone.
    """
    selector = at(workload, ("spec", "selector"))
    if not isinstance(selector, Mapping) or not selector:
        return {}
    return {"matchLabels": dict(selector)} if group_resource in _OLD else dict(selector)


def template_edits(edits: Sequence[Change]) -> list[Change]:
    """Those below a workload's pod template, as edits of a pod."""
    return [
        Change(one.pointer.removeprefix(TEMPLATE), one.old, one.new, one.cause)
        for one in edits
        if one.pointer.startswith(f"{TEMPLATE}/")
    ]


def same_edits(one: Sequence[Change], other: Sequence[Change]) -> bool:
    """Whether they lead to the same values at the same places."""
    return [(each.pointer, each.new is MISSING) for each in one] == [
        (each.pointer, each.new is MISSING) for each in other
    ] and all(a.new is b.new or equal(a.new, b.new) for a, b in zip(one, other, strict=True))


def value_text(value: Any) -> str:
    """The text that stands for a value in version v1: the inverse of ``typed_value``."""
    if isinstance(value, str):
        typed = typed_value(value, place="value") if not value.startswith(("{", "[")) else None
        if typed is not None and typed.value == value and not typed.note:
            return value
    return codec.encode(value).decode()


def _rule(source: Identity, name: str, edits: Sequence[Change]) -> dict[str, Any]:
    conditions: dict[str, Any] = {"groupResource": source.group_resource}
    if source.namespace:
        conditions["namespaces"] = [source.namespace]
    conditions["resourceNameRegex"] = name
    return {"conditions": conditions, "patches": [_operation(one) for one in edits]}


def _operation(edit: Change) -> dict[str, str]:
    if edit.new is MISSING:
        return {"operation": "remove", "path": edit.pointer}
    name = "add" if edit.old is MISSING else "replace"
    return {"operation": name, "path": edit.pointer, "value": value_text(edit.new)}


def _quoted(name: str) -> str:
    """A name in an expression: of what names may have, the dot alone means something there."""
    return name.replace(".", r"\.")
