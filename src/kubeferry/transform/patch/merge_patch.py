"""JSON merge patch (RFC 7386): maps merge, null deletes, everything else replaces. Its input is
never changed.
"""

from typing import Any


def apply_merge_patch(document: Any, patch: Any) -> Any:
    """The document after the patch; a patch that is no map replaces the whole document."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply_merge_patch(result.get(key), value)
    return result
