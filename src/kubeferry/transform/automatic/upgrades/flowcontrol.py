"""PriorityLevelConfigurations: shares are called nominal from ``v1beta3`` on."""

from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.automatic.upgrades.conversion import DEFAULT

_LIMITED = ("spec", "limited")
_KEEPS_ZERO = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
"""Annotation by which ``v1beta3`` tells a zero that was written from none."""


def assured_shares(editor: Editor) -> None:
    """``v1beta1``, ``v1beta2``: ``assuredConcurrencyShares`` is ``nominalConcurrencyShares``."""
    if isinstance(editor.get(_LIMITED), dict):
        editor.move(
            (*_LIMITED, "assuredConcurrencyShares"), (*_LIMITED, "nominalConcurrencyShares")
        )
    _shares(editor)


def nominal_shares(editor: Editor) -> None:
    """``v1beta3``: zero is 30 there, but with an annotation that ``v1`` does without."""
    if isinstance(editor.get(("metadata", "annotations")), dict):
        kept = editor.remove(("metadata", "annotations", _KEEPS_ZERO))
        if kept is not None:
            return
    _shares(editor)


def _shares(editor: Editor) -> None:
    path = (*_LIMITED, "nominalConcurrencyShares")
    if isinstance(editor.get(_LIMITED), dict) and not editor.get(path):
        editor.set(path, 30, cause=DEFAULT)
