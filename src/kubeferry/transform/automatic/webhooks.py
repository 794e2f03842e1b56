"""Webhook configurations: what no API server takes any more (velero.md §3.7, ack A21)."""

from kubeferry.kube.objects import Object
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.change import Cause, Change, Note
from kubeferry.transform.facts import Facts

_SIDE_EFFECTS = Cause("automatic", "webhook-side-effects")
_ALLOWED = ("None", "NoneOnDryRun")


def side_effects(facts: Facts, obj: Object) -> list[Change]:
    """``sideEffects`` other than ``None`` and ``NoneOnDryRun``, none at all included, is
    ``None``.
    """
    editor = Editor(obj, _SIDE_EFFECTS)
    for path, entry in editor.items(("webhooks",)):
        if isinstance(entry, dict) and entry.get("sideEffects") not in _ALLOWED:
            editor.set((*path, "sideEffects"), "None")
    return editor.changes


def had_side_effects(facts: Facts, obj: Object) -> list[Note]:
    """A webhook that did something is called on dry runs too now."""
    listed = obj.get("webhooks")
    return [
        Note(
            "SideEffects",
            f"the webhook {entry.get('name')} has side effects and is now called on dry runs too; "
            "let it look at dryRun and say NoneOnDryRun",
        )
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and entry.get("sideEffects") == "Some"
    ]
