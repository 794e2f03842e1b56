"""HorizontalPodAutoscalers: metrics of ``v2beta1`` in the form of ``v2beta2`` and ``v2``."""

from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.transform.automatic.editor import Editor, Path

_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
"""Where ``v2beta1``, which has no such field, carries ``spec.behavior``."""


def v2beta1(editor: Editor) -> None:
    """Each metric gets its ``metric`` and ``target``, ``spec.behavior`` its place."""
    for path, entry in editor.items(("spec", "metrics")):
        if isinstance(entry, dict):
            for source, form in _FORMS.items():
                old = entry.get(source)
                if isinstance(old, dict):
                    editor.set((*path, source), form(old))
    _behavior(editor)


def _resource(old: dict[str, Any]) -> dict[str, Any]:
    target = _target(
        utilization=old.get("targetAverageUtilization"), average=old.get("targetAverageValue")
    )
    gone = ("targetAverageUtilization", "targetAverageValue")
    return {**{key: old[key] for key in old if key not in gone}, "target": target}


def _pods(old: dict[str, Any]) -> dict[str, Any]:
    metric = _metric(old.get("metricName"), old.get("selector"))
    return {"metric": metric, "target": _target(average=old.get("targetAverageValue"))}


def _object(old: dict[str, Any]) -> dict[str, Any]:
    return {
        "describedObject": old.get("target"),
        "metric": _metric(old.get("metricName"), old.get("selector")),
        "target": _target(average=old.get("averageValue"), value=old.get("targetValue")),
    }


def _external(old: dict[str, Any]) -> dict[str, Any]:
    return {
        "metric": _metric(old.get("metricName"), old.get("metricSelector")),
        "target": _target(average=old.get("targetAverageValue"), value=old.get("targetValue")),
    }


_FORMS = {
    "resource": _resource,
    "containerResource": _resource,
    "pods": _pods,
    "object": _object,
    "external": _external,
}


def _metric(name: object, selector: object) -> dict[str, Any]:
    return {"name": name} if selector is None else {"name": name, "selector": selector}


def _target(
    *, utilization: object = None, average: object = None, value: object = None
) -> dict[str, Any]:
    """What a metric is compared with; an average goes before a value, as in the old version."""
    if utilization is not None:
        return {"type": "Utilization", "averageUtilization": utilization}
    if average is not None:
        return {"type": "AverageValue", "averageValue": average}
    return {"type": "Value", "value": value}


def _behavior(editor: Editor) -> None:
    path: Path = ("metadata", "annotations", _BEHAVIOR)
    text = editor.get(path)
    if not isinstance(text, str) or editor.get(("spec", "behavior")) is not None:
        return
    try:
        behavior = codec.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        return
    if isinstance(behavior, dict) and behavior:
        editor.remove(path)
        editor.set(("spec", "behavior"), _with_small_letters(behavior))


def _with_small_letters(value: Any) -> Any:
    """The annotation has Go's names of the fields, ``ScaleUp`` for ``scaleUp``; null is nothing."""
    if isinstance(value, dict):
        return {
            key[:1].lower() + key[1:]: _with_small_letters(one)
            for key, one in value.items()
            if one is not None
        }
    return [_with_small_letters(one) for one in value] if isinstance(value, list) else value
