"""Strategic merge patch: a merge patch that knows which lists are really maps, and obeys directives
in the patch.

``$patch: delete|replace|merge`` in maps and list elements, ``$retainKeys``,
``$setElementOrder/<list>`` and ``$deleteFromPrimitiveList/<list>`` mean what they mean to the API
server; so does the order of a merged list: without ``$setElementOrder`` the patch's new elements
come before the ones that only the document has. Inputs are never changed.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any

from kubeferry import codec
from kubeferry.errors import PatchFailed
from kubeferry.transform.patch.merge_keys import MergeKeys, MergeRule

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"


def apply_strategic_patch(document: Any, patch: Any, merge_keys: MergeKeys) -> Any:
    """The document after the patch. Raises ``PatchFailed`` for a directive or element that cannot
    be.
    """
    if not isinstance(patch, dict) or not isinstance(document, dict):
        raise PatchFailed("a strategic merge patch is a map and applies to a map")
    return _merge_map(document, patch, "", merge_keys)


def _merge_map(
    document: dict[str, Any], patch: dict[str, Any], path: str, keys: MergeKeys
) -> dict[str, Any]:
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise PatchFailed(f"{directive!r} is no directive", place=path)
    result = _retained(document, patch, path)
    for field in _fields(patch):
        inside = f"{path}.{field}" if path else field
        rule = keys.get(inside)
        order = patch.get(_ORDER + field)
        dropped = patch.get(_DELETE_PRIMITIVES + field)
        value = patch.get(field)
        for prefix, given in ((_ORDER, order), (_DELETE_PRIMITIVES, dropped)):
            if not isinstance(given, list | None):
                raise PatchFailed(f"{prefix}{field} is a list", place=path)
        if field in patch and value is None:
            result.pop(field, None)
            continue
        old = result.get(field)
        if dropped is not None and isinstance(old, list):
            old = [element for element in old if element not in dropped]
            result[field] = old
        if field in patch:
            result[field] = _merge_value(old, value, inside, keys)
            if isinstance(value, dict) and value.get(_DIRECTIVE) == "delete":
                del result[field]
        if order is not None and rule is not None and isinstance(result.get(field), list):
            original = document.get(field)
            result[field] = _ordered(
                result[field], order, original if isinstance(original, list) else [], rule
            )
    return result


def _retained(document: dict[str, Any], patch: dict[str, Any], path: str) -> dict[str, Any]:
    """The document's fields, without those that ``$retainKeys`` leaves out."""
    retain = patch.get(_RETAIN)
    if retain is None:
        return dict(document)
    if not isinstance(retain, list):
        raise PatchFailed("$retainKeys is a list", place=path)
    for field in _fields(patch):
        if field not in retain:
            raise PatchFailed(f"{field!r} is in the patch but not in its $retainKeys", place=path)
    return {key: value for key, value in document.items() if key in retain}


def _fields(patch: dict[str, Any]) -> Iterable[str]:
    """The fields a patch speaks of, its own or through a directive; each once, in order."""
    seen: dict[str, None] = {}
    for key in patch:
        for prefix in (_ORDER, _DELETE_PRIMITIVES):
            key = key.removeprefix(prefix)
        if key not in (_DIRECTIVE, _RETAIN):
            seen[key] = None
    return seen


def _merge_value(old: Any, value: Any, path: str, keys: MergeKeys) -> Any:
    rule = keys.get(path)
    if isinstance(value, dict):
        if isinstance(old, dict) and not (rule is not None and rule.replace):
            return _merge_map(old, value, path, keys)
        return _without_directives(value)
    if isinstance(value, list):
        if isinstance(old, list) and rule is not None and not rule.replace:
            if rule.key:
                return _merge_list(old, value, path, rule, keys)
            merged = [*old, *(element for element in value if element not in old)]
            return _ordered(merged, value, old, rule)
        return _without_directives(value)
    return value


def _merge_list(
    old: list[Any], patch: list[Any], path: str, rule: MergeRule, keys: MergeKeys
) -> list[Any]:
    merged = list(old)
    plain: list[Any] = []
    replace = False
    for element in patch:
        if not isinstance(element, dict):
            raise PatchFailed(f"an element of this list is a map with {rule.key!r}", place=path)
        directive = element.get(_DIRECTIVE)
        if directive == "replace":
            replace = True
        elif directive == "delete":
            key = _key(element, rule, path)
            merged = [one for one in merged if _key_or_none(one, rule) != key]
        elif directive is None:
            _key(element, rule, path)
            plain.append(element)
        else:
            raise PatchFailed(f"{directive!r} is no directive for an element", place=path)
    if replace:
        return plain
    for element in plain:
        key = element[rule.key]
        for index, one in enumerate(merged):
            if _key_or_none(one, rule) == key:
                merged[index] = _merge_map(one, element, path, keys)
                break
        else:
            merged.append(_without_directives(element))
    return _ordered(merged, plain, old, rule)


def _ordered(
    merged: list[Any], wanted: list[Any], original: list[Any], rule: MergeRule
) -> list[Any]:
    """The merged list: what ``wanted`` names in its order, the rest where the original list had
    it.
    """
    order, server = _places(wanted, rule), _places(original, rule)
    keyed = [(_hashable(_key_or_none(element, rule)), element) for element in merged]
    first = sorted((one for one in keyed if one[0] in order), key=lambda one: order[one[0]])
    named = deque(first)
    others = deque(one for one in keyed if one[0] not in order)
    result: list[Any] = []
    while named and others:
        left, right = server.get(others[0][0]), server.get(named[0][0])
        before = left is not None and right is not None and left < right
        result.append((others if before else named).popleft()[1])
    return [*result, *(element for _, element in (*others, *named))]


def _places(elements: list[Any], rule: MergeRule) -> dict[Hashable, int]:
    """Where each key is for the first time."""
    places: dict[Hashable, int] = {}
    for index, element in enumerate(elements):
        places.setdefault(_hashable(_key_or_none(element, rule)), index)
    return places


def _hashable(key: Any) -> Hashable:
    """The key, or its JSON where an archive has a map or a list for one."""
    return codec.encode_sorted(key) if isinstance(key, (dict, list)) else key


def _key(element: dict[str, Any], rule: MergeRule, path: str) -> Any:
    if rule.key not in element:
        raise PatchFailed(f"an element has no {rule.key!r}, its merge key", place=path)
    return element[rule.key]


def _key_or_none(element: Any, rule: MergeRule) -> Any:
    if not rule.key:
        return element
    return element.get(rule.key) if isinstance(element, dict) else None


def _without_directives(value: Any) -> Any:
    """A value taken over whole: no directives in it, and no nulls, which would mean "delete"."""
    if isinstance(value, dict):
        return {
            key: _without_directives(inner)
            for key, inner in value.items()
            if inner is not None
            and key not in (_DIRECTIVE, _RETAIN)
            and not _is_list_directive(key)
        }
    if isinstance(value, list):
        return [
            _without_directives(inner)
            for inner in value
            if not (isinstance(inner, dict) and inner.get(_DIRECTIVE) == "delete")
        ]
    return value


def _is_list_directive(key: str) -> bool:
    return key.startswith((_ORDER, _DELETE_PRIMITIVES))
