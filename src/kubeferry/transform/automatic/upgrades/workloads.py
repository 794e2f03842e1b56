"""Deployments, DaemonSets, StatefulSets and ReplicaSets of the versions before ``apps/v1``: what
those meant where nothing was written is written out, and fields that are gone go.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.automatic.upgrades.conversion import DEFAULT

UNLIMITED = 2147483647
"""What ``extensions/v1beta1`` Deployments have for "no deadline" and "keep every revision"."""

Defaults = Mapping[Path, Any]
_TEMPLATE_LABELS = ("spec", "template", "metadata", "labels")


def _old_workload(defaults: Defaults, gone: tuple[str, ...], always: bool, editor: Editor) -> None:
    for field in gone:
        editor.remove(("spec", field))
    labels = editor.get(_TEMPLATE_LABELS)
    if isinstance(labels, dict) and labels and always:
        editor.default(("spec", "selector"), {"matchLabels": dict(labels)}, cause=DEFAULT)
        if not editor.get(("metadata", "labels")):
            editor.set(("metadata", "labels"), dict(labels), cause=DEFAULT)
    for path, value in defaults.items():
        editor.default(path, value, cause=DEFAULT)


def workload(
    defaults: Defaults | None = None, *, gone: tuple[str, ...] = (), selector: bool = True
) -> Callable[[Editor], None]:
    """A conversion: writes out the defaults and, with ``selector``, that selector and labels are
    the template's labels where there are none; takes the fields ``gone`` out of the spec.
    """
    return partial(_old_workload, defaults or {}, gone, selector)


def rolling_deployment(editor: Editor) -> None:
    """``extensions/v1beta1``: one pod more and one less at a time, no deadline, all revisions."""
    _old_workload(_EXTENSIONS_DEPLOYMENT, ("rollbackTo",), True, editor)
    if editor.get(("spec", "strategy", "type")) == "RollingUpdate":
        for field in ("maxUnavailable", "maxSurge"):
            editor.default(("spec", "strategy", "rollingUpdate", field), 1, cause=DEFAULT)


_EXTENSIONS_DEPLOYMENT: Defaults = {
    ("spec", "strategy", "type"): "RollingUpdate",
    ("spec", "progressDeadlineSeconds"): UNLIMITED,
    ("spec", "revisionHistoryLimit"): UNLIMITED,
}
ON_DELETE: Defaults = {("spec", "updateStrategy", "type"): "OnDelete"}
TWO_REVISIONS: Defaults = {("spec", "revisionHistoryLimit"): 2}
