"""Whole-document patches as operations: a merge patch and a strategic merge patch.

They run and are recorded beside the operations of a JSON patch, so a rule is a row of operations of
whatever kind.
"""

from typing import Any

from kubeferry.errors import PatchFailed
from kubeferry.transform.patch.edits import Cause, Change
from kubeferry.transform.patch.json_patch import Operation, Run
from kubeferry.transform.patch.merge_keys import MergeKeys
from kubeferry.transform.patch.merge_patch import apply_merge_patch
from kubeferry.transform.patch.pointer import pointer_of
from kubeferry.transform.patch.recording import edits_between
from kubeferry.transform.patch.strategic import apply_strategic_patch

_WHOLE = pointer_of("")


def merge_operation(number: int, patch: Any, cause: Cause) -> Operation:
    """One merge patch (RFC 7386)."""
    return Operation(number, "merge", _WHOLE, _WHOLE, patch, cause, _merge)


def strategic_operation(number: int, patch: Any, cause: Cause) -> Operation:
    """One strategic merge patch; before it runs, ``strategic_run`` says for which kind."""
    return Operation(number, "strategic", _WHOLE, _WHOLE, patch, cause, _unknown_kind)


def strategic_run(keys: MergeKeys) -> Run:
    """What runs a strategic merge patch for objects of a kind with these merge keys."""

    def run(document: Any, operation: Operation, changes: list[Change]) -> Any:
        result = apply_strategic_patch(document, operation.value, keys)
        changes += edits_between(document, result, operation.cause)
        return result

    return run


def _merge(document: Any, operation: Operation, changes: list[Change]) -> Any:
    result = apply_merge_patch(document, operation.value)
    changes += edits_between(document, result, operation.cause)
    return result


def _unknown_kind(document: Any, operation: Operation, changes: list[Change]) -> Any:
    raise PatchFailed("its kind is not built in: only mergePatches and patches can change it")
