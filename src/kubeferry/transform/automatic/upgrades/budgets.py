"""PodDisruptionBudgets: an empty selector selects no pod in ``policy/v1beta1``, every pod in
``policy/v1``.
"""

from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.change import Note

_KEY = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"
_NONE = {"matchExpressions": [{"key": _KEY, "operator": "Exists"}]}
_ALL = {"matchExpressions": [{"key": _KEY, "operator": "DoesNotExist"}]}
"""Kubernetes' own words for selectors that the other version has no word for."""

_SELECTS_NONE = Note(
    "EmptySelector",
    "an empty selector selected no pod and still does; take spec.selector out of it, or write one "
    "that selects the pods it is for",
)


def budget(editor: Editor) -> None:
    """The selector goes on to select the same pods; an API server converts it in the same way."""
    path = ("spec", "selector")
    selector = editor.get(path)
    if not isinstance(selector, dict):
        return
    if not any(selector.get(key) for key in ("matchLabels", "matchExpressions")):
        editor.set(path, _NONE)
        editor.warn(_SELECTS_NONE)
    elif selector == _ALL:
        editor.set(path, {})
    else:
        _strip(editor)


def _strip(editor: Editor) -> None:
    path = ("spec", "selector", "matchExpressions")
    expressions = editor.get(path)
    if isinstance(expressions, list):
        kept = [
            one for one in expressions if not (isinstance(one, dict) and one.get("key") == _KEY)
        ]
        if len(kept) != len(expressions):
            editor.set(path, kept)
