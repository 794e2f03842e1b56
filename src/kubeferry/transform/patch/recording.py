"""The edits that lead from one document to another, for patches that give only their result. Pure.

They are made to be applied again in their order (``transform.change.apply_changes``): the old
document with the edits is the new one, whatever lies between them.
"""

from typing import Any

from kubeferry.transform.patch.edits import Cause, Change
from kubeferry.transform.patch.pointer import MISSING, equal, escape

_KEYS = ("name", "mountPath", "devicePath", "type", "key", "port", "ip", "uid")
"""By what the elements of Kubernetes' lists are told apart, the first that fits."""


def edits_between(old: Any, new: Any, cause: Cause) -> list[Change]:
    """The edits, each with the cause; none where the documents are equal. What they share is not
    looked into.
    """
    edits: list[Change] = []
    _compare(old, new, "", cause, edits)
    return edits


def _compare(old: Any, new: Any, pointer: str, cause: Cause, edits: list[Change]) -> None:
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            if key not in new:
                edits.append(Change(f"{pointer}/{escape(key)}", value, MISSING, cause))
        for key, value in new.items():
            inside = f"{pointer}/{escape(key)}"
            if key in old:
                _compare(old[key], value, inside, cause, edits)
            else:
                edits.append(Change(inside, MISSING, value, cause))
    elif isinstance(old, list) and isinstance(new, list):
        _compare_lists(old, new, pointer, cause, edits)
    elif not equal(old, new):
        edits.append(Change(pointer, old, new, cause))


def _compare_lists(
    old: list[Any], new: list[Any], pointer: str, cause: Cause, edits: list[Change]
) -> None:
    """What is gone from the end to the front, then what is new or changed from the front on."""
    pairs = _paired(old, new)
    if pairs is None:
        edits.append(Change(pointer, old, new, cause))
        return
    stay = {before for before in pairs if before is not None}
    for index in reversed(range(len(old))):
        if index not in stay:
            edits.append(Change(f"{pointer}/{index}", old[index], MISSING, cause))
    for index, before in enumerate(pairs):
        inside = f"{pointer}/{index}"
        if before is None:
            edits.append(Change(inside, MISSING, new[index], cause))
        else:
            _compare(old[before], new[index], inside, cause, edits)


def _paired(old: list[Any], new: list[Any]) -> list[int | None] | None:
    """For each new element the index of the old one that it was; None where their order differs."""
    for key in _KEYS:
        before, after = _by_key(old, key), _by_key(new, key)
        if before is not None and after is not None:
            pairs = [before.get(one) for one in after]
            stay = [index for index in pairs if index is not None]
            return pairs if stay == sorted(stay) else None
    return _by_ends(old, new)


def _by_key(elements: list[Any], key: str) -> dict[Any, int] | None:
    """The elements' indexes by their values of a key, None unless that tells them all apart."""
    found: dict[Any, int] = {}
    for index, one in enumerate(elements):
        value = one.get(key) if isinstance(one, dict) else None
        if not isinstance(value, (str, int)) or isinstance(value, bool) or value in found:
            return None
        found[value] = index
    return found


def _by_ends(old: list[Any], new: list[Any]) -> list[int | None]:
    """By place, once what is alike at both ends is put aside."""
    most = min(len(old), len(new))
    start = 0
    while start < most and equal(old[start], new[start]):
        start += 1
    end = 0
    while end < most - start and equal(old[-1 - end], new[-1 - end]):
        end += 1
    middle = len(new) - start - end
    same = middle if len(old) == len(new) else 0
    return [
        *range(start),
        *range(start, start + same),
        *(None for _ in range(middle - same)),
        *range(len(old) - end, len(old)),
    ]
