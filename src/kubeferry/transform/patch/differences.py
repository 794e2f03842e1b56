"""What differs between two JSON documents, as pointers with the values before and after. Pure.

Maps are compared key by key. The elements of a list belong together by a key of theirs (``name``,
``mountPath`` ...) where each has one of its own and those that stay keep their order, as the
containers of a pod do; else by their place, once what is alike at both ends is put aside. So an
element that comes in at the front is one difference.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kubeferry import codec
from kubeferry.transform.patch.pointer import MISSING, equal, escape

KEYS = ("name", "mountPath", "devicePath", "type", "key")
"""By what the elements of Kubernetes' lists are told apart, the first that fits."""


class Difference(NamedTuple):
    """One field: an RFC 6901 pointer, and the values before and after, or ``MISSING``.

    The pointer of what is gone leads into the old document, any other into the new one.
    """

    pointer: str
    old: Any
    new: Any


def differences(old: Any, new: Any) -> list[Difference]:
    """What differs, in the new document's order, what is gone from a map or a list after the rest
    of it. Numbers are equal as JSON patch's ``test`` has it: ``1`` is not ``1.0``.
    """
    found: list[Difference] = []
    todo = [Difference("", old, new)]
    while todo:  # a document may be nested more deeply than calls can be
        one = todo.pop()
        pointer, before, after = one
        if isinstance(before, dict) and isinstance(after, dict):
            todo.extend(reversed([*_in_maps(pointer, before, after)]))
        elif isinstance(before, list) and isinstance(after, list):
            todo.extend(reversed([*_in_lists(pointer, before, after)]))
        elif not equal(before, after):
            found.append(one)
    return found


def _in_maps(pointer: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    for key, value in new.items():
        yield Difference(f"{pointer}/{escape(key)}", old.get(key, MISSING), value)
    for key, value in old.items():
        if key not in new:
            yield Difference(f"{pointer}/{escape(key)}", value, MISSING)


def _in_lists(pointer: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    keys = _shared_keys(old, new)
    if keys is None:
        yield from _by_place(pointer, old, new)
        return
    before, after = keys
    for index, (key, value) in enumerate(after.items()):
        yield Difference(f"{pointer}/{index}", before.get(key, MISSING), value)
    for index, (key, value) in enumerate(before.items()):
        if key not in after:
            yield Difference(f"{pointer}/{index}", value, MISSING)


def _shared_keys(old: list[Any], new: list[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Both lists by the first key that tells all their elements apart, None if there is none."""
    for key in KEYS:
        before, after = _by_key(old, key), _by_key(new, key)
        if before is None or after is None:
            continue
        stay = [one for one in before if one in after]
        return (before, after) if stay == [one for one in after if one in before] else None
    return None


def _by_key(elements: list[Any], key: str) -> dict[str, Any] | None:
    found = {}
    for one in elements:
        value = one.get(key) if isinstance(one, dict) else None
        if not isinstance(value, str) or value in found:
            return None
        found[value] = one
    return found


def _by_place(pointer: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    before, after = [*map(codec.encode_sorted, old)], [*map(codec.encode_sorted, new)]
    most = min(len(old), len(new))
    start = _alike(most, lambda index: before[index] == after[index])
    end = _alike(most - start, lambda index: before[-1 - index] == after[-1 - index])
    gone, come = len(old) - end, len(new) - end
    for index in range(start, max(gone, come)):
        yield Difference(
            f"{pointer}/{index}",
            old[index] if index < gone else MISSING,
            new[index] if index < come else MISSING,
        )


def _alike(most: int, is_alike: Callable[[int], bool]) -> int:
    """How many from the first on are alike."""
    return next((index for index in range(most) if not is_alike(index)), most)
