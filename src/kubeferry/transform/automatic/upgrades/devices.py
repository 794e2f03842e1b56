"""Device requests of ``resource.k8s.io/v1beta1``: later versions say in ``exactly`` what is asked
for, beside ``firstAvailable``.
"""

from collections.abc import Callable
from functools import partial

from kubeferry.transform.automatic.editor import Editor, Path

_KEPT = frozenset({"name", "firstAvailable"})


def requests(*around: str) -> Callable[[Editor], None]:
    """The conversion of a kind whose claim's spec is at this path."""
    return partial(_requests, (*around, "devices", "requests"))


def _requests(path: Path, editor: Editor) -> None:
    for request, entry in editor.items(path):
        if not isinstance(entry, dict) or "exactly" in entry:
            continue
        asked = {key: entry[key] for key in entry if key not in _KEPT}
        for key in asked:
            editor.remove((*request, key))
        exactly = {key: value for key, value in asked.items() if value not in (None, "", 0)}
        if exactly:
            editor.set((*request, "exactly"), exactly)
