"""Webhook configurations: what ``admissionregistration.k8s.io/v1beta1`` meant where nothing was
written. ``sideEffects`` is the affair of the fix ``webhook-side-effects``.
"""

from typing import Any

from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.automatic.upgrades.conversion import DEFAULT

_DEFAULTS: dict[str, Any] = {
    "failurePolicy": "Ignore",
    "matchPolicy": "Exact",
    "timeoutSeconds": 30,
}


def webhooks(editor: Editor) -> None:
    """Each webhook goes on to be called for the same requests, to wait as long and to fail alike,
    and is sent the reviews that it understands.
    """
    for path, entry in editor.items(("webhooks",)):
        if not isinstance(entry, dict):
            continue
        for field, value in _DEFAULTS.items():
            editor.default((*path, field), value, cause=DEFAULT)
        if not entry.get("admissionReviewVersions"):
            editor.set((*path, "admissionReviewVersions"), ["v1beta1"], cause=DEFAULT)
