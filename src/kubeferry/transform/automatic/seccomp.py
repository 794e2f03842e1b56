"""Seccomp profiles: before Kubernetes 1.19 annotations of pods said them, and servers since 1.27
pass those over without a word.
"""

from typing import Any

from kubeferry.kube.objects import CONTAINER_LISTS, Object, at
from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.facts import Facts

_CAUSE = Cause("automatic", "seccomp-profile")
_POD = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_EITHER = "seccomp.security.alpha."
_KINDS = {
    "unconfined": "Unconfined",
    "runtime/default": "RuntimeDefault",
    "docker/default": "RuntimeDefault",
}
_LOCAL = "localhost/"
_ANNOTATIONS = ("metadata", "annotations")


def profiles(facts: Facts, obj: Object, *, path: tuple[str, ...]) -> list[Change]:
    """What the annotations of a pod, or of its template, say is said in its security contexts.

    ``path`` leads to the pod spec. The annotations stay: an older server compares both.
    """
    given = at(at(obj, path[:-1]), _ANNOTATIONS)
    if not given or not isinstance(given, dict) or _EITHER not in " ".join(given):
        return []
    editor = Editor(obj, _CAUSE)
    _set(editor, path, given.get(_POD))
    for field in CONTAINER_LISTS:
        for one, container in editor.items((*path, field)):
            if isinstance(container, dict):
                _set(editor, one, given.get(f"{_CONTAINER}{container.get('name')}"))
    return editor.changes


def _set(editor: Editor, around: Path, annotation: Any) -> None:
    profile = _profile(annotation)
    if profile and isinstance(editor.get(around), dict):
        editor.default((*around, "securityContext", "seccompProfile"), profile)


def _profile(annotation: Any) -> dict[str, str] | None:
    if not isinstance(annotation, str):
        return None
    if annotation.startswith(_LOCAL):
        return {"type": "Localhost", "localhostProfile": annotation.removeprefix(_LOCAL)}
    return {"type": _KINDS[annotation]} if annotation in _KINDS else None
